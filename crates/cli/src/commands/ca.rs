//! `conclave ca`: a local authority that certifies the signature keys of MLS clients (RFC 9420,
//! section 5.3, credentials of type `x509`).
//!
//! It is shown public keys and makes none for anybody else. Its folder holds its own key, which
//! only the owner may read, its name, the serial numbers that it revoked, and the number of its
//! last list.

use super::mls::files::write_whole;
use crate::failure::Failure;
use crate::output::{Output, hex};
use crypto::Random;
use crypto_aws_lc::SystemRandom;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    PublicKeyData, RevokedCertParams, SanType, SerialNumber, SignatureAlgorithm,
};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY_SECONDS: u64 = 86_400;

/// How long an authority's own certificate says that it is valid.
const AUTHORITY_DAYS: u64 = 3650;

#[derive(clap::Subcommand)]
pub(crate) enum Ca {
    /// Make an authority in a new folder; `authority.der` in it is for everybody
    Create {
        /// The authority's folder
        folder: PathBuf,
        /// The authority's name
        name: String,
    },
    /// Certify that a signature key is somebody's
    Issue {
        /// The authority's folder
        folder: PathBuf,
        /// Whose key it is: a mail address
        #[arg(long)]
        name: String,
        /// The public key, in hexadecimal digits: Ed25519, or a point of P-256, P-384 or P-521
        #[arg(long)]
        key: String,
        /// How long the certificate is valid
        #[arg(long, default_value_t = 90)]
        days: u64,
        /// Where to write the certificate
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Write the list of revoked certificates
    Revocations {
        /// The authority's folder
        folder: PathBuf,
        /// How long the list is in force
        #[arg(long, default_value_t = 7)]
        days: u64,
        /// Where to write the list
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Revoke a certificate: the next list names it
    Revoke {
        /// The authority's folder
        folder: PathBuf,
        /// The certificate's serial number, as `ca issue` printed it
        serial: String,
    },
}

/// An authority, from its folder.
struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

/// A public key of somebody else's.
struct PublicKey {
    bytes: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
}

impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

impl PublicKey {
    fn parse(digits: &str) -> Option<Self> {
        let bytes = from_hex(digits)?;
        let algorithm = match (bytes.len(), bytes.first()) {
            (32, _) => &rcgen::PKCS_ED25519,
            (65, Some(4)) => &rcgen::PKCS_ECDSA_P256_SHA256,
            (97, Some(4)) => &rcgen::PKCS_ECDSA_P384_SHA384,
            (133, Some(4)) => &rcgen::PKCS_ECDSA_P521_SHA512,
            _ => return None,
        };
        Some(Self { bytes, algorithm })
    }
}

impl Ca {
    pub(crate) fn run(self, output: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Create { folder, name } => create(&folder, &name, output),
            Self::Issue { folder, name, key, days, output: file } => {
                let key = PublicKey::parse(&key).ok_or_else(|| {
                    Failure::usage("this is no public key of a kind that is certified".to_owned())
                })?;
                let serial = Authority::open(&folder)?.issue(&name, &key, days, &file)?;
                let serial = hex(&serial);
                let value = json!({"type": "certificate", "name": name, "serial": serial});
                output.print(&format!("{name}  serial {serial}"), &value)
            }
            Self::Revocations { folder, days, output: file } => {
                let (number, count) = Authority::open(&folder)?.list(&folder, days, &file)?;
                let value = json!({"type": "revocations", "number": number, "revoked": count});
                output.print(&format!("list {number}: {count} revoked"), &value)
            }
            Self::Revoke { folder, serial } => revoke(&folder, &serial, output),
        }
    }
}

fn create(folder: &Path, name: &str, output: &mut Output) -> Result<(), Failure> {
    if folder.join("key.der").exists() {
        return Err(Failure::refused("there is an authority in this folder already".to_owned()));
    }
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(failed)?;
    let certificate = authority_params(name).self_signed(&key).map_err(failed)?;
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)?;
    write_whole(&folder.join("name"), name.as_bytes())?;
    write_whole(&folder.join("authority.der"), certificate.der())?;
    // Last: with it the authority is there.
    write_whole(&folder.join("key.der"), &key.serialize_der())?;
    output.print(name, &json!({"type": "authority", "name": name}))
}

/// What is the same in every certificate of the authority, so that it is found as issuer.
fn authority_params(name: &str) -> CertificateParams {
    let mut params = valid(AUTHORITY_DAYS);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

impl Authority {
    fn open(folder: &Path) -> Result<Self, Failure> {
        let nobody = |_| Failure::state("there is no authority in this folder".to_owned());
        let key = std::fs::read(folder.join("key.der")).map_err(nobody)?;
        let name = std::fs::read_to_string(folder.join("name")).map_err(nobody)?;
        let key = KeyPair::try_from(key.as_slice()).map_err(failed)?;
        Ok(Self { params: authority_params(&name), key })
    }

    /// Writes a certificate and returns its serial number.
    fn issue(
        self,
        name: &str,
        key: &PublicKey,
        days: u64,
        file: &Path,
    ) -> Result<[u8; 16], Failure> {
        let mut serial = [0; 16];
        SystemRandom.fill(&mut serial).map_err(failed)?;
        // RFC 5280, section 4.1.2.2: positive; and of one length, which is easier to read.
        serial[0] = serial[0] & 0x3f | 0x40;
        let mut params = valid(days);
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let address = Ia5String::try_from(name).map_err(failed)?;
        params.subject_alt_names = vec![SanType::Rfc822Name(address)];
        params.distinguished_name = DistinguishedName::new();
        let issuer = Issuer::new(self.params, self.key);
        let certificate = params.signed_by(key, &issuer).map_err(failed)?;
        write_whole(file, certificate.der())?;
        Ok(serial)
    }

    /// Writes the list of revoked certificates; its number and how many it names.
    fn list(self, folder: &Path, days: u64, file: &Path) -> Result<(u64, usize), Failure> {
        let revoked = revoked(folder)?;
        let number = match stored(&folder.join("list"))? {
            None => 1,
            Some(last) => last.trim().parse::<u64>().map_err(|_| damaged())?.saturating_add(1),
        };
        let period = valid(days);
        let entries = revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: period.not_before,
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: period.not_before,
            next_update: period.not_after,
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: entries.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let issuer = Issuer::new(self.params, self.key);
        let list = params.signed_by(&issuer).map_err(failed)?;
        write_whole(&folder.join("list"), number.to_string().as_bytes())?;
        write_whole(file, list.der())?;
        Ok((number, revoked.len()))
    }
}

fn revoke(folder: &Path, serial: &str, output: &mut Output) -> Result<(), Failure> {
    let wrong = || Failure::usage("a serial number has 32 hexadecimal digits".to_owned());
    let bytes = from_hex(serial).filter(|bytes| bytes.len() == 16).ok_or_else(wrong)?;
    Authority::open(folder)?;
    let mut all = revoked(folder)?;
    if !all.contains(&bytes) {
        all.push(bytes);
        let lines: String = all.iter().map(|serial| hex(serial) + "\n").collect();
        write_whole(&folder.join("revoked"), lines.as_bytes())?;
    }
    let value = json!({"type": "revoked", "serial": serial});
    output.print(&format!("revoked {serial}"), &value)
}

/// The serial numbers that were revoked.
fn revoked(folder: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let text = stored(&folder.join("revoked"))?.unwrap_or_default();
    text.lines().map(|line| from_hex(line).ok_or_else(damaged)).collect()
}

/// The text of a file, if there is one.
fn stored(path: &Path) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        other => Ok(Some(other?)),
    }
}

fn damaged() -> Failure {
    Failure::state("the authority's folder is damaged".to_owned())
}

/// Valid from an hour ago, for clocks that are behind, for as many days.
fn valid(days: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = rcgen::date_time_ymd(1970, 1, 1) + now;
    // A thousand years are enough for everybody, and the calendar has them.
    let length = Duration::from_secs(days.min(365_000) * DAY_SECONDS);
    params.not_before = now - Duration::from_secs(3600);
    params.not_after = now + length;
    params
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.trim();
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok())
        .collect()
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::check(error.to_string())
}
