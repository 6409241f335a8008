//! Who is let connect while there are few places.

/// What becomes of whoever wants to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It takes a place.
    Enter,
    /// It has to show first that it receives at its address: places are few, and addresses are easily made up.
    Prove,
    /// All places are taken.
    Refuse,
}

/// `taken` of `places` are; `is_proven`: it was seen to receive at the address it comes from.
pub(crate) fn meet(taken: usize, places: usize, is_proven: bool) -> Arrival {
    if taken >= places {
        Arrival::Refuse
    } else if taken >= places / 2 && !is_proven {
        Arrival::Prove
    } else {
        Arrival::Enter
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strangers_prove_their_address_once_half_the_places_are_taken() {
        for (taken, is_proven, arrival) in [
            (0, false, Arrival::Enter),
            (49, false, Arrival::Enter),
            (50, false, Arrival::Prove),
            (50, true, Arrival::Enter),
            (99, true, Arrival::Enter),
            (99, false, Arrival::Prove),
            (100, true, Arrival::Refuse),
            (100, false, Arrival::Refuse),
        ] {
            assert_eq!(meet(taken, 100, is_proven), arrival, "{taken} {is_proven}");
        }
    }

    proptest! {
        #[test]
        fn nobody_enters_past_the_last_place_and_who_is_proven_never_proves_again(
            (taken, places) in (0..300usize, 0..200usize),
        ) {
            prop_assert_ne!(meet(taken, places, true), Arrival::Prove);
            for is_proven in [false, true] {
                let refused = meet(taken, places, is_proven) == Arrival::Refuse;
                prop_assert_eq!(refused, taken >= places);
            }
        }
    }
}
