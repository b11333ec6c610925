//! Sending: application messages (RFC 9420, section 15) and how handshake messages leave.

use codec::Encode;
use crypto::{Digest, Random};
use protection::{public_message, sign};
use wire::{
    AuthenticatedContent, Content, FramedContent, MlsMessage, MlsMessageBody, Sender, WireFormat,
};

use crate::rows::put_secret_tree;
use crate::{Delta, Effect, Error, Group, Misuse};

impl Group {
    /// Encrypts application data to the group. `authenticated_data` is authenticated, not
    /// encrypted.
    ///
    /// Refused while proposals are pending, since a Remove among them must take effect first
    /// (section 12.4). The key is used up; the effect stores that before the message comes out.
    pub fn protect(
        &mut self,
        data: &[u8],
        authenticated_data: &[u8],
        random: &mut dyn Random,
    ) -> Result<Effect<MlsMessage>, Error> {
        self.check_active()?;
        // "A group member that has observed one or more valid proposals within an epoch MUST send a
        // Commit message before sending application data" (section 12.4).
        if !self.proposals.is_empty() {
            return Err(Misuse::ProposalsPending.into());
        }
        let content = Content::Application(data.into());
        let content =
            self.sign_content(WireFormat::PRIVATE_MESSAGE, authenticated_data, content)?;
        let mut delta = Delta::default();
        let (message, _) = self.encrypt(content, random, &mut delta)?;
        Ok(self.effect(message, delta))
    }

    /// Signs content of this member for the current epoch.
    pub(crate) fn sign_content(
        &self,
        wire_format: WireFormat,
        authenticated_data: &[u8],
        content: Content,
    ) -> Result<AuthenticatedContent, Error> {
        let content = FramedContent {
            group_id: self.epoch.context.group_id.clone(),
            epoch: self.epoch(),
            sender: Sender::Member(self.own_leaf().as_u32()),
            authenticated_data: authenticated_data.into(),
            content,
        };
        let signer = self.signer()?;
        Ok(sign(&self.suite, &*signer, wire_format, content, &self.epoch.context)?)
    }

    /// Protects a signed proposal or commit of this member in the form it was signed for. The hash
    /// is the message's.
    pub(crate) fn protect_handshake(
        &mut self,
        content: AuthenticatedContent,
        random: &mut dyn Random,
        delta: &mut Delta,
    ) -> Result<(MlsMessage, Digest), Error> {
        if content.wire_format == WireFormat::PRIVATE_MESSAGE {
            return self.encrypt(content, random, delta);
        }
        let key = self.epoch.secrets.membership_key();
        let message = public_message::protect(&self.suite, content, key, &self.epoch.context)?;
        let message = MlsMessage(MlsMessageBody::PublicMessage(Box::new(message)));
        let hash = self.note_sent(&message, delta)?;
        Ok((message, hash))
    }

    fn encrypt(
        &mut self,
        content: AuthenticatedContent,
        random: &mut dyn Random,
        delta: &mut Delta,
    ) -> Result<(MlsMessage, Digest), Error> {
        let padding = self.client.settings().padding;
        let message = self.epoch.messages.protect(&self.suite, content, padding, random)?;
        put_secret_tree(&mut self.epoch, delta);
        let message = MlsMessage(MlsMessageBody::PrivateMessage(message));
        let hash = self.note_sent(&message, delta)?;
        Ok((message, hash))
    }

    /// Remembers the hash of an own message, so that its echo is recognised.
    fn note_sent(&mut self, message: &MlsMessage, delta: &mut Delta) -> Result<Digest, Error> {
        let epoch = (&*self.epoch.context.group_id, self.epoch.context.epoch);
        let hash = self.suite.hash(&message.to_bytes())?;
        self.sent.insert(epoch, hash, self.client.settings().sent_messages_max, delta);
        Ok(hash)
    }
}
