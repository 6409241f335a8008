//! What commands that look into one epoch share: which node, where the evidence is, whether it is attested.

use ::verifier::{EvidenceSource, Server};
use anyhow::{Context, Result, bail};
use contracts::{AttestationTx, Chain, Status};
use host::Http;
use protocol::{Epoch, NodeId};
use std::path::Path;
use std::str::FromStr;

/// A node as people name it: its id or its registry index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeName {
    Id(NodeId),
    Index(u32),
}

impl FromStr for NodeName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let index = text.parse().ok().filter(|_| text.len() < 11);
        let named = index.map(Self::Index);
        named
            .or_else(|| text.parse().ok().map(Self::Id))
            .ok_or_else(|| {
                "a node is its id, 64 hexadecimal digits, or its registry index, as in 3".into()
            })
    }
}

impl NodeName {
    /// Its registry index. Any key that it ever had names it.
    pub(crate) async fn index(self, chain: &Chain) -> Result<u32> {
        match self {
            Self::Id(id) => {
                let index = chain.index_of(id.0).await?;
                index.with_context(|| format!("no node with the key {id} is registered"))
            }
            Self::Index(index) => {
                let count = chain.node_count().await?;
                if index >= count {
                    bail!("there is no node {index}: {count} are registered, counted from 0");
                }
                Ok(index)
            }
        }
    }
}

/// Where an epoch's evidence is: a verifier's URL, a folder with the bundle's files, or one with such a folder
/// for each epoch, as a verifier has it.
pub(crate) fn source(evidence: &str, epoch: Epoch) -> EvidenceSource {
    if evidence.starts_with("http://") || evidence.starts_with("https://") {
        return EvidenceSource::Verifier(Server::new(&Http::system(), evidence));
    }
    let folder = Path::new(evidence);
    let of_epoch = folder.join(epoch.to_string());
    let one_each = !folder.join(::verifier::BUNDLE_FILE).exists() && of_epoch.is_dir();
    EvidenceSource::Directory(if one_each { of_epoch } else { folder.into() })
}

/// What was attested for an epoch, and how it stands.
///
/// # Errors
/// If nothing is; the message says when it can be.
pub(crate) async fn attested(chain: &Chain, epoch: Epoch) -> Result<(AttestationTx, Status)> {
    let status = chain.status(epoch).await?;
    if let Some(attested) = chain.attestation_tx(epoch).await? {
        return Ok((attested, status));
    }
    let (timeline, now) = (chain.timeline(), chain.now().await?);
    let (end, from) = (timeline.end(epoch), timeline.attest_from(epoch));
    let next = chain.next_epoch().await?;
    let why = if now < end {
        format!("it ends in {}", span(end - now))
    } else if now < from {
        format!("it can be in {}", span(from - now))
    } else if next < epoch {
        format!("epoch {next} is to be attested before it")
    } else {
        "the verifiers have yet to".to_owned()
    };
    bail!("epoch {epoch} isn't attested: {why}")
}

/// A status as JSON and people have it.
pub(crate) fn status_name(status: Status) -> &'static str {
    match status {
        Status::None => "none",
        Status::Pending => "pending",
        Status::Active => "active",
        Status::Archived => "archived",
    }
}

/// Seconds as people say them.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_named_by_id_or_index() {
        let id = "ab".repeat(32);
        assert_eq!("7".parse(), Ok(NodeName::Index(7)));
        assert_eq!(id.parse(), Ok(NodeName::Id([0xab; 32].into())));
        assert_eq!(
            format!("0x{id}").parse(),
            Ok(NodeName::Id([0xab; 32].into()))
        );
        for wrong in ["", "-1", "4294967296", "0xab", "node 3"] {
            let error = wrong.parse::<NodeName>().unwrap_err();
            assert!(error.contains("64 hexadecimal digits"), "{wrong}: {error}");
        }
    }

    #[test]
    fn evidence_is_a_url_a_bundle_or_a_folder_of_bundles() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_str().unwrap();
        let found = |evidence: &str, epoch| match source(evidence, epoch) {
            EvidenceSource::Directory(path) => Ok(path),
            EvidenceSource::Verifier(server) => Err(server.to_string()),
        };
        let directory = |path: &Path| Ok(path.to_owned());
        let url = "https://verifier.example";
        assert_eq!(found(url, 3), Err(url.into()));
        assert_eq!(found(path, 3), directory(dir.path()));
        std::fs::create_dir(dir.path().join("3")).unwrap();
        assert_eq!(found(path, 3), directory(&dir.path().join("3")));
        assert_eq!(found(path, 4), directory(dir.path()));
        std::fs::write(dir.path().join("bundle.json"), "{}").unwrap();
        assert_eq!(found(path, 3), directory(dir.path()));
    }
}
