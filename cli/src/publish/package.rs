//! Streaming packages among what is published: HLS (RFC 8216) and DASH (ISO/IEC 23009-1). Players ask for what
//! playlists name, so what they name must be there.
//!
//! What is named by an absolute URL is another server's. What nobody can tell, as how many segments a live
//! presentation without a timeline has, isn't counted as missing.

mod dash;
mod hls;
mod said;

use anyhow::{Context, Result};
use protocol::api::{Package, PackageFormat};
use said::{Named, Read};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

/// Longest playlist that is read; the control plane rewrites none that is longer.
const PLAYLIST_BYTES_MAX: u64 = 4 << 20;
/// Missing files that are named.
const NAMED_MAX: usize = 5;

/// The packages found, and what is missing in them, as a sentence.
#[derive(Debug)]
pub(super) struct Packages {
    pub(super) found: Vec<Package>,
    pub(super) missing: Option<String>,
}

/// Reads every playlist among the files, which come with their paths in the collection.
pub(super) fn look(files: &[(String, PathBuf)]) -> Result<Packages> {
    let paths: BTreeSet<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    let mut read: BTreeMap<PackageFormat, Read> = BTreeMap::new();
    for (path, file) in files {
        let lower = path.to_ascii_lowercase();
        let format = match () {
            () if lower.ends_with(".m3u8") => PackageFormat::Hls,
            () if lower.ends_with(".mpd") => PackageFormat::Dash,
            () => continue,
        };
        let unreadable = || format!("cannot read {}", file.display());
        let size = fs::metadata(file).with_context(unreadable)?.len();
        if size > PLAYLIST_BYTES_MAX {
            continue;
        }
        let bytes = fs::read(file).with_context(unreadable)?;
        let Ok(text) = String::from_utf8(bytes) else {
            continue;
        };
        let found = read.entry(format).or_default();
        match format {
            PackageFormat::Hls => hls::read(path, &text, found),
            PackageFormat::Dash => dash::read(path, &text, found),
        }
    }
    read.retain(|_, read| !read.renditions.is_empty());
    let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    let found = read.iter().map(|(format, read)| Package {
        format: *format,
        renditions: count(read.renditions.len() as u64),
        segments: count(read.segments),
    });
    let found = found.collect();
    let mut missing: Vec<_> = read.into_values().flat_map(|read| read.named).collect();
    missing.retain(|one| {
        one.path
            .as_ref()
            .is_none_or(|path| !paths.contains(path.as_str()))
    });
    missing.sort();
    missing.dedup_by(|a, b| a.path.is_some() && a.path == b.path);
    Ok(Packages {
        found,
        missing: sentence(&missing),
    })
}

fn sentence(missing: &[Named]) -> Option<String> {
    if missing.is_empty() {
        return None;
    }
    let named = missing.iter().take(NAMED_MAX).map(|one| {
        let Named {
            playlist,
            path,
            reference,
        } = one;
        match path {
            Some(path) => format!("{path}, which {playlist} names"),
            None => format!("{reference:?}, which {playlist} names and which is outside"),
        }
    });
    let named = named.collect::<Vec<_>>().join("; ");
    let more = match missing.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    Some(format!("the package lacks {named}{more}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hls_packages_are_counted_and_what_they_lack_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let master = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a,b\",URI=\"audio/index.m3u8\"\n\
                      #EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a,b\"\nlow/index.m3u8\n";
        let low = "#EXTM3U\r\n#EXT-X-MAP:URI=\"init.mp4\"\r\n#EXTINF:2,\r\n0.m4s\r\n#EXTINF:2,\r\n1%20b.m4s?x\r\n\
                   #EXTINF:2,\r\nhttps://elsewhere/2.m4s\r\n";
        let audio = "#EXTM3U\n#EXTINF:2,\n0.aac\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"1.aac\"\n";
        let mut files = Vec::new();
        for (path, text) in [
            ("index.m3u8", master),
            ("low/index.m3u8", low),
            ("audio/index.m3u8", audio),
            ("audio/0.aac", "x"),
            ("low/init.mp4", "x"),
            ("low/0.m4s", "x"),
            ("low/1 b.m4s", "x"),
            ("notes.mpd", "not one"),
        ] {
            let file = dir.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, text).unwrap();
            files.push((path.to_owned(), file));
        }
        let whole = look(&files).unwrap();
        let package = Package {
            format: PackageFormat::Hls,
            renditions: 2,
            segments: 4,
        };
        assert_eq!(whole.found, [package]);
        assert_eq!(package.to_string(), "HLS package, 2 renditions, 4 segments");
        assert_eq!(whole.missing, None);

        let kept = files.iter().filter(|(path, _)| !path.ends_with("m4s"));
        let mut lacking: Vec<_> = kept.cloned().collect();
        let up = dir.path().join("up.m3u8");
        fs::write(&up, "#EXTM3U\n../../out.ts\n").unwrap();
        lacking.push(("up.m3u8".into(), up));
        let missing = look(&lacking).unwrap().missing.unwrap();
        for named in [
            "low/0.m4s, which low/index.m3u8 names",
            "low/1 b.m4s, which",
            "\"../../out.ts\", which up.m3u8 names and which is outside",
        ] {
            assert!(missing.contains(named), "{missing}");
        }
    }

    #[test]
    fn what_is_no_package_is_none() {
        let looked = look(&[("film.mp4".into(), "film.mp4".into())]).unwrap();
        assert!(looked.found.is_empty() && looked.missing.is_none());
    }
}
