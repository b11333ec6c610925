//! Lists with a limit: as many elements as it says are read, and one more is refused by name.

use codec::{Decode, DecodeErrorKind, Encode, Writer};
use wire::{
    CERTIFICATES_MAX, COMMIT_PROPOSALS_MAX, Commit, Credential, EXTENSIONS_MAX,
    EXTERNAL_SENDERS_MAX, Extension, ExtensionType, Extensions, GROUP_ID_BYTES_MAX,
    GROUP_SECRETS_PSKS_MAX, GroupContext, GroupSecrets, PATH_NODES_MAX, RATCHET_TREE_LEAVES_MAX,
    UpdatePathNode, WELCOME_SECRETS_MAX, Welcome,
};

/// Bytes, a vector of so many copies of an element, and bytes.
fn list(before: &[u8], element: &[u8], count: usize, after: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.write(before);
    writer.vector(|writer| writer.write(&element.repeat(count)));
    writer.write(after);
    writer.into_bytes()
}

/// Checks that a structure takes a list of so many elements and no more.
fn holds<T: Decode>(count_max: usize, what: &'static str, bytes: impl Fn(usize) -> Vec<u8>) {
    let kind = |count| T::from_bytes(&bytes(count)).err().map(|error| error.kind);
    assert_eq!(kind(count_max), None, "{what}");
    let refused = Some(DecodeErrorKind::LimitExceeded(what));
    assert_eq!(kind(count_max + 1), refused);
}

#[test]
fn lists_that_are_larger_in_memory_than_on_the_wire_have_a_limit() {
    // A Remove of leaf 0 by value, then no path.
    let remove = [1, 0, 3, 0, 0, 0, 0];
    holds::<Commit>(COMMIT_PROPOSALS_MAX, "proposals", |count| list(&[], &remove, count, &[0]));
    // Suite 1; entries of three empty vectors; nothing encrypted.
    let bytes = |count| list(&[0, 1], &[0; 3], count, &[0]);
    holds::<Welcome>(WELCOME_SECRETS_MAX, "secrets", bytes);
    // No joiner secret, no path secret; external keys without id and nonce.
    let bytes = |count| list(&[0, 0], &[1, 0, 0], count, &[]);
    holds::<GroupSecrets>(GROUP_SECRETS_PSKS_MAX, "psks", bytes);
    let bytes = |count| list(&[], &[0xf0, 0, 0], count, &[]);
    holds::<Extensions>(EXTENSIONS_MAX, "extensions", bytes);
    let bytes = |count| list(&[0, 2], &[0], count, &[]);
    holds::<Credential>(CERTIFICATES_MAX, "certificates", bytes);
    let bytes = |count| list(&[0], &[0, 0], count, &[]);
    let what = "encrypted_path_secret";
    holds::<UpdatePathNode>(RATCHET_TREE_LEAVES_MAX, what, bytes);
}

#[test]
fn a_path_has_no_more_nodes_than_the_highest_tree_has_levels() {
    // A basic credential, capabilities without anything, an Update: the least of leaves.
    let leaf = [&[0, 0, 0, 1, 0][..], &[0; 5], &[2, 0, 0]].concat();
    let bytes = |count| {
        let path = list(&leaf, &[0, 0], count, &[]);
        [&[0, 1][..], &path].concat()
    };
    holds::<Commit>(PATH_NODES_MAX, "nodes", bytes);
}

#[test]
fn the_id_of_a_group_has_a_longest_form() {
    // Version and suite; epoch, two empty hashes, no extensions.
    let read = |length| {
        GroupContext::from_bytes(&list(&[0, 1, 0, 1], &[7], length, &[0; 11])).map(|it| it.group_id)
    };
    assert_eq!(read(GROUP_ID_BYTES_MAX).map(|group_id| group_id.len()), Ok(GROUP_ID_BYTES_MAX));
    let refused = read(GROUP_ID_BYTES_MAX + 1).unwrap_err();
    assert_eq!((refused.offset, refused.kind), (4, DecodeErrorKind::LimitExceeded("group id")));
}

#[test]
fn a_group_names_no_more_external_senders_than_the_limit() {
    let read = |count| {
        // An empty key, a basic credential.
        let data = list(&[], &[0, 0, 1, 0], count, &[]);
        let extension_type = ExtensionType::EXTERNAL_SENDERS;
        let extension = Extension { extension_type, extension_data: data.into() };
        Extensions(vec![extension]).external_senders().map(|senders| senders.unwrap().len())
    };
    assert_eq!(read(EXTERNAL_SENDERS_MAX), Ok(EXTERNAL_SENDERS_MAX));
    let refused = read(EXTERNAL_SENDERS_MAX + 1).unwrap_err();
    assert_eq!(refused.kind, DecodeErrorKind::LimitExceeded("external senders"));
    let trailing = Extension {
        extension_type: ExtensionType::EXTERNAL_SENDERS,
        extension_data: [0_u8, 0].to_bytes().into(),
    };
    let refused = Extensions(vec![trailing]).external_senders().unwrap_err();
    assert_eq!(refused.kind, DecodeErrorKind::TrailingBytes);
}
