//! The kinds of test vector, and what each can do.

use crypto::{CipherSuite, Crypto, Random, Suite};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::At;
use crate::{
    Failure, Report, crypto_basics, deserialization, key_schedule, message_protection, messages,
    passive_client, psk_secret, secret_tree, transcript_hashes, tree_math, tree_operations,
    tree_validation, welcome,
};

/// How much to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Every kind, every suite and every rule once; about a megabyte in all.
    Small,
    /// As much as the working group's own files.
    Full,
}

/// One object of a vector file.
pub trait Vector: Serialize + DeserializeOwned {
    /// Whether the entry holds; if not, what differs. The rules of several kinds include doing the
    /// same afresh, which needs randomness.
    fn verify(&self, crypto: &Crypto, random: &mut dyn Random) -> Result<(), Failure>;

    /// Fresh entries for every suite of `crypto`.
    fn generate(
        crypto: &Crypto,
        scale: Scale,
        random: &mut dyn Random,
    ) -> Result<Vec<Self>, Failure>;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident, $file:literal, $entry:ty;)*) => {
        /// The kinds of test vector, in the order of their file names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// The name of the kind's file.
            #[must_use]
            pub const fn file_name(self) -> &'static str {
                match self {
                    $(Self::$kind => concat!($file, ".json"),)*
                }
            }

            /// Checks every entry of a file's text. Fails only if the text is not a file of this
            /// kind.
            pub fn verify(
                self,
                text: &str,
                crypto: &Crypto,
                random: &mut dyn Random,
            ) -> Result<Report, Failure> {
                match self {
                    $(Self::$kind => verify_text::<$entry>(self, text, crypto, random),)*
                }
            }

            /// The text of a file of this kind with fresh values.
            pub fn generate(
                self,
                crypto: &Crypto,
                scale: Scale,
                random: &mut dyn Random,
            ) -> Result<String, Failure> {
                match self {
                    $(Self::$kind => generate_text::<$entry>(crypto, scale, random),)*
                }
            }
        }
    };
}

kinds! {
    /// The labelled functions of a suite.
    CryptoBasics, "crypto-basics", crypto_basics::Entry;
    /// Headers of variable-length vectors.
    Deserialization, "deserialization", deserialization::Entry;
    /// Every secret of several epochs.
    KeySchedule, "key-schedule", key_schedule::Entry;
    /// Signing and encrypting content.
    MessageProtection, "message-protection", message_protection::Entry;
    /// Structures that survive decoding and encoding.
    Messages, "messages", messages::Entry;
    /// A client that follows one commit of each sort.
    PassiveClientHandlingCommit, "passive-client-handling-commit", passive_client::CommitEntry;
    /// A client that follows many commits.
    PassiveClientRandom, "passive-client-random", passive_client::RandomEntry;
    /// A client that joins.
    PassiveClientWelcome, "passive-client-welcome", passive_client::WelcomeEntry;
    /// Several pre-shared keys become one secret.
    PskSecret, "psk_secret", psk_secret::Entry;
    /// The keys of every sender's ratchets.
    SecretTree, "secret-tree", secret_tree::Entry;
    /// How a commit enters the transcript.
    TranscriptHashes, "transcript-hashes", transcript_hashes::Entry;
    /// Relations of nodes in full trees.
    TreeMath, "tree-math", tree_math::Entry;
    /// What one proposal does to a tree.
    TreeOperations, "tree-operations", tree_operations::Entry;
    /// Resolutions, hashes and signatures of trees.
    TreeValidation, "tree-validation", tree_validation::Entry;
    /// Paths through the tree.
    TreeKem, "treekem", crate::treekem::Entry;
    /// Opening a Welcome.
    Welcome, "welcome", welcome::Entry;
}

fn verify_text<E: Vector>(
    kind: Kind,
    text: &str,
    crypto: &Crypto,
    random: &mut dyn Random,
) -> Result<Report, Failure> {
    let entries: Vec<E> = serde_json::from_str(text).at(kind.file_name())?;
    let mut report = Report { kind, passed: 0, failed: Vec::new() };
    for (index, entry) in entries.iter().enumerate() {
        match entry.verify(crypto, random) {
            Ok(()) => report.passed += 1,
            Err(failure) => report.failed.push((index, failure)),
        }
    }
    Ok(report)
}

fn generate_text<E: Vector>(
    crypto: &Crypto,
    scale: Scale,
    random: &mut dyn Random,
) -> Result<String, Failure> {
    let mut text = serde_json::to_string_pretty(&E::generate(crypto, scale, random)?)?;
    text.push('\n');
    Ok(text)
}

/// The suite of an entry.
pub(crate) fn suite(crypto: &Crypto, id: u16) -> Result<Suite, Failure> {
    let missing = || Failure::new(format!("cipher suite {id} is not supported"));
    crypto.suite(CipherSuite(id)).ok_or_else(missing)
}

/// The entries that `generate` makes for each suite in turn.
pub(crate) fn for_each_suite<E>(
    crypto: &Crypto,
    mut generate: impl FnMut(&Suite) -> Result<Vec<E>, Failure>,
) -> Result<Vec<E>, Failure> {
    let mut entries = Vec::new();
    for id in crypto.suites() {
        entries.extend(generate(&suite(crypto, id.0)?).at(format_args!("cipher suite {}", id.0))?);
    }
    Ok(entries)
}

/// `length` random bytes.
pub(crate) fn random_bytes(length: usize, random: &mut dyn Random) -> Result<Vec<u8>, Failure> {
    let mut bytes = vec![0; length];
    random.fill(&mut bytes)?;
    Ok(bytes)
}

/// A random number.
pub(crate) fn random_u32(random: &mut dyn Random) -> Result<u32, Failure> {
    let mut bytes = [0; 4];
    random.fill(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}
