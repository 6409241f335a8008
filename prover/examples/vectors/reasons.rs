//! Records that don't count for two reasons: the first in the order of SPEC section 5 is the one that is named. Since
//! each reason is here with the next, no other order agrees.

use crate::scene::{EPOCH, ISSUER, TIMELINE, account, key, public, ticket_at};
use crate::values::network;
use protocol::{ClientKey, NodeId, Receipt, Record, Rejection, Signature, Ticket, TicketLog};

/// The log that records are checked against. Tickets from 4 on can't be redeemed: of another network, for
/// another node, for a client whose key is a point of small order, of a time that is too long, and of a payer that
/// nobody knows; the last three for two of these reasons each.
pub(crate) fn log() -> TicketLog {
    let mut tickets: Vec<_> = (0..12).map(ticket_at).collect();
    let elsewhere = |ticket: &mut Ticket| ticket.network.chain_id += 1;
    let of_another = |ticket: &mut Ticket| {
        ticket.node = NodeId::from(public(&key("another node")));
    };
    // It outlives the tail of its epoch.
    let too_long = |ticket: &mut Ticket| ticket.expires_at = TIMELINE.tickets_end_ms(EPOCH) + 1;
    let unpaid = |ticket: &mut Ticket| ticket.payer = account("stranger");
    // The neutral element: y = 1.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    elsewhere(&mut tickets[4]);
    of_another(&mut tickets[5]);
    tickets[6].client = ClientKey::from(neutral);
    too_long(&mut tickets[7]);
    unpaid(&mut tickets[8]);
    elsewhere(&mut tickets[9]);
    of_another(&mut tickets[9]);
    of_another(&mut tickets[10]);
    too_long(&mut tickets[10]);
    too_long(&mut tickets[11]);
    unpaid(&mut tickets[11]);
    TicketLog::new(network(), EPOCH, ISSUER, tickets).expect("each at its place")
}

/// Makes a record of the ticket at a place, signed when it was changed.
type With<'a> = dyn Fn(usize, &dyn Fn(&mut Receipt, &Ticket)) -> Record + 'a;

/// Each with the reason that is to be named.
pub(crate) fn of_two(with: &With<'_>) -> Vec<(Rejection, &'static str, Record)> {
    use Rejection as R;
    let mut beyond = with(0, &|r, _| r.ticket.0[0] ^= 1);
    beyond.id.index = 12;
    let mut unsigned = with(0, &|r, _| r.sequence = 0);
    unsigned.signature = Signature::ZERO;
    vec![
        (
            R::UnknownTicket,
            "no such ticket, of another digest",
            beyond,
        ),
        (
            R::WrongTicket,
            "another digest, another network",
            with(4, &|r, _| r.ticket.0[0] ^= 1),
        ),
        (
            R::WrongNetwork,
            "another network, another node",
            with(9, &|_, _| {}),
        ),
        (R::WrongNode, "another node, too long", with(10, &|_, _| {})),
        (
            R::MalformedTicket,
            "too long, a payer that was not registered",
            with(11, &|_, _| {}),
        ),
        (
            R::OverLimit,
            "one byte more, one more within",
            with(0, &|r, t| {
                (r.bytes, r.within) = (t.bytes_max + 1, r.deliveries + 1);
            }),
        ),
        (
            R::OverDeliveries,
            "one more within, after it expired",
            with(0, &|r, t| {
                (r.within, r.signed_at) = (r.deliveries + 1, t.expires_at + 1);
            }),
        ),
        (
            R::OutsideTime,
            "before it was issued, sequence 0",
            with(0, &|r, t| (r.signed_at, r.sequence) = (t.issued_at - 1, 0)),
        ),
        (R::ZeroSequence, "sequence 0, no signature", unsigned),
    ]
}
