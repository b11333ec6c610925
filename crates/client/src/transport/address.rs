//! Where a delivery service is, and whose certificate it must show: one line of text that an
//! account keeps and people pass on.
//!
//! ```text
//! http://HOST[:PORT]                  without TLS
//! https://HOST[:PORT]                 an authority that the system trusts
//! https://HOST[:PORT]#sha256:HEX      this very certificate, whatever names it holds
//! https://HOST[:PORT]#ca:HEX[,HEX]    one of these authorities' certificates (X.509, DER)
//! ```

use crate::Misuse;
use pki_types::CertificateDer;
use pki_types::pem::PemObject;
use std::fmt;

/// Characters of an address: room for some certificates of authorities.
const ADDRESS_LENGTH_MAX: usize = 64 << 10;

/// What a service's certificate is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The certificates of some authorities.
    Authorities(Vec<CertificateDer<'static>>),
    /// SHA-256 of the service's own certificate.
    Fingerprint([u8; 32]),
    /// The authorities that the system trusts.
    System,
}

/// A parsed address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAddress {
    host: String,
    is_tls: bool,
    trust: Trust,
}

impl ServiceAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// It has none of the forms above.
    pub fn parse(text: &str) -> Result<Self, Misuse> {
        Self::read(text).ok_or_else(|| Misuse::InvalidServer(text.chars().take(200).collect()))
    }

    fn read(text: &str) -> Option<Self> {
        if text.len() > ADDRESS_LENGTH_MAX {
            return None;
        }
        let (place, fragment) =
            text.split_once('#').map_or((text, None), |(place, rest)| (place, Some(rest)));
        let place = place.trim_end_matches('/');
        let (is_tls, host) = match (place.strip_prefix("https://"), place.strip_prefix("http://")) {
            (Some(host), _) => (true, host),
            (None, host) => (false, host?),
        };
        let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"/?@\\".contains(c);
        if host.is_empty() || !host.chars().all(plain) {
            return None;
        }
        let trust = match fragment {
            None => Trust::System,
            Some(_) if !is_tls => return None,
            Some(fragment) => read_trust(fragment)?,
        };
        Some(Self { host: host.to_owned(), is_tls, trust })
    }

    /// The same service, believed if it shows the certificate with this SHA-256, in hexadecimal
    /// digits with or without colons.
    ///
    /// # Errors
    /// These are no such digits, or the service is asked without TLS.
    pub fn with_fingerprint(self, digits: &str) -> Result<Self, Misuse> {
        let digits = digits.replace(':', "").to_lowercase();
        Self::parse(&format!("{}#sha256:{digits}", self.url()))
    }

    /// The same service, believed if one of these authorities certifies it: certificates as PEM
    /// (RFC 7468).
    ///
    /// # Errors
    /// There is none, or the service is asked without TLS.
    pub fn with_authorities(self, pem: &[u8]) -> Result<Self, Misuse> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let certificates = certificates.unwrap_or_default();
        if certificates.is_empty() || !self.is_tls {
            return Err(Misuse::InvalidServer(self.url()));
        }
        Ok(Self { trust: Trust::Authorities(certificates), ..self })
    }

    /// Whether the service is asked over TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Host and perhaps port.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host without brackets, and the port.
    #[must_use]
    pub fn host_and_port(&self) -> (&str, u16) {
        let default = if self.is_tls { 443 } else { 80 };
        // Within brackets, colons belong to the address.
        let (host, port) = match self.host.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().unwrap_or(default)),
            _ => (self.host.as_str(), default),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        (bare.unwrap_or(host), port)
    }

    /// What the service's certificate is held against.
    #[must_use]
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Scheme, host and perhaps port: what paths are appended to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", if self.is_tls { "https" } else { "http" }, self.host)
    }
}

impl fmt::Display for ServiceAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.url())?;
        match &self.trust {
            Trust::System => Ok(()),
            Trust::Fingerprint(hash) => write!(formatter, "#sha256:{}", hex(hash)),
            Trust::Authorities(certificates) => {
                let all: Vec<_> = certificates.iter().map(|der| hex(der)).collect();
                write!(formatter, "#ca:{}", all.join(","))
            }
        }
    }
}

fn read_trust(fragment: &str) -> Option<Trust> {
    if let Some(digits) = fragment.strip_prefix("sha256:") {
        return Some(Trust::Fingerprint(bytes(digits)?.try_into().ok()?));
    }
    let certificates = fragment.strip_prefix("ca:")?.split(',');
    let certificates = certificates.map(|digits| bytes(digits).map(CertificateDer::from));
    Some(Trust::Authorities(certificates.collect::<Option<_>>()?))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads pairs of lowercase hexadecimal digits, at least one.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digit = |octet: u8| match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::{ServiceAddress, Trust};

    #[test]
    fn an_address_is_read_back_as_it_was_written() {
        for good in [
            "http://127.0.0.1:1".to_owned(),
            "http://[::1]:80".to_owned(),
            "https://delivery.example".to_owned(),
            format!("https://a:1#sha256:{}", "a0".repeat(32)),
            "https://a:1#ca:3000".to_owned(),
            "https://a#ca:3000,3001".to_owned(),
        ] {
            assert_eq!(ServiceAddress::parse(&good).unwrap().to_string(), good);
        }
        let slashed = ServiceAddress::parse("http://delivery.example/").unwrap();
        assert_eq!(slashed.url(), "http://delivery.example");
    }

    #[test]
    fn host_and_port_are_told_apart() {
        for (text, host, port) in [
            ("http://a:1", "a", 1),
            ("http://a", "a", 80),
            ("https://a", "a", 443),
            ("https://127.0.0.1:7420", "127.0.0.1", 7420),
            ("https://[::1]:7420", "::1", 7420),
            ("https://[::1]", "::1", 443),
        ] {
            let address = ServiceAddress::parse(text).unwrap();
            assert_eq!(address.host_and_port(), (host, port), "{text}");
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for bad in [
            String::new(),
            "http://".to_owned(),
            "https://".to_owned(),
            "127.0.0.1:1".to_owned(),
            "ftp://a".to_owned(),
            "http://a/b".to_owned(),
            "http://u@a".to_owned(),
            "http://a?b".to_owned(),
            "http://a b".to_owned(),
            "http://a\r\nx: y".to_owned(),
            format!("http://a#sha256:{}", "a0".repeat(32)),
            format!("https://a#sha256:{}", "a0".repeat(31)),
            format!("https://a#sha256:{}", "A0".repeat(32)),
            "https://a#".to_owned(),
            "https://a#ca:".to_owned(),
            "https://a#ca:30,".to_owned(),
            "https://a#ca:3".to_owned(),
            "https://a#md5:30".to_owned(),
            format!("https://a#ca:{}", "30".repeat(40_000)),
        ] {
            assert!(ServiceAddress::parse(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_fingerprint_is_taken_in_any_usual_spelling() {
        let address = || ServiceAddress::parse("https://a").unwrap();
        let colons = vec!["AB"; 32].join(":");
        let trust = address().with_fingerprint(&colons).unwrap().trust().clone();
        assert_eq!(trust, Trust::Fingerprint([0xab; 32]));
        assert!(address().with_fingerprint("ab").is_err());
        let plain = ServiceAddress::parse("http://a").unwrap();
        assert!(plain.clone().with_fingerprint(&colons).is_err());
        assert!(plain.with_authorities(b"").is_err());
        assert!(address().with_authorities(b"no certificate").is_err());
    }
}
