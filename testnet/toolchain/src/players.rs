//! Players that system tests watch with: ffmpeg, and hls.js in a headless Chromium.

use crate::npm;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Where hls.js and what drives Chromium are installed.
const BROWSER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/browser");
const LOCK: &str = include_str!("../../../tests/browser/package-lock.json");
/// What a Chromium is called.
const CHROMIUM: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
];

/// One installs, the others wait.
static INSTALLING: Mutex<()> = Mutex::new(());

/// Where they are.
#[derive(Debug, Clone)]
pub struct Players {
    /// ffmpeg.
    pub ffmpeg: PathBuf,
    /// ffprobe.
    pub ffprobe: PathBuf,
    /// A Chromium or Chrome.
    pub chromium: PathBuf,
    /// The script that plays in it: `node play.mjs CHROMIUM URL`.
    pub script: PathBuf,
}

impl Players {
    /// Finds them, and installs hls.js and what drives Chromium if they are missing. Blocking.
    ///
    /// # Errors
    /// Which of them is missing and how to install it.
    pub fn ensure() -> Result<Self> {
        let found = Self {
            ffmpeg: on_path(&["ffmpeg"], "ffmpeg")?,
            ffprobe: on_path(&["ffprobe"], "ffmpeg")?,
            chromium: on_path(&CHROMIUM, "chromium")?,
            script: Path::new(BROWSER).join("play.mjs"),
        };
        let _turn = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = Path::new(BROWSER);
        if !npm::is_installed(dir, LOCK) {
            npm::install(dir, "hls.js and playwright-core, for the system tests,")?;
            npm::confirm(dir, LOCK)?;
        }
        Ok(found)
    }
}

fn on_path(names: &[&str], package: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<_> = std::env::split_paths(&path).collect();
    let places = names
        .iter()
        .flat_map(|name| dirs.iter().map(move |dir| dir.join(name)));
    places.into_iter().find(|place| place.is_file()).with_context(|| {
        format!(
            "the system tests watch with {0}, which isn't on the PATH: install it (Debian: apt-get install {0}) and run this again",
            package
        )
    })
}
