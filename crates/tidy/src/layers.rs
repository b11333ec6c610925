//! Which crate may use which: the arrows of the architecture's picture, as a table.
//!
//! A crate may use whatever it reaches along the arrows. Dev-dependencies are free: tests look at a
//! layer from any side. A crate that is not in the table is a finding, so that its place is decided
//! when it is made.

use std::collections::BTreeSet;

use crate::{Finding, Graph, Rule, is_protocol_crate};

/// The arrows. What stands beside the system (lab, trials, ...) has arrows to the top and none
/// to it.
const ARROWS: &[(&str, &[&str])] = &[
    ("codec", &[]),
    ("crypto", &["codec"]),
    ("crypto-25519", &["crypto"]),
    ("crypto-448", &["crypto"]),
    ("crypto-aws-lc", &["crypto-25519", "crypto-448"]),
    ("crypto-rustcrypto", &["crypto-25519", "crypto-448"]),
    ("wire", &["crypto"]),
    ("tree", &["wire"]),
    ("treekem", &["tree"]),
    ("protection", &["tree"]),
    ("mls", &["treekem", "protection"]),
    ("database", &[]),
    ("storage-sqlite", &["mls", "database"]),
    ("x509", &["mls"]),
    ("delivery-api", &["codec"]),
    ("authentication", &["tree", "delivery-api"]),
    ("delivery-service", &["delivery-api", "tree", "database"]),
    (
        "client",
        &[
            "mls",
            "storage-sqlite",
            "authentication",
            "x509",
            "delivery-api",
            "crypto-aws-lc",
            "crypto-rustcrypto",
        ],
    ),
    ("lab", &["mls", "crypto-aws-lc", "crypto-rustcrypto"]),
    ("interop", &["mls", "x509", "vectors", "crypto-aws-lc", "crypto-rustcrypto"]),
    ("cli", &["client", "delivery-service", "interop", "lab", "vectors"]),
    ("testkit", &["client", "delivery-service"]),
    ("fuzz-targets", &["delivery-api", "testkit", "vectors", "x509"]),
    ("vectors", &["mls", "testkit", "crypto-aws-lc", "crypto-rustcrypto"]),
    ("trials", &["client", "delivery-service", "testkit"]),
    ("load", &["trials"]),
    ("soak", &["testkit"]),
    ("bench", &["client", "delivery-service", "interop", "lab", "testkit"]),
    ("tidy", &[]),
];

/// What must stay out of reach, whatever the arrows say: the server cannot link code that names an
/// epoch secret, key agreement and message protection do not know each other.
const NEVER_REACHES: &[(&str, &[&str])] = &[
    ("delivery-api", &["crypto", "tree", "treekem", "protection", "mls"]),
    ("delivery-service", &["treekem", "protection", "mls", "client"]),
    ("protection", &["treekem"]),
    ("treekem", &["protection"]),
];

/// Packages that do input or output or bring a runtime; no protocol crate reaches them.
const OUTSIDE_WORLD: [&str; 7] =
    ["async-std", "hyper", "mio", "reqwest", "rusqlite", "smol", "tokio"];

/// Checks the direction of every dependency between crates, and what is out of reach.
pub(crate) fn check(graph: &Graph, findings: &mut Vec<Finding>) {
    for (name, package) in graph.crates() {
        let mut found = |message: String| {
            let path = format!("crates/{name}/Cargo.toml");
            findings.push(Finding::new(&path, 1, Rule::Layer, message));
        };
        let Some(allowed) = allowed(name) else {
            found(format!("`{name}` has no place in the table of layers"));
            continue;
        };
        let direct = package.dependencies.iter().map(|index| &graph.packages[*index]);
        for used in direct.filter_map(|used| used.folder.as_deref()) {
            if !allowed.contains(used) {
                found(format!("`{name}` may not use `{used}`"));
            }
        }
        for index in graph.reachable(package) {
            let reached = &graph.packages[index];
            let is_outside = OUTSIDE_WORLD.contains(&reached.name.as_str());
            if is_protocol_crate(name) && is_outside {
                found(format!("`{name}` reaches `{}`", reached.name));
            }
            if reached.folder.as_deref().is_some_and(|folder| is_out_of_reach(name, folder)) {
                found(format!("`{name}` must never reach `{}`", reached.name));
            }
        }
    }
}

/// Every crate that `name` reaches along the arrows; `None` if the table does not know it.
fn allowed(name: &str) -> Option<BTreeSet<&'static str>> {
    let arrows = |name: &str| {
        let row = ARROWS.iter().find(|(from, _)| *from == name);
        row.map(|(_, to)| *to)
    };
    let mut reached = BTreeSet::new();
    let mut waiting = arrows(name)?.to_vec();
    while let Some(next) = waiting.pop() {
        if reached.insert(next) {
            waiting.extend(arrows(next).unwrap_or_default());
        }
    }
    Some(reached)
}

fn is_out_of_reach(from: &str, to: &str) -> bool {
    NEVER_REACHES.iter().any(|(name, banned)| *name == from && banned.contains(&to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::tests::graph;

    fn messages(packages: &[(&str, &str, &[usize])]) -> Vec<String> {
        let mut findings = Vec::new();
        check(&graph(packages), &mut findings);
        findings.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_crate_uses_what_is_below_it_even_far_below() {
        let down = [("crates/codec", "", &[][..]), ("crates/crypto", "", &[0])];
        assert_eq!(messages(&down), [""; 0]);
        let far = [("crates/codec", "", &[][..]), ("crates/mls", "", &[0])];
        assert_eq!(messages(&far), [""; 0]);
    }

    #[test]
    fn a_crate_does_not_use_what_is_above_or_beside_it() {
        let up = [("crates/codec", "", &[1][..]), ("crates/crypto", "", &[])];
        assert_eq!(messages(&up), ["`codec` may not use `crypto`"]);
        let beside = [("crates/mls", "", &[1][..]), ("crates/testkit", "", &[])];
        assert_eq!(messages(&beside), ["`mls` may not use `testkit`"]);
    }

    #[test]
    fn the_delivery_service_does_not_reach_secrets_even_through_another_crate() {
        let through = [
            ("crates/delivery-service", "", &[1][..]),
            ("outside", "MIT", &[2]),
            ("crates/treekem", "", &[]),
        ];
        let expected = ["`delivery-service` must never reach `conclave-treekem`"];
        assert_eq!(messages(&through), expected);
        let tree = [("crates/delivery-service", "", &[1][..]), ("crates/tree", "", &[])];
        assert_eq!(messages(&tree), [""; 0]);
    }

    #[test]
    fn no_protocol_crate_reaches_a_runtime() {
        let runtime = [("crates/wire", "", &[1][..]), ("a", "MIT", &[2]), ("tokio", "MIT", &[])];
        assert_eq!(messages(&runtime), ["`wire` reaches `tokio`"]);
        let above = [("crates/client", "", &[1][..]), ("a", "MIT", &[2]), ("tokio", "MIT", &[])];
        assert_eq!(messages(&above), [""; 0]);
    }

    #[test]
    fn a_crate_without_a_place_is_a_finding() {
        let unknown = [("crates/newcomer", "", &[][..])];
        assert_eq!(messages(&unknown), ["`newcomer` has no place in the table of layers"]);
    }

    #[test]
    fn the_table_has_no_cycle_and_names_only_its_own_rows() {
        for (name, to) in ARROWS {
            assert!(!allowed(name).unwrap().contains(name), "{name} reaches itself");
            assert!(to.iter().all(|to| allowed(to).is_some()), "{name} uses an unknown crate");
        }
        for (name, banned) in NEVER_REACHES {
            let allowed = allowed(name).unwrap();
            assert!(banned.iter().all(|banned| !allowed.contains(banned)), "{name}");
        }
    }
}
