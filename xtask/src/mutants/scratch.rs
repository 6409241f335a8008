//! A copy of the checkout in which mutants are built: what a developer works on stays as it is.

use super::drawn::Mutant;
use crate::run::{cargo_command, root};
use anyhow::{Context, Result, ensure};
use std::fs::{self, File, FileTimes};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the copy is made of, and how it is known again.
pub(crate) struct Scratch {
    folder: PathBuf,
    key: String,
}

impl Scratch {
    /// Makes it as the checkout is now; what an earlier run built there is used again.
    ///
    /// # Errors
    /// If files can't be listed, read or written.
    pub(crate) fn prepare() -> Result<Self> {
        let scratch = |key| Self {
            folder: root().join("target/mutants"),
            key,
        };
        let mut hasher = DefaultHasher::new();
        let here = scratch(String::new());
        let sources = sources()?;
        for name in &sources {
            let (from, to) = (root().join(name), here.tree().join(name));
            let bytes = fs::read(&from).with_context(|| name.clone())?;
            if matters(name) {
                (name, &bytes).hash(&mut hasher);
            }
            if fs::read(&to).ok().as_ref() != Some(&bytes) {
                copy(&from, &to)?;
            }
        }
        here.forget_all_but(&sources)?;
        here.take_dependencies()?;
        Ok(scratch(format!("{:016x}", hasher.finish())))
    }

    /// Names what is judged: another after a change of anything that the world is built from.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The world's program, as it was built last.
    pub(crate) fn program(&self) -> PathBuf {
        self.target().join("debug/examples/network")
    }

    /// Builds it as the sources are now; gives what the compiler says if it can't be.
    ///
    /// # Errors
    /// If cargo can't be run.
    pub(crate) fn build(&self) -> Result<Option<String>> {
        let mut cargo = cargo_command();
        // The same selection as for all other tests: another means other features, and other dependencies.
        cargo.args(["build", "--quiet", "--workspace", "--example", "network"]);
        cargo.current_dir(self.tree());
        cargo.env("CARGO_TARGET_DIR", self.target());
        // One crate is changed each time.
        cargo.env("CARGO_INCREMENTAL", "1");
        let built = cargo.output().context("cannot run cargo")?;
        let said = String::from_utf8_lossy(&built.stderr);
        let error = said.lines().find(|line| line.starts_with("error"));
        Ok((!built.status.success()).then(|| error.unwrap_or("it isn't built").to_owned()))
    }

    /// Puts a mutant into the sources.
    ///
    /// # Errors
    /// If it doesn't fit them.
    pub(crate) fn apply(&self, mutant: &Mutant) -> Result<()> {
        self.patch(mutant, &[])
    }

    /// Takes it out again. Its file is written anew, so that cargo sees that it isn't what was built.
    ///
    /// # Errors
    /// If it isn't in them.
    pub(crate) fn take_back(&self, mutant: &Mutant) -> Result<()> {
        self.patch(mutant, &["--reverse"])
    }

    fn patch(&self, mutant: &Mutant, how: &[&str]) -> Result<()> {
        let mut git = Command::new("git");
        git.args(["apply", "--whitespace=nowarn"]).args(how);
        git.current_dir(self.tree()).stdin(Stdio::piped());
        // The copy lies in the checkout, whose index has nothing to do with it.
        git.env("GIT_CEILING_DIRECTORIES", &self.folder);
        let mut running = git.spawn().context("cannot run git")?;
        let mut patch = running.stdin.take().expect("it is piped");
        patch.write_all(mutant.patch.as_bytes())?;
        drop(patch);
        ensure!(
            running.wait()?.success(),
            "it doesn't apply: {}",
            mutant.name
        );
        Ok(())
    }

    /// Removes all of it.
    ///
    /// # Errors
    /// If it can't be.
    pub(crate) fn remove(self) -> Result<()> {
        Ok(fs::remove_dir_all(&self.folder)?)
    }

    fn tree(&self) -> PathBuf {
        self.folder.join("tree")
    }

    fn target(&self) -> PathBuf {
        self.folder.join("target")
    }

    /// Removes what an earlier run copied and isn't in the checkout any more.
    fn forget_all_but(&self, sources: &[String]) -> Result<()> {
        let tree = self.tree();
        let mut folders = vec![tree.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                let name = path.strip_prefix(&tree)?.to_string_lossy().into_owned();
                match path.is_dir() {
                    true => folders.push(path),
                    false if sources.binary_search(&name).is_err() => fs::remove_file(path)?,
                    false => {}
                }
            }
        }
        Ok(())
    }

    /// Takes over what was built of other people's crates, which nobody changes: to build it again takes minutes. What
    /// cargo writes in place is copied, all else linked.
    fn take_dependencies(&self) -> Result<()> {
        let (from, to) = (root().join("target/debug"), self.target().join("debug"));
        if to.exists() || !from.exists() {
            return Ok(());
        }
        for entry in fs::read_dir(from.join("deps"))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let ours = name.contains("quittance");
            let library = ["rlib", "rmeta", "so"]
                .iter()
                .any(|ending| path.extension().is_some_and(|found| found == *ending));
            let to = to.join("deps").join(&*name);
            match (ours, library) {
                (false, true) => link(&path, &to)?,
                (false, false) if path.extension().is_some_and(|found| found == "d") => {
                    copy(&path, &to)?
                }
                _ => {}
            }
        }
        for folder in ["build", ".fingerprint"] {
            for entry in fs::read_dir(from.join(folder))? {
                let entry = entry?;
                if !entry.file_name().to_string_lossy().contains("quittance") {
                    copy_all(&entry.path(), &to.join(folder).join(entry.file_name()))?;
                }
            }
        }
        Ok(())
    }
}

/// All files of the checkout that git knows or would take.
pub(super) fn sources() -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let listed = git.current_dir(root()).output().context("cannot run git")?;
    ensure!(listed.status.success(), "git lists no files");
    let names = String::from_utf8(listed.stdout)?;
    let mut names: Vec<_> = names.split_terminator('\0').map(str::to_owned).collect();
    names.retain(|name| root().join(name).is_file());
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Whether the world is built from it.
fn matters(name: &str) -> bool {
    const NOT: [&str; 6] = ["xtask/", "tests/", "fuzz/", "docs/", "sim/mutants/", "cli/"];
    let ending = Path::new(name).extension().unwrap_or_default();
    let built = ["rs", "toml", "lock", "json"]
        .iter()
        .any(|known| ending == *known);
    built && !name.contains("/tests/") && !NOT.iter().any(|start| name.starts_with(start))
}

/// Copies a file, as old as it is: what was built from it is no older.
fn copy(from: &Path, to: &Path) -> Result<()> {
    make_room(to)?;
    fs::copy(from, to).with_context(|| from.display().to_string())?;
    let modified = fs::metadata(from)?.modified()?;
    File::options()
        .write(true)
        .open(to)?
        .set_times(FileTimes::new().set_modified(modified))?;
    Ok(())
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        return copy(from, to);
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn link(from: &Path, to: &Path) -> Result<()> {
    make_room(to)?;
    Ok(fs::hard_link(from, to)?)
}

fn make_room(to: &Path) -> Result<()> {
    fs::create_dir_all(to.parent().context("it has no folder")?)?;
    Ok(())
}
