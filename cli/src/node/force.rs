//! `quittance node force`: a node's records of an epoch on chain, so that no verifier can leave them out.

use super::args::ForceArgs;
use super::registered::Registered;
use crate::output;
use crate::settings::{folder, load, require};
use anyhow::{Context, Result, bail, ensure};
use contracts::FORCED_RECORDS_MAX;
use protocol::{B256, Epoch, NodeId, Record, Segment};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;

#[derive(Debug, Serialize)]
struct Forced {
    node: NodeId,
    epoch: Epoch,
    records: usize,
    /// One for every 512 records.
    txs: Vec<B256>,
}

pub(super) async fn force(args: ForceArgs) -> Result<()> {
    let epoch = args.epoch;
    let settings = load(args.settings, args.config.as_deref())?;
    let data_dir = folder(&require(
        &settings.data_dir,
        "data_dir",
        "the node's folder",
    )?)?;
    let Registered {
        chain, node, entry, ..
    } = Registered::find(&settings).await?;

    let path = data_dir.join(format!("segments/epoch-{epoch}.qseg"));
    let file = match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "{} is not there: the node has not sealed epoch {epoch} yet, or had no receipts in it",
            path.display()
        ),
        read => read.with_context(|| format!("{} can't be read", path.display()))?,
    };
    let segment =
        Segment::from_bytes(&file).with_context(|| format!("{} is no segment", path.display()))?;
    let found = (segment.network(), segment.epoch(), segment.node());
    ensure!(
        found == (chain.network_id(), epoch, node),
        "{} is of another network, epoch or node",
        path.display()
    );

    let window = chain.timeline().force_window(epoch);
    let now = chain.now().await?;
    ensure!(
        !window.is_empty(),
        "this network has no force window: what verifiers leave out can't be forced"
    );
    ensure!(
        now >= window.start,
        "the force window of epoch {epoch} opens in {} s: run this again then",
        window.start - now
    );
    ensure!(
        now < window.end,
        "the force window of epoch {epoch} closed {} s ago: what was left out of it is lost; force \
         the next epochs in time",
        now - window.end
    );

    let mut forced = Forced {
        node,
        epoch,
        records: 0,
        txs: Vec::new(),
    };
    // What an earlier run got in is there for good.
    let there = chain.forced_records(epoch).await?;
    let there: BTreeSet<_> = there
        .get(&entry.index)
        .into_iter()
        .flatten()
        .map(Record::to_bytes)
        .collect();
    let missing: Vec<_> = segment
        .records()
        .iter()
        .filter(|record| !there.contains(&record.to_bytes()))
        .copied()
        .collect();
    for chunk in missing.chunks(FORCED_RECORDS_MAX) {
        let sent = chain.force_commit(epoch, entry.index, chunk).await?;
        forced.records += chunk.len();
        forced.txs.push(sent.tx);
        eprintln!(
            "forced {} of {} records in {}",
            forced.records,
            missing.len(),
            sent.tx
        );
    }
    output::print(args.json, &forced)
}
