//! What holds the seams: who hands in the machine, who speaks with the chain, who sets up TLS and QUIC, and that the
//! refusals of contracts which are matched by name are refusals that the contracts have.

use crate::{root, sources};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

/// Sources of the product: tests and examples may do as they like, and speak with what they test.
fn product() -> Vec<(String, String)> {
    let is_product = |path: &str| {
        path.ends_with(".rs")
            && path.contains("src/")
            && !path.starts_with("tests/")
            && !path.starts_with("fuzz/")
            && !path.contains("/tests/")
            && !path.contains("/examples/")
    };
    let mut all = sources();
    let tests = for_tests(&all);
    all.retain(|(path, _)| {
        let is_test = tests.iter().any(|test| {
            let rest = path.strip_prefix(test.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        });
        is_product(path) && !is_test
    });
    for (_, text) in &mut all {
        let declared = text.match_indices("\n#[cfg(test)]\n");
        let begins = declared.map(|(at, mark)| (at, at + mark.len()));
        let begins = begins.into_iter().find(|(_, after)| {
            let line = text[*after..].lines().next();
            line.is_some_and(|line| line.ends_with("mod tests {"))
        });
        if let Some((begins, _)) = begins {
            text.truncate(begins + 1);
        }
    }
    all
}

/// Modules that are compiled for tests alone: the paths of their files or folders, without `.rs`.
fn for_tests(sources: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources {
        let (folder, file) = path.rsplit_once('/').unwrap_or_default();
        let own = match file {
            "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
            other => format!("{folder}/{}", other.trim_end_matches(".rs")),
        };
        for after in text.split("#[cfg(test)]\n").skip(1) {
            let mut lines = after.lines().map(str::trim);
            let mut line = lines.next().unwrap_or_default();
            let given = line.strip_prefix("#[path = \"");
            let given = given.and_then(|path| path.strip_suffix(".rs\"]"));
            if given.is_some() {
                line = lines.next().unwrap_or_default();
            }
            let Some((_, name)) = line
                .strip_suffix(';')
                .and_then(|line| line.split_once("mod "))
            else {
                continue;
            };
            found.push(match given {
                Some(given) => format!("{folder}/{given}"),
                None => format!("{own}/{name}"),
            });
        }
    }
    assert!(found.len() > 20, "only {} are found", found.len());
    found
}

/// Holds that none of `marks` stands in a source outside `places`, and that each place has one.
fn only(places: &[&str], marks: &[&str]) {
    let mut found = BTreeSet::new();
    for (path, text) in product() {
        for (number, line) in (1..).zip(text.lines()) {
            let Some(mark) = marks.iter().find(|mark| line.contains(**mark)) else {
                continue;
            };
            let place = places.iter().find(|place| path.starts_with(**place));
            assert!(place.is_some(), "{path}:{number} has {mark}");
            found.extend(place);
        }
    }
    assert_eq!(found, places.iter().collect(), "places that have any");
}

#[test]
fn only_the_bindings_speak_with_the_chain() {
    only(
        // The testnet's sends what only a chain of its own takes; the simulation's is the other side.
        &[
            "contracts/bindings/src/",
            "sim/src/world/",
            "testnet/src/network/anvil.rs",
        ],
        &[
            "alloy::providers",
            "alloy::transports",
            "alloy::rpc",
            "ProviderBuilder",
            "RootProvider",
            "DynProvider",
            "impl Provider",
            "\"jsonrpc\"",
            "\"eth_",
            "\"anvil_",
            "\"evm_",
        ],
    );
    let users = super::dependencies(false);
    let users = users.iter().filter(|(_, used)| used.contains("alloy"));
    let users: Vec<_> = users.map(|(name, _)| name.as_str()).collect();
    assert_eq!(users, ["quittance-contracts", "quittance-sim"]);
}

#[test]
fn only_transport_sets_up_tls_and_quic() {
    only(
        &["transport/src/"],
        &[
            "ClientConfig::builder",
            "ServerConfig::builder",
            "QuicClientConfig",
            "QuicServerConfig",
            "TransportConfig::default",
            "EndpointConfig::default",
            "Endpoint::new",
            "Endpoint::client(",
            "Endpoint::server(",
            "rustls::client::",
            "rustls::server::",
        ],
    );
}

#[test]
fn only_who_starts_a_process_takes_the_machines_own() {
    only(
        &[
            "host/src/",
            // Processes, and the network of them.
            "cli/src/",
            "testnet/src/",
        ],
        &[
            "Host::system",
            "Clock::system",
            "Random::system",
            "Sockets::system",
            "Http::system",
            "Disk::system",
        ],
    );
}

#[test]
fn only_disk_writes_what_is_to_last() {
    only(
        &[
            "disk/src/",
            // What its user has as a file, and what is made anew with each run.
            "cli/src/",
            "testnet/",
            "sim/src/",
            "verifier/src/http.rs",
            "xtask/src/",
        ],
        &[
            "fs::write(",
            "fs::remove_file(",
            "fs::remove_dir",
            "fs::create_dir",
            "fs::copy(",
            "fs::hard_link(",
            "fs::set_permissions(",
            "File::create",
            "File::options(",
            "OpenOptions::",
        ],
    );
}

/// Files that match a contract's refusals by name, and between which lines they do.
const MATCHING: [(&str, &str, &str); 4] = [
    (
        "cli/src/contracts_admin/refused.rs",
        "revert.name.as_str()",
        "_ => return None",
    ),
    ("cli/src/audit/sending.rs", "const FALLEN", "];"),
    (
        "control/src/chain/commit.rs",
        "revert.name.as_str()",
        "_ => ",
    ),
    ("verifier/src/service.rs", "revert.name.as_str()", "_ => "),
];

/// What stands in quotes and looks like the name of a Solidity error.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('"').skip(1).step_by(2);
    quoted.filter(|text| {
        text.starts_with(|first: char| first.is_ascii_uppercase())
            && text.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

#[test]
fn the_refusals_that_are_matched_are_the_contracts() {
    let mut known = BTreeSet::new();
    let folder = root().join("contracts/artifacts");
    for file in fs::read_dir(folder).expect("the artifacts") {
        let text = fs::read_to_string(file.expect("readable").path()).expect("an artifact");
        let artifact: Value = serde_json::from_str(&text).expect("JSON");
        for entry in artifact["abi"].as_array().expect("an ABI") {
            if entry["type"] == "error" {
                known.extend(entry["name"].as_str().map(str::to_owned));
            }
        }
    }
    let mut matched = BTreeSet::new();
    for (path, begins, ends) in MATCHING {
        let text = fs::read_to_string(root().join(path)).expect("a source");
        let (_, after) = text
            .split_once(begins)
            .unwrap_or_else(|| panic!("{path} has no {begins}"));
        let inside = after.split_once(ends).map(|(inside, _)| inside);
        let inside = inside.unwrap_or_else(|| panic!("{path} has no {ends}"));
        let before = matched.len();
        for name in names(inside) {
            assert!(known.contains(name), "{path}: no contract has {name}");
            matched.insert(name.to_owned());
        }
        assert!(matched.len() > before, "{path} matches nothing");
    }
    // And those that the bindings take for an answer.
    let mut answers = 0;
    for (path, text) in product() {
        for call in text.split("none_if(").skip(1) {
            let inside = call.split(']').next().unwrap_or_default();
            for name in names(inside) {
                assert!(known.contains(name), "{path}: no contract has {name}");
                answers += 1;
            }
        }
    }
    assert!(answers >= 4, "only {answers} are found");
    assert!(matched.len() > 25, "not all are found: {matched:?}");
}

/// Who counts in the world: the checks, who forges a tree to lie with it, and an operator who claims as operators do. Whoever
/// else counted would be believed by the checks that are there to doubt it.
const COUNTS: [&str; 6] = [
    "sim/src/checks",
    "sim/src/players/forces_garbage.rs",
    "sim/src/players/invents_",
    "sim/src/players/lying_verifier.rs",
    "sim/src/players/rpc_leaves_out.rs",
    "sim/src/world/operator.rs",
];

#[test]
fn in_the_world_only_who_checks_forges_or_claims_counts_trees_receipts_and_money() {
    let marks = [
        "prover::",
        "EpochTree",
        "TicketLog",
        "Segment",
        "Mass",
        "judge(",
        "audit_epoch",
        "VerifiedRecord",
        "protocol::charge",
        "protocol::reward",
    ];
    let mut found = BTreeSet::new();
    for (path, text) in product() {
        if !path.starts_with("sim/src/") {
            continue;
        }
        for (number, line) in (1..).zip(text.lines()) {
            let Some(mark) = marks.iter().find(|mark| line.contains(**mark)) else {
                continue;
            };
            let place = COUNTS.iter().find(|place| path.starts_with(**place));
            assert!(place.is_some(), "{path}:{number} has {mark}");
            found.extend(place);
        }
    }
    assert_eq!(found, COUNTS.iter().collect(), "places that count");
}
