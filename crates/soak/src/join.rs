//! External commits: of guests, of live members who were removed, and of members who replace their
//! former self.

use mls::{Decode, Encode, ExternalJoinOptions, GroupInfoOptions, MlsMessage, RatchetTreeNodes};

use crate::Failure;
use crate::member::{Member, PSK_ID};
use crate::world::Soak;

/// What a joiner is given, as bytes.
struct Description {
    group_info: Vec<u8>,
    ratchet_tree: Option<Vec<u8>>,
}

impl Soak {
    /// Joins a live member, inside or outside, or a guest, by an external commit.
    pub(crate) fn join_externally(&mut self, who: Option<usize>) -> Result<bool, Failure> {
        let described = self.describe(who)?;
        match who {
            Some(who) => self.join_live(who, &described)?,
            None => self.join_guest(&described)?,
        }
        self.agree()?;
        Ok(true)
    }

    /// A GroupInfo, of another member than the joiner if there is one.
    fn describe(&mut self, joiner: Option<usize>) -> Result<Description, Failure> {
        let ratchet_tree = self.one_in(2);
        let signer = match joiner {
            Some(joiner) => self.another_inside(joiner).unwrap_or(joiner),
            None => self.any_inside()?,
        };
        let Self { members, random, .. } = self;
        let group = members[signer].group()?;
        let options = GroupInfoOptions { ratchet_tree, external_pub: true };
        let group_info = group.group_info(options, random)?.to_bytes();
        let ratchet_tree = (!ratchet_tree).then(|| group.ratchet_tree().to_bytes());
        Ok(Description { group_info, ratchet_tree })
    }

    /// Makes an external commit and returns it; `join` is completed afterwards.
    fn make_join(
        &mut self,
        joiner: &mut Member,
        described: &Description,
        mut options: ExternalJoinOptions,
    ) -> Result<(mls::PendingJoin, Vec<u8>), Failure> {
        let tree = described.ratchet_tree.as_ref();
        options.ratchet_tree = tree.map(|tree| RatchetTreeNodes::from_bytes(tree)).transpose()?;
        if self.one_in(3) {
            options.external_psks.push(PSK_ID.to_vec());
        }
        let group_info = MlsMessage::from_bytes(&described.group_info)?;
        let (client, random) = (&joiner.client, &mut self.random);
        let joined = client.join_external(&joiner.store, &group_info, options, self.now, random);
        let joined = joiner.save(joined)?;
        Ok((joined.pending, joined.commit.to_bytes()))
    }

    fn join_guest(&mut self, described: &Description) -> Result<(), Failure> {
        let (mut guest, _) = self.guest()?;
        let options = ExternalJoinOptions::default();
        let (pending, commit) = self.make_join(&mut guest, described, options)?;
        let changes = self.follow(&commit, None)?;
        self.note(&changes)?;
        let joined = guest.client.complete_join(&guest.store, &pending);
        let group = guest.save(joined)?;
        if group.epoch_authenticator() != self.seen()?.epoch_authenticator() {
            return Err("a guest is not in the epoch of the others".into());
        }
        self.tally.count("external commits of guests");
        Ok(())
    }

    fn join_live(&mut self, who: usize, described: &Description) -> Result<(), Failure> {
        let was_inside = self.members[who].is_inside();
        let resync = was_inside || self.has_leaf(who)?;
        let mut options = ExternalJoinOptions { resync, ..Default::default() };
        if was_inside && self.one_in(2) {
            options.resumption_psks.push(self.members[who].group()?.epoch());
        }
        let store = crate::store::Store::in_memory();
        let client = self.members[who].client.clone();
        let mut joiner = std::mem::replace(&mut self.members[who], Member::new(client, store));
        let (pending, commit) = self.make_join(&mut joiner, described, options)?;
        self.members[who] = joiner;
        // The former self may see how it is replaced, or not.
        let sees = was_inside
            && (self.one_in(2) || self.members.iter().filter(|it| it.is_inside()).count() == 1);
        let changes = self.follow(&commit, (!sees).then_some(who))?;
        self.note(&changes)?;
        let member = &mut self.members[who];
        let joined = member.client.complete_join(&member.store, &pending);
        let group = member.save(joined)?;
        member.enter(group)?;
        self.tally.count(match was_inside {
            true => "external commits that replace a former self",
            false => "external commits of live members",
        });
        Ok(())
    }
}
