//! What players ask, and playlists of publishers.

use crate::target::{Target, choice, texts};
use formats::rewriting::{Pathway, Rewriting};
use formats::{dash, etag, hls, range, reference, rewriting, target};
use protocol::Entry;
use std::sync::LazyLock;

pub(super) const REQUEST: Target = Target {
    name: "request",
    reads: &[
        "target::parse",
        "target::signed",
        "target::signed_query",
        "target::preferred",
        "target::segment",
        "target::via",
        "range::asked",
        "etag::tags",
    ],
    run: |bytes| {
        let Some((size, bytes)) = choice(bytes) else {
            return;
        };
        let size = u64::from(size) << (size % 50);
        if let range::Asked::Part(part) = range::asked(bytes, size) {
            assert!(part.start < part.end && part.end <= size);
        }
        etag::tags(bytes).for_each(drop);
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        let _ = target::signed_query(Some(text));
        let _ = target::via(Some(text));
        let _ = target::segment(text);
        if let Ok((_, rest)) = target::signed(text)
            && let Ok((_, rest)) = target::preferred(rest)
            && let Ok(target::Target::File { collection, path }) = target::parse(rest)
        {
            // Nothing leaves the collection, and what is written again is read as the same.
            assert!(path.split('/').all(|part| !matches!(part, "" | "." | "..")));
            let again = format!("/{collection}/{}", target::encoded(&path));
            assert_eq!(
                target::parse(&again),
                Ok(target::Target::File { collection, path })
            );
        }
    },
    vectors: &[],
    seeds: || {
        texts(&[
            "\u{9}bytes=0-99, -5,7-",
            "\u{9}W/\"a\", \"b\"",
            "\u{9}/film/s/%C3%A4%20b.ts",
            "\u{9}/;URISigningPackage=aa.bb.cc/film/a",
            "\u{9}/~0x0909090909090909090909090909090909090909090909090909090909090909/film/a",
            "\u{9}a=b&URISigningPackage=aa.b-_.cc&via=1",
        ])
    },
};

fn stays(path: &str) {
    assert!(
        path.split('/').all(|part| !matches!(part, "" | "." | "..")),
        "{path:?}"
    );
}

pub(super) const HLS: Target = Target {
    name: "hls",
    reads: &["hls::segments", "reference::relative"],
    run: |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        for path in hls::segments("v/low/index.m3u8", text) {
            stays(&path);
        }
        if let Some(path) = reference::relative("v/low/index.m3u8", text) {
            stays(&path);
        }
    },
    vectors: &[],
    seeds: || {
        texts(&[
            "#EXTM3U\r\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:2,\n0.m4s\n#EXTINF:2,\n../sub/1%20a.m4s?x=1\n\
                 #EXT-X-BYTERANGE:5@0\nall.mp4\n/4.ts\nhttps://elsewhere/2.ts\nlast.ts",
        ])
    },
};

/// Files that a presentation may name.
static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let paths = [
        "d/0-1.m4s",
        "d/0-10.m4s",
        "d/0-2.m4s",
        "d/1/t0.m4s",
        "d/1/t900.m4s",
        "d/manifest.mpd",
    ];
    let entry = |path: &&str| Entry {
        path: (*path).to_owned(),
        content: [1; 32].into(),
        size: 5,
        media_type: "video/mp4".into(),
    };
    paths.iter().map(entry).collect()
});

const MPD: &str = r#"<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period>
<AdaptationSet><SegmentTemplate media="$RepresentationID$-$Number%05d$.m4s"/><Representation id="0" bandwidth="9"/>
</AdaptationSet><AdaptationSet><BaseURL>1/</BaseURL><Representation id="1"><SegmentTemplate media="t$Time$.m4s">
</SegmentTemplate></Representation><Representation id="2"><SegmentList><SegmentURL media="a&amp;b"/></SegmentList>
</Representation></AdaptationSet></Period></MPD>"#;

pub(super) const DASH: Target = Target {
    name: "dash",
    reads: &["dash::runs"],
    run: |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        for run in dash::runs("d/manifest.mpd", text, &ENTRIES) {
            assert!(run.iter().all(|at| (*at as usize) < ENTRIES.len()));
        }
    },
    vectors: &[],
    seeds: || texts(&[MPD]),
};

pub(super) const REWRITING: Target = Target {
    name: "rewriting",
    reads: &["rewriting::hls", "rewriting::dash"],
    run: |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        let pathway = |id: &str| Pathway {
            id: id.into(),
            base: format!("https://{id}.test/~{id}/film/"),
        };
        let to = Rewriting {
            path: "low/index.m3u8",
            pathways: &[pathway("aa"), pathway("bb")],
            steering: "https://c.test/v1/steering/film",
        };
        let _ = rewriting::hls(text, &to);
        let _ = rewriting::dash(text, &to);
    },
    vectors: &[],
    seeds: || {
        texts(&[
            MPD,
            "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"x\",URI=\"a/i.m3u8\"\n\
             #EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\",CODECS=\"avc1,mp4a\"\nv/i.m3u8\n",
            "#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4\",BYTERANGE=\"7@0\"\n#EXTINF:4,\nseg 1.ts?x=1\n",
        ])
    },
};
