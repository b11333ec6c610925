//! Who may repair a group's log: its creator's client, with an anchor key that is made for this log
//! alone.

use super::Engine;
use super::keys::{SEED_LENGTH, access_public_key};
use crate::Error;
use crate::rescue::{Anchor, RESCUE_SECRET_LENGTH, RescueExtension};
use crypto::Secret;

impl Engine {
    /// What a new group agrees on for bad days, and the seed of its first anchor key.
    pub(super) fn first_anchor(&mut self) -> Result<(RescueExtension, Secret), Error> {
        let mut secret = [0; RESCUE_SECRET_LENGTH];
        self.random.fill(&mut secret)?;
        let seed = Secret::random(SEED_LENGTH, &mut *self.random)?;
        let key = access_public_key(&self.keys.suite, &seed)?;
        let anchor = Anchor { key, device: self.keys.device_id() };
        Ok((RescueExtension::new(secret, vec![anchor]), seed))
    }
}
