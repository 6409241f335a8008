//! The JSON files of an epoch's evidence: auditors read them from whoever has them.

use crate::target::{Target, choice, texts};
use bundle::{Bundle, ProbeCount, RejectionLine, canonical, for_each, is_file_name};
use protocol::{Address, Network};
use serde::Serialize;
use serde::de::DeserializeOwned;

const NETWORK: Network = Network {
    chain_id: 1,
    settlement: Address::ZERO,
};

pub(super) const BUNDLE: Target = Target {
    name: "bundle",
    reads: &["Bundle::from_bytes", "bundle::is_file_name"],
    run: |bytes| {
        if let Ok(read) = Bundle::from_bytes(bytes, NETWORK, 1) {
            assert_eq!(read.to_bytes(), bytes);
            let _ = read.size();
            for file in read.files {
                assert!(is_file_name(&file.name), "{}", file.name);
                assert!(!file.name.contains(['/', '\\']), "{}", file.name);
            }
        }
    },
    vectors: &[],
    seeds: || {
        let head = format!(
            r#"{{"version":1,"epoch":1,"chain_id":1,"settlement":"{}","files":["#,
            Address::ZERO
        );
        let file = |name: &str| {
            let hash = protocol::keccak256(name);
            format!(r#"{{"name":"{name}","size":2,"blake3":"{hash}"}}"#)
        };
        let files = [
            "bills.qbil",
            "probes.json",
            "segment-0.qseg",
            "tickets-10.qlog",
        ];
        let files = files.map(file).join(",");
        texts(&[&format!("{head}]}}"), &format!("{head}{files}]}}")])
    },
};

/// What is read whole is what is read line by line, and is written as the same bytes.
fn list<T: DeserializeOwned + Serialize>(bytes: &[u8]) {
    let mut lines = 0;
    let by_line = for_each(bytes, |_: T| lines += 1);
    let whole = canonical::<T>(bytes);
    assert_eq!(by_line.is_ok(), whole.is_ok());
    if let Ok(whole) = whole {
        assert_eq!(whole.len(), lines);
        assert_eq!(serde_json::to_vec(&whole).expect("it was JSON"), bytes);
    }
}

pub(super) const LISTS: Target = Target {
    name: "lists",
    reads: &[
        "ProbeCount",
        "RejectionLine",
        "lists::canonical",
        "lists::for_each",
    ],
    run: |bytes| {
        let Some((kind, bytes)) = choice(bytes) else {
            return;
        };
        match kind % 2 {
            0 => list::<ProbeCount>(bytes),
            _ => list::<RejectionLine>(bytes),
        }
    },
    vectors: &[],
    seeds: || {
        let probes = r#"[{"index":1,"made":2,"ok":2},{"index":4,"made":20,"ok":7}]"#;
        let record = protocol::Record::from_bytes(&[1; protocol::RECORD_BYTES]);
        let line = RejectionLine {
            index: 7,
            ticket: record.id,
            code: 3,
            reason: "bad_signature".into(),
            record,
        };
        let rejections = serde_json::to_vec(&[&line, &line]).expect("numbers and strings");
        vec![
            [&[0], probes.as_bytes()].concat(),
            [&[1], rejections.as_slice()].concat(),
            b"\x01[]".to_vec(),
        ]
    },
};
