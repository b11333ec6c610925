//! `transcript-hashes`: how a commit enters the transcript, and its confirmation tag (RFC 9420,
//! sections 6.1 and 8.2).

use std::sync::Arc;

use codec::Opaque;
use crypto::{Crypto, Digest, Random, Secret, SignatureKeyPair, Suite};
use protection::{InterimTranscriptHash, sign};
use serde::{Deserialize, Serialize};
use wire::{
    AuthenticatedContent, Commit, Content, Extensions, FramedContent, GroupContext,
    ProtocolVersion, Sender, WireFormat,
};

use crate::failure::{At, expect_bytes};
use crate::kind::{for_each_suite, random_bytes, random_u32, suite};
use crate::{Failure, Hex, Scale, Vector};

/// One commit and the hashes before and after it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The suite.
    pub cipher_suite: u16,
    /// The key of the epoch that the commit leads to.
    pub confirmation_key: Hex,
    /// The commit, with signature and tag.
    pub authenticated_content: Hex,
    /// The interim transcript hash of the epoch before.
    pub interim_transcript_hash_before: Hex,
    /// The confirmed transcript hash of the epoch after.
    pub confirmed_transcript_hash_after: Hex,
    /// The interim transcript hash of the epoch after.
    pub interim_transcript_hash_after: Hex,
}

impl Vector for Entry {
    fn verify(&self, crypto: &Crypto, _: &mut dyn Random) -> Result<(), Failure> {
        let suite = &suite(crypto, self.cipher_suite)?;
        let content: AuthenticatedContent =
            self.authenticated_content.decode().at("authenticated_content")?;
        if !matches!(content.content.content, Content::Commit(_)) {
            return Err(Failure::new("authenticated_content: is not a commit"));
        }
        let before = self.interim_transcript_hash_before.digest();
        let before = InterimTranscriptHash(before.at("interim_transcript_hash_before")?);
        let confirmed = before.confirmed(suite, &content)?;
        let expected = &self.confirmed_transcript_hash_after;
        expect_bytes("confirmed_transcript_hash_after", confirmed.0, expected)?;
        let received = content.auth.confirmation_tag.as_ref().at("confirmation_tag")?;
        let tag = suite.mac(&self.confirmation_key.secret(), confirmed.0.as_slice())?;
        if tag != Secret::from_slice(received) {
            return Err(Failure::new("confirmation_tag: is not the MAC of the confirmed hash"));
        }
        let interim = confirmed.interim(suite, received)?;
        expect_bytes(
            "interim_transcript_hash_after",
            interim.0,
            &self.interim_transcript_hash_after,
        )
    }

    fn generate(crypto: &Crypto, _: Scale, random: &mut dyn Random) -> Result<Vec<Self>, Failure> {
        for_each_suite(crypto, |suite| Ok(vec![Self::of(suite, random)?]))
    }
}

/// A signed commit without anything in it, of a member of some group.
fn empty_commit(suite: &Suite, random: &mut dyn Random) -> Result<AuthenticatedContent, Failure> {
    let context = GroupContext {
        version: ProtocolVersion::MLS10,
        cipher_suite: suite.id(),
        group_id: random_bytes(16, random)?.into(),
        epoch: random_u32(random)?.into(),
        tree_hash: random_digest(suite, random)?,
        confirmed_transcript_hash: random_digest(suite, random)?,
        extensions: Extensions::default(),
    };
    let content = FramedContent {
        group_id: context.group_id.clone(),
        epoch: context.epoch,
        sender: Sender::Member(random_u32(random)?),
        authenticated_data: random_bytes(8, random)?.into(),
        content: Content::Commit(Arc::new(Commit { proposals: Vec::new(), path: None })),
    };
    let signer = SignatureKeyPair::generate(suite, random)?;
    Ok(sign(suite, &signer, WireFormat::PRIVATE_MESSAGE, content, &context)?)
}

fn random_digest(suite: &Suite, random: &mut dyn Random) -> Result<Digest, Failure> {
    Digest::new(&random_bytes(suite.hash_length(), random)?).at("length of a hash")
}

impl Entry {
    fn of(suite: &Suite, random: &mut dyn Random) -> Result<Self, Failure> {
        let mut content = empty_commit(suite, random)?;
        let confirmation_key = Secret::random(suite.hash_length(), random)?;
        let before = InterimTranscriptHash(random_digest(suite, random)?);
        let confirmed = before.confirmed(suite, &content)?;
        let tag = suite.mac(&confirmation_key, confirmed.0.as_slice())?;
        let tag = Opaque::from(tag.expose());
        content.auth.confirmation_tag = Some(tag.clone());
        Ok(Self {
            cipher_suite: suite.id().0,
            confirmation_key: (&confirmation_key).into(),
            authenticated_content: Hex::encoding(&content),
            interim_transcript_hash_before: before.0.into(),
            confirmed_transcript_hash_after: confirmed.0.into(),
            interim_transcript_hash_after: confirmed.interim(suite, &tag)?.0.into(),
        })
    }
}
