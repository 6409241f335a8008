//! The files of an HLS media playlist, in the order in which they are played: RFC 8216.
//!
//! Only what says which file comes next is read. A playlist of playlists has no next; a byte range of a file
//! is no file.

use crate::reference::{PATHS_MAX, relative};

/// Paths in the collection, for a playlist at `base`. Empty if it is none, or one of playlists.
pub fn segments(base: &str, text: &str) -> Vec<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().map(str::trim_end);
    if lines.next() != Some("#EXTM3U") {
        return Vec::new();
    }
    let mut found: Vec<String> = Vec::new();
    let mut in_range = false;
    for line in lines {
        if line.starts_with("#EXT-X-STREAM-INF") {
            return Vec::new();
        }
        if line.starts_with("#EXT-X-BYTERANGE") {
            in_range = true;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let ranged = std::mem::take(&mut in_range);
        if let Some(path) = relative(base, line).filter(|_| !ranged) {
            if found.len() == PATHS_MAX {
                break;
            }
            found.push(path);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn segments_come_in_their_order_from_beside_the_playlist() {
        let text = "\u{feff}#EXTM3U\r\n#EXT-X-VERSION:7\r\n#EXT-X-MAP:URI=\"init.mp4\"\r\n#EXTINF:2,\r\n\
                    0.m4s\r\n\r\n#EXTINF:2,\r\nsub/1%20a.m4s?x=1\r\n../up.ts\r\n\
                    https://elsewhere/2.ts\r\n//elsewhere/3.ts\r\n/4.ts\r\n../../5.ts\r\n\
                    #EXT-X-BYTERANGE:5@0\r\nall.mp4\r\nlast.ts";
        let found = segments("v/index.m3u8", text);
        assert_eq!(found, ["v/0.m4s", "v/sub/1 a.m4s", "up.ts", "v/last.ts"]);
    }

    #[test]
    fn a_playlist_of_playlists_has_no_order() {
        let text = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8\n";
        assert!(segments("index.m3u8", text).is_empty());
        assert!(segments("index.m3u8", "a.ts\n").is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_read(text: String) {
            let _ = segments("a/b.m3u8", &format!("#EXTM3U\n{text}"));
        }
    }
}
