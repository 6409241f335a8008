//! A lie, and how one is planted: what is honest, with one change.

use crate::{Book, Scene};
use anyhow::{Context, Result};
use contracts::challenge::Kind;
use contracts::{B256, Statement};
use protocol::Record;
use verifier::Evidence;

/// Payer and node of a charge, by their indexes.
pub(super) type Place = (u32, u32);

/// The first payer's charge for the first node, which several lies are about.
pub(super) const FIRST: Place = (0, 0);

/// Its charge for the second.
pub(super) const SECOND: Place = (0, 1);

/// The second payer's for that node, in which its deposit runs out.
pub(super) const SPENT: Place = (1, 1);

/// What is attested: evidence, and a vote that needn't be what follows from it.
#[derive(Debug)]
pub struct Planted {
    /// The evidence.
    pub evidence: Evidence,
    /// Number of leaves that are stated instead of those of the nodes, bills and charges trees.
    pub(super) counts: [Option<u32>; 3],
    /// What is added to the honest total.
    pub(super) total_more: u128,
    /// Top of the charges tree, if it isn't what its leaves give.
    pub(super) charges_top: Option<B256>,
}

impl Planted {
    pub(super) fn of(evidence: Evidence) -> Self {
        Self {
            evidence,
            counts: [None; 3],
            total_more: 0,
            charges_top: None,
        }
    }

    /// The vote, whose evidence has that hash.
    ///
    /// # Errors
    /// If the trees have no roots.
    pub fn statement(&self, evidence: B256) -> Result<Statement> {
        let statement = protocol::Statement {
            epoch: self.evidence.epoch(),
            trees: self.evidence.trees.roots()?,
            evidence,
        };
        let mut statement = Statement::from(&statement);
        let [nodes, payers, charges] = self.counts;
        statement.nodes = nodes.unwrap_or(statement.nodes);
        statement.payers = payers.unwrap_or(statement.payers);
        statement.charges = charges.unwrap_or(statement.charges);
        statement.total += self.total_more;
        statement.charges_top = self.charges_top.unwrap_or(statement.charges_top);
        Ok(statement)
    }
}

/// A lie.
#[derive(Debug)]
pub struct Plant {
    /// What shows it.
    pub kind: Kind,
    /// What the liar does, in a line.
    pub says: &'static str,
    /// What else is to be found, since it follows from the lie; in alphabetical order.
    pub besides: &'static [&'static str],
    pub(super) plant: fn(&Scene) -> Result<Planted>,
}

impl Plant {
    pub(super) const fn new(
        kind: Kind,
        says: &'static str,
        plant: fn(&Scene) -> Result<Planted>,
    ) -> Self {
        Self {
            kind,
            says,
            besides: &[],
            plant,
        }
    }

    pub(super) const fn besides(self, besides: &'static [&'static str]) -> Self {
        Self { besides, ..self }
    }

    /// Tells it of a scene.
    ///
    /// # Errors
    /// If the scene isn't one that it can be told of.
    pub fn plant(&self, scene: &Scene) -> Result<Planted> {
        (self.plant)(scene).with_context(|| format!("{} can't be planted here", self.kind))
    }
}

/// What is honest, as evidence of which something else is attested.
pub(super) fn honest(scene: &Scene) -> Planted {
    Planted::of(scene.evidence.clone())
}

/// Honest books but for one change.
pub(super) fn booked(
    scene: &Scene,
    change: impl FnOnce(&mut Book) -> Result<()>,
) -> Result<Planted> {
    let mut book = Book::honest(scene)?;
    change(&mut book)?;
    Ok(Planted::of(book.kept(scene)?))
}

/// Honest evidence but for one change.
pub(super) fn altered(
    scene: &Scene,
    change: impl FnOnce(&mut Evidence) -> Option<()>,
) -> Result<Planted> {
    let mut planted = honest(scene);
    change(&mut planted.evidence).context("the honest trees have too few leaves or amounts")?;
    Ok(planted)
}

/// A record in place of the one of its ticket, or put where it belongs.
pub(super) fn with_record(scene: &Scene, place: Place, record: Record) -> Result<Planted> {
    booked(scene, |book| {
        let records = &mut book.part(place)?.records;
        records.retain(|other| other.id != record.id);
        records.push(record);
        records.sort_by_key(|record| record.id);
        Ok(())
    })
}
