//! Whose a leaf is: the claim in its credential, and the policy that judges it (RFC 9420, section
//! 5.3.1).
//!
//! * A credential of type `basic` holds a claim: account name, device, and the device's Ed25519
//!   signature over name and leaf signature key. So a signature key speaks for one device under one
//!   name.
//! * A device is known by its public key, which is also its address at the delivery service. Which
//!   device a name stands for is *pinned* when it is first seen: from the name directory when we
//!   invite, from the group's tree when we join or somebody else invites. From then on another
//!   device under the same name is refused. That is trust on first use; comparing safety numbers,
//!   or a real authentication service, is what makes the first use safe.
//! * A leaf's successor keeps name and device. There is one device per name for now.

use codec::{Decode, Encode, Opaque, Writer};
use crypto::{CryptoError, Provider, SignaturePublicKey, SignatureScheme, Signer};
use delivery_api::{DeviceId, Name};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use tree::{Candidate, IdentityPolicy, Refusal};
use wire::{Credential, ExternalSender, LeafNode};

/// The version of [`Claim`].
const CLAIM_VERSION: u8 = 1;

/// Separates this signature of a device from all others; MLS's own start with another label.
const CLAIM_LABEL: &[u8] = b"Conclave 1.0 account claim";

/// Who a member is: a name, and the device that speaks for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The account's name.
    pub name: Name,
    /// The device.
    pub device: DeviceId,
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(formatter)
    }
}

/// What a credential says.
struct Claim {
    version: u8,
    name: Opaque,
    device: DeviceId,
    /// The device's signature over [`claim_tbs`].
    proof: Opaque,
}
codec::fields!(Claim { version, name, device, proof });

fn claim_tbs(name: &[u8], signature_key: &SignaturePublicKey) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.opaque(CLAIM_LABEL);
    writer.opaque(name);
    signature_key.encode(&mut writer);
    writer.into_bytes()
}

/// The credential with which `device` speaks for `name` by `signature_key`.
pub(crate) fn credential(
    identity: &Identity,
    device: &dyn Signer,
    signature_key: &SignaturePublicKey,
) -> Result<Credential, CryptoError> {
    let name = identity.name.as_str().as_bytes();
    let claim = Claim {
        version: CLAIM_VERSION,
        name: name.into(),
        device: identity.device,
        proof: device.sign(&claim_tbs(name, signature_key))?.into(),
    };
    Ok(Credential::Basic(claim.to_bytes().into()))
}

/// Who a leaf of a group claims to be. The group's leaves passed [`PinnedNames`], which checked it.
pub(crate) fn identity_of(leaf: &LeafNode) -> Option<Identity> {
    read_claim(leaf).map(|(identity, _)| identity)
}

fn read_claim(leaf: &LeafNode) -> Option<(Identity, Opaque)> {
    let Credential::Basic(bytes) = &leaf.credential else { return None };
    let claim = Claim::from_bytes(bytes).ok()?;
    let name = Name::new(std::str::from_utf8(&claim.name).ok()?)?;
    let identity = Identity { name, device: claim.device };
    (claim.version == CLAIM_VERSION).then_some((identity, claim.proof))
}

/// The devices that names stand for, as far as seen. Kept in step with the store's `pins` by the
/// engine.
#[derive(Default)]
pub(crate) struct Pins(RwLock<BTreeMap<Name, DeviceId>>);

impl Pins {
    pub(crate) fn new(pins: impl IntoIterator<Item = Identity>) -> Self {
        let pins = pins.into_iter().map(|identity| (identity.name, identity.device));
        Self(RwLock::new(pins.collect()))
    }

    pub(crate) fn get(&self, name: &Name) -> Option<DeviceId> {
        // A thread that panicked left the map as it was: it is changed by one insertion.
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }

    /// Pins a name that is not pinned yet.
    pub(crate) fn add(&self, identity: &Identity) {
        let mut pins = self.0.write().unwrap_or_else(PoisonError::into_inner);
        pins.entry(identity.name.clone()).or_insert(identity.device);
    }
}

/// The policy: a claim that its device signed, for the device that the name is pinned to.
pub(crate) struct PinnedNames {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) pins: Arc<Pins>,
}

impl PinnedNames {
    /// Whether a leaf is what it claims, and whose.
    pub(crate) fn verify(&self, leaf: &LeafNode) -> Result<Identity, Refusal> {
        let (identity, proof) =
            read_claim(leaf).ok_or_else(|| refusal("not a credential of this system"))?;
        let message = claim_tbs(identity.name.as_str().as_bytes(), &leaf.signature_key);
        let key = SignaturePublicKey::from(identity.device.as_bytes().to_vec());
        self.provider
            .verify(SignatureScheme::ED25519, &key, &message, &proof)
            .map_err(|_| refusal("the device did not sign the claim"))?;
        match self.pins.get(&identity.name) {
            Some(pinned) if pinned != identity.device => Err(Refusal(format!(
                "{} was another device before; it may be an impostor",
                identity.name
            ))),
            _ => Ok(identity),
        }
    }
}

fn refusal(text: &str) -> Refusal {
    Refusal(text.to_owned())
}

impl IdentityPolicy for PinnedNames {
    fn validate_leaf(&self, candidate: &Candidate<'_>) -> Result<(), Refusal> {
        let identity = self.verify(candidate.leaf)?;
        // RFC 9420, section 5.3.1: the application decides whether the successor is the same
        // client.
        match candidate.predecessor.map(identity_of) {
            Some(before) if before.as_ref() != Some(&identity) => {
                Err(refusal("a member cannot become somebody else"))
            }
            _ => Ok(()),
        }
    }

    fn validate_external_sender(&self, _: &ExternalSender, _: u64) -> Result<(), Refusal> {
        Err(refusal("external senders are not used"))
    }

    fn client_id(&self, leaf: &LeafNode) -> Option<Vec<u8>> {
        // One device per name, so the name alone: two leaves of one name in a group are refused.
        identity_of(leaf).map(|identity| identity.name.as_str().as_bytes().to_vec())
    }
}
