//! What must take the same time whatever the secrets are.

use std::hint::black_box;
use std::sync::Arc;

use crypto::{CipherSuite, Crypto, Digest, Secret, Suite};
use crypto_rustcrypto::SystemRandom;
use protection::{
    MessageSecrets, PaddingPolicy, RatchetKind, RatchetLimits, SecretTree, public_message,
};
use tree::TreeSize;
use treekem::EpochSecrets;
use wire::{
    AuthenticatedContent, Content, Extensions, FramedContent, FramedContentAuthData, GroupContext,
    ProtocolVersion, Sender, WireFormat,
};

use crate::provider::Concealing;
use crate::valgrind::{conceal, reveal};
use crate::{Counts, count};

/// A check, and how often concealed bytes may decide in each of its cases.
pub(crate) type Check = (&'static str, u64, fn() -> Counts);

pub(crate) const ALL: &[Check] = &[
    ("secrets are compared", 0, secrets_are_compared),
    ("a confirmation tag is verified: one verdict", 1, confirmation_tag),
    ("a membership tag is verified: one verdict", 1, membership_tag),
    ("an epoch's secrets are derived", 0, key_schedule),
    ("keys of a ratchet are looked up, consumed and stored", 0, ratchet),
    ("padding is removed: one verdict", 1, padding),
];

/// Where two secrets of 32 bytes differ.
pub(crate) const DIFFERENCES: [Option<usize>; 5] = [None, Some(0), Some(1), Some(16), Some(31)];

pub(crate) fn suite() -> Result<(Arc<Concealing>, Suite), &'static str> {
    let provider = Arc::new(Concealing::new());
    let suite = Crypto::new(provider.clone()).suite(CipherSuite(1)).ok_or("no suite 1")?;
    Ok((provider, suite))
}

/// Two concealed secrets that differ in one place at most.
pub(crate) fn pair(difference: Option<usize>) -> [Secret; 2] {
    let one = Secret::from_slice(&[7; 32]);
    let mut other = one.duplicate();
    if let Some(byte) = difference.and_then(|place| other.expose_mut().get_mut(place)) {
        *byte ^= 0x80;
    }
    conceal(one.expose());
    conceal(other.expose());
    [one, other]
}

fn secrets_are_compared() -> Counts {
    let compare = |difference: Option<usize>| {
        let [one, other] = black_box(pair(difference));
        let (decisions, verdict) = count(|| [u8::from(one == other)]);
        reveal(&verdict);
        if (verdict == [1]) == difference.is_none() { Ok(decisions) } else { Err("wrong".into()) }
    };
    DIFFERENCES.into_iter().map(compare).collect()
}

/// A received tag, as the difference changes it.
pub(crate) fn received(tag: &[u8], difference: Option<usize>) -> Vec<u8> {
    let mut tag = tag.to_vec();
    reveal(&tag);
    if let Some(byte) = difference.and_then(|place| tag.get_mut(place)) {
        *byte ^= 0x80;
    }
    tag
}

fn confirmation_tag() -> Counts {
    let (_, suite) = suite()?;
    let epoch = EpochSecrets::for_new_group(&suite, &mut SystemRandom)?;
    let genuine = epoch.confirmation_tag(&suite, b"transcript")?;
    let verify = |difference: Option<usize>| {
        let tag = received(genuine.as_opaque(), difference);
        let (decisions, verdict) =
            count(|| epoch.verify_confirmation_tag(&suite, b"transcript", &tag));
        if verdict.is_ok() == difference.is_none() { Ok(decisions) } else { Err("wrong".into()) }
    };
    DIFFERENCES.into_iter().map(verify).collect()
}

fn context(suite: &Suite) -> GroupContext {
    GroupContext {
        version: ProtocolVersion::MLS10,
        cipher_suite: suite.id(),
        group_id: b"group".into(),
        epoch: 7,
        tree_hash: Digest::EMPTY,
        confirmed_transcript_hash: Digest::EMPTY,
        extensions: Extensions::default(),
    }
}

/// Content of member 0. Nobody verifies the signature here.
fn content(context: &GroupContext, wire_format: WireFormat) -> AuthenticatedContent {
    let content = match wire_format {
        WireFormat::PRIVATE_MESSAGE => Content::Application(b"hello".into()),
        _ => Content::Proposal(wire::Proposal::Remove(1)),
    };
    let auth = FramedContentAuthData { signature: vec![9; 64].into(), confirmation_tag: None };
    let content = FramedContent {
        group_id: context.group_id.clone(),
        epoch: context.epoch,
        sender: Sender::Member(0),
        authenticated_data: b"".into(),
        content,
    };
    AuthenticatedContent { wire_format, content, auth }
}

fn membership_tag() -> Counts {
    let (_, suite) = suite()?;
    let context = context(&suite);
    let epoch = EpochSecrets::for_new_group(&suite, &mut SystemRandom)?;
    let key = epoch.membership_key();
    let content = content(&context, WireFormat::PUBLIC_MESSAGE);
    let genuine = public_message::protect(&suite, content, key, &context)?;
    let verify = |difference: Option<usize>| {
        let mut message = genuine.clone();
        let tag = message.membership_tag.as_deref().unwrap_or_default();
        message.membership_tag = Some(received(tag, difference).into());
        let (decisions, verdict) =
            count(|| public_message::unprotect(&suite, message, key, &context));
        if verdict.is_ok() == difference.is_none() { Ok(decisions) } else { Err("wrong".into()) }
    };
    DIFFERENCES.into_iter().map(verify).collect()
}

fn key_schedule() -> Counts {
    let (_, suite) = suite()?;
    let (decisions, epoch) = count(|| EpochSecrets::for_new_group(&suite, &mut SystemRandom));
    epoch?;
    Ok(vec![decisions])
}

/// The secret tree of a group of eight, from a concealed secret.
pub(crate) fn secret_tree() -> Result<SecretTree, &'static str> {
    let size = TreeSize::from_leaves(8).ok_or("eight leaves")?;
    let secret = Secret::from_slice(&[5; 32]);
    conceal(secret.expose());
    Ok(SecretTree::new(size, secret, RatchetLimits::default()))
}

fn ratchet() -> Counts {
    let (_, suite) = suite()?;
    let mut tree = secret_tree()?;
    let mut counts = Vec::new();
    // First use, forward with skipped keys, a skipped one, one used already, another leaf.
    for (leaf, generation, there) in
        [(2, 0, true), (2, 9, true), (2, 4, true), (2, 4, false), (7, 1, true)]
    {
        let leaf = tree.size().leaf(leaf).ok_or("a leaf")?;
        let (decisions, found) =
            count(|| tree.lookup(&suite, leaf, RatchetKind::Application, generation));
        counts.push(decisions);
        match found {
            Ok(found) if there => {
                let (decisions, applied) = count(|| tree.apply(found.update));
                applied?;
                counts.push(decisions);
            }
            Err(_) if !there => {}
            _ => return Err("a key is there that should not be, or the other way round".into()),
        }
        counts.push(count(|| tree.drain_changes()).0);
    }
    Ok(counts)
}

fn padding() -> Counts {
    let (provider, suite) = suite()?;
    let context = context(&suite);
    let secrets = || -> Result<MessageSecrets, &'static str> {
        let sender_data_secret = Secret::from_slice(&[4; 32]);
        conceal(sender_data_secret.expose());
        Ok(MessageSecrets::new(sender_data_secret, secret_tree()?))
    };
    let content = content(&context, WireFormat::PRIVATE_MESSAGE);
    let policy = PaddingPolicy::default();
    let message = secrets()?.protect(&suite, content, policy, &mut SystemRandom)?;
    reveal(&message.ciphertext);
    reveal(&message.encrypted_sender_data);
    let receiving = secrets()?;
    // All zeros; and not, in the last byte, in the middle, in the first byte.
    let open = |from_end| {
        provider.change(from_end);
        let (decisions, verdict) = count(|| receiving.unprotect(&suite, &message));
        if verdict.is_ok() == (from_end == 0) { Ok(decisions) } else { Err("wrong".into()) }
    };
    [0, 1, 90, PADDING_BYTES].into_iter().map(open).collect()
}

/// Of 256 bytes, what is behind five bytes of data, a signature and their length headers.
const PADDING_BYTES: usize = 256 - (1 + 5) - (2 + 64);
