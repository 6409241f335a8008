//! Python with the packages that the independent auditor needs, in a folder of their own below `target`.

use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

/// Where the auditor is, and its `requirements.txt`.
const AUDITOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/independent");
/// Where its packages are installed.
const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/python");
/// In [`PACKAGES`] when all of them are there; has what was asked for, and by which Python.
const STAMP: &str = "installed";
/// Oldest Python that the auditor runs on: 3.10.
const VERSION: &str = "import sys; print(sys.version); sys.exit(sys.version_info < (3, 10))";
/// What to do where Python is missing or can't install packages.
const ADVICE: &str = "install Python 3.10 or newer with venv or pip (Debian: apt-get install python3-venv) and run this again";

/// One installs, the others wait.
static INSTALLING: Mutex<()> = Mutex::new(());

/// Python, ready for the auditor.
#[derive(Debug, Clone)]
pub struct Python {
    program: PathBuf,
    /// Where the packages are if the program doesn't find them by itself.
    path: Option<PathBuf>,
}

impl Python {
    /// Finds Python and the packages, or installs the packages and says so on stderr. Blocking.
    ///
    /// # Errors
    /// If there is no Python, or nothing to install packages with, or the installation fails.
    pub fn ensure() -> Result<Self> {
        let _turn = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
        let (system, version) = system()?;
        let wanted = Path::new(AUDITOR).join("requirements.txt");
        let requirements = fs::read_to_string(&wanted)
            .with_context(|| format!("cannot read {}", wanted.display()))?;
        let packages = Path::new(PACKAGES);
        let stamp = packages.join(STAMP);
        let installed = format!("{version}\n{requirements}");
        if fs::read_to_string(&stamp).is_ok_and(|found| found == installed) {
            return Ok(Self::at(system));
        }
        eprintln!(
            "installing the Python packages of the independent auditor into {}",
            packages.display()
        );
        if packages.exists() {
            fs::remove_dir_all(packages)
                .with_context(|| format!("cannot clear {}", packages.display()))?;
        }
        fs::create_dir_all(packages)
            .with_context(|| format!("cannot create {}", packages.display()))?;
        install(&system, &wanted)?;
        fs::write(&stamp, installed)
            .with_context(|| format!("cannot write {}", stamp.display()))?;
        Ok(Self::at(system))
    }

    /// As it was installed: the environment's Python, or the system's with a folder of packages.
    fn at(system: PathBuf) -> Self {
        let own = environment();
        if own.is_file() {
            Self {
                program: own,
                path: None,
            }
        } else {
            Self {
                program: system,
                path: Some(folder()),
            }
        }
    }

    /// Python, about to be run in the auditor's folder: arguments are to be added.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(AUDITOR).stdin(Stdio::null());
        // No caches beside the sources, and what is printed comes as UTF-8 everywhere.
        command
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONUTF8", "1");
        match &self.path {
            Some(path) => command.env("PYTHONPATH", path),
            None => command.env_remove("PYTHONPATH"),
        };
        command
    }
}

/// The environment's Python, if it was made.
fn environment() -> PathBuf {
    Path::new(PACKAGES).join("venv/bin/python")
}

/// The packages, where no environment could be made.
fn folder() -> PathBuf {
    Path::new(PACKAGES).join("packages")
}

/// The system's Python, and its version.
fn system() -> Result<(PathBuf, String)> {
    let mut found = None;
    for name in ["python3", "python"] {
        let Ok(out) = run(Command::new(name).args(["-c", VERSION])) else {
            continue;
        };
        let version = String::from_utf8_lossy(&out.stdout).trim().to_owned();
        if out.status.success() {
            return Ok((name.into(), version));
        }
        found.get_or_insert(version);
    }
    match found {
        None => bail!("the independent auditor needs Python, and there is none: {ADVICE}"),
        Some(version) => bail!("the independent auditor can't run on Python {version}: {ADVICE}"),
    }
}

/// Installs what is wanted into an environment; where none can be made (Debian has that apart), into a folder.
fn install(system: &Path, wanted: &Path) -> Result<()> {
    let venv = Path::new(PACKAGES).join("venv");
    let made = run(Command::new(system).args(["-m", "venv"]).arg(&venv))?;
    let mut pip = if made.status.success() {
        Command::new(environment())
    } else {
        // What is left of it would be taken for an environment.
        if venv.exists() {
            fs::remove_dir_all(&venv)
                .with_context(|| format!("cannot clear {}", venv.display()))?;
        }
        let has_pip = run(Command::new(system).args(["-m", "pip", "--version"]))?;
        ensure!(
            has_pip.status.success(),
            "Python has neither venv nor pip: {ADVICE}"
        );
        Command::new(system)
    };
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    if !made.status.success() {
        pip.arg("--target").arg(folder());
    }
    let out = run(pip.args(["--require-hashes", "-r"]).arg(wanted))?;
    ensure!(
        out.status.success(),
        "`pip install -r {}` failed ({}):\n{}",
        wanted.display(),
        out.status,
        String::from_utf8_lossy(&out.stderr).trim()
    );
    Ok(())
}

fn run(command: &mut Command) -> std::io::Result<Output> {
    command.stdin(Stdio::null()).output()
}
