//! Entity tags and the conditions that name them: RFC 9110, sections 8.8.3 and 13.
//!
//! A file's tag is the BLAKE3 hash of its bytes, so it is strong: equal tags are equal bytes. There are no
//! modification dates, so conditions on dates are ignored, as section 13.1.3 says they must be.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use formats::etag::tags;
use protocol::ContentHash;

/// A file's entity tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EntityTag(String);

/// What the conditions of a request say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precondition {
    /// Answer as if there were none.
    Go,
    /// 304: the client has it.
    NotModified,
    /// 412: the client wants another version.
    Failed,
}

impl EntityTag {
    pub(super) fn of(content: &ContentHash) -> Self {
        // Without the 0x that our own texts have: shorter in every message.
        let text = content.to_string();
        Self(format!("\"{}\"", text.trim_start_matches("0x")))
    }

    pub(super) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("quotes and hexadecimal digits")
    }

    /// In the order of section 13.2.2.
    pub(super) fn judge(&self, headers: &HeaderMap) -> Precondition {
        if headers.contains_key(header::IF_MATCH) && !self.is_in(headers, header::IF_MATCH, false) {
            return Precondition::Failed;
        }
        // "A recipient MUST use the weak comparison function" (13.1.2).
        if self.is_in(headers, header::IF_NONE_MATCH, true) {
            return Precondition::NotModified;
        }
        Precondition::Go
    }

    /// Whether a `Range` is to be heeded: `If-Range` is absent, or has just this tag by strong comparison
    /// (13.1.5). A date never matches, since a file has none.
    pub(super) fn allows_range(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(header::IF_RANGE).iter();
        match (values.next(), values.next()) {
            (None, _) => true,
            (Some(value), None) => value.as_bytes() == self.0.as_bytes(),
            _ => false,
        }
    }

    fn is_in(&self, headers: &HeaderMap, name: HeaderName, weak: bool) -> bool {
        headers.get_all(name).iter().any(|value| {
            let value = value.as_bytes().trim_ascii();
            value == b"*"
                || tags(value).any(|(is_weak, tag)| (weak || !is_weak) && tag == self.0.as_bytes())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(HeaderName, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in all {
            let value = value.replace("OWN", &"07".repeat(32));
            map.append(name, value.parse().unwrap());
        }
        map
    }

    fn own() -> EntityTag {
        EntityTag::of(&[7; 32].into())
    }

    #[test]
    fn conditions_are_judged_in_order() {
        use header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
        let date = "Tue, 15 Nov 1994 12:45:26 GMT";
        let cases: &[(&[(HeaderName, &str)], Precondition)] = &[
            (&[], Precondition::Go),
            (&[(IF_NONE_MATCH, "\"OWN\"")], Precondition::NotModified),
            (&[(IF_NONE_MATCH, "W/\"OWN\"")], Precondition::NotModified),
            (&[(IF_NONE_MATCH, "*")], Precondition::NotModified),
            (
                &[(IF_NONE_MATCH, "\"a,\", \"OWN\"")],
                Precondition::NotModified,
            ),
            (
                &[(IF_NONE_MATCH, "\"a\""), (IF_NONE_MATCH, "\"OWN\"")],
                Precondition::NotModified,
            ),
            (&[(IF_NONE_MATCH, "\"a\"")], Precondition::Go),
            (&[(IF_NONE_MATCH, "OWN")], Precondition::Go),
            (&[(IF_NONE_MATCH, "\"OWN")], Precondition::Go),
            (&[(IF_MATCH, "\"OWN\"")], Precondition::Go),
            (&[(IF_MATCH, "*")], Precondition::Go),
            (&[(IF_MATCH, "W/\"OWN\"")], Precondition::Failed),
            (&[(IF_MATCH, "\"a\"")], Precondition::Failed),
            (&[(IF_MATCH, "")], Precondition::Failed),
            (
                &[(IF_MATCH, "\"a\""), (IF_NONE_MATCH, "\"OWN\"")],
                Precondition::Failed,
            ),
            (
                &[(IF_MATCH, "\"OWN\""), (IF_NONE_MATCH, "\"OWN\"")],
                Precondition::NotModified,
            ),
            (
                &[(IF_MODIFIED_SINCE, date), (IF_UNMODIFIED_SINCE, date)],
                Precondition::Go,
            ),
        ];
        for (given, verdict) in cases {
            assert_eq!(own().judge(&headers(given)), *verdict, "{given:?}");
        }
    }

    #[test]
    fn a_range_is_heeded_for_the_same_bytes_only() {
        use header::IF_RANGE;
        for (given, heeded) in [
            (None, true),
            (Some("\"OWN\""), true),
            (Some("W/\"OWN\""), false),
            (Some("\"a\""), false),
            (Some("*"), false),
            (Some("Tue, 15 Nov 1994 12:45:26 GMT"), false),
        ] {
            let given: Vec<_> = given.map(|value| (IF_RANGE, value)).into_iter().collect();
            assert_eq!(own().allows_range(&headers(&given)), heeded, "{given:?}");
        }
    }
}
