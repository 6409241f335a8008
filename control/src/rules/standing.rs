//! Whether a member gets traffic, and if not, why.

use crate::rules::health::Unfit;
use routing::Standing;
use std::time::Duration;

/// Why a blocked node gets no traffic.
pub(crate) const BLOCKED: &str = "the network's operator has blocked it";

/// What is known of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Whether its operator has blocked it.
    pub(crate) blocked: bool,
    pub(crate) connected: bool,
    /// Since its last heartbeat; none if there was none.
    pub(crate) silent_for: Option<Duration>,
    /// Whether it, or its operator, wants no new sessions.
    pub(crate) draining: bool,
    /// Why it doesn't deliver.
    pub(crate) unfit: Option<Unfit>,
}

/// Whether it gets traffic, where one that is silent for longer than `timeout` gets none.
pub(crate) fn standing(facts: Facts, timeout: Duration) -> (Standing, Option<String>) {
    let because = |standing, why: &str| (standing, Some(why.to_owned()));
    if facts.blocked {
        return because(Standing::Blocked, BLOCKED);
    }
    if !facts.connected {
        return because(Standing::Down, "its connection is gone");
    }
    let Some(silent_for) = facts.silent_for else {
        return because(Standing::Down, "it has sent no heartbeat yet");
    };
    if silent_for > timeout {
        return because(Standing::Down, "it has stopped sending heartbeats");
    }
    if facts.draining {
        return because(Standing::Draining, "it takes no new sessions");
    }
    match facts.unfit {
        Some(Unfit::Unproven(met)) => (Standing::Unproven, Some(met)),
        Some(Unfit::Suspect) => because(
            Standing::Down,
            "clients of several networks say it fails them",
        ),
        None => (Standing::Available, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    fn well() -> Facts {
        Facts {
            blocked: false,
            connected: true,
            silent_for: Some(TIMEOUT),
            draining: false,
            unfit: None,
        }
    }

    #[test]
    fn a_member_gets_traffic_unless_there_is_a_reason_and_hears_the_first() {
        let unproven = Some(Unfit::Unproven("no route".into()));
        let silent_for = Some(TIMEOUT + Duration::from_nanos(1));
        let gone = Facts {
            connected: false,
            silent_for,
            draining: true,
            ..well()
        };
        let blocked = Facts {
            blocked: true,
            ..gone.clone()
        };
        let cases = [
            (well(), Standing::Available, ""),
            (blocked, Standing::Blocked, BLOCKED),
            (gone, Standing::Down, "connection is gone"),
            (
                Facts {
                    silent_for: None,
                    ..well()
                },
                Standing::Down,
                "no heartbeat yet",
            ),
            (
                Facts {
                    silent_for,
                    draining: true,
                    ..well()
                },
                Standing::Down,
                "stopped sending",
            ),
            (
                Facts {
                    draining: true,
                    unfit: unproven.clone(),
                    ..well()
                },
                Standing::Draining,
                "no new sessions",
            ),
            (
                Facts {
                    unfit: unproven,
                    ..well()
                },
                Standing::Unproven,
                "no route",
            ),
            (
                Facts {
                    unfit: Some(Unfit::Suspect),
                    ..well()
                },
                Standing::Down,
                "several networks",
            ),
        ];
        for (facts, expected, why) in cases {
            let (found, reason) = standing(facts.clone(), TIMEOUT);
            assert_eq!(found, expected, "{facts:?}");
            assert!(reason.unwrap_or_default().contains(why), "{facts:?}");
        }
    }

    proptest! {
        #[test]
        fn only_who_gets_traffic_has_no_reason(
            flags: (bool, bool, bool),
            silent_s in prop::option::of(0u64..10),
            suspect: bool,
        ) {
            let (blocked, connected, draining) = flags;
            let facts = Facts {
                blocked,
                connected,
                silent_for: silent_s.map(Duration::from_secs),
                draining,
                unfit: suspect.then_some(Unfit::Suspect),
            };
            let (found, reason) = standing(facts, TIMEOUT);
            prop_assert_eq!(found == Standing::Available, reason.is_none());
        }
    }
}
