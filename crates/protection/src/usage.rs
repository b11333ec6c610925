//! How much a member may encrypt in one epoch (RFC 9420, section 15.2;
//! draft-irtf-cfrg-aead-limits).
//!
//! No AEAD key of MLS protects more than one message: content keys belong to one generation, sender
//! data keys to one ciphertext sample. So the draft's multi-key bound applies. For AES-GCM the
//! attacker's advantage is at most about `s * B / 2^127`, where `s` counts the blocks encrypted
//! under all keys and `B` the blocks under the busiest key. Here `B` is at most 2^23, the longest
//! message.
//!
//! * Messages: `2^aead_messages_log2_max` of the suite, 2^24 for AES-GCM.
//! * Blocks: 2^10 times as many, since the draft's figure is for messages of 2^10 blocks: 2^34
//!   blocks or 256 GiB for AES-GCM. A member at this limit adds at most 2^(34 + 23 - 127) = 2^-70;
//!   a million members all at their limits leave the attacker with 2^-50.
//! * ChaCha20-Poly1305 has no such bound on confidentiality. Its 2^31 messages keep the generation
//!   far from its end, and the blocks are limited in the same proportion.
//!
//! A sixteenth of both is left to handshake messages.
//!
//! Both encryptions of a message count, with their authenticated data. What fails to decrypt does
//! not count: section 15.2 binds senders. The count is part of the stored state, or a restart would
//! reset it.

use crypto::SuiteParams;

use crate::{Limit, RatchetKind};

/// What a member has encrypted in an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AeadUsage {
    /// Messages protected.
    pub messages: u64,
    /// Blocks of 16 bytes encrypted or authenticated.
    pub blocks: u64,
}

codec::fields!(AeadUsage { messages, blocks });

/// What protecting one message costs, in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AeadCost(u64);

/// Blocks per message that the limit on messages assumes, as a power of two: TLS records of 16 KiB.
const BLOCKS_PER_MESSAGE_LOG2: u32 = 10;

const BLOCK_BYTES: usize = 16;

/// The share of both limits that application data leaves to handshake messages, as a power of two.
/// Without it a member that has reached its limit could not send the commit that ends the epoch.
const HANDSHAKE_SHARE_LOG2: u32 = 4;

impl AeadCost {
    /// The cost of encrypting or authenticating inputs of these lengths in bytes.
    pub fn of(lengths: impl IntoIterator<Item = usize>) -> Self {
        let blocks =
            |length: usize| u64::try_from(length.div_ceil(BLOCK_BYTES)).unwrap_or(u64::MAX);
        Self(lengths.into_iter().map(blocks).fold(0, u64::saturating_add))
    }
}

impl AeadUsage {
    /// The usage after one more message of a kind; refused if that is more than the suite allows.
    pub(crate) fn after(
        self,
        kind: RatchetKind,
        cost: AeadCost,
        params: &SuiteParams,
    ) -> Result<Self, Limit> {
        let limit = |log2| {
            let whole = 1_u64.checked_shl(log2).unwrap_or(u64::MAX);
            match kind {
                RatchetKind::Application => whole - (whole >> HANDSHAKE_SHARE_LOG2),
                RatchetKind::Handshake => whole,
            }
        };
        let messages_log2 = params.aead_messages_log2_max;
        let blocks_max = limit(messages_log2.saturating_add(BLOCKS_PER_MESSAGE_LOG2));
        let messages = self.messages.saturating_add(1);
        let blocks = self.blocks.saturating_add(cost.0);
        // Section 15.2: "senders MUST NOT encrypt more data than permitted by the security bounds
        // of the AEAD scheme used".
        if messages > limit(messages_log2) || blocks > blocks_max {
            return Err(Limit::AeadUsage);
        }
        Ok(Self { messages, blocks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto::{CipherSuite, Crypto};

    fn params(id: u16) -> SuiteParams {
        *Crypto::new(crypto_aws_lc::provider()).suite(CipherSuite(id)).unwrap().params()
    }

    #[test]
    fn the_last_allowed_message_is_accepted_and_one_more_refused() {
        let kinds = [(RatchetKind::Handshake, 16), (RatchetKind::Application, 15)];
        for ((id, log2), (kind, sixteenths)) in
            [(1, 24), (3, 31)].into_iter().flat_map(|suite| kinds.map(|kind| (suite, kind)))
        {
            let params = params(id);
            let messages = (1 << log2) / 16 * sixteenths;
            let before = AeadUsage { messages: messages - 1, blocks: 0 };
            let last = before.after(kind, AeadCost::of([16]), &params).unwrap();
            assert_eq!(last, AeadUsage { messages, blocks: 1 });
            assert_eq!(last.after(kind, AeadCost::of([0]), &params), Err(Limit::AeadUsage));
        }
    }

    #[test]
    fn blocks_are_limited_as_well() {
        let params = params(1);
        for (kind, sixteenths) in [(RatchetKind::Handshake, 16), (RatchetKind::Application, 15)] {
            let usage = AeadUsage { messages: 1, blocks: (1 << 30) * sixteenths - 2 };
            let after = |lengths: &[usize]| {
                usage.after(kind, AeadCost::of(lengths.iter().copied()), &params)
            };
            assert!(after(&[32]).is_ok());
            assert!(after(&[16, 1]).is_ok());
            assert_eq!(after(&[33]), Err(Limit::AeadUsage));
            assert_eq!(after(&[usize::MAX; 40]), Err(Limit::AeadUsage));
        }
    }

    #[test]
    fn a_suite_without_practical_limit_does_not_overflow() {
        let params = SuiteParams { aead_messages_log2_max: 64, ..params(1) };
        let usage = AeadUsage { messages: u64::MAX - 1, blocks: u64::MAX };
        assert!(usage.after(RatchetKind::Handshake, AeadCost::of([1]), &params).is_ok());
    }
}
