//! What an HLS playlist names: RFC 8216 and its second edition.

use super::said::{Named, Read, named};

/// Tags with a `URI` that players fetch as they play. `EXT-X-PRELOAD-HINT` is about what isn't there yet.
const TAGS: [&str; 8] = [
    "#EXT-X-MAP:",
    "#EXT-X-MEDIA:",
    "#EXT-X-I-FRAME-STREAM-INF:",
    "#EXT-X-KEY:",
    "#EXT-X-SESSION-KEY:",
    "#EXT-X-SESSION-DATA:",
    "#EXT-X-PART:",
    "#EXT-X-RENDITION-REPORT:",
];

/// Adds what the playlist at `path` says, if it is one.
pub(super) fn read(path: &str, text: &str, read: &mut Read) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().map(str::trim_end);
    if lines.next() != Some("#EXTM3U") {
        return;
    }
    let is_multivariant = text.contains("\n#EXT-X-STREAM-INF:");
    let mut segments = 0;
    for line in lines.filter(|line| !line.is_empty()) {
        let reference = match line.strip_prefix('#') {
            None => {
                segments += 1;
                Some(line)
            }
            Some(_) if TAGS.iter().any(|tag| line.starts_with(tag)) => uri(line),
            Some(_) => None,
        };
        let found: Option<Named> = reference.and_then(|reference| named(path, path, reference));
        read.named.extend(found);
    }
    // A playlist of playlists has no segments of its own, and is no rendition.
    if !is_multivariant && segments > 0 {
        read.renditions.insert(path.to_owned());
        read.segments += segments;
    }
}

/// The value of a tag's attribute `URI`.
fn uri(line: &str) -> Option<&str> {
    let (_, mut rest) = line.split_once(':')?;
    loop {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(inside) => inside.split_once('"')?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        if name.trim() == "URI" {
            return Some(value);
        }
        rest = after.strip_prefix(',')?;
    }
}
