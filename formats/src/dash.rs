//! The files of a DASH presentation, in the order in which they are played: ISO/IEC 23009-1.
//!
//! Only what says which file comes next is read: segment lists, and segment templates with one number or
//! time, whose files are looked up in the manifest and put in order. So nothing of the timeline has to be
//! computed, and nothing is asked for that isn't there. No entity but XML's own is expanded.

use crate::reference::relative;
use protocol::Entry;
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

/// Elements in each other; a presentation has about ten.
const DEPTH_MAX: usize = 32;
/// Representations that are heeded: each may mean a look at every file of the collection.
const REPRESENTATIONS_MAX: usize = 64;
/// Stands for the number while a template's URL is resolved.
const NUMBER: &str = "qNUMBERq";

/// What an element says, or its parents do.
#[derive(Debug, Clone, Default)]
struct Level {
    /// What URLs are relative to; `None` if that is elsewhere.
    base: Option<String>,
    template: Option<String>,
    /// Of a `SegmentList`.
    list: Vec<String>,
    id: String,
    bandwidth: String,
    is_base: bool,
    is_representation: bool,
}

/// Files in their order, by place among `entries`, for each representation of the presentation at `base`.
pub fn runs(base: &str, text: &str, entries: &[Entry]) -> Vec<Vec<u32>> {
    let mut found = Vec::new();
    let mut representations = 0;
    let mut levels = vec![Level {
        base: Some(base.to_owned()),
        ..Level::default()
    }];
    let mut reader = Reader::from_str(text);
    // At the first thing that is no XML, what was read so far counts.
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Eof => break,
            Event::Start(tag) => {
                if levels.len() == DEPTH_MAX {
                    break;
                }
                let level = opened(&tag, &mut levels);
                levels.push(level);
            }
            Event::Empty(tag) => {
                let level = opened(&tag, &mut levels);
                representations += usize::from(level.is_representation);
                found.extend(run(&level, entries));
            }
            Event::Text(text) => {
                let [.., parent, own] = &mut levels[..] else {
                    continue;
                };
                if own.is_base {
                    let text = text.xml10_content();
                    parent.base = parent
                        .base
                        .take()
                        .and_then(|base| based(&base, text.trim()));
                }
            }
            Event::End(_) if levels.len() > 1 => {
                let Some(mut level) = levels.pop() else { break };
                // A list belongs to what it stands in.
                if !level.list.is_empty()
                    && !level.is_representation
                    && let Some(parent) = levels.last_mut()
                {
                    parent.list = std::mem::take(&mut level.list);
                }
                representations += usize::from(level.is_representation);
                found.extend(run(&level, entries));
            }
            _ => {}
        }
        if representations >= REPRESENTATIONS_MAX {
            break;
        }
    }
    found
}

/// What an element inherits, and adds to its parent.
fn opened(tag: &BytesStart<'_>, levels: &mut [Level]) -> Level {
    let attribute = |name: &str| {
        let found = tag.try_get_attribute(name).ok().flatten()?;
        let value = found.normalized_value(XmlVersion::default()).ok()?;
        Some(value.into_owned())
    };
    let Some(parent) = levels.last_mut() else {
        return Level::default();
    };
    let mut own = Level {
        list: Vec::new(),
        is_base: false,
        is_representation: false,
        ..parent.clone()
    };
    match tag.local_name().as_ref() {
        "BaseURL" => own.is_base = true,
        "SegmentTemplate" => {
            if let Some(media) = attribute("media") {
                parent.template = Some(media);
            }
        }
        "SegmentURL" => {
            // Of a range of a file there is no next file.
            if let Some(media) = attribute("media").filter(|_| attribute("mediaRange").is_none()) {
                parent.list.push(media);
            }
        }
        "Representation" => {
            own.is_representation = true;
            own.id = attribute("id").unwrap_or_default();
            own.bandwidth = attribute("bandwidth").unwrap_or_default();
        }
        _ => {}
    }
    own
}

/// What is relative to a `BaseURL` in a file, or folder, at `base`.
fn based(base: &str, url: &str) -> Option<String> {
    match url.strip_suffix('/') {
        // Relative to a folder is relative to whichever file in it.
        Some(".") => Some(base.to_owned()),
        Some(folder) => Some(relative(base, folder)? + "/x"),
        None => relative(base, url),
    }
}

/// The files of one representation.
fn run(level: &Level, entries: &[Entry]) -> Option<Vec<u32>> {
    let base = level.base.as_ref().filter(|_| level.is_representation)?;
    let place = |path: String| {
        let at = entries.binary_search_by(|entry| entry.path.cmp(&path));
        at.ok().map(|at| at as u32)
    };
    if !level.list.is_empty() {
        let paths = level.list.iter().filter_map(|url| relative(base, url));
        return Some(paths.filter_map(place).collect());
    }
    let template = filled(level.template.as_ref()?, &level.id, &level.bandwidth)?;
    let path = relative(base, &template)?;
    let (before, after) = path.split_once(NUMBER)?;
    let first = entries.partition_point(|entry| entry.path.as_str() < before);
    let matching = entries[first..]
        .iter()
        .zip(first as u32..)
        .take_while(|(entry, _)| entry.path.starts_with(before));
    let mut numbered: Vec<(u64, u32)> = matching
        .filter_map(|(entry, at)| {
            let number = entry.path[before.len()..].strip_suffix(after)?;
            let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            Some((number.parse().ok().filter(|_| digits)?, at))
        })
        .collect();
    numbered.sort_unstable();
    Some(numbered.into_iter().map(|(_, at)| at).collect())
}

/// A template with everything put in but the number, which must be there once.
fn filled(template: &str, id: &str, bandwidth: &str) -> Option<String> {
    let mut out = String::new();
    let mut numbers = 0;
    // They come in pairs.
    if template.matches('$').count() % 2 == 1 {
        return None;
    }
    for (at, part) in template.split('$').enumerate() {
        if at % 2 == 0 {
            out.push_str(part);
            continue;
        }
        let (name, _format) = part.split_once('%').unwrap_or((part, ""));
        match name {
            "" => out.push('$'),
            "RepresentationID" => out.push_str(id),
            "Bandwidth" => out.push_str(bandwidth),
            "Number" | "Time" => {
                numbers += 1;
                out.push_str(NUMBER);
            }
            _ => return None,
        }
    }
    (numbers == 1).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries(paths: &[&str]) -> Vec<Entry> {
        let mut paths = paths.to_vec();
        paths.sort_unstable();
        let entry = |path: &&str| Entry {
            path: (*path).into(),
            content: [1; 32].into(),
            size: 5,
            media_type: "video/mp4".into(),
        };
        paths.iter().map(entry).collect()
    }

    fn named(text: &str, entries: &[Entry]) -> Vec<Vec<String>> {
        let runs = runs("d/manifest.mpd", text, entries);
        let name = |at: u32| entries[at as usize].path.clone();
        runs.into_iter()
            .map(|run| run.into_iter().map(name).collect())
            .collect()
    }

    #[test]
    fn a_template_s_files_are_put_in_order() {
        let entries = entries(&[
            "d/0-1.m4s",
            "d/0-2.m4s",
            "d/0-10.m4s",
            "d/0-x.m4s",
            "d/0-init.mp4",
            "d/1/t00.m4s",
            "d/1/t900.m4s",
            "d/1/t1800.m4s",
            "d/manifest.mpd",
            "e/0-3.m4s",
        ]);
        let text = r#"<?xml version="1.0"?><!DOCTYPE MPD [<!ENTITY a "b">]>
            <MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period>
            <AdaptationSet><SegmentTemplate media="$RepresentationID$-$Number%05d$.m4s" initialization="i"/>
              <Representation id="0" bandwidth="9"/></AdaptationSet>
            <AdaptationSet><BaseURL>1/</BaseURL><Representation id="1" bandwidth="9">
              <SegmentTemplate media="t$Time$.m4s"><SegmentTimeline><S t="0" d="900" r="2"/></SegmentTimeline>
              </SegmentTemplate></Representation></AdaptationSet>
            <AdaptationSet><BaseURL>https://elsewhere/</BaseURL>
              <SegmentTemplate media="0-$Number$.m4s"/><Representation id="2"/></AdaptationSet>
            <AdaptationSet><Representation id="3"><BaseURL>whole.mp4</BaseURL></Representation></AdaptationSet>
            </Period></MPD>"#;
        assert_eq!(
            named(text, &entries),
            [
                vec!["d/0-1.m4s", "d/0-2.m4s", "d/0-10.m4s"],
                vec!["d/1/t00.m4s", "d/1/t900.m4s", "d/1/t1800.m4s"],
            ]
        );
    }

    #[test]
    fn a_list_is_taken_as_it_is() {
        let entries = entries(&["d/a", "d/b", "d/c"]);
        let text = r#"<MPD><Period><AdaptationSet><Representation id="1"><SegmentList>
            <SegmentURL media="c"/><SegmentURL media="gone"/><SegmentURL media="a"/>
            <SegmentURL media="b" mediaRange="0-5"/></SegmentList></Representation>"#;
        assert_eq!(named(text, &entries), [["d/c", "d/a"]]);
    }

    #[test]
    fn what_is_too_much_is_left() {
        let entries = entries(&["d/1", "d/2"]);
        let deep = "<a>".repeat(100_000);
        assert!(named(&deep, &entries).is_empty());
        let one = r#"<Representation><SegmentTemplate media="$Number$"/></Representation>"#;
        let many = format!("<MPD>{}</MPD>", one.repeat(1000));
        assert_eq!(named(&many, &entries).len(), REPRESENTATIONS_MAX);
        for media in [
            "$Number$$Time$",
            "$Number",
            "$SubNumber$-$Number$",
            "x",
            "../../$Number$",
        ] {
            let text =
                format!(r#"<Representation><SegmentTemplate media="{media}"/></Representation>"#);
            assert!(named(&text, &entries).is_empty(), "{media}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text: String) {
            let _ = runs("a/b.mpd", &format!("<MPD><Representation>{text}"), &entries(&["a/1"]));
        }
    }
}
