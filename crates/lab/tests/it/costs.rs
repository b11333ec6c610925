//! CGKA-4 and CGKA-5: what is measured is what the closed forms say.

use lab::measure::{Recipients, bytes, paper_row, path_levels, setup_bytes, update_ops};
use lab::{PROTOCOLS, protocol};

/// The mean number of updated nodes that a recipient shares with the sender, in a full tree.
fn shared_mean(levels: u32) -> f64 {
    let size = 2_f64.powi(i32::try_from(levels).unwrap());
    (2.0 * size - f64::from(levels) - 2.0) / (size - 1.0)
}

#[test]
fn paths_are_as_long_as_their_closed_forms() {
    for protocol in PROTOCOLS {
        for size in (1..=9).chain([16, 31, 64, 100, 256, 1024]) {
            let bytes = bytes(*protocol, size).unwrap();
            if let Some(expected) = bytes.expected_path {
                assert_eq!(bytes.path, expected, "{} at {size}", protocol.name());
            }
        }
    }
}

#[test]
fn a_recipient_in_rfc_9420_opens_one_ciphertext_and_derives_the_shared_nodes() {
    let rfc = protocol("rfc9420").unwrap();
    for size in [8, 32, 128] {
        let levels = path_levels(0, size);
        let ops = update_ops(rfc, (size, 0), Recipients::All, 1).unwrap();
        assert_eq!(u32::try_from(ops.recipients.len()).unwrap(), size - 1);
        let open = ops.spread(|ops| ops.open);
        assert_eq!(open.histogram.into_keys().collect::<Vec<_>>(), [1]);
        let dh = ops.spread(|ops| ops.dh);
        assert_eq!(dh.histogram.into_keys().collect::<Vec<_>>(), [1]);
        let base = ops.spread(|ops| ops.base);
        assert!((base.mean - shared_mean(levels)).abs() < 1e-9, "{size}: {}", base.mean);
        assert_eq!(base.max, u64::from(levels));
        // A key for each level and the leaf, an ephemeral one and a seal for each level.
        let expected = [2 * levels + 1, levels, levels].map(u64::from);
        assert_eq!([ops.sender.base, ops.sender.dh, ops.sender.seal], expected);
        assert_eq!(ops.sender.sign, 2);
    }
}

#[test]
fn a_recipient_in_a_flat_group_opens_one_ciphertext_and_its_sender_seals_to_all() {
    for (name, base) in [("mkem", 2), ("mkem-hpke", 21)] {
        let ops = update_ops(protocol(name).unwrap(), (21, 7), Recipients::All, 1).unwrap();
        assert_eq!((ops.sender.dh, ops.sender.seal, ops.sender.base), (20, 20, base));
        for recipient in ops.recipients {
            assert_eq!((recipient.dh, recipient.open, recipient.base), (1, 1, 0));
        }
    }
}

#[test]
fn a_sample_of_recipients_is_as_large_as_asked() {
    let rfc = protocol("rfc9420").unwrap();
    let ops = update_ops(rfc, (40, 3), Recipients::Sample(5), 1).unwrap();
    assert_eq!(ops.recipients.len(), 5);
    let ops = update_ops(rfc, (4, 3), Recipients::Sample(50), 1).unwrap();
    assert_eq!(ops.recipients.len(), 3);
}

#[test]
fn the_papers_benchmark_sends_what_its_closed_forms_say() {
    // Each message is compared with its closed form on the way.
    for size in [2, 3, 6, 15, 34] {
        for name in ["art-prototype", "treekem-draft01", "rfc9420", "mkem", "pairwise"] {
            let row = paper_row(name, size, 12).unwrap();
            assert_eq!(row.participants, size);
            let factor = if name == "pairwise" { 1 } else { u64::from(size - 1) };
            assert_eq!(row.bytes_received, factor * row.bytes_sent, "{name}");
            let setup = setup_bytes(name, size).map(|bytes| u64::try_from(bytes).unwrap());
            assert_eq!(row.init_setup_bytes, setup.unwrap_or(0), "{name}");
        }
        let pairwise = paper_row("pairwise", size, 12).unwrap();
        assert_eq!(pairwise.bytes_sent, 12 * 99 * u64::from(size - 1));
    }
}
