//! Whether a receipt is taken.

use crate::rules::refusal::CloseRefusal;
use protocol::{Code, Receipt, Rejection, UnverifiedReceipt, VerifiedReceipt, VerifiedTicket};

/// What is known of a ticket before the receipt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    /// Its newest receipt that is on disk.
    pub(crate) last: Option<Receipt>,
    /// Deliveries that a receipt may state.
    pub(crate) deliveries_max: u32,
}

/// A receipt that is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The newest one, sent again: its acknowledgement got lost.
    Again(Receipt),
    /// To be made durable, then acknowledged.
    New(VerifiedReceipt),
}

/// Why a receipt is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReceiptRefused {
    #[error(transparent)]
    Rejected(#[from] Rejection),
    #[error("over_requests: more deliveries than requests")]
    OverRequests,
}

/// Checks a receipt against its ticket and what came before it. SPEC section 5.
pub(crate) fn take(
    ticket: &VerifiedTicket,
    before: &Before,
    receipt: UnverifiedReceipt,
) -> Result<Taken, ReceiptRefused> {
    let verified = receipt.verify(ticket)?;
    if verified.receipt().deliveries > before.deliveries_max {
        return Err(ReceiptRefused::OverRequests);
    }
    match before.last {
        Some(last) if last == *verified.receipt() => Ok(Taken::Again(last)),
        Some(last) => {
            verified.check_follows(&last)?;
            Ok(Taken::New(verified))
        }
        None => Ok(Taken::New(verified)),
    }
}

/// Why a good receipt isn't kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotKept {
    /// A newer one of the ticket is on disk.
    NotMonotonic,
    /// The epoch's segment has as many tickets as it can.
    Full,
    /// The epoch's segment is closed.
    Sealed,
    /// The node can't write.
    Failed,
}

/// What its client is told. Of [`NotKept::NotMonotonic`] the client is at fault, of the rest it isn't.
pub(crate) fn not_kept(why: NotKept) -> CloseRefusal {
    match why {
        NotKept::NotMonotonic => {
            CloseRefusal::new(Code::ReceiptRefused, Rejection::NotMonotonic.to_string())
        }
        NotKept::Full => CloseRefusal::new(Code::SegmentFull, "this epoch's segment is full"),
        NotKept::Sealed => CloseRefusal::new(Code::TicketExpired, "the ticket's epoch is sealed"),
        NotKept::Failed => CloseRefusal::new(Code::Internal, "the receipt can't be made durable"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{client, ticket};
    use proptest::prelude::*;
    use protocol::B256;

    #[test]
    fn who_sent_a_good_receipt_is_told_what_of_it_is_its_own_affair() {
        let told = |why| {
            let CloseRefusal { code, detail } = not_kept(why);
            (code, detail)
        };
        for (why, code, says) in [
            (NotKept::NotMonotonic, Code::ReceiptRefused, "not_monotonic"),
            (NotKept::Full, Code::SegmentFull, "full"),
            (NotKept::Sealed, Code::TicketExpired, "sealed"),
            (NotKept::Failed, Code::Internal, "durable"),
        ] {
            let (found, detail) = told(why);
            assert_eq!(found, code);
            assert!(detail.contains(says), "{detail}");
        }
    }

    fn receipt(sequence: u32, bytes: u64, deliveries: u32) -> Receipt {
        Receipt {
            ticket: ticket().digest(),
            sequence,
            bytes,
            deliveries,
            within: 0,
            signed_at: 1_000,
        }
    }

    fn before(last: Option<Receipt>) -> Before {
        Before {
            last,
            deliveries_max: 10,
        }
    }

    fn taken(last: Option<Receipt>, new: Receipt) -> Result<Taken, ReceiptRefused> {
        take(&ticket(), &before(last), new.sign(&client()))
    }

    #[test]
    fn the_first_and_a_newer_one_are_new() {
        let first = receipt(1, 10, 1);
        assert!(matches!(taken(None, first), Ok(Taken::New(new)) if *new.receipt() == first));
        let second = receipt(2, 10, 1);
        assert!(
            matches!(taken(Some(first), second), Ok(Taken::New(new)) if *new.receipt() == second)
        );
    }

    #[test]
    fn the_same_again_is_acknowledged_again() {
        let last = receipt(3, 10, 1);
        assert_eq!(taken(Some(last), last), Ok(Taken::Again(last)));
    }

    #[test]
    fn what_is_older_or_states_less_is_refused() {
        let last = receipt(3, 10, 2);
        let not_monotonic = Err(ReceiptRefused::Rejected(Rejection::NotMonotonic));
        for less in [
            receipt(2, 10, 2),
            receipt(3, 11, 2),
            receipt(4, 9, 2),
            receipt(4, 10, 1),
        ] {
            assert_eq!(taken(Some(last), less), not_monotonic);
        }
    }

    #[test]
    fn more_deliveries_than_requests_are_refused() {
        assert!(taken(None, receipt(1, 10, 10)).is_ok());
        assert_eq!(
            taken(None, receipt(1, 10, 11)),
            Err(ReceiptRefused::OverRequests)
        );
    }

    #[test]
    fn each_check_of_the_receipt_itself_refuses() {
        let good = receipt(1, 10, 1);
        let cases = [
            (
                Receipt {
                    ticket: B256::ZERO,
                    ..good
                },
                Rejection::WrongTicket,
            ),
            (receipt(1, 1_001, 1), Rejection::OverLimit),
            (Receipt { within: 2, ..good }, Rejection::OverDeliveries),
            (
                Receipt {
                    signed_at: 999,
                    ..good
                },
                Rejection::OutsideTime,
            ),
            (
                Receipt {
                    signed_at: 9_001,
                    ..good
                },
                Rejection::OutsideTime,
            ),
            (receipt(0, 10, 1), Rejection::ZeroSequence),
        ];
        for (bad, why) in cases {
            assert_eq!(taken(None, bad), Err(ReceiptRefused::Rejected(why)));
        }
        let foreign = good.sign(&protocol::SigningKey::from_bytes(&[9; 32]));
        let refused = take(&ticket(), &before(None), foreign);
        assert_eq!(
            refused,
            Err(ReceiptRefused::Rejected(Rejection::BadSignature))
        );
    }

    proptest! {
        /// What is taken as new never states less than what was acknowledged, nor more than was granted and asked.
        #[test]
        fn nothing_that_is_taken_states_less(
            (last_sequence, last_bytes, last_deliveries) in (1..5u32, 0..1_000u64, 0..10u32),
            (sequence, bytes, deliveries) in (0..6u32, 0..1_100u64, 0..12u32),
        ) {
            let last = receipt(last_sequence, last_bytes, last_deliveries);
            if let Ok(Taken::New(new)) = taken(Some(last), receipt(sequence, bytes, deliveries)) {
                let new = new.receipt();
                prop_assert!(new.follows(&last));
                prop_assert!(new.bytes <= ticket().ticket().bytes_max && new.deliveries <= 10);
            }
        }
    }
}
