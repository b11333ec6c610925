//! Who a certificate speaks for (RFC 9420, section 5.3.1: "presented identifiers").

use std::collections::BTreeSet;

use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// Reads identities out of certificates. [`SubjectAltNames`] serves most applications.
///
/// What it reads may not be verified yet: it must not panic, and decides nothing but names.
pub trait Names: Send + Sync {
    /// The identity that an end entity's certificate speaks for; two certificates are the same
    /// identity's if and only if these bytes are equal. `None` if there is none.
    fn identity(&self, end_entity: &Certificate) -> Option<Vec<u8>>;

    /// Which client it is, if certificates tell an identity's clients apart, or if an identity has
    /// only one. With `None`, the signature key alone identifies a client.
    fn client_id(&self, end_entity: &Certificate) -> Option<Vec<u8>>;
}

/// The kind of name that holds the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// `dNSName`. Compared without regard to case.
    Dns,
    /// `rfc822Name`. The part after the last `@` is compared without regard to case.
    Email,
    /// `uniformResourceIdentifier`. Compared byte by byte.
    Uri,
}

/// How many clients of one identity may be in a group at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clients {
    /// Any number, each with a signature key of its own.
    #[default]
    Many,
    /// One. An Add of a second one is refused, at a cost that grows with the group.
    One,
}

/// The identity is all names of one kind in the `subjectAltName` extension (RFC 5280, section
/// 4.2.1.6): in ascending order, each once, one per line. With a single name it is that name.
///
/// A name that is not visible ASCII makes the certificate unusable: no honest authority signs one,
/// and a line feed in it would join two names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubjectAltNames {
    /// Which names.
    pub kind: NameKind,
    /// How many clients of an identity a group may have.
    pub clients: Clients,
}

impl SubjectAltNames {
    /// Names of a kind, and any number of clients.
    #[must_use]
    pub fn new(kind: NameKind) -> Self {
        Self { kind, clients: Clients::default() }
    }

    /// The form in which a name is compared; `None` if it is of another kind.
    fn normalized(self, name: &GeneralName) -> Option<String> {
        match (self.kind, name) {
            (NameKind::Dns, GeneralName::DnsName(name)) => Some(name.as_str().to_ascii_lowercase()),
            (NameKind::Email, GeneralName::Rfc822Name(name)) => {
                Some(normalized_email(name.as_str()))
            }
            (NameKind::Uri, GeneralName::UniformResourceIdentifier(name)) => {
                Some(name.as_str().to_owned())
            }
            _ => None,
        }
    }
}

impl Names for SubjectAltNames {
    fn identity(&self, end_entity: &Certificate) -> Option<Vec<u8>> {
        let extension = end_entity.tbs_certificate().get_extension::<SubjectAltName>();
        let (_, SubjectAltName(names)) = extension.ok()??;
        let names: BTreeSet<_> = names.iter().filter_map(|name| self.normalized(name)).collect();
        let is_visible =
            |name: &String| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        if names.is_empty() || !names.iter().all(is_visible) {
            return None;
        }
        Some(Vec::from_iter(names).join("\n").into_bytes())
    }

    fn client_id(&self, end_entity: &Certificate) -> Option<Vec<u8>> {
        match self.clients {
            Clients::Many => None,
            Clients::One => self.identity(end_entity),
        }
    }
}

/// RFC 5280, section 7.5: the host part is compared without regard to case, the local part with.
fn normalized_email(name: &str) -> String {
    match name.rsplit_once('@') {
        Some((local, host)) => format!("{local}@{}", host.to_ascii_lowercase()),
        None => name.to_owned(),
    }
}
