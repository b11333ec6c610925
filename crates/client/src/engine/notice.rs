//! What devices tell each other through their inboxes, and how it is sealed.
//!
//! An item is sealed (HPKE, RFC 9180) to a key that the recipient's credential names, so the
//! service sees that somebody got an item of about some size. Who sent it, nothing here says: what
//! a notice claims is signed: by the root key of the account that it is about, or by a member of
//! the group.

use super::issue::idempotency_key;
use crate::Error;
use crate::rescue::AnchorOffer;
use crate::store::StoreTransaction;
use authentication::DeviceCredential;
use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};
use crypto::{CryptoError, HpkeCiphertext, HpkeKeyPair, HpkePublicKey, Random, Secret, Suite};
use delivery_api::DeviceId;
use delivery_api::inbox::PutItem;

/// The version of [`Notice`].
const VERSION: u8 = 1;

/// An item has at least so many bytes, and a power of two of them.
const PADDED_BYTES_MIN: usize = 1024;

/// An inbox, and the key that items for it are sealed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contact {
    pub(crate) device: DeviceId,
    pub(crate) key: HpkePublicKey,
}
codec::fields!(Contact { device, key });

impl Contact {
    /// The inbox of the device that a credential is of.
    pub(crate) fn of(credential: &DeviceCredential) -> Self {
        let statement = credential.statement();
        Self { device: statement.device, key: statement.inbox_key.clone() }
    }
}

/// What one device tells another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The root key's holder to a device of the account: its credential.
    Certified {
        /// The credential.
        credential: Box<DeviceCredential>,
        /// To a device that is not linked yet: the MAC over the credential with the secret of its
        /// code. It proves that the sender was shown the code.
        proof: Opaque,
        /// Where the account's devices leave their backups. It is derived from the root key.
        backup: Contact,
        /// The other devices of the account.
        others: Vec<Contact>,
    },
    /// Who repairs a group's log to another member: a key to do so.
    Anchor {
        /// The key.
        offer: Box<AnchorOffer>,
    },
    /// A device to those of its own account and of others: how its account stands.
    Standing {
        /// Its credential, with the account's list.
        credential: Box<DeviceCredential>,
    },
}

impl Encode for Notice {
    fn encode(&self, writer: &mut Writer) {
        VERSION.encode(writer);
        match self {
            Self::Certified { credential, proof, backup, others } => {
                1_u8.encode(writer);
                credential.encode(writer);
                proof.encode(writer);
                backup.encode(writer);
                others.encode(writer);
            }
            Self::Anchor { offer } => {
                3_u8.encode(writer);
                offer.encode(writer);
            }
            Self::Standing { credential } => {
                2_u8.encode(writer);
                credential.encode(writer);
            }
        }
    }
}

impl Decode for Notice {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = reader.error(DecodeErrorKind::InvalidValue("notice"));
        match (u8::decode(reader)?, u8::decode(reader)?) {
            (VERSION, 1) => Ok(Self::Certified {
                credential: Box::new(Decode::decode(reader)?),
                proof: Decode::decode(reader)?,
                backup: Decode::decode(reader)?,
                others: Decode::decode(reader)?,
            }),
            (VERSION, 2) => Ok(Self::Standing { credential: Box::new(Decode::decode(reader)?) }),
            (VERSION, 3) => Ok(Self::Anchor { offer: Box::new(Decode::decode(reader)?) }),
            _ => Err(error),
        }
    }
}

/// What an item is for; an item of one kind is none of another.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Backup,
    Notice,
}

impl Purpose {
    const fn info(self) -> &'static [u8] {
        match self {
            Self::Backup => b"Conclave 1.0 backup",
            Self::Notice => b"Conclave 1.0 notice",
        }
    }
}

/// Pads and seals an item.
pub(crate) fn seal(
    suite: &Suite,
    (key, purpose): (&HpkePublicKey, Purpose),
    content: &impl Encode,
    random: &mut dyn Random,
) -> Result<Vec<u8>, CryptoError> {
    let mut bytes = content.to_bytes();
    let length = (bytes.len() + 1).next_power_of_two().max(PADDED_BYTES_MIN);
    // The octet that ends the content, then zeros.
    bytes.push(1);
    bytes.resize(length, 0);
    let sealed = suite.hpke_seal(key, purpose.info(), &Secret::from_vec(bytes), random)?;
    Ok(sealed.to_bytes())
}

/// Opens an item; `None` if it is not for this key and purpose, or malformed.
pub(crate) fn open<T: Decode>(
    suite: &Suite,
    (key, purpose): (&HpkeKeyPair, Purpose),
    bytes: &[u8],
) -> Option<T> {
    let sealed = HpkeCiphertext::from_bytes(bytes).ok()?;
    let padded = suite.hpke_open(key, purpose.info(), &sealed).ok()?;
    let padded = padded.expose();
    let end = padded.iter().rposition(|byte| *byte != 0)?;
    T::from_bytes(padded.get(..end)?).ok()
}

/// The proof that a credential comes from somebody who was shown a code with this secret.
pub(crate) fn proof(
    suite: &Suite,
    secret: &Secret,
    credential: &DeviceCredential,
) -> Result<Secret, Error> {
    Ok(suite.mac(secret, &credential.to_bytes())?)
}

/// Stores an item for an inbox, to be sent.
pub(crate) fn send(
    transaction: &StoreTransaction<'_>,
    (suite, random): (&Suite, &mut dyn Random),
    (to, purpose): (&Contact, Purpose),
    content: &impl Encode,
) -> Result<(), Error> {
    let bytes = seal(suite, (&to.key, purpose), content, random)?.into();
    let idempotency_key = idempotency_key(random)?;
    Ok(transaction.add_item(&to.device, &PutItem { idempotency_key, bytes })?)
}

#[cfg(test)]
mod tests {
    use super::{Purpose, open, seal};
    use codec::Opaque;
    use crypto::{CipherSuite, Crypto};
    use testkit::SeededRandom;

    #[test]
    fn an_item_opens_for_its_key_and_purpose_only_and_its_size_says_little() {
        let suite = Crypto::new(crypto_aws_lc::provider()).suite(CipherSuite(1)).unwrap();
        let mut random = SeededRandom::new(1);
        let ours = suite.generate_key_pair(&mut random).unwrap();
        let other = suite.generate_key_pair(&mut random).unwrap();
        let mut sizes = Vec::new();
        for length in [0, 1, 600, 1020, 1022, 3000] {
            let content = Opaque::from(vec![0; length]);
            let to = (&ours.public_key, Purpose::Notice);
            let sealed = seal(&suite, to, &content, &mut random).unwrap();
            assert_eq!(open(&suite, (&ours, Purpose::Notice), &sealed), Some(content));
            assert_eq!(open::<Opaque>(&suite, (&ours, Purpose::Backup), &sealed), None);
            assert_eq!(open::<Opaque>(&suite, (&other, Purpose::Notice), &sealed), None);
            assert_eq!(open::<Opaque>(&suite, (&ours, Purpose::Notice), &sealed[1..]), None);
            sizes.push(sealed.len());
        }
        sizes.dedup();
        assert_eq!(sizes.len(), 3, "{sizes:?}");
    }
}
