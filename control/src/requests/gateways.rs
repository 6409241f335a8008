//! The HTTP gateways that the zone file lists, and which of them answer.

use crate::nodes::overlay::Overlay;
use crate::rules::gateways::{Answering, Change};
use host::Http;
use host::Mutex;
use routing::{ZoneIndex, Zones};
use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often each is asked.
const ASK_INTERVAL: Duration = Duration::from_secs(2);
/// By when it has to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Asked at once.
const ASKED_MAX: usize = 64;
/// Which gateways answer.
#[derive(Debug, Default)]
pub(crate) struct Gateways(Mutex<Answering>);

impl Gateways {
    fn answering(&self) -> MutexGuard<'_, Answering> {
        self.0.lock()
    }

    /// Those of the first of these zones that has any, in turns.
    pub(crate) fn healthy(
        &self,
        zones: &Zones,
        near: impl Iterator<Item = ZoneIndex>,
        turn: u64,
    ) -> Vec<String> {
        self.answering().near(zones, near, turn)
    }

    fn heard(&self, url: &str, answer: bool) {
        match self.answering().heard(url, answer) {
            Some(Change::Answers) => tracing::info!(url, "a gateway answers"),
            Some(Change::Silent) => tracing::warn!(url, "a gateway answers no more"),
            None => {}
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
        gateways.answering().forget_others(&urls);
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
