//! `ticket.json`, `receipt.json` and `segment.json`: what is granted, signed and sealed.

use crate::reasons::{log, of_two};
use crate::scene::*;
use crate::values::{hex, network, seed};
use protocol::{
    IssuerKey, Mass, Payers, Receipt, Record, RecordContext, Rejection, Signature, SigningKey, Tag,
    Ticket, TicketId, TicketLog, sign,
};
use quittance_prover::{OpenEpoch, SumTree};
use serde_json::{Value, json};

fn ticket_json(ticket: &Ticket) -> Value {
    json!({
        "network": network_json(&ticket.network),
        "id": hex(ticket.id.to_bytes()),
        "epoch": ticket.id.epoch,
        "issuer": ticket.id.issuer,
        "index": ticket.id.index,
        "node": hex(ticket.node.as_bytes()),
        "client": hex(ticket.client.as_bytes()),
        "collection": hex(ticket.collection.as_bytes()),
        "payer": hex(ticket.payer),
        "viewer_token": hex(ticket.viewer_token),
        "bytes_max": ticket.bytes_max.to_string(),
        "issued_at": ticket.issued_at.to_string(),
        "expires_at": ticket.expires_at.to_string(),
    })
}

/// Signed tickets, and ones that must not be honoured.
pub(crate) fn ticket() -> Value {
    let issuer = key("issuer");
    let accepted = |name: &str, ticket: Ticket| {
        let signed = ticket.sign(&issuer);
        let key = IssuerKey::from(public(&issuer));
        signed.verify(&key, &TIMELINE).expect("a good ticket");
        json!({
            "name": name,
            "fields": ticket_json(&ticket),
            "encoding": hex(ticket.to_bytes()),
            "digest": hex(ticket.digest()),
            "issuer_seed": hex(seed("issuer")),
            "issuer_key": hex(public(&issuer)),
            "signature": hex(signed.signature),
        })
    };
    let with = |change: &dyn Fn(&mut Ticket)| {
        let mut ticket = ticket_at(1);
        change(&mut ticket);
        ticket
    };
    let refused = |name: &str, reason: &str, ticket: Ticket, signature: Signature| {
        json!({
            "name": name,
            "reason": reason,
            "encoding": hex(ticket.to_bytes()),
            "issuer_key": hex(public(&issuer)),
            "signature": hex(signature),
        })
    };
    let signed = |ticket: Ticket| ticket.sign(&issuer).signature;
    let (start, end) = (TIMELINE.start(EPOCH) * 1000, TIMELINE.end(EPOCH) * 1000);
    let times = [
        ("issued before its epoch", start - 1, start + 10),
        ("issued after its epoch", end, end + 10),
        ("expires when issued", start, start),
        ("expires after the tail", start, end + 300_001),
    ];
    let mut wrong: Vec<_> = times
        .into_iter()
        .map(|(name, issued_at, expires_at)| {
            let ticket = with(&|t| (t.issued_at, t.expires_at) = (issued_at, expires_at));
            refused(name, "times", ticket, signed(ticket))
        })
        .collect();
    let large = with(&|t| t.bytes_max = 1 << 56);
    wrong.push(refused("2^56 bytes", "limit", large, signed(large)));
    let above = with(&|t| t.bytes_max = t.collection.bytes() + 1);
    let name = "one byte more than the collection holds";
    wrong.push(refused(name, "limit", above, signed(above)));
    let good = ticket_at(1);
    let other = good.sign(&key("another issuer")).signature;
    wrong.push(refused("another issuer's", "signature", good, other));
    let tag = sign(&issuer, Tag::Receipt, &good.digest());
    wrong.push(refused("another tag", "signature", good, tag));
    let changed = with(&|t| t.bytes_max += 1);
    wrong.push(refused("one byte more", "signature", changed, signed(good)));

    json!({
        "timeline": timeline_json(),
        "accepted": [
            accepted("without a viewer token", ticket_at(0)),
            accepted("with a viewer token", ticket_at(1)),
            accepted("first and last moment, most bytes", with(&|t| {
                t.issued_at = start;
                t.expires_at = end + 300_000;
                t.bytes_max = (1 << 56) - 1;
                t.collection = collection(t.bytes_max);
            })),
            accepted("last moment to be issued", with(&|t| {
                t.issued_at = end - 1;
                t.expires_at = end;
            })),
        ],
        "refused": wrong,
    })
}

pub(crate) fn receipt_for(ticket: &Ticket) -> Receipt {
    Receipt {
        ticket: ticket.digest(),
        sequence: 3,
        bytes: ticket.bytes_max / 2,
        deliveries: 5,
        within: 4,
        signed_at: ticket.issued_at + 5_000,
    }
}

pub(crate) fn record_of(ticket: &Ticket, receipt: Receipt, key: &SigningKey) -> Record {
    Record {
        id: ticket.id,
        receipt,
        signature: receipt.sign(key).signature,
    }
}

fn receipt_json(name: &str, record: &Record) -> Value {
    let receipt = &record.receipt;
    let index = record.id.index;
    let leaf = record.leaf().expect("below 2^56");
    json!({
        "name": name,
        "ticket_id": hex(record.id.to_bytes()),
        "fields": {
            "ticket": hex(receipt.ticket),
            "sequence": receipt.sequence,
            "bytes": receipt.bytes.to_string(),
            "deliveries": receipt.deliveries,
            "within": receipt.within,
            "signed_at": receipt.signed_at.to_string(),
        },
        "encoding": hex(receipt.to_bytes()),
        "digest": hex(receipt.digest()),
        "client_seed": hex(seed(&format!("client {index}"))),
        "client_key": hex(public(&client(index))),
        "signature": hex(record.signature),
        "record": hex(record.to_bytes()),
        "leaf": hex(leaf.hash),
        "mass": hex(leaf.mass.to_bytes()),
    })
}

/// Records that count, and for each reason ones that don't.
pub(crate) fn receipt() -> Value {
    let log = log();
    let logs = [log.clone()];
    let payers = [account("payer")];
    let context = RecordContext {
        network: network(),
        epoch: EPOCH,
        node: node(),
        timeline: &TIMELINE,
        logs: &logs,
        payers: &Payers::new(payers),
    };
    let tickets = log.tickets();
    let with = |index: usize, change: &dyn Fn(&mut Receipt, &Ticket)| {
        let ticket = &tickets[index];
        let mut receipt = receipt_for(ticket);
        change(&mut receipt, ticket);
        record_of(ticket, receipt, &client(index as u32))
    };
    let accepted = [
        ("an ordinary one", with(0, &|_, _| {})),
        (
            "all bytes, at the last moment",
            with(1, &|r, t| {
                (r.bytes, r.signed_at) = (t.bytes_max, t.expires_at);
            }),
        ),
        (
            "nothing yet, at the first moment",
            with(2, &|r, t| {
                (r.bytes, r.deliveries, r.within) = (0, 0, 0);
                (r.signed_at, r.sequence) = (t.issued_at, 1);
            }),
        ),
        (
            "largest counts",
            with(3, &|r, _| {
                (r.sequence, r.deliveries, r.within) = (u32::MAX, u32::MAX, u32::MAX);
            }),
        ),
    ];

    let moved = |change: &dyn Fn(&mut TicketId)| {
        let mut record = with(0, &|_, _| {});
        change(&mut record.id);
        record
    };
    let resigned = |change: &dyn Fn(&mut Signature)| {
        let mut record = with(0, &|_, _| {});
        change(&mut record.signature);
        record
    };
    let mut neutral_key = with(6, &|_, _| {});
    // R neutral, S = 0: the equation holds for a key of small order, so only the rule on keys refuses it.
    neutral_key.signature = Signature::ZERO;
    neutral_key.signature.0[0] = 1;
    let good = with(0, &|_, _| {});
    let wrong_tag = sign(&client(0), Tag::Ticket, &good.receipt.digest());
    use Rejection as R;
    let refused = [
        (
            R::UnknownTicket,
            "beyond the log's end",
            moved(&|id| id.index = 12),
        ),
        (
            R::UnknownTicket,
            "an issuer without a log",
            moved(&|id| id.issuer = 2),
        ),
        (
            R::UnknownTicket,
            "another epoch",
            moved(&|id| id.epoch = EPOCH + 1),
        ),
        (
            R::WrongTicket,
            "at another ticket's place",
            moved(&|id| id.index = 1),
        ),
        (
            R::WrongTicket,
            "a digest that no ticket has",
            with(0, &|r, _| r.ticket.0[0] ^= 1),
        ),
        (R::WrongNetwork, "another network", with(4, &|_, _| {})),
        (R::WrongNode, "another node", with(5, &|_, _| {})),
        (
            R::MalformedTicket,
            "a ticket that outlives its epoch's tail",
            with(7, &|_, _| {}),
        ),
        (
            R::UnknownPayer,
            "a payer that was not registered, and a byte too much",
            with(8, &|r, t| r.bytes = t.bytes_max + 1),
        ),
        (
            R::OverLimit,
            "one byte more",
            with(0, &|r, t| r.bytes = t.bytes_max + 1),
        ),
        (
            R::OverLimit,
            "more than a mass holds",
            with(0, &|r, _| r.bytes = u64::MAX),
        ),
        (
            R::OverDeliveries,
            "one more within",
            with(0, &|r, _| r.within = r.deliveries + 1),
        ),
        (
            R::OutsideTime,
            "before it was issued",
            with(0, &|r, t| r.signed_at = t.issued_at - 1),
        ),
        (
            R::OutsideTime,
            "after it expired",
            with(0, &|r, t| r.signed_at = t.expires_at + 1),
        ),
        (
            R::ZeroSequence,
            "sequence 0",
            with(0, &|r, _| r.sequence = 0),
        ),
        (
            R::BadSignature,
            "another client's",
            record_of(&tickets[0], good.receipt, &client(1)),
        ),
        (
            R::BadSignature,
            "another tag",
            resigned(&|s| *s = wrong_tag),
        ),
        (R::BadSignature, "R altered", resigned(&|s| s.0[5] ^= 4)),
        (R::BadSignature, "S altered", resigned(&|s| s.0[40] ^= 4)),
        (
            R::BadSignature,
            "S + L",
            resigned(&|s| plus_order(&mut s.0[32..])),
        ),
        (R::BadSignature, "zero", resigned(&|s| *s = Signature::ZERO)),
        (R::BadSignature, "a client key of small order", neutral_key),
    ];

    let follows = |name: &str, reason: Option<R>, change: &dyn Fn(&mut Receipt)| {
        let before = with(0, &|_, _| {});
        let mut after = before.receipt;
        after.sequence += 1;
        change(&mut after);
        let after = record_of(&tickets[0], after, &client(0));
        json!({
            "name": name,
            "reason": reason.map_or("none".to_owned(), R::name),
            "before": hex(before.to_bytes()),
            "after": hex(after.to_bytes()),
        })
    };
    let not = Some(R::NotMonotonic);
    json!({
        "network": network_json(&network()),
        "timeline": timeline_json(),
        "epoch": EPOCH,
        "node": hex(node().as_bytes()),
        "payers": payers.map(hex),
        "log": hex(log.to_bytes()),
        "accepted": accepted.iter().map(|(name, record)| {
            record.verify(&context).expect("counts");
            receipt_json(name, record)
        }).collect::<Vec<_>>(),
        "refused": refused.iter().chain(&of_two(&with)).map(|(reason, name, record)| {
            assert_eq!(record.verify(&context).expect_err("does not count"), *reason, "{name}");
            json!({
                "name": name,
                "code": reason.code(),
                "reason": reason.name(),
                "record": hex(record.to_bytes()),
            })
        }).collect::<Vec<_>>(),
        "follows": [
            follows("newer, with more", None, &|r| r.bytes += 1),
            follows("newer, with the same", None, &|_| {}),
            follows("the same sequence", not, &|r| { r.sequence -= 1; r.bytes += 1; }),
            follows("an older sequence", not, &|r| r.sequence -= 2),
            follows("fewer bytes", not, &|r| r.bytes -= 1),
            follows("fewer deliveries", not, &|r| r.deliveries -= 1),
            follows("fewer within", not, &|r| r.within -= 1),
        ],
    })
}

/// S + L is the same scalar in another encoding.
fn plus_order(scalar: &mut [u8]) {
    /// L = 2^252 + 27742317777372353535851937790883648493, little-endian.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0;
    for (byte, add) in scalar.iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
}

/// A whole small epoch of one node: ticket log, segment, both roots.
pub(crate) fn segment() -> Value {
    let log = TicketLog::new(network(), EPOCH, ISSUER, (0..6).map(ticket_at).collect())
        .expect("each at its place");
    // Tickets 1 and 4 were never redeemed.
    let mut epoch = OpenEpoch::new(network(), EPOCH, node());
    for ticket in log.tickets().iter().rev() {
        if ![1, 4].contains(&ticket.id.index) {
            let record = record_of(ticket, receipt_for(ticket), &client(ticket.id.index));
            epoch.insert(record).expect("of this epoch");
        }
    }
    let sealed = epoch.seal().expect("small");
    let log_tree = SumTree::of_ticket_log(&log).expect("small");
    let records = sealed.segment().records();
    json!({
        "network": network_json(&network()),
        "timeline": timeline_json(),
        "epoch": EPOCH,
        "issuer": ISSUER,
        "node": hex(node().as_bytes()),
        "payers": [hex(account("payer"))],
        "log": {
            "encoding": hex(log.to_bytes()),
            "count": log_tree.count(),
            "top": hex(log_tree.root().top.hash),
            "mass": hex(log_tree.root().mass().to_bytes()),
            "root": hex(log_tree.root().hash()),
            "proofs": (0..log_tree.count()).map(|i| json!({
                "index": i,
                "proof": hex(log_tree.proof(i).expect("below count").0),
            })).collect::<Vec<_>>(),
        },
        "segment": {
            "encoding": hex(sealed.segment().to_bytes()),
            "count": records.len(),
            "top": hex(sealed.root().top.hash),
            "mass": hex(sealed.root().mass().to_bytes()),
            "root": hex(sealed.root().hash()),
            "records": records.iter().map(|record| {
                let (index, proof) = sealed.proof(record.id).expect("is in it");
                json!({
                    "index": index,
                    "ticket_id": hex(record.id.to_bytes()),
                    "encoding": hex(record.to_bytes()),
                    "proof": hex(proof.0),
                })
            }).collect::<Vec<_>>(),
        },
    })
}
