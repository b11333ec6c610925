//! Leaves, key packages and extensions, field by field.

use super::drawing;
use super::field::Field;
use crate::commands::mls::credential_name;
use wire::{
    Capabilities, Credential, Extension, ExtensionType, Extensions, GREASE_VALUES, KeyPackage,
    LeafNode, LeafNodeSource, RatchetTreeNodes,
};

/// A number of a registry with its name, if it has one.
pub(super) fn code_point(number: u16, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("{} ({number})", name.to_ascii_lowercase()),
        None if GREASE_VALUES.contains(&number) => format!("GREASE ({number:#06x})"),
        None => format!("{number:#06x}"),
    }
}

/// A cipher suite with its name (section 17.1).
pub(super) fn suite(suite: mls::CipherSuite) -> String {
    let name = match suite.0 {
        1 => "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
        2 => "MLS_128_DHKEMP256_AES128GCM_SHA256_P256",
        3 => "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519",
        4 => "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448",
        5 => "MLS_256_DHKEMP521_AES256GCM_SHA512_P521",
        6 => "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448",
        7 => "MLS_256_DHKEMP384_AES256GCM_SHA384_P384",
        other => return code_point(other, None),
    };
    format!("{name} ({})", suite.0)
}

/// Whether there is a name for the protocol version.
pub(super) fn version(version: wire::ProtocolVersion) -> String {
    code_point(version.0, version.name())
}

pub(super) fn key_package(name: &str, key_package: &KeyPackage) -> Field {
    let inside = vec![
        Field::new("version", version(key_package.version)),
        Field::new("cipher_suite", suite(key_package.cipher_suite)),
        Field::bytes("init_key", key_package.init_key.as_slice()),
        leaf_node("leaf_node", &key_package.leaf_node),
        extensions("extensions", &key_package.extensions),
        Field::bytes("signature", &key_package.signature),
    ];
    Field::structure(name, key_package, "10", inside)
}

pub(super) fn leaf_node(name: &str, leaf: &LeafNode) -> Field {
    let mut inside = vec![
        Field::bytes("encryption_key", leaf.encryption_key.as_slice()),
        Field::bytes("signature_key", leaf.signature_key.as_slice()),
        credential(&leaf.credential),
        capabilities(&leaf.capabilities),
    ];
    inside.extend(match leaf.leaf_node_source {
        LeafNodeSource::KeyPackage(lifetime) => vec![
            Field::new("leaf_node_source", "key_package (1)"),
            Field::new("lifetime.not_before", time(lifetime.not_before)),
            Field::new("lifetime.not_after", time(lifetime.not_after)),
        ],
        LeafNodeSource::Update => vec![Field::new("leaf_node_source", "update (2)")],
        LeafNodeSource::Commit { parent_hash } => vec![
            Field::new("leaf_node_source", "commit (3)"),
            Field::bytes("parent_hash", parent_hash.as_slice()).section("7.9"),
        ],
    });
    inside.push(extensions("extensions", &leaf.extensions));
    inside.push(Field::bytes("signature", &leaf.signature));
    Field::structure(name, leaf, "7.2", inside)
}

fn credential(credential: &Credential) -> Field {
    let credential_type = credential.credential_type();
    let said = code_point(credential_type.0, credential_type.name());
    let inside = match credential {
        Credential::Basic(_) => vec![Field::new("identity", credential_name(credential))],
        Credential::X509(chain) => {
            chain.iter().map(|certificate| Field::bytes("certificate", certificate)).collect()
        }
        Credential::Other(_, bytes) => vec![Field::bytes("contents", bytes)],
    };
    Field::structure("credential", credential, "5.3", inside).saying(said)
}

fn capabilities(capabilities: &Capabilities) -> Field {
    let Capabilities { versions, cipher_suites, extensions, proposals, credentials } = capabilities;
    let join = |names: Vec<String>| match names.is_empty() {
        true => "none beyond the defaults".to_owned(),
        false => names.join(", "),
    };
    let point = |number: u16, name: Option<&str>| code_point(number, name);
    let inside = vec![
        Field::new("versions", join(versions.iter().map(|it| version(*it)).collect())),
        Field::new(
            "cipher_suites",
            join(cipher_suites.iter().map(|it| point(it.0, None)).collect()),
        ),
        Field::new(
            "extensions",
            join(extensions.iter().map(|it| point(it.0, it.name())).collect()),
        ),
        Field::new("proposals", join(proposals.iter().map(|it| point(it.0, it.name())).collect())),
        Field::new(
            "credentials",
            join(credentials.iter().map(|it| point(it.0, it.name())).collect()),
        ),
    ];
    Field::structure("capabilities", capabilities, "7.2", inside)
}

/// Seconds since 1970, and the day.
fn time(seconds: u64) -> String {
    // Days to a date: the algorithm counts years from March, so that leap days come last.
    let days = i64::try_from(seconds / 86_400).unwrap_or(i64::MAX / 4) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year_of_era + era * 400 + next;
    format!("{seconds} ({year:04}-{month:02}-{day:02})")
}

pub(super) fn extensions(name: &str, list: &Extensions) -> Field {
    let inside = list.0.iter().map(extension).collect();
    Field::list(name, inside).section("13.4")
}

fn extension(extension: &Extension) -> Field {
    let extension_type = extension.extension_type;
    let name = code_point(extension_type.0, extension_type.name());
    let data = &extension.extension_data;
    let (section, inside) = match extension_type {
        ExtensionType::APPLICATION_ID => ("5.3.3", None),
        ExtensionType::RATCHET_TREE => ("12.4.3.3", contents(data, ratchet_tree)),
        ExtensionType::REQUIRED_CAPABILITIES => ("11.1", contents(data, required)),
        ExtensionType::EXTERNAL_PUB => (
            "12.4.3.2",
            contents(data, |key: wire::ExternalPub| {
                vec![Field::bytes("external_pub", key.external_pub.as_slice())]
            }),
        ),
        ExtensionType::EXTERNAL_SENDERS => ("12.1.8.1", contents(data, senders)),
        _ => return Field::bytes(name, data),
    };
    let inside = inside.unwrap_or_else(|| vec![Field::bytes("contents", data)]);
    Field::structure(name, extension, section, inside)
}

/// The fields inside an extension, or what is wrong with them.
fn contents<T: codec::Decode>(data: &[u8], fields: impl Fn(T) -> Vec<Field>) -> Option<Vec<Field>> {
    Some(match T::from_bytes(data) {
        Ok(structure) => fields(structure),
        Err(error) => vec![Field::bytes("contents", data), Field::new("malformed", error)],
    })
}

fn required(required: wire::RequiredCapabilities) -> Vec<Field> {
    let list = |name: &str, types: Vec<String>| Field::new(name, types.join(", "));
    let wire::RequiredCapabilities { extension_types, proposal_types, credential_types } = required;
    vec![
        list(
            "extension_types",
            extension_types.iter().map(|it| code_point(it.0, it.name())).collect(),
        ),
        list(
            "proposal_types",
            proposal_types.iter().map(|it| code_point(it.0, it.name())).collect(),
        ),
        list(
            "credential_types",
            credential_types.iter().map(|it| code_point(it.0, it.name())).collect(),
        ),
    ]
}

fn senders(senders: Vec<wire::ExternalSender>) -> Vec<Field> {
    let sender = |sender: &wire::ExternalSender| {
        let inside = vec![
            Field::bytes("signature_key", sender.signature_key.as_slice()),
            credential(&sender.credential),
        ];
        Field::structure("external_sender", sender, "12.1.8.1", inside)
    };
    senders.iter().map(sender).collect()
}

/// The tree as a drawing, one line a field.
fn ratchet_tree(nodes: RatchetTreeNodes) -> Vec<Field> {
    drawing::lines(nodes).into_iter().map(|line| Field::new(line, "")).collect()
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn a_time_is_shown_with_its_day() {
        assert_eq!(time(0), "0 (1970-01-01)");
        assert_eq!(time(951_782_400), "951782400 (2000-02-29)");
        assert_eq!(time(1_800_000_000), "1800000000 (2027-01-15)");
        assert!(time(u64::MAX).starts_with("18446744073709551615 ("));
    }
}
