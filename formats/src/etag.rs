//! Lists of entity tags: RFC 9110, section 8.8.3.

/// The tags of a list, with their quotes, and whether each is weak. Ends at what is no tag.
pub fn tags(mut list: &[u8]) -> impl Iterator<Item = (bool, &[u8])> {
    std::iter::from_fn(move || {
        while let [b' ' | b'\t' | b',', rest @ ..] = list {
            list = rest;
        }
        let weak = list.starts_with(b"W/");
        if weak {
            list = &list[2..];
        }
        let [b'"', rest @ ..] = list else { return None };
        let end = rest.iter().position(|byte| *byte == b'"')? + 2;
        let (tag, rest) = list.split_at(end);
        list = rest;
        Some((weak, tag))
    })
}
