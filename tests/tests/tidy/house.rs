//! What holds the house: rules decide and do nothing else, and wings use only those below them.

use super::sources;

/// What no rule names: whoever has one of these waits, shares, reads, writes or speaks.
const IMPURE: [&str; 17] = [
    "async ",
    ".await",
    "Arc<",
    "Mutex",
    "RwLock",
    "mpsc",
    "oneshot",
    "watch::",
    "Instant",
    "SystemTime",
    "tracing::",
    "std::fs",
    "std::net",
    "tokio::",
    "quinn::",
    "contracts::",
    "transport::",
];

/// Where rules are, and how many files there are at least.
const HOUSES: [(&str, usize); 2] = [("node/src/rules/", 10), ("control/src/rules/", 5)];

/// The part of a source file before its tests, without comments.
fn product(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(text.lines());
    lines
        .take_while(|(_, line)| *line != "mod tests {")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn rules_decide_and_do_nothing_else() {
    let mut found = HOUSES.map(|(house, least)| (house, 0, least));
    for (path, text) in sources() {
        let of_house = found.iter_mut().find(|(house, ..)| path.starts_with(house));
        let Some((_, rules, _)) = of_house else {
            continue;
        };
        *rules += 1;
        for (line, text) in product(&text) {
            for impure in IMPURE {
                assert!(!text.contains(impure), "{path}:{line} has {impure}");
            }
        }
    }
    for (house, rules, least) in found {
        assert!(
            rules >= least,
            "the rules of {house} aren't where they were"
        );
    }
}

/// The wings of the control plane, in the order in which a request passes; and what all decide by.
const WINGS: [&str; 8] = [
    "http", "requests", "viewers", "nodes", "chain", "tickets", "contents", "rules",
];

#[test]
fn a_wing_of_the_control_plane_uses_only_those_below_it() {
    let mut of_wings = 0;
    for (path, text) in sources() {
        let Some((wing, file)) = path
            .strip_prefix("control/src/")
            .and_then(|path| path.split_once('/'))
        else {
            continue;
        };
        let Some(place) = WINGS.iter().position(|one| *one == wing) else {
            continue;
        };
        if file.ends_with("tests.rs") {
            continue;
        }
        of_wings += 1;
        for (line, text) in product(&text) {
            for above in &WINGS[..place] {
                let used = text.contains(&format!("crate::{above}::"));
                assert!(!used, "{path}:{line} uses {above}, which is above {wing}");
            }
            let shares = wing != "http" && text.contains("crate::core::");
            assert!(!shares, "{path}:{line} is given all that handlers are");
        }
    }
    assert!(of_wings >= 50, "the wings aren't where they were");
}
