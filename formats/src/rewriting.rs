//! Rewriting HLS playlists (RFC 8216 and its second edition) and DASH descriptions, so that a player takes
//! what they name from where it is sent to. Pure: text in, text out.
//!
//! A multivariant playlist gets each variant once for every *pathway*, and the steering server that ranks
//! pathways while it plays (Content Steering). In a media playlist segments are taken from the first. What
//! is named by an absolute URL elsewhere stays as it is; what a relative one would take out of its
//! collection is refused.

use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;
use std::fmt::Write;
use url::Url;

/// Longest playlist that is rewritten.
pub const PLAYLIST_BYTES_MAX: u64 = 4 << 20;
/// Most lines of one.
const LINES_MAX: usize = 100_000;
/// Longest line.
const LINE_BYTES_MAX: usize = 16 << 10;
/// Deepest element of a description that is read.
const DEPTH_MAX: usize = 64;
/// A base that URLs are resolved against; it is never asked.
const NOWHERE: &str = "http://collection.invalid/";

/// Why a playlist isn't rewritten.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaylistError {
    /// It doesn't begin as one does.
    #[error("not an HLS playlist: it doesn't begin with #EXTM3U")]
    NotHls,
    /// More than is read.
    #[error(
        "the playlist has more than {LINES_MAX} lines, or one of more than {LINE_BYTES_MAX} bytes"
    )]
    TooLong,
    /// What it names leads out of its collection.
    #[error("the playlist names {0:?}, which is no URL or outside of its collection")]
    Url(String),
    /// The line, shortened.
    #[error("the playlist has an attribute list that can't be read: {0:?}")]
    Attributes(String),
    /// Why.
    #[error("not a DASH description: {0}")]
    NotDash(String),
}

/// A place to take content from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pathway {
    /// Letters, digits, `.`, `-`, `_`.
    pub id: String,
    /// URL of the collection there, ending in `/`.
    pub base: String,
}

/// Where a playlist stands and where it sends players.
#[derive(Debug, Clone, Copy)]
pub struct Rewriting<'a> {
    /// The playlist's path in its collection.
    pub path: &'a str,
    /// Best first; never empty.
    pub pathways: &'a [Pathway],
    /// URL that ranks the pathways.
    pub steering: &'a str,
}

impl Rewriting<'_> {
    /// The path in the collection of what the playlist names, with its query; `None` for another place's.
    fn resolve(&self, named: &str) -> Result<Option<String>, PlaylistError> {
        let wrong = || PlaylistError::Url(named.chars().take(80).collect());
        // Elsewhere is whatever names a scheme or a host of its own.
        if named.starts_with("//") {
            return Err(wrong());
        }
        match Url::parse(named) {
            Ok(_) => return Ok(None),
            Err(url::ParseError::RelativeUrlWithoutBase) => {}
            Err(_) => return Err(wrong()),
        }
        if named.starts_with(['/', '\\']) || climbs(self.path, named) {
            return Err(wrong());
        }
        let base = Url::parse(NOWHERE).and_then(|base| base.join(&path_url(self.path)));
        let found = base
            .and_then(|base| base.join(named))
            .map_err(|_| wrong())?;
        if found.host_str() != Some("collection.invalid") {
            return Err(wrong());
        }
        let mut path = found.path().trim_start_matches('/').to_owned();
        if let Some(query) = found.query() {
            path.push('?');
            path.push_str(query);
        }
        Ok(Some(path))
    }

    /// The URL of what the playlist names, by a pathway.
    fn at(&self, pathway: &Pathway, named: &str) -> Result<String, PlaylistError> {
        Ok(match self.resolve(named)? {
            Some(path) => format!("{}{path}", pathway.base),
            None => named.to_owned(),
        })
    }

    fn first(&self) -> &Pathway {
        &self.pathways[0]
    }
}

/// A path as a URL writes it.
fn path_url(path: &str) -> String {
    let mut url = Url::parse(NOWHERE).expect("a URL");
    url.set_path(path);
    url.path().trim_start_matches('/').to_owned()
}

/// Whether a relative URL goes above the collection: URL libraries stop there in silence.
fn climbs(path: &str, named: &str) -> bool {
    let named = named.split(['?', '#']).next().unwrap_or_default();
    let mut depth = path.matches('/').count() as i64;
    for part in named.split(['/', '\\']) {
        let plain = part.replace("%2e", ".").replace("%2E", ".");
        match plain.as_str() {
            ".." => depth -= 1,
            "." | "" => {}
            _ => depth += 1,
        }
        if depth < 0 {
            return true;
        }
    }
    false
}

/// An HLS playlist, rewritten.
///
/// # Errors
/// If it is none, too long, or names what is outside of its collection.
pub fn hls(text: &str, to: &Rewriting<'_>) -> Result<String, PlaylistError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<_> = text.lines().take(LINES_MAX + 1).collect();
    if lines
        .first()
        .is_none_or(|line| line.trim_end() != "#EXTM3U")
    {
        return Err(PlaylistError::NotHls);
    }
    if lines.len() > LINES_MAX || lines.iter().any(|line| line.len() > LINE_BYTES_MAX) {
        return Err(PlaylistError::TooLong);
    }
    let multivariant = lines
        .iter()
        .any(|line| line.starts_with("#EXT-X-STREAM-INF:"));
    let steered = lines
        .iter()
        .any(|line| line.starts_with("#EXT-X-CONTENT-STEERING:"));
    if multivariant && !steered {
        return multivariant_playlist(&lines, to);
    }
    let mut out = String::with_capacity(text.len() * 2);
    for line in lines {
        push_line(&mut out, line.trim_end(), to)?;
    }
    Ok(out)
}

/// A line that isn't repeated for every pathway: what it names is taken from the first.
fn push_line(out: &mut String, line: &str, to: &Rewriting<'_>) -> Result<(), PlaylistError> {
    if line.starts_with("#EXT") && line.contains("URI=\"") {
        let (tag, attributes) = attributes(line)?;
        push_tag(out, tag, &located(attributes, to, to.first())?);
    } else if line.is_empty() || line.starts_with('#') {
        out.push_str(line);
    } else {
        out.push_str(&to.at(to.first(), line)?);
    }
    out.push('\n');
    Ok(())
}

fn multivariant_playlist(lines: &[&str], to: &Rewriting<'_>) -> Result<String, PlaylistError> {
    let steering = [
        ("SERVER-URI".to_owned(), quoted(to.steering)),
        ("PATHWAY-ID".to_owned(), quoted(&to.first().id)),
    ];
    let mut out = String::from("#EXTM3U\n");
    push_tag(&mut out, "#EXT-X-CONTENT-STEERING", &steering);
    out.push('\n');
    let mut lines = lines[1..].iter().map(|line| line.trim_end());
    while let Some(line) = lines.next() {
        let per_pathway = [
            "#EXT-X-MEDIA:",
            "#EXT-X-STREAM-INF:",
            "#EXT-X-I-FRAME-STREAM-INF:",
        ];
        if !per_pathway.iter().any(|tag| line.starts_with(tag)) {
            push_line(&mut out, line, to)?;
            continue;
        }
        let (tag, attributes) = attributes(line)?;
        // The variant's URL is on the next line that is neither empty nor a comment.
        let variant = match tag {
            "#EXT-X-STREAM-INF" => Some(
                lines
                    .find(|line| !line.is_empty() && !line.starts_with('#'))
                    .ok_or_else(|| PlaylistError::Attributes(line.chars().take(80).collect()))?,
            ),
            _ => None,
        };
        for pathway in to.pathways {
            let mut attributes = located(attributes.clone(), to, pathway)?;
            regroup(&mut attributes, &pathway.id);
            if tag != "#EXT-X-MEDIA" {
                attributes.push(("PATHWAY-ID".into(), quoted(&pathway.id)));
            }
            push_tag(&mut out, tag, &attributes);
            out.push('\n');
            if let Some(variant) = variant {
                out.push_str(&to.at(pathway, variant)?);
                out.push('\n');
            }
        }
    }
    Ok(out)
}

/// Renditions of one pathway are a group of their own.
fn regroup(attributes: &mut [(String, String)], pathway: &str) {
    for (name, value) in attributes {
        let names_a_group = ["GROUP-ID", "AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"];
        // CLOSED-CAPTIONS=NONE names none.
        if let Some(group) = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'))
            && names_a_group.contains(&name.as_str())
        {
            *value = quoted(&format!("{group}@{pathway}"));
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

type Attributes = Vec<(String, String)>;

/// A tag and its attribute list; quotes stay on the values that have them.
fn attributes(line: &str) -> Result<(&str, Attributes), PlaylistError> {
    let wrong = || PlaylistError::Attributes(line.chars().take(80).collect());
    let (tag, mut rest) = line.split_once(':').ok_or_else(wrong)?;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or_else(wrong)?;
        let end = match after.strip_prefix('"') {
            Some(inside) => inside.find('"').ok_or_else(wrong)? + 2,
            None => after.find(',').unwrap_or(after.len()),
        };
        let (value, after) = after.split_at(end);
        found.push((name.trim().to_owned(), value.trim().to_owned()));
        rest = match after.strip_prefix(',') {
            Some(next) => next,
            None if after.trim().is_empty() => "",
            None => return Err(wrong()),
        };
    }
    Ok((tag, found))
}

/// With the URLs by a pathway.
fn located(
    mut attributes: Attributes,
    to: &Rewriting<'_>,
    pathway: &Pathway,
) -> Result<Attributes, PlaylistError> {
    for (name, value) in &mut attributes {
        let inside = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        if let (true, Some(named)) = (name == "URI", inside) {
            *value = quoted(&to.at(pathway, named)?);
        }
    }
    Ok(attributes)
}

fn push_tag(out: &mut String, tag: &str, attributes: &[(String, String)]) {
    out.push_str(tag);
    for (number, (name, value)) in attributes.iter().enumerate() {
        let before = if number == 0 { ':' } else { ',' };
        // Writing to a string can't fail.
        let _ = write!(out, "{before}{name}={value}");
    }
}

/// A DASH description (ISO/IEC 23009-1) that takes its segments from the pathways: a `BaseURL` for each, and
/// the steering server (DASH-IF, "Content Steering for DASH"). Where segments are named absolutely, they
/// stay where they are.
///
/// # Errors
/// If it is none, or names what is outside of its collection.
pub fn dash(text: &str, to: &Rewriting<'_>) -> Result<String, PlaylistError> {
    let wrong = |why: &dyn std::fmt::Display| PlaylistError::NotDash(why.to_string());
    let mut reader = Reader::from_str(text);
    let mut stack: Vec<String> = Vec::new();
    // BaseURL stands after ProgramInformation and before everything else.
    let mut place = None;
    let mut based = false;
    let mut resolved = Vec::new();
    loop {
        let before = reader.buffer_position() as usize;
        match reader.read_event().map_err(|error| wrong(&error))? {
            Event::Eof => break,
            Event::DocType(_) => return Err(wrong(&"it has a document type, which none needs")),
            Event::Start(start) => {
                let name = start.local_name().as_ref().to_owned();
                if stack.is_empty() && name != "MPD" {
                    return Err(wrong(&"its root isn't MPD"));
                }
                if stack.len() == 1 && name != "ProgramInformation" {
                    place.get_or_insert(before);
                    based |= name == "BaseURL";
                }
                stack.push(name);
                if stack.len() > DEPTH_MAX {
                    return Err(wrong(&"it is nested too deeply"));
                }
            }
            Event::Empty(_) if stack.len() == 1 => {
                place.get_or_insert(before);
            }
            Event::End(_) => {
                stack.pop();
            }
            Event::Text(text) if stack.last().is_some_and(|name| name == "BaseURL") => {
                resolved.push(text.trim().to_owned());
            }
            _ => {}
        }
    }
    let Some(place) = place.filter(|_| stack.is_empty()) else {
        return Err(wrong(&"it has no content, or doesn't end"));
    };
    for named in &resolved {
        to.resolve(named)?;
    }
    // Its own BaseURLs say where it is; ours would stand beside them as alternatives to choose from.
    if based {
        return Ok(text.to_owned());
    }
    let folder = to.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let folder = match folder {
        "" => String::new(),
        folder => format!("{}/", path_url(folder)),
    };
    let mut added = String::new();
    for pathway in to.pathways {
        let (id, base) = (escape(&pathway.id), format!("{}{folder}", pathway.base));
        let _ = writeln!(
            added,
            "<BaseURL serviceLocation=\"{id}\">{}</BaseURL>",
            escape(&base)
        );
    }
    let (first, server) = (escape(&to.first().id), escape(to.steering));
    let _ = writeln!(
        added,
        "<ContentSteering defaultServiceLocation=\"{first}\">{server}</ContentSteering>"
    );
    Ok(format!("{}{added}{}", &text[..place], &text[place..]))
}

#[cfg(test)]
#[path = "rewriting_tests.rs"]
mod tests;
