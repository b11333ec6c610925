//! The steps of scripts, as calls.

mod groups;
mod successors;

use super::Handshakes;
use super::play::{Play, Reason, call};
use super::scenario::{Action, Description, Step, extensions};
use crate::proto;

impl Play<'_> {
    /// Plays a step.
    pub(super) async fn step(&mut self, index: usize, step: &Step) -> Result<(), Reason> {
        let actor = &*step.actor;
        match &step.action {
            Action::CreateGroup { members } => self.create_group(index, actor, members).await,
            Action::CreateKeyPackage => self.create_key_package(index, actor).await,
            Action::JoinGroup { welcome } => {
                let welcome = self.kept(*welcome, "welcome")?;
                self.join(actor, welcome, Vec::new()).await.map(drop)
            }
            Action::ExternalJoin(join) => self.external_join(index, actor, join).await,
            Action::InstallExternalPsk { clients } => self.install_psk(index, clients).await,
            Action::FullCommit(commit) => self.full_commit(index, actor, commit).await,
            Action::Commit(commit) => self.commit(index, actor, commit).await,
            Action::HandleCommit { commit, by_reference } => {
                let (commit, proposals) = self.commit_of(*commit, by_reference)?;
                self.handle_commit(actor, commit, proposals).await.map(drop)
            }
            Action::HandlePendingCommit => self.handle_pending_commit(actor).await.map(drop),
            Action::ReInit(reinit) => self.reinit(reinit).await,
            Action::Branch(branch) => self.branch(actor, branch).await,
            Action::GroupInfo { external_tree } => {
                let (info, tree) = self.group_info(actor, *external_tree).await?;
                self.keep(index, "group_info", info);
                self.keep(index, "ratchet_tree", tree);
                Ok(())
            }
            Action::Protect { authenticated_data, plaintext } => {
                self.protect(index, actor, (authenticated_data, plaintext)).await
            }
            Action::Unprotect { ciphertext } => self.unprotect(index, actor, *ciphertext).await,
            Action::Compare { members } => self.compare(members).await,
            other => {
                let proposal = self.proposal(index, actor, other).await?;
                self.keep(index, "proposal", proposal);
                Ok(())
            }
        }
    }

    /// The steps that make a proposal.
    async fn proposal(
        &mut self,
        index: usize,
        actor: &str,
        action: &Action,
    ) -> Result<Vec<u8>, Reason> {
        match action {
            Action::NewMemberAddProposal { joiner } => {
                return self.new_member_add_proposal(index, actor, joiner).await;
            }
            Action::ExternalSignerProposal { member, description } => {
                return self.external_signer_proposal(actor, member, description).await;
            }
            _ => {}
        }
        let state_id = self.state(actor)?;
        let response = match action {
            Action::AddProposal { key_package } => {
                let key_package = self.kept(*key_package, "key_package")?;
                let request = proto::AddProposalRequest { state_id, key_package };
                call!(self, actor, add_proposal(request))
            }
            Action::UpdateProposal => {
                call!(self, actor, update_proposal(proto::UpdateProposalRequest { state_id }))
            }
            Action::RemoveProposal { removed } => {
                let removed_id = removed.clone().into_bytes();
                let request = proto::RemoveProposalRequest { state_id, removed_id };
                call!(self, actor, remove_proposal(request))
            }
            Action::ExternalPskProposal { psk_id } => {
                let psk_id = self.kept(*psk_id, "psk_id")?;
                let request = proto::ExternalPskProposalRequest { state_id, psk_id };
                call!(self, actor, external_psk_proposal(request))
            }
            Action::ResumptionPskProposal { epoch_id } => {
                let epoch_id = *epoch_id;
                let request = proto::ResumptionPskProposalRequest { state_id, epoch_id };
                call!(self, actor, resumption_psk_proposal(request))
            }
            Action::GroupContextExtensionsProposal { extensions: new } => {
                let extensions = extensions(new);
                let request = proto::GroupContextExtensionsProposalRequest { state_id, extensions };
                call!(self, actor, group_context_extensions_proposal(request))
            }
            Action::AddExternalSigner { signer } => {
                let external_sender = self.external_signer(signer).await?;
                let request = proto::AddExternalSignerRequest { state_id, external_sender };
                call!(self, actor, add_external_signer(request))
            }
            _ => return Err("the runner does not know this action".to_owned()),
        };
        Ok(response.proposal)
    }

    async fn external_signer(&mut self, signer: &str) -> Result<Vec<u8>, Reason> {
        let request = proto::CreateExternalSignerRequest {
            cipher_suite: self.suite,
            identity: signer.as_bytes().to_vec(),
        };
        let response = call!(self, signer, create_external_signer(request));
        self.signers.insert(signer.to_owned(), response.signer_id);
        Ok(response.external_sender)
    }

    async fn new_member_add_proposal(
        &mut self,
        index: usize,
        actor: &str,
        joiner: &str,
    ) -> Result<Vec<u8>, Reason> {
        let (group_info, _) = self.group_info(actor, false).await?;
        let identity = joiner.as_bytes().to_vec();
        let request = proto::NewMemberAddProposalRequest { group_info, identity };
        let response = call!(self, joiner, new_member_add_proposal(request));
        self.set_transaction(joiner, response.transaction_id);
        self.keep(index, "init_priv", response.init_priv);
        Ok(response.proposal)
    }

    async fn external_signer_proposal(
        &mut self,
        actor: &str,
        member: &str,
        description: &Description,
    ) -> Result<Vec<u8>, Reason> {
        let (group_info, ratchet_tree) = self.group_info(member, true).await?;
        let signer_id = self.signers.get(actor).copied();
        let request = proto::ExternalSignerProposalRequest {
            signer_id: signer_id.ok_or_else(|| format!("{actor} is no external signer"))?,
            signer_index: 0,
            group_info,
            ratchet_tree,
            description: Some(self.by_value(description)?),
        };
        Ok(call!(self, actor, external_signer_proposal(request)).proposal)
    }

    /// A proposal by value, as requests carry it.
    fn by_value(
        &mut self,
        description: &Description,
    ) -> Result<proto::ProposalDescription, Reason> {
        let proposal_type = description.proposal_type.clone().into_bytes();
        let mut made = proto::ProposalDescription { proposal_type, ..Default::default() };
        match &*description.proposal_type {
            "add" => made.key_package = self.kept(description.key_package, "key_package")?,
            "remove" => made.removed_id = description.removed.clone().into_bytes(),
            "externalPSK" => made.psk_id = self.kept(description.psk_id, "psk_id")?,
            "resumptionPSK" => made.epoch_id = description.epoch_id,
            "groupContextExtensions" => made.extensions = extensions(&description.extensions),
            "reinit" => {
                if description.change_cipher_suite {
                    self.change_suite()?;
                }
                made.extensions = extensions(&description.extensions);
                made.cipher_suite = self.suite;
                made.group_id = self.successor_id(description.change_group_id)?;
            }
            other => return Err(format!("no proposal type is called {other:?}")),
        }
        Ok(made)
    }

    async fn group_info(
        &mut self,
        actor: &str,
        external_tree: bool,
    ) -> Result<(Vec<u8>, Vec<u8>), Reason> {
        let request = proto::GroupInfoRequest { state_id: self.state(actor)?, external_tree };
        let response = call!(self, actor, group_info(request));
        Ok((response.group_info, response.ratchet_tree))
    }

    async fn protect(
        &mut self,
        index: usize,
        actor: &str,
        (authenticated_data, plaintext): (&str, &str),
    ) -> Result<(), Reason> {
        let authenticated_data = authenticated_data.as_bytes().to_vec();
        let plaintext = plaintext.as_bytes().to_vec();
        self.keep(index, "authenticated_data", authenticated_data.clone());
        self.keep(index, "plaintext", plaintext.clone());
        let state_id = self.state(actor)?;
        let request = proto::ProtectRequest { state_id, authenticated_data, plaintext };
        let ciphertext = call!(self, actor, protect(request)).ciphertext;
        self.keep(index, "ciphertext", ciphertext);
        Ok(())
    }

    async fn unprotect(&mut self, index: usize, actor: &str, sent: usize) -> Result<(), Reason> {
        let (state_id, ciphertext) = (self.state(actor)?, self.kept(sent, "ciphertext")?);
        let response =
            call!(self, actor, unprotect(proto::UnprotectRequest { state_id, ciphertext }));
        if response.authenticated_data != self.kept(sent, "authenticated_data")? {
            return Err(format!("{actor} reads other authenticated data than was sent"));
        }
        if response.plaintext != self.kept(sent, "plaintext")? {
            return Err(format!("{actor} reads another text than was sent"));
        }
        self.keep(index, "plaintext", response.plaintext);
        Ok(())
    }

    async fn install_psk(&mut self, index: usize, clients: &[String]) -> Result<(), Reason> {
        let (psk_id, psk_secret) = (self.chance.bytes(), self.chance.bytes());
        self.keep(index, "psk_id", psk_id.clone());
        self.keep(index, "psk_secret", psk_secret.clone());
        for actor in clients {
            let id = self.states.get(actor).or_else(|| self.transactions.get(actor));
            let request = proto::StorePskRequest {
                state_or_transaction_id: id.copied().unwrap_or_default(),
                psk_id: psk_id.clone(),
                psk_secret: psk_secret.clone(),
            };
            call!(self, actor, store_psk(request));
        }
        Ok(())
    }

    fn encrypt_handshake(&self) -> bool {
        self.handshakes == Handshakes::Private
    }
}
