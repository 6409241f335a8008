//! What holds the house: rules decide and do nothing else.

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

/// The part of a source file before its tests, without comments.
fn product(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(text.lines());
    lines
        .take_while(|(_, line)| *line != "mod tests {")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn rules_decide_and_do_nothing_else() {
    let mut rules = 0;
    for (path, text) in sources() {
        if !path.starts_with("node/src/rules/") {
            continue;
        }
        rules += 1;
        for (line, text) in product(&text) {
            for impure in IMPURE {
                assert!(!text.contains(impure), "{path}:{line} has {impure}");
            }
        }
    }
    assert!(rules >= 10, "the node's rules aren't where they were");
}
