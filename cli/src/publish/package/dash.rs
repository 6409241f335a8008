//! What a DASH presentation names: ISO/IEC 23009-1. Templates are filled in from their timeline, or from the
//! durations of segment and period where there is none. No entity but XML's own is expanded.

use super::said::{Named, Read, named};
use formats::reference::relative;
use protocol::Manifest;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// Elements in each other; a presentation has about ten.
const DEPTH_MAX: usize = 32;
/// Segments that a presentation may name: more than a collection has files.
const SEGMENTS_MAX: u64 = Manifest::ENTRIES_MAX as u64;

/// A `SegmentTemplate`, its parents' attributes included.
#[derive(Debug, Clone, Default)]
struct Template {
    media: Option<String>,
    initialization: Option<String>,
    start_number: Option<u64>,
    timescale: Option<u64>,
    duration: Option<u64>,
    /// Starts of its segments, and where the last one ends, if there is a timeline.
    timeline: Option<Vec<u64>>,
}

/// What an element says, or its parents do.
#[derive(Debug, Clone, Default)]
struct Level {
    /// What URLs are relative to; `None` if that is elsewhere.
    base: Option<String>,
    /// Whether that is a file, named in this very element.
    has_file: bool,
    template: Option<Template>,
    /// Of a `SegmentList`.
    list: Vec<String>,
    /// Whatever is needed before the first segment.
    initialization: Vec<String>,
    /// Milliseconds that the period lasts.
    period_ms: Option<u64>,
    id: String,
    bandwidth: String,
    name: String,
}

/// Adds what the presentation at `path` says, if it is one.
pub(super) fn read(path: &str, text: &str, read: &mut Read) {
    let mut reader = Reader::from_str(text);
    let mut levels = vec![Level {
        base: Some(path.to_owned()),
        ..Level::default()
    }];
    let mut found = Read::default();
    loop {
        match reader.read_event() {
            Ok(Event::Eof) if levels.len() == 1 => break,
            Ok(Event::Start(tag)) if levels.len() < DEPTH_MAX => {
                let level = open(&tag, &mut levels);
                levels.push(level);
            }
            Ok(Event::Empty(tag)) => {
                let level = open(&tag, &mut levels);
                close(path, level, &mut levels, &mut found);
            }
            Ok(Event::Text(text)) => {
                if let [.., parent, own] = &mut levels[..]
                    && own.name == "BaseURL"
                {
                    let text = text.xml10_content();
                    let base = parent.base.take();
                    parent.base = base.and_then(|base| based(&base, text.trim()));
                    parent.has_file = !text.trim().ends_with('/');
                }
            }
            Ok(Event::End(_)) if levels.len() > 1 => {
                if let Some(level) = levels.pop() {
                    close(path, level, &mut levels, &mut found);
                }
            }
            // What isn't a presentation to its end says nothing.
            Ok(Event::Start(_) | Event::End(_) | Event::Eof) | Err(_) => return,
            Ok(_) => {}
        }
        if found.segments > SEGMENTS_MAX {
            return;
        }
    }
    read.segments += found.segments;
    read.renditions.append(&mut found.renditions);
    read.named.append(&mut found.named);
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.try_get_attribute(name).ok().flatten()?;
    let value = found.normalized_value(XmlVersion::default()).ok()?;
    Some(value.into_owned())
}

fn number(tag: &BytesStart<'_>, name: &str) -> Option<u64> {
    attribute(tag, name)?.parse().ok()
}

/// What an element inherits, and says itself. Those of which there are many say it to their parent at once.
fn open(tag: &BytesStart<'_>, levels: &mut [Level]) -> Level {
    let name = tag.local_name().as_ref().to_owned();
    let Some(parent) = levels.last_mut() else {
        return Level::default();
    };
    let of_parent = match name.as_str() {
        "S" => {
            let template = parent.template.get_or_insert_default();
            add(tag, template.timeline.get_or_insert_default());
            true
        }
        "SegmentURL" => {
            parent.list.extend(attribute(tag, "media"));
            true
        }
        "Initialization" => {
            parent.initialization.extend(attribute(tag, "sourceURL"));
            true
        }
        _ => false,
    };
    if of_parent {
        return Level {
            name,
            ..Level::default()
        };
    }
    let mut own = Level {
        has_file: false,
        name,
        ..parent.clone()
    };
    match own.name.as_str() {
        "MPD" => {
            own.period_ms = attribute(tag, "mediaPresentationDuration")
                .as_deref()
                .and_then(millis)
        }
        "Period" => {
            let stated = attribute(tag, "duration");
            own.period_ms = stated.as_deref().and_then(millis).or(own.period_ms);
        }
        "Representation" => {
            own.id = attribute(tag, "id").unwrap_or_default();
            own.bandwidth = attribute(tag, "bandwidth").unwrap_or_default();
        }
        "SegmentTemplate" => {
            let template = own.template.get_or_insert_default();
            template.media = attribute(tag, "media").or(template.media.take());
            template.initialization =
                attribute(tag, "initialization").or(template.initialization.take());
            template.start_number = number(tag, "startNumber").or(template.start_number);
            template.timescale = number(tag, "timescale").or(template.timescale);
            template.duration = number(tag, "duration").or(template.duration);
        }
        "SegmentTimeline" => {
            let template = own.template.get_or_insert_default();
            template.timeline = Some(Vec::new());
        }
        "SegmentList" => own.list.clear(),
        _ => {}
    }
    own
}

/// A stretch of a timeline: starts of its segments, and one more for where the next begins.
fn add(tag: &BytesStart<'_>, timeline: &mut Vec<u64>) {
    let Some(duration) = number(tag, "d") else {
        return;
    };
    // The last is the end of what there is.
    let next = timeline.pop().unwrap_or_default();
    let mut at = number(tag, "t").unwrap_or(next);
    for _ in 0..=number(tag, "r").unwrap_or_default().min(SEGMENTS_MAX) {
        timeline.push(at);
        at = at.saturating_add(duration);
        if timeline.len() as u64 > SEGMENTS_MAX {
            break;
        }
    }
    timeline.push(at);
}

/// Gives to the parent what belongs to it, and counts what a representation names.
fn close(path: &str, own: Level, levels: &mut [Level], found: &mut Read) {
    if own.name == "Representation" {
        representation(path, &own, found);
        return;
    }
    let Some(parent) = levels.last_mut() else {
        return;
    };
    match own.name.as_str() {
        "SegmentTemplate" | "SegmentTimeline" => parent.template = own.template,
        "SegmentList" | "SegmentBase" => {
            parent.list = own.list;
            parent.initialization = own.initialization;
        }
        _ => {}
    }
}

fn representation(path: &str, own: &Level, found: &mut Read) {
    found.renditions.insert(format!("{path}#{}", own.id));
    let Some(base) = &own.base else {
        return;
    };
    let mut name = |reference: &str| found.named.extend(named(path, base, reference));
    own.initialization.iter().for_each(|url| name(url));
    let fill = |text: &str, number: u64, time: u64| filled(text, own, number, time);
    let Some(template) = &own.template else {
        own.list.iter().for_each(|url| name(url));
        found.segments += own.list.len() as u64;
        // One file, of which players take ranges.
        if own.list.is_empty() && own.has_file {
            found.segments += 1;
            found.named.push(Named {
                playlist: path.to_owned(),
                path: Some(base.clone()),
                reference: base.clone(),
            });
        }
        return;
    };
    if let Some(url) = &template.initialization
        && let Some(url) = fill(url, 0, 0)
    {
        name(&url);
    }
    let Some(media) = &template.media else { return };
    let first = template.start_number.unwrap_or(1);
    let times: Vec<u64> = match &template.timeline {
        Some(timeline) => timeline[..timeline.len().saturating_sub(1)].to_vec(),
        None => counted(template, own.period_ms),
    };
    for (number, time) in (first..).zip(times) {
        if let Some(url) = fill(media, number, time) {
            name(&url);
            found.segments += 1;
        }
    }
}

/// Starts of the segments of one duration that a period has; none if nobody can tell how many.
fn counted(template: &Template, period_ms: Option<u64>) -> Vec<u64> {
    let timescale = template.timescale.unwrap_or(1);
    let (Some(duration), Some(period)) = (template.duration, period_ms) else {
        return Vec::new();
    };
    if duration == 0 || timescale == 0 {
        return Vec::new();
    }
    // Durations are rounded: a last segment that would be shorter than a tenth of a second needn't be there.
    let period = u128::from(period.saturating_sub(100)) * u128::from(timescale);
    let count = period.div_ceil(u128::from(duration) * 1000);
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    (0..count.min(SEGMENTS_MAX + 1))
        .map(|number| number.saturating_mul(duration))
        .collect()
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

/// A template with everything put in; `None` if it asks for what isn't known here.
fn filled(template: &str, own: &Level, number: u64, time: u64) -> Option<String> {
    if template.matches('$').count() % 2 == 1 {
        return None;
    }
    let mut out = String::new();
    for (at, part) in template.split('$').enumerate() {
        if at % 2 == 0 {
            out.push_str(part);
            continue;
        }
        let (name, format) = part.split_once('%').unwrap_or((part, ""));
        // "%0[width]d".
        let width = format.trim_start_matches('0').trim_end_matches('d');
        let width = width.parse().unwrap_or(1usize).min(32);
        match name {
            "" => out.push('$'),
            "RepresentationID" => out.push_str(&own.id),
            "Bandwidth" => out.push_str(&format!("{:0>width$}", own.bandwidth)),
            "Number" => out.push_str(&format!("{number:0width$}")),
            "Time" => out.push_str(&format!("{time:0width$}")),
            _ => return None,
        }
    }
    Some(out)
}

/// An XML duration of days and less, `P1DT2H3M4.5S`, in milliseconds.
fn millis(text: &str) -> Option<u64> {
    let (days, time) = match text.strip_prefix('P')?.split_once('T') {
        Some((days, time)) => (days, time),
        None => (text.strip_prefix('P')?, ""),
    };
    let mut total: f64 = 0.0;
    for (part, units) in [
        (days, &[('D', 86_400_000.0)][..]),
        (time, &[('H', 3_600_000.0), ('M', 60_000.0), ('S', 1000.0)]),
    ] {
        let mut rest = part;
        for (unit, worth) in units {
            if let Some((value, after)) = rest.split_once(*unit) {
                total += value.parse::<f64>().ok().filter(|value| *value >= 0.0)? * worth;
                rest = after;
            }
        }
        if !rest.is_empty() {
            return None;
        }
    }
    Some(total.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn names(text: &str) -> (usize, u64, BTreeSet<String>) {
        let mut found = Read::default();
        read("d/manifest.mpd", text, &mut found);
        let paths = found
            .named
            .into_iter()
            .map(|one| one.path.unwrap_or_default());
        (found.renditions.len(), found.segments, paths.collect())
    }

    #[test]
    fn what_templates_lists_and_bases_name_is_found() {
        let (renditions, segments, paths) = names(
            r#"<?xml version="1.0"?><MPD mediaPresentationDuration="PT7.5S"><Period>
            <AdaptationSet><SegmentTemplate timescale="1000" duration="3000" startNumber="0"
              media="$RepresentationID$-$Number%05d$.m4s" initialization="$RepresentationID$.mp4"/>
              <Representation id="a" bandwidth="9"/><Representation id="b" bandwidth="9"/></AdaptationSet>
            <AdaptationSet><BaseURL>1/</BaseURL><Representation id="c">
              <SegmentTemplate media="t$Time$.m4s"><SegmentTimeline><S t="5" d="900" r="1"/><S d="10"/>
              </SegmentTimeline></SegmentTemplate></Representation></AdaptationSet>
            <AdaptationSet><BaseURL>https://elsewhere/</BaseURL>
              <SegmentTemplate media="0-$Number$.m4s"/><Representation id="d"/></AdaptationSet>
            <AdaptationSet><Representation id="e"><BaseURL>whole.mp4</BaseURL><SegmentBase/></Representation>
              <Representation id="f"><SegmentList><Initialization sourceURL="i"/><SegmentURL media="x"/>
              <SegmentURL media="../y"></SegmentURL></SegmentList></Representation></AdaptationSet>
            </Period></MPD>"#,
        );
        assert_eq!((renditions, segments), (6, 3 + 3 + 3 + 1 + 2));
        let all = "d/a-00000.m4s d/a-00001.m4s d/a-00002.m4s d/a.mp4 d/b-00000.m4s d/b-00001.m4s \
                   d/b-00002.m4s d/b.mp4 d/1/t5.m4s d/1/t905.m4s d/1/t1805.m4s d/whole.mp4 d/i d/x y";
        assert_eq!(paths, all.split(' ').map(str::to_owned).collect());
    }

    #[test]
    fn what_is_no_presentation_or_too_much_says_nothing() {
        let many = r#"<MPD><Period><Representation id="1"><SegmentTemplate media="$Time$"><SegmentTimeline>
            <S d="1" r="99999999"/></SegmentTimeline></SegmentTemplate></Representation></Period></MPD>"#;
        let deep = "<a>".repeat(100_000);
        for text in [
            "",
            "<MPD>",
            "#EXTM3U",
            "<MPD><Representation/>",
            many,
            &deep,
        ] {
            assert_eq!(names(text).1, 0, "{text:.40}");
        }
        for (text, ms) in [
            ("PT0H10M54.00S", Some(654_000)),
            ("P1DT1S", Some(86_401_000)),
            ("PT1.2345S", Some(1235)),
            ("PT-1S", None),
            ("10", None),
            ("PT1X", None),
        ] {
            assert_eq!(millis(text), ms, "{text}");
        }
    }
}
