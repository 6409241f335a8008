use super::*;
use std::sync::LazyLock;

static PATHWAYS: LazyLock<Vec<Pathway>> = LazyLock::new(|| {
    let pathway = |id: &str, base: &str| Pathway {
        id: id.into(),
        base: base.into(),
    };
    vec![
        pathway("aa", "https://g1.test/~aa/film/"),
        pathway("bb", "https://g2.test/~bb/film/"),
    ]
});

fn to(path: &'static str) -> Rewriting<'static> {
    Rewriting {
        path,
        pathways: &PATHWAYS,
        steering: "https://c.test/v1/steering/film",
    }
}

#[test]
fn segments_and_keys_of_a_media_playlist_are_taken_from_the_first_pathway() {
    let text = "#EXTM3U\r\n#EXT-X-TARGETDURATION:4\n#EXT-X-MAP:URI=\"init.mp4\",BYTERANGE=\"7@0\"\n\
                #EXTINF:4,a title, with commas\nseg 1.ts?x=1\n\n# a comment\n#EXTINF:4,\n../b/2.ts\n\
                #EXTINF:4,\nhttps://else.test/3.ts\n#EXT-X-ENDLIST\n";
    let rewritten = hls(text, &to("low/index.m3u8")).unwrap();
    let lines: Vec<_> = rewritten.lines().collect();
    assert_eq!(
        lines[2],
        "#EXT-X-MAP:URI=\"https://g1.test/~aa/film/low/init.mp4\",BYTERANGE=\"7@0\""
    );
    assert_eq!(lines[3], "#EXTINF:4,a title, with commas");
    assert_eq!(lines[4], "https://g1.test/~aa/film/low/seg%201.ts?x=1");
    assert_eq!(lines[8], "https://g1.test/~aa/film/b/2.ts");
    assert_eq!(lines[10], "https://else.test/3.ts");
    assert_eq!(lines.len(), text.lines().count());
}

#[test]
fn variants_and_renditions_of_a_multivariant_playlist_are_there_on_every_pathway() {
    let text = "#EXTM3U\n#EXT-X-VERSION:6\n\
                #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"x, y\",URI=\"a.m3u8\"\n\
                #EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\",CLOSED-CAPTIONS=NONE\n\nlow/v.m3u8\n";
    let rewritten = hls(text, &to("index.m3u8")).unwrap();
    assert_eq!(
        rewritten,
        "#EXTM3U\n\
         #EXT-X-CONTENT-STEERING:SERVER-URI=\"https://c.test/v1/steering/film\",PATHWAY-ID=\"aa\"\n\
         #EXT-X-VERSION:6\n\
         #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a@aa\",NAME=\"x, y\",URI=\"https://g1.test/~aa/film/a.m3u8\"\n\
         #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a@bb\",NAME=\"x, y\",URI=\"https://g2.test/~bb/film/a.m3u8\"\n\
         #EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a@aa\",CLOSED-CAPTIONS=NONE,PATHWAY-ID=\"aa\"\n\
         https://g1.test/~aa/film/low/v.m3u8\n\
         #EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a@bb\",CLOSED-CAPTIONS=NONE,PATHWAY-ID=\"bb\"\n\
         https://g2.test/~bb/film/low/v.m3u8\n"
    );
    let steered = "#EXTM3U\n#EXT-X-CONTENT-STEERING:SERVER-URI=\"https://o.test/\"\n\
                   #EXT-X-STREAM-INF:BANDWIDTH=1,PATHWAY-ID=\"o\"\nv.m3u8\n";
    let rewritten = hls(steered, &to("index.m3u8")).unwrap();
    assert_eq!(
        rewritten.matches("PATHWAY-ID").count(),
        1,
        "who steers already is left to it"
    );
}

#[test]
fn playlists_that_play_tricks_are_refused() {
    let long = format!("#EXTM3U\n{}\n", "x".repeat(LINE_BYTES_MAX + 1));
    let many = format!("#EXTM3U\n{}", "\n".repeat(LINES_MAX));
    for (text, said) in [
        ("", "doesn't begin"),
        ("<MPD/>", "doesn't begin"),
        (long.as_str(), "more than"),
        (many.as_str(), "more than"),
        ("#EXTM3U\n../x.ts\n", "outside"),
        ("#EXTM3U\n/film/x.ts\n", "outside"),
        ("#EXTM3U\n//else.test/x.ts\n", "outside"),
        ("#EXTM3U\n\\\\else.test\\x.ts\n", "outside"),
        ("#EXTM3U\na/%2e%2E/%2e%2e/x.ts\n", "outside"),
        ("#EXTM3U\n..\\x.ts\n", "outside"),
        (
            "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"../k\"\n",
            "outside",
        ),
        (
            "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\n",
            "attribute list",
        ),
        ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n", "attribute list"),
    ] {
        let error = hls(text, &to("index.m3u8")).unwrap_err().to_string();
        assert!(error.contains(said), "{said}: {error}");
    }
    assert!(hls("#EXTM3U\n../x.ts\n", &to("a/index.m3u8")).is_ok());
}

const MPD: &str = "<?xml version=\"1.0\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\">\n\
                   <ProgramInformation><Title>t</Title></ProgramInformation>\n<Period/>\n</MPD>\n";

#[test]
fn a_description_gets_a_base_for_every_pathway() {
    let rewritten = dash(MPD, &to("d/x.mpd")).unwrap();
    let added = "</ProgramInformation>\n\
         <BaseURL serviceLocation=\"aa\">https://g1.test/~aa/film/d/</BaseURL>\n\
         <BaseURL serviceLocation=\"bb\">https://g2.test/~bb/film/d/</BaseURL>\n\
         <ContentSteering defaultServiceLocation=\"aa\">https://c.test/v1/steering/film</ContentSteering>\n\
         <Period/>";
    assert!(rewritten.contains(added), "{rewritten}");
    let own = MPD.replace("<Period/>", "<BaseURL>https://o.test/</BaseURL><Period/>");
    assert_eq!(
        dash(&own, &to("x.mpd")).unwrap(),
        own,
        "it says itself where it is"
    );
}

#[test]
fn descriptions_that_play_tricks_are_refused() {
    let deep = format!("<MPD>{}{}</MPD>", "<a>".repeat(99), "</a>".repeat(99));
    let climbing = MPD.replace("<Period/>", "<Period><BaseURL>../../o/</BaseURL></Period>");
    let entity = "<!DOCTYPE a [<!ENTITY b \"c\">]><MPD><Period/></MPD>";
    for text in [
        "",
        "#EXTM3U",
        "<a></a>",
        "<MPD>",
        "<MPD></b>",
        &deep,
        entity,
    ] {
        assert!(
            matches!(dash(text, &to("x.mpd")), Err(PlaylistError::NotDash(_))),
            "{text}"
        );
    }
    assert!(matches!(
        dash(&climbing, &to("x.mpd")),
        Err(PlaylistError::Url(_))
    ));
}
