//! Joining by an external commit (RFC 9420, section 12.4.3.2), and replacing a former self.

use std::sync::Arc;

use codec::{Encode, Opaque};
use crypto::Random;
use protection::{ConfirmedTranscriptHash, public_message};
use tree::{Base, Committer, LeafIndex, ListedProposal, ProposalSender, RatchetTree};
use treekem::InitSecret;
use wire::{
    MlsMessage, MlsMessageBody, PreSharedKeyId, Proposal, PskKind, RatchetTreeNodes,
    ResumptionPskUsage, WireFormat,
};

use crate::commit::{CommitDraft, PathChoice, make_commit};
use crate::group_info::verify_group_info;
use crate::propose::psk;
use crate::rows::{Overlay, structure, value};
use crate::{
    Client, CommitId, Delta, Effect, Error, Group, LeafChanges, Misuse, RowKey, RowKind, Storage,
    Violation,
};

/// How to join from outside.
#[derive(Default)]
pub struct ExternalJoinOptions {
    /// The ratchet tree, if it is not in the GroupInfo.
    pub ratchet_tree: Option<RatchetTreeNodes>,
    /// Remove the former self of this client: the member with one of its signature keys, or else
    /// the only one with its credential.
    pub resync: bool,
    /// Keys of the application to mix in.
    pub external_psks: Vec<Vec<u8>>,
    /// Epochs of this group whose resumption PSK to mix in, from the time before.
    pub resumption_psks: Vec<u64>,
    /// Data that is authenticated with the commit.
    pub authenticated_data: Vec<u8>,
}

/// An external commit that was not accepted yet. What the client would know as a member is stored
/// as one row; several candidates may exist at once.
pub struct PendingJoin {
    /// The group.
    pub group_id: Vec<u8>,
    /// The commit's name: the hash of its message.
    pub id: CommitId,
}

/// An external commit, with the candidate that becomes the group if it is accepted.
pub struct ExternalJoin {
    /// The commit, for the members.
    pub commit: MlsMessage,
    /// The candidate.
    pub pending: PendingJoin,
}

impl Client {
    /// Makes an external commit for the group that a GroupInfo with `external_pub` describes.
    pub fn join_external(
        &self,
        storage: &dyn Storage,
        group_info: &MlsMessage,
        options: ExternalJoinOptions,
        now: u64,
        random: &mut dyn Random,
    ) -> Result<Effect<ExternalJoin>, Error> {
        let MlsMessageBody::GroupInfo(group_info) = &group_info.0 else {
            return Err(Misuse::WrongMessageKind.into());
        };
        let context = &group_info.group_context;
        let exists = storage.read(&RowKey::new(&context.group_id, RowKind::Group, []))?.is_some();
        if exists && !options.resync {
            return Err(Misuse::GroupExists.into());
        }
        let suite = self.suite(context.cipher_suite)?;
        let verified =
            verify_group_info(self, &suite, group_info, options.ratchet_tree.clone(), now)?;
        let external_pub = group_info.extensions.external_pub()?;
        let external_pub = external_pub.ok_or(Violation::ExternalPubMissing)?.external_pub;
        let (kem_output, init_secret) = InitSecret::send_external(&suite, &external_pub, random)?;
        let base = Base { suite: &suite, context, tree: verified.tree() };
        let proposals = self.joining_proposals(base, kem_output, &options, random)?;
        let confirmed = ConfirmedTranscriptHash(context.confirmed_transcript_hash);
        let leaf = LeafChanges::default();
        let find_psk = |id: &PreSharedKeyId| self.find_joining_psk(storage, id);
        let draft = CommitDraft {
            client: self,
            base,
            committer: Committer::NewMember,
            proposals,
            checks: self.checks(now, true),
            path: PathChoice::Always,
            leaf: &leaf,
            signer: self.current_signer(&suite)?,
            // As "an external proposal MUST be sent as a PublicMessage object" (section 12.1.8),
            // so must the commit of whoever has no keys of the epoch.
            wire_format: WireFormat::PUBLIC_MESSAGE,
            authenticated_data: options.authenticated_data.into(),
            interim: confirmed.interim(&suite, &group_info.confirmation_tag)?,
            init_secret: &init_secret,
            private: None,
            find_psk: &find_psk,
        };
        let made = make_commit(&draft, random)?;
        let commit = public_message::protect_from_outside(made.content)?;
        let commit = MlsMessage(MlsMessageBody::PublicMessage(Box::new(commit)));
        let id = CommitId(suite.hash(&commit.to_bytes())?);
        let group_id = context.group_id.to_vec();
        let (_, rows) = self.first_group(suite, made.next.epoch, Delta::default()).into_parts();
        let mut delta = Delta::default();
        delta.put(RowKey::new(&group_id, RowKind::PendingJoin, id.0.as_slice()), value(&rows));
        let pending = PendingJoin { group_id, id };
        Ok(Effect::new(ExternalJoin { commit, pending }, delta))
    }

    /// ExternalInit, at most one Remove, and PreSharedKeys (section 12.2).
    fn joining_proposals(
        &self,
        base: Base<'_>,
        kem_output: Opaque,
        options: &ExternalJoinOptions,
        random: &mut dyn Random,
    ) -> Result<Vec<ListedProposal>, Error> {
        let mut proposals = vec![Proposal::ExternalInit(kem_output)];
        if options.resync {
            let former = self.former_self(base.tree).ok_or(Misuse::NoSuchMember)?;
            proposals.push(Proposal::Remove(former.as_u32()));
        }
        for psk_id in &options.external_psks {
            let kind = PskKind::External { psk_id: psk_id.clone().into() };
            proposals.push(Proposal::PreSharedKey(psk(base.suite, kind, random)?));
        }
        for &psk_epoch in &options.resumption_psks {
            let kind = PskKind::Resumption {
                usage: ResumptionPskUsage::Application,
                psk_group_id: base.context.group_id.clone(),
                psk_epoch,
            };
            proposals.push(Proposal::PreSharedKey(psk(base.suite, kind, random)?));
        }
        let listed = proposals.into_iter().map(|proposal| ListedProposal {
            proposal: Arc::new(proposal),
            sender: ProposalSender::Joiner,
            reference: None,
            verified: None,
        });
        Ok(listed.collect())
    }

    /// The member that is this client from an earlier time.
    fn former_self(&self, tree: &RatchetTree) -> Option<LeafIndex> {
        let signers = self.config.signers.iter();
        let mut by_key = signers.filter_map(|signer| tree.find_signature_key(signer.public_key()));
        if let Some(leaf) = by_key.next_back() {
            return Some(leaf);
        }
        let credential = &self.config.credential;
        let mut same = tree.members().filter(|(_, leaf)| leaf.credential == *credential);
        let (leaf, _) = same.next()?;
        same.next().is_none().then_some(leaf)
    }

    /// The candidates to join a group that are stored: after a restart.
    pub fn pending_joins(
        &self,
        storage: &dyn Storage,
        group_id: &[u8],
    ) -> Result<Vec<PendingJoin>, Error> {
        let rows = storage.scan(group_id, RowKind::PendingJoin, &[])?;
        let joins = rows.into_iter().map(|(id, _)| {
            let id = crypto::Digest::new(&id).ok_or_else(|| Error::corrupt("pending join"))?;
            Ok(PendingJoin { group_id: group_id.to_vec(), id: CommitId(id) })
        });
        joins.collect()
    }

    /// The delivery service has accepted the external commit: its candidate becomes the group, in
    /// place of whatever was stored of an earlier membership.
    pub fn complete_join(
        &self,
        storage: &dyn Storage,
        pending: &PendingJoin,
    ) -> Result<Effect<Group>, Error> {
        let PendingJoin { group_id, id } = pending;
        let row = RowKey::new(group_id, RowKind::PendingJoin, id.0.as_slice());
        let row = storage.read(&row)?.ok_or_else(|| Error::corrupt("pending join is missing"))?;
        let delta: Delta = structure(&row, "pending join")?;
        let overlay = Overlay::new(storage, &delta);
        let group = Group::load(self, &overlay, group_id)?;
        let group = group.ok_or_else(|| Error::corrupt("pending join without a group"))?;
        Ok(Effect::new(group, delta))
    }

    /// Forgets an external commit that was refused.
    pub fn discard_join(&self, pending: &PendingJoin) -> Effect<()> {
        let mut delta = Delta::default();
        let id = pending.id.0.as_slice();
        delta.delete(RowKey::new(&pending.group_id, RowKind::PendingJoin, id));
        Effect::new((), delta)
    }
}
