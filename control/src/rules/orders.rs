//! Which orders may be given, by whom, and to which nodes they go.

use crate::rules::publication::Asker;
use protocol::api::OrderAsk;
use protocol::{
    Address, CollectionId, NO_VIEWER_TOKEN, NodeId, Order, PATTERN_BYTES_MAX, Paths, Revoked,
    TicketId, UnixMillis,
};

/// What a refusal repeats of a name, characters.
const SHOWN_CHARS: usize = 80;

/// Why an order isn't given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OrderRefused {
    #[error("there is no collection {0:?} here")]
    UnknownCollection(String),
    #[error("node {0} is not in this network's registry")]
    UnknownNode(NodeId),
    #[error("there is no zone {0:?} in the zone file")]
    UnknownZone(String),
    #[error("no node of these zones has joined within the hour: name nodes instead")]
    EmptyZones,
    #[error("say for which nodes or zones the order is")]
    NoNodes,
    #[error("a token's hash is never zero: that is where no token is needed")]
    NoToken,
    #[error("a revocation goes to all who may hold such tickets: name no nodes or zones")]
    Nodes,
    #[error("a path or pattern has 1 to {PATTERN_BYTES_MAX} bytes")]
    Pattern,
    #[error("collection {0:?} is another owner's")]
    Another(String),
    #[error(
        "nodes, clients and viewers' tokens are the operator's: owners push, purge, revoke tickets, and change their collections' viewer keys"
    )]
    Operators,
}

/// The nodes that an order can go to.
pub(crate) trait Roster {
    /// Whether a node is registered.
    fn knows(&self, node: &NodeId) -> bool;

    /// All that are registered.
    fn all(&self) -> Vec<NodeId>;

    /// Those of a zone that have joined within the hour; `None` if there is no such zone.
    fn of_zone(&self, zone: &str) -> Option<Vec<NodeId>>;
}

fn shown(name: &str) -> String {
    name.chars().take(SHOWN_CHARS).collect()
}

/// What an owner must own to give an order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Concerns<'a> {
    /// The collection, by its id or name.
    Collection(&'a mut String),
    Ticket(TicketId),
}

/// What an order is about, if owners give such orders at all.
pub(crate) fn concerns(ask: &mut OrderAsk) -> Result<Concerns<'_>, OrderRefused> {
    match ask {
        OrderAsk::Push { collection } | OrderAsk::Purge { collection, .. } => {
            Ok(Concerns::Collection(collection))
        }
        OrderAsk::Revoke(Revoked::Ticket(ticket)) => Ok(Concerns::Ticket(*ticket)),
        OrderAsk::Revoke(_)
        | OrderAsk::Drain
        | OrderAsk::Resume
        | OrderAsk::Block
        | OrderAsk::Unblock => Err(OrderRefused::Operators),
    }
}

/// Whether a collection is the asker's; `found` is its id and payer. Whether there is one of another's is nobody's
/// business.
pub(crate) fn own_collection(
    asker: Asker,
    wanted: &str,
    found: Option<(CollectionId, Address)>,
) -> Result<CollectionId, OrderRefused> {
    match found {
        Some((id, payer)) if asker.may_touch(payer) => Ok(id),
        _ => Err(OrderRefused::Another(shown(wanted))),
    }
}

/// The order that is asked for, now, where tickets last that long. `find` finds a collection by its id or name.
pub(crate) fn order(
    ask: &OrderAsk,
    find: impl Fn(&str) -> Option<CollectionId>,
    now: UnixMillis,
    ticket_ttl_ms: u64,
) -> Result<Order, OrderRefused> {
    let find = |wanted: &str| {
        let unknown = || OrderRefused::UnknownCollection(shown(wanted));
        find(wanted).ok_or_else(unknown)
    };
    Ok(match ask {
        OrderAsk::Push { collection } => Order::Push {
            collection: find(collection)?,
        },
        OrderAsk::Purge { collection, paths } => {
            // Also what was unpublished, by its id.
            let collection = collection.parse().or_else(|_| find(collection))?;
            if !paths.is_well_formed() {
                return Err(OrderRefused::Pattern);
            }
            let paths = paths.clone();
            Order::Purge { collection, paths }
        }
        OrderAsk::Drain => Order::Drain,
        OrderAsk::Resume => Order::Resume,
        OrderAsk::Block => Order::Block,
        OrderAsk::Unblock => Order::Unblock,
        OrderAsk::Revoke(what) => Order::Revoke {
            what: *what,
            issued_until: now,
            until: now.saturating_add(ticket_ttl_ms),
        },
    })
}

/// An order as it is given at a later moment than it was asked for: a revocation means all that was issued until then,
/// and is in force as long as it would have been. A clock that went back makes it mean no less.
pub(crate) fn as_of(order: &Order, now: UnixMillis) -> Order {
    match order {
        Order::Revoke {
            what,
            issued_until,
            until,
        } => {
            let later = now.saturating_sub(*issued_until);
            Order::Revoke {
                what: *what,
                issued_until: issued_until.saturating_add(later),
                until: until.saturating_add(later),
            }
        }
        other => other.clone(),
    }
}

/// The nodes that an order goes to, where these nodes and zones are named.
pub(crate) fn targets(
    order: &Order,
    nodes: &[NodeId],
    zones: &[String],
    roster: &impl Roster,
) -> Result<Vec<NodeId>, OrderRefused> {
    let named = !(nodes.is_empty() && zones.is_empty());
    if let Order::Revoke { what, .. } = order {
        if named {
            return Err(OrderRefused::Nodes);
        }
        return match what {
            Revoked::Token(hash) if *hash == NO_VIEWER_TOKEN => Err(OrderRefused::NoToken),
            Revoked::Node(node) if !roster.knows(node) => Err(OrderRefused::UnknownNode(*node)),
            Revoked::Node(node) => Ok(vec![*node]),
            Revoked::Token(_) | Revoked::Client(_) | Revoked::Ticket(_) => Ok(roster.all()),
        };
    }
    if !named {
        return match order {
            Order::Purge { .. } => Ok(roster.all()),
            _ => Err(OrderRefused::NoNodes),
        };
    }
    if let Some(unknown) = nodes.iter().find(|node| !roster.knows(node)) {
        return Err(OrderRefused::UnknownNode(*unknown));
    }
    let mut all = nodes.to_vec();
    for zone in zones {
        let unknown = || OrderRefused::UnknownZone(shown(zone));
        all.extend(roster.of_zone(zone).ok_or_else(unknown)?);
    }
    match all.is_empty() {
        true => Err(OrderRefused::EmptyZones),
        false => Ok(all),
    }
}

/// Drops a whole collection.
pub(crate) fn purge_all(collection: CollectionId) -> Order {
    Order::Purge {
        collection,
        paths: Paths::All,
    }
}

/// Why an order isn't done, for people: what an origin says comes before what a node makes of it.
pub(crate) fn trouble(detail: &str, of_origin: Option<String>) -> String {
    match of_origin {
        Some(reason) if !detail.contains(&reason) => format!("{reason}: {detail}"),
        _ => detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::{B256, ClientKey};

    const STUDIO: Address = Address::repeat_byte(1);
    const TICKET: TicketId = TicketId {
        epoch: 5,
        issuer: 4,
        index: 1,
    };

    fn film() -> CollectionId {
        CollectionId::new(1, &[7; 32]).unwrap()
    }

    fn node(number: u8) -> NodeId {
        NodeId::from([number; 32])
    }

    /// Nodes 1 to 4; 1 and 2 in the zone `here`, nobody in `empty`.
    struct Four;

    impl Roster for Four {
        fn knows(&self, node: &NodeId) -> bool {
            self.all().contains(node)
        }

        fn all(&self) -> Vec<NodeId> {
            (1..=4).map(node).collect()
        }

        fn of_zone(&self, zone: &str) -> Option<Vec<NodeId>> {
            match zone {
                "here" => Some(vec![node(1), node(2)]),
                "empty" => Some(Vec::new()),
                _ => None,
            }
        }
    }

    fn purge() -> Order {
        Order::Purge {
            collection: film(),
            paths: Paths::All,
        }
    }

    fn revoke(what: Revoked) -> Order {
        Order::Revoke {
            what,
            issued_until: 0,
            until: 1,
        }
    }

    #[test]
    fn an_order_goes_to_whom_it_names_and_a_revocation_to_all_who_may_hold_tickets() {
        use OrderRefused::{EmptyZones, NoNodes, NoToken, Nodes, UnknownNode, UnknownZone};
        let client = Revoked::Client(ClientKey::from([9; 32]));
        let token = Revoked::Token(B256::repeat_byte(3));
        let nothing = Revoked::Token(NO_VIEWER_TOKEN);
        let (some, all): (&[u8], &[u8]) = (&[1, 2], &[1, 2, 3, 4]);
        let cases = [
            (Order::Drain, &[1, 2][..], &[][..], Ok(some)),
            (Order::Drain, &[], &["here"], Ok(some)),
            (Order::Drain, &[3], &["here"], Ok(&[3, 1, 2][..])),
            (Order::Drain, &[3], &["empty"], Ok(&[3])),
            (Order::Drain, &[], &[], Err(NoNodes)),
            (Order::Drain, &[1, 5], &[], Err(UnknownNode(node(5)))),
            (Order::Drain, &[], &["empty"], Err(EmptyZones)),
            (
                Order::Drain,
                &[1],
                &["nowhere"],
                Err(UnknownZone("nowhere".into())),
            ),
            (purge(), &[], &[], Ok(all)),
            (purge(), &[2], &[], Ok(&[2])),
            (Order::Push { collection: film() }, &[], &[], Err(NoNodes)),
            (revoke(client), &[], &[], Ok(all)),
            (revoke(token), &[], &[], Ok(all)),
            (revoke(Revoked::Ticket(TICKET)), &[], &[], Ok(all)),
            (revoke(Revoked::Node(node(3))), &[], &[], Ok(&[3])),
            (
                revoke(Revoked::Node(node(8))),
                &[],
                &[],
                Err(UnknownNode(node(8))),
            ),
            (revoke(nothing), &[], &[], Err(NoToken)),
            (revoke(client), &[1], &[], Err(Nodes)),
            (revoke(client), &[], &["here"], Err(Nodes)),
        ];
        for (order, nodes, zones, expected) in cases {
            let nodes: Vec<_> = nodes.iter().copied().map(node).collect();
            let zones: Vec<_> = zones.iter().map(|zone| (*zone).to_owned()).collect();
            let found = targets(&order, &nodes, &zones, &Four);
            let expected = expected.map(|nodes| nodes.iter().copied().map(node).collect());
            assert_eq!(found, expected, "{order:?} {zones:?}");
        }
    }

    #[test]
    fn an_order_is_what_was_asked_for_of_a_collection_that_is_here() {
        let find = |wanted: &str| (wanted == "film").then_some(film());
        let purge = |collection: &str, paths| OrderAsk::Purge {
            collection: collection.into(),
            paths,
        };
        let push = |collection: &str| OrderAsk::Push {
            collection: collection.into(),
        };
        let gone = CollectionId::new(1, &[8; 32]).unwrap();
        let what = Revoked::Ticket(TICKET);
        let long = "n".repeat(10_000);
        let shown = "n".repeat(SHOWN_CHARS);
        let unknown = |name: &str| Err(OrderRefused::UnknownCollection(name.to_owned()));
        let purged = |collection| {
            Ok(Order::Purge {
                collection,
                paths: Paths::All,
            })
        };
        let revoked = Order::Revoke {
            what,
            issued_until: 100,
            until: 160,
        };
        for (ask, expected) in [
            (push("film"), Ok(Order::Push { collection: film() })),
            (push("other"), unknown("other")),
            (push(&long), unknown(&shown)),
            (push(&gone.to_string()), unknown(&gone.to_string())),
            (purge("film", Paths::All), purged(film())),
            (purge(&gone.to_string(), Paths::All), purged(gone)),
            (purge("other", Paths::All), unknown("other")),
            (
                purge("film", Paths::Glob(String::new())),
                Err(OrderRefused::Pattern),
            ),
            (OrderAsk::Drain, Ok(Order::Drain)),
            (OrderAsk::Resume, Ok(Order::Resume)),
            (OrderAsk::Block, Ok(Order::Block)),
            (OrderAsk::Unblock, Ok(Order::Unblock)),
            (OrderAsk::Revoke(what), Ok(revoked)),
        ] {
            assert_eq!(order(&ask, find, 100, 60), expected, "{ask:?}");
        }
    }

    #[test]
    fn owners_give_orders_about_their_collections_and_tickets_alone() {
        let mut push = OrderAsk::Push {
            collection: "film".into(),
        };
        let about = concerns(&mut push).unwrap();
        assert_eq!(about, Concerns::Collection(&mut "film".to_owned()));
        let mut revoke = OrderAsk::Revoke(Revoked::Ticket(TICKET));
        assert_eq!(concerns(&mut revoke), Ok(Concerns::Ticket(TICKET)));
        for mut ask in [
            OrderAsk::Drain,
            OrderAsk::Resume,
            OrderAsk::Block,
            OrderAsk::Unblock,
            OrderAsk::Revoke(Revoked::Node(node(1))),
            OrderAsk::Revoke(Revoked::Token(B256::repeat_byte(3))),
            OrderAsk::Revoke(Revoked::Client(ClientKey::from([9; 32]))),
        ] {
            assert_eq!(concerns(&mut ask), Err(OrderRefused::Operators));
        }
    }

    #[test]
    fn what_is_another_s_and_what_isn_t_there_are_refused_alike() {
        let owner = Asker::Owner(STUDIO);
        let another = || Err(OrderRefused::Another("film".into()));
        let other = Address::repeat_byte(2);
        for (found, expected) in [
            (Some((film(), STUDIO)), Ok(film())),
            (Some((film(), other)), another()),
            (None, another()),
        ] {
            assert_eq!(own_collection(owner, "film", found), expected);
        }
    }

    #[test]
    fn an_origin_s_reason_comes_first_and_once() {
        let reason = || Some("503".to_owned());
        assert_eq!(trouble("no bytes", reason()), "503: no bytes");
        assert_eq!(trouble("origin said 503", reason()), "origin said 503");
        assert_eq!(trouble("no bytes", None), "no bytes");
    }

    #[test]
    fn what_isn_t_a_revocation_stays_as_it_was_asked_for() {
        for order in [Order::Drain, Order::Block, purge()] {
            assert_eq!(as_of(&order, 77), order);
        }
    }

    proptest! {
        #[test]
        fn a_revocation_means_all_until_it_is_given_and_lasts_as_long(
            asked: u32, ttl in 0u64..1 << 40, given: u32,
        ) {
            let (asked, given) = (u64::from(asked), u64::from(given));
            let find = |_: &str| None;
            let ask = OrderAsk::Revoke(Revoked::Ticket(TICKET));
            let order = order(&ask, find, asked, ttl).unwrap();
            let Order::Revoke { what, issued_until, until } = as_of(&order, given) else {
                panic!("it was a revocation");
            };
            prop_assert_eq!(what, Revoked::Ticket(TICKET));
            prop_assert_eq!(issued_until, asked.max(given));
            prop_assert_eq!(until, issued_until + ttl);
        }

        #[test]
        fn an_order_never_goes_to_a_node_that_isn_t_registered(
            nodes in prop::collection::vec(0u8..7, 0..4),
            zones in prop::collection::vec("here|empty|nowhere", 0..3),
            which in 0usize..4,
        ) {
            let nodes: Vec<_> = nodes.into_iter().map(node).collect();
            let order = [Order::Drain, Order::Block, purge(), revoke(Revoked::Node(node(6)))];
            if let Ok(found) = targets(&order[which], &nodes, &zones, &Four) {
                prop_assert!(!found.is_empty());
                prop_assert!(found.iter().all(|node| Four.knows(node)));
            }
        }
    }
}
