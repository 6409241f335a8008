//! What was measured, for people and for programs.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value, json};

/// Figures in the order they were measured.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    key: &'static str,
    what: &'static str,
    gas: u64,
    /// At most so much.
    target: Option<u64>,
}

impl Table {
    pub(crate) fn put(
        &mut self,
        key: &'static str,
        what: &'static str,
        gas: u64,
        target: impl Into<Option<u64>>,
    ) {
        let target = target.into();
        self.rows.push(Row {
            key,
            what,
            gas,
            target,
        });
    }

    #[allow(clippy::print_stdout, reason = "it is what the program is for")]
    pub(crate) fn print(&self) {
        println!("{:<28} {:>9} {:>9}", "gas of", "used", "target");
        for Row {
            key,
            what,
            gas,
            target,
        } in &self.rows
        {
            let (shown, mark) = match target {
                Some(target) if gas > target => (target.to_string(), "MISSED"),
                Some(target) => (target.to_string(), "ok"),
                None => ("-".to_owned(), ""),
            };
            println!("{key:<28} {gas:>9} {shown:>9} {mark:<6} {what}");
        }
    }

    /// Every figure under its key, and the targets under `targets`.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let figures = self.rows.iter().map(|row| (row.key.into(), json!(row.gas)));
        let mut object: Map<String, Value> = figures.collect();
        let targets = self
            .rows
            .iter()
            .filter_map(|row| row.target.map(|target| (row.key.to_owned(), json!(target))));
        object.insert("targets".into(), Value::Object(targets.collect()));
        if let Some(dir) = file.parent() {
            fs::create_dir_all(dir)?;
        }
        Ok(fs::write(file, serde_json::to_string_pretty(&object)?)?)
    }
}
