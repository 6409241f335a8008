//! Shrinks a seed that fails, or that meets something, to a short story, and tells it.

use crate::jobs::{Job, Told};
use anyhow::{Context, Result, ensure};
use quittance_sim::Story;
use quittance_sim::story::{Held, Named, is_met, shrink};
use std::fs;
use std::path::{Path, PathBuf};

/// Where stories are that are tried, and the one that is left.
const FOLDER: &str = "target/bench";

/// After the name of an invariant, where it is broken.
const BROKEN: &str = "\" is broken";

/// How a story has to end to be the same.
enum End {
    /// It fails so: its failure without numbers, up to what differs from world to world.
    Fails(String),
    /// It meets this, `kind: name` of reach.
    Meets(String),
}

impl End {
    fn is_of(&self, told: &Told) -> bool {
        match self {
            Self::Fails(how) => told.failure.as_deref().map(in_general).as_ref() == Some(how),
            Self::Meets(what) => is_met(&told.reach, what),
        }
    }
}

/// A failure without what differs where there are fewer of everything: the invariant that is broken, if it is that.
fn in_general(failure: &str) -> String {
    if let Some((before, _)) = failure.split_once(BROKEN) {
        return before.rsplit('"').next().unwrap_or_default().to_owned();
    }
    let head = failure.split([':', '[']).next().unwrap_or_default();
    let head = head
        .chars()
        .map(|one| if one.is_ascii_digit() { '0' } else { one });
    let mut general: String = head.collect();
    while general.contains("00") {
        general = general.replace("00", "0");
    }
    general
}

/// Shrinks a job's story to what its failure needs; or, if `met` names something of reach, to what that needs.
pub(crate) fn shrunk(job: &Job, met: Option<&str>) -> Result<()> {
    let (name, story) = (job.name(), job.story()?);
    fs::create_dir_all(FOLDER)?;
    let trial = Path::new(FOLDER).join("story-tried.json");
    let mut tried = 0;
    let mut tell = |story: &Story| {
        tried += 1;
        write(&trial, story, String::new(), met)?;
        Job::Trial(trial.clone()).in_process(None)
    };
    print!("{story}");
    let told = tell(&story)?;
    let end = match (met, &told.failure) {
        (Some(what), _) => End::Meets(what.to_owned()),
        (None, Some(failure)) => End::Fails(in_general(failure)),
        (None, None) => anyhow::bail!("{name} goes as it should"),
    };
    println!("{}\n", outcome(&end, &told));
    ensure!(end.is_of(&told), "{name} doesn't meet that");
    let shortest = shrink(&story, |shorter| {
        let held = end.is_of(&tell(shorter)?);
        let is = if held { "the same" } else { "otherwise" };
        let plan = &shorter.plan;
        eprintln!(
            "{} faults, {} viewers, {} nodes, {} verifiers, {} gateways, {} epochs: {is}",
            plan.faults, plan.viewers, plan.nodes, plan.verifiers, plan.gateways, plan.epochs
        );
        Ok(if held { Held::Same } else { Held::Otherwise })
    })?;
    let [told, again] = [tell(&shortest)?, tell(&shortest)?];
    ensure!(
        told.trace == again.trace,
        "it goes another way in another process"
    );
    let kept = Path::new(FOLDER).join(format!("story-{}.json", name.replace(' ', "-")));
    let found = outcome(&end, &told);
    write(&kept, &shortest, found.clone(), met)?;
    fs::remove_file(trial)?;
    println!("\nAfter {tried} tries, and the same in another process:\n\n{shortest}{found}\n");
    println!(
        "{} has it; in sim/stories it is told in each run.",
        kept.display()
    );
    Ok(())
}

/// Tells a job's story in words, and how it ends; what it found, if that was kept with it.
pub(crate) fn looked_at(job: &Job) -> Result<()> {
    print!("{}", job.story()?);
    if let Job::Story(path) = job {
        println!("It found: {}", Named::read(path)?.found);
    }
    ended(job)
}

fn ended(job: &Job) -> Result<()> {
    let told = job.in_process(None)?;
    ensure!(
        told.failure.is_none(),
        "{}",
        told.failure.unwrap_or_default()
    );
    println!("It goes as it should; its trace is {}.", told.trace);
    Ok(())
}

fn outcome(end: &End, told: &Told) -> String {
    match end {
        End::Fails(_) => told.failure.clone().unwrap_or_default(),
        End::Meets(what) => format!("It meets \"{what}\"."),
    }
}

fn write(path: &PathBuf, story: &Story, found: String, met: Option<&str>) -> Result<()> {
    let named = Named {
        name: String::new(),
        found,
        fails: None,
        meets: met.map(str::to_owned).into_iter().collect(),
        story: story.clone(),
    };
    let text = serde_json::to_string_pretty(&named)?;
    fs::write(path, text + "\n").with_context(|| path.display().to_string())
}
