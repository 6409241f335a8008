//! The HTTP gateways that the zone file lists, and which of them answer.

use crate::nodes::overlay::Overlay;
use host::Http;
use routing::{ZoneIndex, Zones};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often each is asked.
const ASK_INTERVAL: Duration = Duration::from_secs(2);
/// By when it has to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Questions in a row without an answer before clients are sent elsewhere; one answer brings it back.
const UNANSWERED_MAX: u32 = 2;
/// Asked at once.
const ASKED_MAX: usize = 64;
/// Named to one client.
const NAMED_MAX: usize = 3;

/// Which gateways answer.
#[derive(Debug, Default)]
pub(crate) struct Gateways {
    /// Questions in a row without an answer, by URL. Who has never answered isn't here.
    answered: Mutex<BTreeMap<String, u32>>,
}

impl Gateways {
    /// Those of the first of these zones that has any, in turns.
    pub(crate) fn healthy(
        &self,
        zones: &Zones,
        near: impl Iterator<Item = ZoneIndex>,
        turn: u64,
    ) -> Vec<String> {
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = |url: &&String| {
            answered
                .get(*url)
                .is_some_and(|missed| *missed < UNANSWERED_MAX)
        };
        for zone in near {
            let mut found: Vec<_> = zones
                .gateways(zone)
                .iter()
                .filter(answers)
                .cloned()
                .collect();
            if !found.is_empty() {
                let first = (turn % found.len() as u64) as usize;
                found.rotate_left(first);
                found.truncate(NAMED_MAX);
                return found;
            }
        }
        Vec::new()
    }

    /// Who isn't listed any more has never answered.
    fn forget_others(&self, listed: &BTreeSet<String>) {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.retain(|url, _| listed.contains(url));
    }

    fn heard(&self, url: &str, answer: bool) {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if answer {
            if answered.insert(url.to_owned(), 0).is_none() {
                tracing::info!(url, "a gateway answers");
            }
        } else if let Some(missed) = answered.get_mut(url) {
            *missed += 1;
            if *missed >= UNANSWERED_MAX {
                answered.remove(url);
                tracing::warn!(url, "a gateway answers no more");
            }
        }
    }
}

/// Asks all that the map of the moment lists, again and again, until told to stop.
pub(crate) async fn run(
    gateways: Arc<Gateways>,
    http: Http,
    map: impl Fn() -> Arc<Overlay>,
    stop: CancellationToken,
) {
    let mut ticks = interval(ASK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let overlay = map();
        let zones = &overlay.zones;
        let listed = zones.all().flat_map(|zone| zones.gateways(zone));
        let urls: BTreeSet<_> = listed.cloned().collect();
        gateways.forget_others(&urls);
        let mut asked = JoinSet::new();
        for url in urls {
            if asked.len() >= ASKED_MAX {
                asked.join_next().await;
            }
            let (gateways, http) = (gateways.clone(), http.clone());
            asked.spawn(async move {
                let health = format!("{}/healthz", url.trim_end_matches('/'));
                let request = http.get(health).timeout(ANSWER_TIMEOUT);
                let answer = http.send(request).await;
                let well = answer.is_ok_and(|answer| answer.status().is_success());
                gateways.heard(&url, well);
            });
        }
        asked.join_all().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_answers_is_named_zone_by_zone_and_in_turns() {
        let zones = Zones::parse(
            br#"{"coverageZones":{"a":{"gateways":["http://a1","http://a2"]},"b":{"gateways":["http://b"]}}}"#,
        )
        .unwrap();
        let near: Vec<_> = ["a", "b"].map(|name| zones.find(name).unwrap()).into();
        let gateways = Gateways::default();
        let named = |turn| gateways.healthy(&zones, near.iter().copied(), turn);
        assert!(named(0).is_empty(), "nobody has answered yet");
        gateways.heard("http://b", true);
        assert_eq!(named(0), ["http://b"]);
        gateways.heard("http://a1", true);
        gateways.heard("http://a2", true);
        assert_eq!(named(0), ["http://a1", "http://a2"]);
        assert_eq!(named(1), ["http://a2", "http://a1"]);
        gateways.heard("http://a1", false);
        assert_eq!(named(0).len(), 2, "once is an accident");
        gateways.heard("http://a1", false);
        assert_eq!(named(0), ["http://a2"]);
        gateways.heard("http://a1", true);
        assert_eq!(named(0).len(), 2);
    }
}
