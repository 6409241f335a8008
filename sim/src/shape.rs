//! The shape of what is said: a text with stars.

/// Whether a text is of a shape, in which `*` is anything.
pub(crate) fn fits(shape: &str, text: &str) -> bool {
    let Some((first, rest)) = shape.split_once('*') else {
        return shape == text;
    };
    let Some(after) = text.strip_prefix(first) else {
        return false;
    };
    let mut from = after.char_indices().map(|(at, _)| at).chain([after.len()]);
    from.any(|at| fits(rest, &after[at..]))
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_shape_is_a_text_but_for_its_stars() {
        assert!(fits("ticket *: * of * bytes", "ticket 1: 2 of 3 bytes"));
        assert!(fits("*", "") && fits("a*", "a") && fits("*a", "ba"));
        assert!(!fits("ticket *: 4", "ticket 1: 5"));
        assert!(!fits("ticket", "ticket 1") && !fits("*b", "ba"));
    }
}
