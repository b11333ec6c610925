//! What clients put into each other's inboxes directly: asking the way back into a group, and
//! answering.
//!
//! Both are opaque to the service. A request is sealed under a key that follows from the group's
//! rescue secret; only who asks whom is visible. It is signed by the member who asks, for the
//! member who is asked. An answer is sealed to the HPKE key that came with the request.

use crate::Error;
use crate::file::SharedFile;
use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};
use crypto::{HpkeKeyPair, HpkePublicKey, Secret, Signer, Suite};
use delivery_api::{ChainHash, DeviceId, Position};
use wire::LeafNode;

/// The version of all items.
const VERSION: u8 = 1;

/// Labels of what is sealed and signed here.
const REQUEST_LABEL: &str = "conclave rejoin request";
const ANSWER_LABEL: &str = "conclave rejoin answer";

/// The octets that tell items apart.
const REQUEST: u8 = 1;
const ANSWER: u8 = 2;

/// An item of an inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Direct {
    /// A [`RejoinRequest`], sealed.
    RejoinRequest {
        /// Makes the key of its own.
        nonce: [u8; 16],
        sealed: Opaque,
    },
    /// A [`RejoinAnswer`], sealed.
    RejoinAnswer { kem_output: Opaque, sealed: Opaque },
}

impl Encode for Direct {
    fn encode(&self, writer: &mut Writer) {
        VERSION.encode(writer);
        match self {
            Self::RejoinRequest { nonce, sealed } => {
                REQUEST.encode(writer);
                nonce.encode(writer);
                sealed.encode(writer);
            }
            Self::RejoinAnswer { kem_output, sealed } => {
                ANSWER.encode(writer);
                kem_output.encode(writer);
                sealed.encode(writer);
            }
        }
    }
}

impl Decode for Direct {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = reader.error(DecodeErrorKind::InvalidValue("direct item"));
        match <[u8; 2]>::decode(reader)? {
            [VERSION, REQUEST] => Ok(Self::RejoinRequest {
                nonce: Decode::decode(reader)?,
                sealed: Decode::decode(reader)?,
            }),
            [VERSION, ANSWER] => Ok(Self::RejoinAnswer {
                kem_output: Decode::decode(reader)?,
                sealed: Decode::decode(reader)?,
            }),
            _ => Err(error),
        }
    }
}

/// A member asks another one whether it has lost the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RejoinRequest {
    pub(crate) group: Opaque,
    /// Who asks, and who is asked.
    pub(crate) from: DeviceId,
    pub(crate) to: DeviceId,
    /// The epoch in which the asker is, with the transcript up to it; empty if it has none.
    pub(crate) place: Opaque,
    /// How far it has read the log.
    pub(crate) position: Position,
    pub(crate) chain_hash: ChainHash,
    /// The HPKE key that the answer is sealed to.
    pub(crate) public_key: Opaque,
    /// By the signature key of the asker's leaf, over the rest.
    pub(crate) signature: Opaque,
}
codec::fields!(RejoinRequest {
    group,
    from,
    to,
    place,
    position,
    chain_hash,
    public_key,
    signature
});

impl RejoinRequest {
    fn to_be_signed(&self) -> Vec<u8> {
        Self { signature: Opaque::default(), ..self.clone() }.to_bytes()
    }

    /// Signs it.
    pub(crate) fn sign(mut self, suite: &Suite, signer: &dyn Signer) -> Result<Self, Error> {
        self.signature = suite.sign_with_label(signer, REQUEST_LABEL, &self.to_be_signed())?.into();
        Ok(self)
    }

    /// Whether the holder of a leaf signed it.
    pub(crate) fn is_by(&self, suite: &Suite, leaf: &LeafNode) -> bool {
        let (key, content) = (&leaf.signature_key, self.to_be_signed());
        suite.verify_with_label(key, REQUEST_LABEL, &content, &self.signature).is_ok()
    }

    /// Seals it under a group's rescue secret.
    pub(crate) fn seal(
        &self,
        suite: &Suite,
        secret: &Secret,
        nonce: [u8; 16],
    ) -> Result<Direct, Error> {
        let key = request_key(suite, secret, &nonce)?;
        // The key is used once.
        let zero = vec![0; suite.params().aead_nonce_length];
        let sealed = suite.aead_seal(&key, &zero, &[], &self.to_bytes())?.into();
        Ok(Direct::RejoinRequest { nonce, sealed })
    }

    /// Opens what [`Self::seal`] returns; `None` if it is of another group, or none.
    pub(crate) fn open(
        suite: &Suite,
        secret: &Secret,
        nonce: &[u8; 16],
        sealed: &[u8],
    ) -> Result<Option<Self>, Error> {
        let key = request_key(suite, secret, nonce)?;
        let zero = vec![0; suite.params().aead_nonce_length];
        let opened = suite.aead_open(&key, &zero, &[], sealed).ok();
        Ok(opened.and_then(|opened| Self::from_bytes(opened.expose()).ok()))
    }
}

fn request_key(suite: &Suite, secret: &Secret, nonce: &[u8; 16]) -> Result<Secret, Error> {
    let length = suite.params().aead_key_length;
    Ok(suite.expand_with_label(secret, REQUEST_LABEL, nonce, length)?)
}

/// How the member who was asked stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RejoinAnswer {
    pub(crate) group: Opaque,
    /// Who answers.
    pub(crate) from: DeviceId,
    /// How far it has read the log.
    pub(crate) position: Position,
    pub(crate) chain_hash: ChainHash,
    /// What leads into its epoch, unless that is the asker's.
    pub(crate) way: Option<Way>,
    /// By the signature key of its leaf, over the rest and the asker's HPKE key.
    pub(crate) signature: Opaque,
}
codec::fields!(RejoinAnswer { group, from, position, chain_hash, way, signature });

/// What leads into a group's epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// The last commit of the log.
    pub(crate) head: Position,
    /// Seed of the access key, which lets a member commit.
    pub(crate) access_key: Opaque,
    /// GroupInfo with the ratchet tree and the key for external commits.
    pub(crate) group_info: Carried,
}
codec::fields!(Way { head, access_key, group_info });

/// How a GroupInfo travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Carried {
    /// In the answer.
    Here(Opaque),
    /// As a file: it is larger than an inbox takes.
    InBlobs(SharedFile),
}

impl Encode for Carried {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Here(bytes) => {
                1_u8.encode(writer);
                bytes.encode(writer);
            }
            Self::InBlobs(file) => {
                2_u8.encode(writer);
                file.encode(writer);
            }
        }
    }
}

impl Decode for Carried {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = reader.error(DecodeErrorKind::InvalidValue("group info"));
        match u8::decode(reader)? {
            1 => Ok(Self::Here(Decode::decode(reader)?)),
            2 => Ok(Self::InBlobs(Decode::decode(reader)?)),
            _ => Err(error),
        }
    }
}

impl RejoinAnswer {
    fn to_be_signed(&self, public_key: &[u8]) -> Vec<u8> {
        let mut content = Self { signature: Opaque::default(), ..self.clone() }.to_bytes();
        content.extend_from_slice(public_key);
        content
    }

    /// Signs it and seals it for who asked.
    pub(crate) fn seal(
        mut self,
        suite: &Suite,
        signer: &dyn Signer,
        public_key: &[u8],
        random: &mut dyn crypto::Random,
    ) -> Result<Direct, Error> {
        let content = self.to_be_signed(public_key);
        self.signature = suite.sign_with_label(signer, ANSWER_LABEL, &content)?.into();
        let public_key = HpkePublicKey::from(public_key.to_vec());
        let (label, plaintext) = ((ANSWER_LABEL, &[][..]), Secret::encoding(&self));
        let sealed = suite.encrypt_with_label(&public_key, label, &plaintext, random)?;
        Ok(Direct::RejoinAnswer { kem_output: sealed.kem_output, sealed: sealed.ciphertext })
    }

    /// Opens what [`Self::seal`] returns; `None` if it is for another key, or none.
    pub(crate) fn open(
        suite: &Suite,
        key_pair: &HpkeKeyPair,
        (kem_output, sealed): (&Opaque, &Opaque),
    ) -> Option<Self> {
        let (kem_output, ciphertext) = (kem_output.clone(), sealed.clone());
        let sealed = crypto::HpkeCiphertext { kem_output, ciphertext };
        let opened = suite.decrypt_with_label(key_pair, ANSWER_LABEL, &[], &sealed).ok()?;
        Self::from_bytes(opened.expose()).ok()
    }

    /// Whether the holder of a leaf signed it, for this key.
    pub(crate) fn is_by(&self, suite: &Suite, leaf: &LeafNode, public_key: &[u8]) -> bool {
        let content = self.to_be_signed(public_key);
        let key = &leaf.signature_key;
        suite.verify_with_label(key, ANSWER_LABEL, &content, &self.signature).is_ok()
    }
}
