//! Reach: how often what a world is made for was met in it. Nothing is known of what no seed reaches.

use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts of what was met, by kind and name; clones count together.
///
/// What is to be met is declared first: so a zero is seen.
#[derive(Clone, Debug, Default)]
pub struct Reach(Arc<Mutex<Met>>);

/// How often each was met, by name, by kind.
pub type Met = BTreeMap<String, BTreeMap<String, u64>>;

impl Reach {
    fn met(&self) -> MutexGuard<'_, Met> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that something is to be met.
    pub fn declare(&self, kind: &str, name: impl Into<String>) {
        self.add(kind, name.into(), 0);
    }

    /// Counts that something was met.
    pub fn note(&self, kind: &str, name: impl Into<String>) {
        self.add(kind, name.into(), 1);
    }

    fn add(&self, kind: &str, name: String, times: u64) {
        let mut met = self.met();
        let names = match met.get_mut(kind) {
            Some(names) => names,
            None => met.entry(kind.to_owned()).or_default(),
        };
        *names.entry(name).or_default() += times;
    }

    /// The counts so far.
    pub fn counts(&self) -> Met {
        self.met().clone()
    }
}

/// The counts of several worlds together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Table(Met);

impl Table {
    /// Adds those of one more.
    pub fn add(&mut self, met: &Met) {
        for (kind, names) in met {
            let known = self.0.entry(kind.clone()).or_default();
            for (name, times) in names {
                *known.entry(name.clone()).or_default() += times;
            }
        }
    }

    /// What was never met, as `kind: name`.
    pub fn zeros(&self) -> Vec<String> {
        let named = self.0.iter().flat_map(|(kind, names)| {
            let zeros = names.iter().filter(|(_, times)| **times == 0);
            zeros.map(move |(name, _)| format!("{kind}: {name}"))
        });
        named.collect()
    }

    /// As a table for people.
    pub fn shown(&self) -> String {
        let mut shown = String::new();
        for (kind, names) in &self.0 {
            shown.push_str(&format!("{kind}\n"));
            for (name, times) in names {
                shown.push_str(&format!("  {times:>6}  {name}\n"));
            }
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_declared_and_never_met_is_a_zero() {
        let reach = Reach::default();
        reach.declare("fault", "restart of a node");
        reach.declare("fault", "hang of a node");
        reach.clone().note("fault", "hang of a node");
        let mut table = Table::default();
        table.add(&reach.counts());
        assert_eq!(table.zeros(), ["fault: restart of a node"]);
        table.add(&Met::from([(
            "fault".into(),
            BTreeMap::from([("restart of a node".into(), 2)]),
        )]));
        assert!(table.zeros().is_empty());
        assert!(table.shown().contains("     2  restart of a node"));
    }
}
