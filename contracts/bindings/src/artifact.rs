//! The contracts as this version compiles them, from the committed artifacts.

use std::sync::LazyLock;

use alloy::json_abi::JsonAbi;
use alloy::primitives::{B256, Bytes};
use serde::Deserialize;

/// Bytes of an immutable in runtime code: a word, whatever its type.
const WORD: usize = 32;

/// A contract as this version compiles it.
#[derive(Debug)]
pub(crate) struct Artifact {
    /// Its name in the sources.
    pub(crate) name: &'static str,
    /// Its interface.
    pub(crate) abi: JsonAbi,
    /// What deploys it, without the constructor's arguments.
    pub(crate) creation: Bytes,
    /// What then stands on the chain, but for its immutables, which are zero here.
    runtime: Bytes,
    /// Where immutables stand in the runtime code, a list of places for each.
    immutables: Vec<Vec<usize>>,
}

/// How runtime code differs from an artifact's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// It has so many bytes.
    Length {
        /// Bytes there should be.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// The first byte that is another.
    At(usize),
    /// An immutable that isn't the same at these two of its places.
    Immutable(usize, usize),
}

impl Artifact {
    /// How deployed code differs from what this contract's is, whatever its immutables; `None` if it doesn't.
    /// What the immutables are, the contract's own functions then say.
    pub(crate) fn difference(&self, code: &[u8]) -> Option<Difference> {
        let (expected, found) = (self.runtime.len(), code.len());
        if expected != found {
            return Some(Difference::Length { expected, found });
        }
        let mut masked = code.to_vec();
        for places in &self.immutables {
            let first = places[0];
            for &place in places {
                if code[place..place + WORD] != code[first..first + WORD] {
                    return Some(Difference::Immutable(first, place));
                }
                masked[place..place + WORD].fill(0);
            }
        }
        let differs = masked
            .iter()
            .zip(&self.runtime[..])
            .position(|(a, b)| a != b);
        differs.map(Difference::At)
    }

    /// How many immutables it has.
    #[cfg(test)]
    pub(crate) fn immutables(&self) -> usize {
        self.immutables.len()
    }
}

/// The contract of that name.
///
/// # Panics
/// If there is none: names are this crate's own.
pub(crate) fn artifact(name: &str) -> &'static Artifact {
    let found = ARTIFACTS.iter().find(|artifact| artifact.name == name);
    found.unwrap_or_else(|| panic!("the table of artifacts lacks {name}"))
}

/// Reads `artifacts/NAME.json` of each.
macro_rules! artifacts {
    ($($name:literal)*) => {
        [$((
            $name,
            include_str!(concat!("../../artifacts/", $name, ".json")),
        )),*]
    };
}

/// All of them.
pub(crate) static ARTIFACTS: LazyLock<Vec<Artifact>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct Code {
        object: Bytes,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct File {
        abi: JsonAbi,
        bytecode: Code,
        deployed_bytecode: Code,
        immutables: Vec<Vec<usize>>,
    }
    let files = artifacts!(
        "Ed25519" "ForcedSegments" "Inclusion" "IssuerChallenges" "MoneyChallenges" "NodeRegistry" "RecordChallenges"
        "RewardVault" "Settlement" "TestToken" "TreeChallenges"
    );
    let read = |(name, text)| {
        let file: File = serde_json::from_str(text)
            .unwrap_or_else(|error| panic!("contracts/artifacts/{name}.json: {error}"));
        Artifact {
            name,
            abi: file.abi,
            creation: file.bytecode.object,
            runtime: file.deployed_bytecode.object,
            immutables: file.immutables,
        }
    };
    files.into_iter().map(read).collect()
});

/// Keccak-256 of runtime code, as `EXTCODEHASH` has it.
pub(crate) fn code_hash(code: &[u8]) -> B256 {
    alloy::primitives::keccak256(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_committed_artifact_is_in_the_table() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../artifacts");
        let entries = std::fs::read_dir(folder).expect("the artifacts are committed");
        let mut committed: Vec<_> = entries
            .map(|entry| {
                let name = entry.expect("readable").file_name();
                name.to_string_lossy().trim_end_matches(".json").to_owned()
            })
            .collect();
        committed.sort();
        let table: Vec<_> = ARTIFACTS.iter().map(|artifact| artifact.name).collect();
        assert_eq!(committed, table);
    }

    #[test]
    fn immutables_may_be_anything_but_one_thing_only() {
        let registry = artifact("NodeRegistry");
        let mut code = registry.runtime.to_vec();
        for (value, places) in (1..).zip(&registry.immutables) {
            for &place in places {
                assert_eq!(
                    code[place..place + WORD],
                    [0; WORD],
                    "a place of an immutable"
                );
                code[place..place + WORD].fill(value);
            }
        }
        assert_eq!(registry.difference(&code), None);

        let torn = registry.immutables.iter().find(|places| places.len() > 1);
        let [first, .., last] = torn.expect("one is read twice")[..] else {
            unreachable!("more than one place")
        };
        let mut other = code.clone();
        other[last + 31] ^= 1;
        let difference = Difference::Immutable(first, last);
        assert_eq!(registry.difference(&other), Some(difference));

        let mut other = code.clone();
        other[0] ^= 1;
        assert_eq!(registry.difference(&other), Some(Difference::At(0)));
        let last = code.len() - 1;
        let mut other = code.clone();
        other[last] ^= 1;
        assert_eq!(registry.difference(&other), Some(Difference::At(last)));

        let expected = code.len();
        let found = expected - 1;
        let shorter = Some(Difference::Length { expected, found });
        assert_eq!(registry.difference(&code[..found]), shorter);
        code.push(0);
        assert!(registry.difference(&code).is_some());
        assert!(registry.difference(&[]).is_some());
        for other in ARTIFACTS.iter().filter(|other| other.name != registry.name) {
            assert!(
                registry.difference(&other.runtime).is_some(),
                "{}",
                other.name
            );
        }
    }
}
