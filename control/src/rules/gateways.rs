//! Which HTTP gateways answer, and which of them clients are named.

use routing::{ZoneIndex, Zones};
use std::collections::{BTreeMap, BTreeSet};

/// Questions in a row without an answer before clients are sent elsewhere; one answer brings it back.
const UNANSWERED_MAX: u32 = 2;
/// Named to one client.
const NAMED_MAX: usize = 3;

/// Gateways that answer.
#[derive(Debug, Default)]
pub(crate) struct Answering {
    /// Questions in a row without an answer, by URL. Who has never answered isn't here.
    missed: BTreeMap<String, u32>,
}

/// What a gateway's answer, or none, has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It answers, and didn't.
    Answers,
    /// It answers no more.
    Silent,
}

impl Answering {
    /// A gateway was asked, and gave an answer or none.
    pub(crate) fn heard(&mut self, url: &str, answer: bool) -> Option<Change> {
        if answer {
            let known = self.missed.insert(url.to_owned(), 0);
            return known.is_none().then_some(Change::Answers);
        }
        let missed = self.missed.get_mut(url)?;
        *missed += 1;
        if *missed < UNANSWERED_MAX {
            return None;
        }
        self.missed.remove(url);
        Some(Change::Silent)
    }

    /// Who isn't listed any more has never answered.
    pub(crate) fn forget_others(&mut self, listed: &BTreeSet<String>) {
        self.missed.retain(|url, _| listed.contains(url));
    }

    /// Those of the first of these zones that has any, in turns.
    pub(crate) fn near(
        &self,
        zones: &Zones,
        near: impl Iterator<Item = ZoneIndex>,
        turn: u64,
    ) -> Vec<String> {
        for zone in near {
            let listed = zones.gateways(zone).iter();
            let found = listed.filter(|url| self.missed.contains_key(*url));
            let mut found: Vec<_> = found.cloned().collect();
            if !found.is_empty() {
                let first = (turn % found.len() as u64) as usize;
                found.rotate_left(first);
                found.truncate(NAMED_MAX);
                return found;
            }
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: &str = r#"{"coverageZones":{
        "a":{"gateways":["http://a1","http://a2","http://a3","http://a4"]},"b":{"gateways":["http://b"]}}}"#;
    const ALL: [&str; 5] = [
        "http://a1",
        "http://a2",
        "http://a3",
        "http://a4",
        "http://b",
    ];

    fn zones() -> (Zones, Vec<ZoneIndex>) {
        let zones = Zones::parse(FILE.as_bytes()).expect("a zone file");
        let near = ["a", "b"].map(|name| zones.find(name).expect("it is there"));
        (zones, near.into())
    }

    #[test]
    fn who_answers_is_named_zone_by_zone_and_in_turns() {
        let (zones, near) = zones();
        let mut answering = Answering::default();
        let named =
            |answering: &Answering, turn| answering.near(&zones, near.iter().copied(), turn);
        assert!(named(&answering, 0).is_empty(), "nobody has answered yet");
        assert_eq!(answering.heard("http://b", true), Some(Change::Answers));
        assert_eq!(named(&answering, 0), ["http://b"]);
        answering.heard("http://a1", true);
        answering.heard("http://a2", true);
        assert_eq!(named(&answering, 0), ["http://a1", "http://a2"]);
        assert_eq!(named(&answering, 1), ["http://a2", "http://a1"]);
        assert_eq!(answering.heard("http://a1", false), None);
        assert_eq!(named(&answering, 0).len(), 2, "once is an accident");
        assert_eq!(answering.heard("http://a1", false), Some(Change::Silent));
        assert_eq!(answering.heard("http://a1", false), None, "it is known");
        assert_eq!(named(&answering, 0), ["http://a2"]);
        answering.heard("http://a1", true);
        assert_eq!(named(&answering, 0).len(), 2);
        answering.forget_others(&BTreeSet::from(["http://b".to_owned()]));
        assert_eq!(named(&answering, 0), ["http://b"]);
    }

    proptest! {
        #[test]
        fn nobody_is_named_who_doesn_t_answer_or_is_farther_than_one_who_does(
            heard in prop::collection::vec((0usize..5, any::<bool>()), 0..40), turn: u64,
        ) {
            let (zones, near) = zones();
            let mut answering = Answering::default();
            for (which, answer) in &heard {
                answering.heard(ALL[*which], *answer);
            }
            // One answer, and then not two questions in a row without one.
            let answers = |which: usize| {
                let said: Vec<_> = heard.iter().filter(|one| one.0 == which).map(|one| one.1).collect();
                said.contains(&true) && said.iter().rev().take(2).any(|answer| *answer)
            };
            let named = answering.near(&zones, near.into_iter(), turn);
            let here: Vec<_> = (0..4).filter(|which| answers(*which)).map(|which| ALL[which]).collect();
            let expected = match here.is_empty() {
                true => Vec::from_iter(answers(4).then_some(ALL[4])),
                false => here,
            };
            prop_assert_eq!(named.len(), expected.len().min(NAMED_MAX));
            prop_assert!(named.iter().all(|url| expected.contains(&url.as_str())));
        }
    }
}
