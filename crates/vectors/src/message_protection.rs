//! `message-protection`: a proposal, a commit and application data as PublicMessage and
//! PrivateMessage (RFC 9420, section 6).

use std::sync::Arc;

use codec::Opaque;
use crypto::{Crypto, Random, Secret, SignatureKeyPair, SignaturePublicKey, Signer, Suite};
use protection::{
    Error, MessageSecrets, Misuse, PaddingPolicy, RatchetLimits, SecretTree, VerifiedContent,
    Violation, public_message, sign,
};
use serde::{Deserialize, Serialize};
use tree::TreeSize;
use wire::{
    AuthenticatedContent, Commit, Content, Extensions, FramedContent, GroupContext, MlsMessage,
    MlsMessageBody, Proposal, ProposalOrRef, ProtocolVersion, Sender, WireFormat,
};

use crate::failure::{At, expect_bytes, expect_equal, expect_refused};
use crate::keys::signature_key_pair;
use crate::kind::{for_each_suite, random_bytes, random_u32, suite};
use crate::{Failure, Hex, Scale, Vector};

/// One epoch of a group of two, and three messages of its second member.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The suite.
    pub cipher_suite: u16,
    /// The group.
    pub group_id: Hex,
    /// The epoch.
    pub epoch: u64,
    /// For the group context.
    pub tree_hash: Hex,
    /// For the group context.
    pub confirmed_transcript_hash: Hex,
    /// The sender's private key.
    pub signature_priv: Hex,
    /// The sender's public key.
    pub signature_pub: Hex,
    /// The root of the secret tree.
    pub encryption_secret: Hex,
    /// `sender_data_secret`.
    pub sender_data_secret: Hex,
    /// `membership_key`.
    pub membership_key: Hex,
    /// `Proposal`.
    pub proposal: Hex,
    /// The proposal in an `MLSMessage` with a PublicMessage.
    pub proposal_pub: Hex,
    /// The proposal in an `MLSMessage` with a PrivateMessage.
    pub proposal_priv: Hex,
    /// `Commit`.
    pub commit: Hex,
    /// The commit in an `MLSMessage` with a PublicMessage.
    pub commit_pub: Hex,
    /// The commit in an `MLSMessage` with a PrivateMessage.
    pub commit_priv: Hex,
    /// Application data.
    pub application: Hex,
    /// The application data in an `MLSMessage` with a PrivateMessage.
    pub application_priv: Hex,
}

/// The leaf of the sender.
const SENDER: u32 = 1;

/// What both members know.
struct Epoch<'a> {
    suite: &'a Suite,
    entry: &'a Entry,
    context: GroupContext,
    signer: SignatureKeyPair,
    membership_key: Secret,
}

impl<'a> Epoch<'a> {
    fn new(suite: &'a Suite, entry: &'a Entry) -> Result<Self, Failure> {
        let signer = signature_key_pair(suite, &entry.signature_priv).at("signature_priv")?;
        expect_bytes("signature_pub", signer.public_key().as_slice(), &entry.signature_pub)?;
        let context = GroupContext {
            version: ProtocolVersion::MLS10,
            cipher_suite: suite.id(),
            group_id: entry.group_id.opaque(),
            epoch: entry.epoch,
            tree_hash: entry.tree_hash.digest().at("tree_hash")?,
            confirmed_transcript_hash: entry
                .confirmed_transcript_hash
                .digest()
                .at("confirmed_transcript_hash")?,
            extensions: Extensions::default(),
        };
        let membership_key = entry.membership_key.secret();
        Ok(Self { suite, entry, context, signer, membership_key })
    }

    /// The secrets of the epoch, unused. Each message stands for itself.
    fn secrets(&self) -> Result<MessageSecrets, Failure> {
        let size = TreeSize::from_leaves(2).at("two leaves")?;
        let root = self.entry.encryption_secret.secret();
        let tree = SecretTree::new(size, root, RatchetLimits::default());
        Ok(MessageSecrets::new(self.entry.sender_data_secret.secret(), tree))
    }

    fn public_key(&self) -> &SignaturePublicKey {
        self.signer.public_key()
    }

    fn framed(&self, content: Content, random: &mut dyn Random) -> Result<FramedContent, Failure> {
        Ok(FramedContent {
            group_id: self.context.group_id.clone(),
            epoch: self.context.epoch,
            sender: Sender::Member(SENDER),
            authenticated_data: random_bytes(8, random)?.into(),
            content,
        })
    }

    /// The content, signed; a commit with some tag, which is not judged here.
    fn sign(
        &self,
        wire_format: WireFormat,
        content: Content,
        random: &mut dyn Random,
    ) -> Result<AuthenticatedContent, Failure> {
        let is_commit = matches!(content, Content::Commit(_));
        let framed = self.framed(content, random)?;
        let mut signed = sign(self.suite, &self.signer, wire_format, framed, &self.context)?;
        if is_commit {
            let tag: Opaque = random_bytes(self.suite.hash_length(), random)?.into();
            signed.auth.confirmation_tag = Some(tag);
        }
        Ok(signed)
    }

    /// Application data as a public message is refused, and for this reason.
    fn refuse_public(&self, application: Content, random: &mut dyn Random) -> Result<(), Failure> {
        let framed = self.framed(application, random)?;
        let format = WireFormat::PUBLIC_MESSAGE;
        let refusal = Misuse::WouldViolate(Violation::ApplicationInPublicMessage);
        match sign(self.suite, &self.signer, format, framed, &self.context) {
            Err(Error::Misuse(misuse)) if misuse == refusal => Ok(()),
            other => Err(Failure::new(format!("is not refused as it must be: {other:?}"))),
        }
    }

    fn protect_public(&self, content: Content, random: &mut dyn Random) -> Result<Hex, Failure> {
        let signed = self.sign(WireFormat::PUBLIC_MESSAGE, content, random)?;
        let message =
            public_message::protect(self.suite, signed, &self.membership_key, &self.context)?;
        Ok(Hex::encoding(&MlsMessage(MlsMessageBody::PublicMessage(Box::new(message)))))
    }

    fn protect_private(&self, content: Content, random: &mut dyn Random) -> Result<Hex, Failure> {
        let signed = self.sign(WireFormat::PRIVATE_MESSAGE, content, random)?;
        let padding = PaddingPolicy::default();
        let message = self.secrets()?.protect(self.suite, signed, padding, random)?;
        Ok(Hex::encoding(&MlsMessage(MlsMessageBody::PrivateMessage(message))))
    }

    /// Verifies a message and that it says `expected`.
    fn expect(&self, message: &Hex, expected: &Content) -> Result<(), Failure> {
        let verified = match message.decode::<MlsMessage>()?.0 {
            MlsMessageBody::PublicMessage(message) => {
                let (key, context) = (&self.membership_key, &self.context);
                let content = public_message::unprotect(self.suite, *message, key, context)?;
                VerifiedContent::verify(self.suite, content, self.public_key(), context)?
            }
            MlsMessageBody::PrivateMessage(message) => {
                let mut secrets = self.secrets()?;
                let opened = secrets.unprotect(self.suite, &message)?;
                let (content, update) =
                    opened.verify(self.suite, self.public_key(), &self.context)?;
                secrets.apply(update)?;
                expect_refused("replay", secrets.unprotect(self.suite, &message))?;
                content
            }
            _ => return Err(Failure::new("wire format is neither public nor private message")),
        };
        expect_equal("sender", &verified.sender(), &Sender::Member(SENDER))?;
        expect_equal("content", &verified.content().content, expected)
    }

    /// The message of the vector says `content`, and so does one protected afresh.
    fn verify_public(
        &self,
        content: &Content,
        message: &Hex,
        random: &mut dyn Random,
    ) -> Result<(), Failure> {
        self.expect(message, content).at("pub")?;
        let own = self.protect_public(content.clone(), random).at("own pub")?;
        self.expect(&own, content).at("own pub")
    }

    fn verify_private(
        &self,
        content: &Content,
        message: &Hex,
        random: &mut dyn Random,
    ) -> Result<(), Failure> {
        self.expect(message, content).at("priv")?;
        let own = self.protect_private(content.clone(), random).at("own priv")?;
        self.expect(&own, content).at("own priv")
    }
}

impl Entry {
    fn contents(&self) -> Result<[Content; 3], Failure> {
        Ok([
            Content::Proposal(self.proposal.decode().at("proposal")?),
            Content::Commit(self.commit.decode().at("commit")?),
            Content::Application(self.application.opaque()),
        ])
    }
}

impl Vector for Entry {
    fn verify(&self, crypto: &Crypto, random: &mut dyn Random) -> Result<(), Failure> {
        let suite = suite(crypto, self.cipher_suite)?;
        let epoch = Epoch::new(&suite, self)?;
        let [proposal, commit, application] = self.contents()?;
        epoch.verify_public(&proposal, &self.proposal_pub, random).at("proposal")?;
        epoch.verify_private(&proposal, &self.proposal_priv, random).at("proposal")?;
        epoch.verify_public(&commit, &self.commit_pub, random).at("commit")?;
        epoch.verify_private(&commit, &self.commit_priv, random).at("commit")?;
        epoch.verify_private(&application, &self.application_priv, random).at("application")?;
        epoch.refuse_public(application, random).at("application as public message")
    }

    fn generate(crypto: &Crypto, _: Scale, random: &mut dyn Random) -> Result<Vec<Self>, Failure> {
        for_each_suite(crypto, |suite| {
            let mut entry = Self::chosen(suite, random)?;
            let epoch = Epoch::new(suite, &entry)?;
            let [proposal, commit, application] = entry.contents()?;
            let messages = [
                epoch.protect_public(proposal.clone(), random)?,
                epoch.protect_private(proposal, random)?,
                epoch.protect_public(commit.clone(), random)?,
                epoch.protect_private(commit, random)?,
                epoch.protect_private(application, random)?,
            ];
            let [proposal_pub, proposal_priv, commit_pub, commit_priv, application_priv] = messages;
            entry.proposal_pub = proposal_pub;
            entry.proposal_priv = proposal_priv;
            entry.commit_pub = commit_pub;
            entry.commit_priv = commit_priv;
            entry.application_priv = application_priv;
            Ok(vec![entry])
        })
    }
}

impl Entry {
    /// An entry without its messages.
    fn chosen(suite: &Suite, random: &mut dyn Random) -> Result<Self, Failure> {
        let signer = SignatureKeyPair::generate(suite, random)?;
        let proposal = Proposal::Remove(random_u32(random)?);
        let by_value = ProposalOrRef::Proposal(Arc::new(proposal.clone()));
        let commit = Commit { proposals: vec![by_value], path: None };
        let length = suite.hash_length();
        let mut hex = |length| random_bytes(length, random).map(Hex);
        Ok(Self {
            cipher_suite: suite.id().0,
            group_id: hex(16)?,
            tree_hash: hex(length)?,
            confirmed_transcript_hash: hex(length)?,
            signature_priv: signer.private_key().into(),
            signature_pub: signer.public_key().as_slice().into(),
            encryption_secret: hex(length)?,
            sender_data_secret: hex(length)?,
            membership_key: hex(length)?,
            proposal: Hex::encoding(&proposal),
            commit: Hex::encoding(&commit),
            application: hex(40)?,
            epoch: random_u32(random)?.into(),
            ..Self::default()
        })
    }
}
