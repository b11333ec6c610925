//! Who may be in groups with this client (RFC 9420, section 5.3): what the command line says, and
//! nothing else. Without an option, nobody but the client itself and members that stay who they
//! were.

use super::credential_name;
use super::files::read_all;
use crate::failure::Failure;
use crate::output::hex;
use crypto::SignaturePublicKey;
use mls::{Candidate, Credential, ExternalSender, IdentityPolicy, Refusal};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use x509::{NameKind, Revocation, SubjectAltNames, Trust, X509Policy};

/// Whom to accept.
#[derive(clap::Args, Clone, Default)]
pub(super) struct Acceptance {
    /// Accept whoever shows a basic credential with this name, whatever the key; may be repeated
    #[arg(long, global = true, value_name = "NAME")]
    accept: Vec<String>,
    /// Accept the names and signature keys in this file: `NAME KEY` a line, the key in hexadecimal
    /// digits
    #[arg(long, global = true, value_name = "FILE")]
    pins: Option<PathBuf>,
    /// Accept whoever shows a certificate by the authority whose own (DER) is in this file; may be
    /// repeated
    #[arg(long, global = true, value_name = "FILE")]
    authority: Vec<PathBuf>,
    /// Refuse the certificates in this list of an authority, and those of which no list in force
    /// says that they hold; may be repeated
    #[arg(long, global = true, value_name = "FILE", requires = "authority")]
    revocations: Vec<PathBuf>,
    /// Accept ANYBODY under ANY name: for tests between parties who trust each other
    #[arg(long, global = true)]
    accept_any: bool,
}

impl Acceptance {
    /// What has to be said about it.
    pub(super) fn warning(&self) -> Option<&'static str> {
        self.accept_any.then_some("--accept-any: NOBODY'S IDENTITY IS CHECKED by this command")
    }
}

/// The policy that the options spell.
pub(super) struct Policy {
    own: BTreeSet<SignaturePublicKey>,
    names: BTreeSet<Vec<u8>>,
    pins: BTreeSet<(Vec<u8>, String)>,
    any: bool,
    x509: Option<X509Policy>,
}

/// The policy for certificates, if there is an authority.
fn x509_policy(acceptance: &Acceptance) -> Result<Option<X509Policy>, Failure> {
    let Acceptance { authority, revocations, .. } = acceptance;
    if authority.is_empty() {
        return Ok(None);
    }
    let unusable = |error: x509::Error| Failure::refused(error.to_string());
    let trust = Trust::new(read_all(authority)?).map_err(unusable)?;
    let names = Arc::new(SubjectAltNames::new(NameKind::Email));
    let policy = X509Policy::new(&crypto_aws_lc::provider(), trust, names);
    if !revocations.is_empty() {
        let lists = read_all(revocations)?;
        let lists = Revocation::new(lists.iter().map(Vec::as_slice)).map_err(unusable)?;
        policy.set_revocation(Some(lists));
    }
    Ok(Some(policy))
}

impl Policy {
    pub(super) fn new(
        acceptance: &Acceptance,
        own: BTreeSet<SignaturePublicKey>,
    ) -> Result<Self, Failure> {
        let Acceptance { accept, pins, accept_any, .. } = acceptance;
        let pins = match pins {
            None => BTreeSet::new(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    Failure::refused(format!("cannot read {}: {error}", path.display()))
                })?;
                parse_pins(&text)?
            }
        };
        let names = accept.iter().map(|name| name.clone().into_bytes()).collect();
        Ok(Self { own, names, pins, any: *accept_any, x509: x509_policy(acceptance)? })
    }

    fn judge(&self, credential: &Credential, key: &SignaturePublicKey) -> Result<(), Refusal> {
        if self.any || self.own.contains(key) {
            return Ok(());
        }
        if let Credential::Basic(name) = credential {
            let pin = (name.to_vec(), hex(key.as_slice()));
            if self.names.contains(&**name) || self.pins.contains(&pin) {
                return Ok(());
            }
        }
        let (name, key) = (credential_name(credential), hex(key.as_slice()));
        Err(Refusal(format!("{name} with the key {key} is neither accepted nor pinned")))
    }
}

/// `NAME KEY` lines; empty ones and those that start with `#` say nothing.
fn parse_pins(text: &str) -> Result<BTreeSet<(Vec<u8>, String)>, Failure> {
    let lines = (1..).zip(text.lines().map(str::trim));
    let said = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let pins = said.map(|(number, line)| {
        let pin = line.rsplit_once(char::is_whitespace).filter(|(_, key)| {
            key.len() % 2 == 0 && key.bytes().all(|digit| digit.is_ascii_hexdigit())
        });
        let (name, key) = pin.ok_or_else(|| {
            Failure::refused(format!("line {number} of the pins is not `NAME KEY`"))
        })?;
        Ok((name.trim_end().as_bytes().to_vec(), key.to_ascii_lowercase()))
    });
    pins.collect()
}

impl IdentityPolicy for Policy {
    fn validate_leaf(&self, candidate: &Candidate<'_>) -> Result<(), Refusal> {
        let leaf = candidate.leaf;
        if let (Credential::X509(_), Some(x509), false) = (&leaf.credential, &self.x509, self.any) {
            return x509.validate_leaf(candidate);
        }
        // A member that only renews its encryption key is who it was.
        let same = candidate.predecessor.is_some_and(|before| {
            before.credential == leaf.credential && before.signature_key == leaf.signature_key
        });
        if same { Ok(()) } else { self.judge(&leaf.credential, &leaf.signature_key) }
    }

    fn validate_external_sender(&self, sender: &ExternalSender, now: u64) -> Result<(), Refusal> {
        if let (Credential::X509(_), Some(x509), false) = (&sender.credential, &self.x509, self.any)
        {
            return x509.validate_external_sender(sender, now);
        }
        self.judge(&sender.credential, &sender.signature_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_accepted_who_is_not_named() {
        let own = SignaturePublicKey::from(vec![1; 32]);
        let key = SignaturePublicKey::from(vec![2; 32]);
        let bob = Credential::basic(b"bob");
        let judge = |acceptance: Acceptance, pins: &str| {
            let mut policy = Policy::new(&acceptance, BTreeSet::from([own.clone()])).unwrap();
            policy.pins = parse_pins(pins).unwrap();
            policy.judge(&bob, &key).is_ok()
        };
        let accept =
            |name: &str| Acceptance { accept: vec![name.to_owned()], ..Acceptance::default() };
        assert!(!judge(Acceptance::default(), ""));
        assert!(judge(accept("bob"), ""));
        assert!(!judge(accept("carol"), ""));
        assert!(judge(Acceptance::default(), &format!("# known\n\nbob {}\n", "02".repeat(32))));
        assert!(!judge(Acceptance::default(), &format!("bob {}\n", "03".repeat(32))));
        assert!(judge(Acceptance { accept_any: true, ..Acceptance::default() }, ""));
        let policy = Policy::new(&Acceptance::default(), BTreeSet::from([own.clone()])).unwrap();
        assert!(policy.judge(&bob, &own).is_ok(), "the client itself");
    }

    #[test]
    fn a_pin_is_a_name_and_digits() {
        assert!(parse_pins("bob").is_err());
        assert!(parse_pins("bob xyz").is_err());
        assert_eq!(parse_pins("two words AB").unwrap().first().unwrap().1, "ab");
    }
}
