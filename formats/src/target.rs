//! What a request's URL names: `/{collection}/{path in it}?via={node}`, or `/~{node}/{collection}/{path}`, which
//! what a playlist there names by a relative URL keeps. A viewer's token may stand before it all, for the same
//! reason: `/;URISigningPackage=TOKEN/…` (a path-style parameter, RFC 3986, section 3.3).

use protocol::{CollectionId, Manifest, NodeId, URI_SIGNING_PACKAGE, ViewerToken};

/// Longest name of a collection, as the control plane allows them.
const NAME_BYTES_MAX: usize = 128;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A collection without the `/` that relative links need.
    Bare(String),
    /// A collection's list of files.
    Listing(String),
    /// A file.
    File {
        /// Name or id.
        collection: String,
        /// In the collection.
        path: String,
    },
}

/// Why a URL names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// 400, and why.
    Malformed(&'static str),
    /// 404: no collection can be called so.
    NoCollection,
    /// 414.
    TooLong,
}

/// Reads the path of a URL as it was sent.
///
/// What could mean another file to somebody who reads it otherwise is refused, not repaired: dot segments,
/// plain or encoded, encoded slashes and backslashes, empty segments, control characters.
///
/// # Errors
/// [`Wrong`], if it names nothing.
pub fn parse(raw: &str) -> Result<Target, Wrong> {
    // Every byte may be three characters.
    if raw.len() > 3 * (Manifest::PATH_BYTES_MAX + NAME_BYTES_MAX) {
        return Err(Wrong::TooLong);
    }
    let rest = raw
        .strip_prefix('/')
        .ok_or(Wrong::Malformed("the path must begin with a slash"))?;
    let (collection, path) = match rest.split_once('/') {
        None => (rest, None),
        Some((collection, path)) => (collection, Some(path)),
    };
    let collection = segment(collection)?;
    let named = (1..=NAME_BYTES_MAX).contains(&collection.len())
        && collection
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if !named && collection.parse::<CollectionId>().is_err() {
        return Err(Wrong::NoCollection);
    }
    let Some(path) = path else {
        return Ok(Target::Bare(collection));
    };
    if path.is_empty() {
        return Ok(Target::Listing(collection));
    }
    let segments: Vec<_> = path.split('/').map(segment).collect::<Result<_, _>>()?;
    let path = segments.join("/");
    if path.len() > Manifest::PATH_BYTES_MAX {
        return Err(Wrong::TooLong);
    }
    Ok(Target::File { collection, path })
}

const BAD_TOKEN: Wrong = Wrong::Malformed("the viewer's token is no signed JWT");

/// The viewer's token that a path begins with, and the rest of the path.
///
/// # Errors
/// If it is no token.
pub fn signed(raw: &str) -> Result<(Option<ViewerToken>, &str), Wrong> {
    let parameter = raw.strip_prefix("/;");
    let value = parameter
        .and_then(|rest| rest.strip_prefix(URI_SIGNING_PACKAGE))
        .and_then(|rest| rest.strip_prefix('='));
    let Some(value) = value else {
        return Ok((None, raw));
    };
    let end = value.find('/').ok_or(BAD_TOKEN)?;
    let token = value[..end].parse().map_err(|_| BAD_TOKEN)?;
    Ok((Some(token), &value[end..]))
}

/// The viewer's token in a query (RFC 9246). It has no character that a query would escape.
///
/// # Errors
/// If it is no token.
pub fn signed_query(query: Option<&str>) -> Result<Option<ViewerToken>, Wrong> {
    let mut pairs = query.unwrap_or_default().split('&');
    let value = pairs.find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        (name == URI_SIGNING_PACKAGE).then_some(value)
    });
    value
        .map(|text| text.parse().map_err(|_| BAD_TOKEN))
        .transpose()
}

/// The node that a path prefers, and the rest of the path.
///
/// # Errors
/// If it is no node's id.
pub fn preferred(raw: &str) -> Result<(Option<NodeId>, &str), Wrong> {
    let Some(rest) = raw.strip_prefix("/~") else {
        return Ok((None, raw));
    };
    let malformed = Wrong::Malformed("after /~ comes a node's id, then the collection");
    let end = rest.find('/').ok_or(malformed)?;
    let node = rest[..end].parse().map_err(|_| malformed)?;
    Ok((Some(node), &rest[end..]))
}

/// One segment, decoded.
///
/// # Errors
/// If it could mean another file to somebody else.
pub fn segment(raw: &str) -> Result<String, Wrong> {
    let decoded = decoded(raw)?;
    let text = String::from_utf8(decoded)
        .map_err(|_| Wrong::Malformed("the path is not UTF-8 once it is decoded"))?;
    if text.is_empty() {
        return Err(Wrong::Malformed("the path has an empty segment"));
    }
    if matches!(text.as_str(), "." | "..") {
        return Err(Wrong::Malformed("the path has a segment of dots"));
    }
    if text.contains(['/', '\\']) {
        return Err(Wrong::Malformed(
            "the path has an encoded slash or a backslash",
        ));
    }
    if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return Err(Wrong::Malformed("the path has a control character"));
    }
    Ok(text)
}

fn decoded(raw: &str) -> Result<Vec<u8>, Wrong> {
    let wrong = Wrong::Malformed("the path has a % that two hexadecimal digits don't follow");
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || {
            bytes
                .next()
                .and_then(|b| char::from(b).to_digit(16))
                .ok_or(wrong)
        };
        out.push((digit()? * 16 + digit()?) as u8);
    }
    Ok(out)
}

/// A path as part of a URL.
pub fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=:@".contains(&byte) {
            out.push(byte.into());
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The node that a query prefers. Whatever else a query has is for others.
///
/// # Errors
/// If it is no node's id.
pub fn via(query: Option<&str>) -> Result<Option<NodeId>, Wrong> {
    let given = query
        .unwrap_or_default()
        .split('&')
        .find_map(|pair| pair.strip_prefix("via="));
    given
        .map(|id| {
            id.parse()
                .map_err(|_| Wrong::Malformed("via must be a node's id"))
        })
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(collection: &str, path: &str) -> Result<Target, Wrong> {
        let (collection, path) = (collection.to_owned(), path.to_owned());
        Ok(Target::File { collection, path })
    }

    #[test]
    fn urls_name_collections_and_files() {
        assert_eq!(parse("/film"), Ok(Target::Bare("film".into())));
        assert_eq!(parse("/film/"), Ok(Target::Listing("film".into())));
        assert_eq!(parse("/film/a.ts"), file("film", "a.ts"));
        assert_eq!(parse("/a-B_1.x/s/%C3%A4%20b"), file("a-B_1.x", "s/ä b"));
        assert_eq!(parse("/film/..a/b.."), file("film", "..a/b.."));
        assert_eq!(parse("/film/%2525"), file("film", "%25"));
        let id = CollectionId::new(5, &[7; 32]).unwrap().to_string();
        assert_eq!(parse(&format!("/{id}/a")), file(&id, "a"));
    }

    #[test]
    fn tricks_are_refused() {
        for raw in [
            "film",
            "/film/../x",
            "/film/a/..",
            "/film/.",
            "/film/%2e%2E/x",
            "/film/%2e/x",
            "/../film",
            "/%2e%2e/film/x",
            "/film//x",
            "/film/a/",
            "//film/x",
            "/film/a%2Fb",
            "/film/..%2f..%2fetc",
            "/film%2fa/b",
            "/film/a%5cb",
            "/film/a\\b",
            "/film/a%00b",
            "/film/a%0ab",
            "/film/%7f",
            "/film/%",
            "/film/%4",
            "/film/%zz",
            "/film/%+1",
            "/film/%ff",
        ] {
            let parsed = parse(raw);
            assert!(
                matches!(parsed, Err(Wrong::Malformed(_))),
                "{raw}: {parsed:?}"
            );
        }
        for raw in ["/fi lm/x", "/fi%20lm/x", "/f@/x", "/ä/x"] {
            assert_eq!(parse(raw), Err(Wrong::NoCollection), "{raw}");
        }
        let long = "x".repeat(5000);
        assert_eq!(parse(&format!("/film/{long}")), Err(Wrong::TooLong));
        assert_eq!(
            parse(&format!("/film/{}", &long[..1025])),
            Err(Wrong::TooLong)
        );
    }

    #[test]
    fn a_path_may_prefer_a_node() {
        let node = NodeId::from([9; 32]);
        assert_eq!(preferred("/film/~a"), Ok((None, "/film/~a")));
        assert_eq!(
            preferred(&format!("/~{node}/film/a")),
            Ok((Some(node), "/film/a"))
        );
        for raw in [
            "/~",
            "/~12/film/a",
            &format!("/~{node}"),
            &format!("/~~{node}/a"),
        ] {
            assert!(preferred(raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn tokens_stand_before_the_path_or_in_the_query() {
        let token: ViewerToken = "aa.b-_.cc".parse().unwrap();
        let path = "/;URISigningPackage=aa.b-_.cc/film/a";
        assert_eq!(signed(path), Ok((Some(token.clone()), "/film/a")));
        assert_eq!(signed("/film/a;b"), Ok((None, "/film/a;b")));
        assert_eq!(signed("/;other=1/film"), Ok((None, "/;other=1/film")));
        for wrong in [
            "/;URISigningPackage=aa.bb.cc",
            "/;URISigningPackage=a/film",
            "/;URISigningPackage=/x",
        ] {
            assert_eq!(signed(wrong), Err(BAD_TOKEN), "{wrong}");
        }
        assert_eq!(signed_query(None), Ok(None));
        assert_eq!(signed_query(Some("via=1&x")), Ok(None));
        let query = Some("a=b&URISigningPackage=aa.b-_.cc&c");
        assert_eq!(signed_query(query), Ok(Some(token)));
        assert_eq!(signed_query(Some("URISigningPackage=x")), Err(BAD_TOKEN));
    }

    #[test]
    fn a_query_may_prefer_a_node() {
        let node = NodeId::from([9; 32]);
        assert_eq!(via(None), Ok(None));
        assert_eq!(via(Some("")), Ok(None));
        assert_eq!(via(Some("token=x&avia=1")), Ok(None));
        assert_eq!(via(Some(&format!("token=x&via={node}"))), Ok(Some(node)));
        assert!(via(Some("via=")).is_err());
        assert!(via(Some("via=0x12")).is_err());
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(path in "[^/\\\\\\x00-\\x1f\\x7f]{1,40}(/[^/\\\\\\x00-\\x1f\\x7f]{1,40})?") {
            prop_assume!(path.split('/').all(|segment| !matches!(segment, "." | "..")));
            prop_assert_eq!(parse(&format!("/film/{}", encoded(&path))), file("film", &path));
        }

        #[test]
        fn nothing_that_is_read_leaves_the_collection(raw: String) {
            if let Ok(Target::File { path, .. }) = parse(&format!("/film/{raw}")) {
                prop_assert!(path.split('/').all(|segment| !matches!(segment, "" | "." | "..")));
            }
        }
    }
}
