//! What is out is never worth more than there is to pay it with.

use super::*;
use proptest::prelude::*;
use protocol::GIB;

const PAYER: Address = Address::repeat_byte(1);
const OTHER: Address = Address::repeat_byte(2);

fn reading(next: Epoch, price: u128, left: &[(Address, u128)]) -> Reading {
    Reading {
        next,
        prices: BTreeMap::from([(0, price)]),
        left: left.iter().copied().collect(),
    }
}

fn promises(cover_percent: u32) -> Promises {
    Promises::new(PayerQuota::default(), cover_percent)
}

fn tickets(payer: Address, count: usize, bytes: u64) -> impl Iterator<Item = (Address, u64)> {
    std::iter::repeat_n((payer, bytes), count)
}

#[test]
fn promises_end_where_the_deposit_does_and_go_on_when_there_is_more() {
    let mut promises = promises(100);
    let refused = promises.promise(0, tickets(PAYER, 1, GIB));
    assert_eq!(refused, Err(PromiseError::Unknown(PAYER)));
    promises.learn(reading(0, 10, &[(PAYER, 50), (OTHER, 10)]));
    assert_eq!(promises.promise(0, tickets(PAYER, 3, GIB)), Ok(()));
    let refused = promises.promise(1, tickets(PAYER, 3, GIB)).unwrap_err();
    let short = PromiseError::Short {
        payer: PAYER,
        left: 50,
        needed: 60,
    };
    assert_eq!(refused, short);
    assert!(
        refused
            .to_string()
            .contains("`quittance contracts fund 10` or more"),
        "{refused}"
    );
    assert_eq!(
        promises.promise(1, tickets(PAYER, 2, GIB)),
        Ok(()),
        "all of it"
    );
    assert!(promises.promise(1, tickets(PAYER, 1, 1)).is_err());
    assert_eq!(
        promises.promise(1, tickets(OTHER, 1, GIB)),
        Ok(()),
        "its own"
    );

    // It is deposited.
    promises.learn(reading(0, 10, &[(PAYER, 60), (OTHER, 10)]));
    assert_eq!(promises.promise(1, tickets(PAYER, 1, GIB)), Ok(()));
    assert!(promises.promise(1, tickets(PAYER, 1, 1)).is_err());
    // Epoch 0 is attested; a third of it was used, and is billed.
    promises.learn(reading(1, 10, &[(PAYER, 50), (OTHER, 10)]));
    assert_eq!(promises.promise(1, tickets(PAYER, 2, GIB)), Ok(()));
    assert!(promises.promise(2, tickets(PAYER, 1, 1)).is_err());
    // That was a lie: it is overturned, and read again.
    promises.learn(reading(0, 10, &[(PAYER, 60), (OTHER, 10)]));
    assert!(!promises.holds(0) && promises.holds(1));
    assert_eq!(promises.check(1, PAYER, Promised::default()), Ok(()));
    let lost = Promised {
        tickets: 3,
        bytes: 3 * u128::from(GIB),
    };
    promises.hold(0, ByPayer::from([(PAYER, lost)]));
    assert!(promises.check(1, PAYER, Promised::default()).is_err());
}

#[test]
fn a_request_is_promised_whole_or_not_at_all() {
    let mut promises = promises(100);
    promises.learn(reading(0, 10, &[(PAYER, 10), (OTHER, 0)]));
    let both = [(PAYER, GIB), (OTHER, GIB)];
    assert!(promises.promise(0, both).is_err());
    assert_eq!(promises.promise(0, tickets(PAYER, 1, GIB)), Ok(()));
}

#[test]
fn an_operator_says_which_part_is_covered() {
    let mut promises = promises(34);
    promises.learn(reading(0, 10, &[(PAYER, 11)]));
    assert_eq!(promises.promise(0, tickets(PAYER, 3, GIB)), Ok(()));
    let needed = match promises.promise(0, tickets(PAYER, 1, GIB)) {
        Err(PromiseError::Short { needed, .. }) => needed,
        other => panic!("{other:?}"),
    };
    assert_eq!(needed, 14, "34 % of 40, rounded up");
}

#[test]
fn prices_are_those_of_the_epoch() {
    let mut promises = promises(100);
    promises.learn(Reading {
        prices: BTreeMap::from([(3, 10), (4, 1000)]),
        ..reading(3, 0, &[(PAYER, 1000)])
    });
    assert_eq!(promises.promise(3, tickets(PAYER, 1, GIB)), Ok(()));
    assert!(promises.promise(4, tickets(PAYER, 1, GIB)).is_err());
    assert!(
        promises.promise(5, tickets(PAYER, 1, GIB)).is_err(),
        "not read yet"
    );
    assert_eq!(promises.promise(3, tickets(PAYER, 99, GIB)), Ok(()));
}

#[test]
fn a_payers_quota_is_an_epochs() {
    let quota = PayerQuota {
        tickets_per_epoch: Some(2),
        bytes_per_epoch: Some(100),
    };
    let mut promises = Promises::new(quota, 100);
    promises.learn(reading(0, 1, &[(PAYER, 1000), (OTHER, 1000)]));
    assert_eq!(promises.promise(0, tickets(PAYER, 2, 40)), Ok(()));
    let refused = promises.promise(0, tickets(PAYER, 1, 1)).unwrap_err();
    assert!(
        refused.to_string().contains("no more than 2 tickets"),
        "{refused}"
    );
    let refused = promises.promise(0, tickets(OTHER, 2, 51)).unwrap_err();
    assert!(
        refused.to_string().contains("no more than 100 bytes"),
        "{refused}"
    );
    assert_eq!(
        promises.promise(1, tickets(PAYER, 2, 50)),
        Ok(()),
        "the next"
    );
}

#[test]
fn what_must_be_covered_is_known_by_payer_until_it_is_attested() {
    let mut promises = promises(50);
    assert_eq!((promises.oldest(), promises.payers()), (None, Vec::new()));
    let held = |tickets: u64| {
        let sum = Promised {
            tickets,
            bytes: u128::from(tickets * GIB),
        };
        ByPayer::from([(PAYER, sum)])
    };
    promises.hold(3, held(3));
    promises.hold(4, held(1));
    promises.learn(reading(3, 10, &[(OTHER, 7)]));
    assert!(promises.holds(3) && !promises.holds(2));
    assert_eq!(promises.oldest(), Some(3));
    assert_eq!(promises.payers(), [PAYER, OTHER]);
    assert_eq!(promises.of(PAYER), (None, 20), "half of four");
    assert_eq!(promises.of(OTHER), (Some(7), 0));
    promises.learn(reading(4, 10, &[(PAYER, 9)]));
    assert!(!promises.holds(3));
    assert_eq!(promises.of(PAYER), (Some(9), 5));
    // The attestation is overturned: its tickets are out again.
    promises.learn(reading(3, 10, &[(PAYER, 9)]));
    promises.hold(3, held(3));
    assert_eq!(promises.of(PAYER), (Some(9), 20));
}

#[test]
fn nothing_overflows() {
    let mut promises = promises(100);
    promises.learn(reading(0, u128::MAX, &[(PAYER, AMOUNT_END - 1)]));
    for epoch in 0..3 {
        assert!(
            promises
                .promise(epoch, tickets(PAYER, 2, u64::MAX))
                .is_err()
        );
    }
    let most = Promised {
        tickets: 1,
        bytes: u128::MAX >> 1,
    };
    promises.hold(0, ByPayer::from([(PAYER, most)]));
    promises.hold(1, ByPayer::from([(PAYER, most)]));
    assert!(promises.promise(2, tickets(PAYER, 1, 1)).is_err());
}

proptest! {
    /// Whatever is asked for in which order, what is out is covered, and so are charges for any part of it.
    #[test]
    fn what_is_out_is_covered(price in 0u128..1 << 40, left in 0u128..1 << 60, cover in 1u32..=100,
                              asked in prop::collection::vec((0u64..4, 1usize..4, 0u64..1 << 40), 1..40)) {
        let mut promises = promises(cover);
        promises.learn(reading(0, price, &[(PAYER, left)]));
        let mut bytes = BTreeMap::<Epoch, u128>::new();
        for (epoch, count, size) in asked {
            if promises.promise(epoch, tickets(PAYER, count, size)).is_ok() {
                *bytes.entry(epoch).or_default() += count as u128 * u128::from(size);
            }
            let worth: u128 = bytes.values().map(|bytes| worth_most(price, *bytes).unwrap()).sum();
            prop_assert!(worth * u128::from(cover) <= left * 100);
        }
    }
}
