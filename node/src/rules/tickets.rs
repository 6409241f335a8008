//! Whether a ticket lets its bearer in.

use crate::rules::refusal::CloseRefusal;
use protocol::{
    Code, IssuerKey, Network, NodeId, Signature, SignedTicket, Tag, Ticket, TicketInvalid,
    Timeline, UnixMillis, VerifiedTicket, exporter_binding, verify,
};

/// Who a node is, and in which network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) network: Network,
    pub(crate) node: NodeId,
}

/// What is seen without any key: whether the ticket is for this node, now.
///
/// `is_sealed`: its epoch takes no more receipts here.
pub(crate) fn is_for(
    me: &Identity,
    ticket: &Ticket,
    now: UnixMillis,
    is_sealed: bool,
) -> Result<(), CloseRefusal> {
    if ticket.network != me.network {
        return refuse(Code::WrongNetwork, "the ticket is of another network");
    }
    if ticket.node != me.node {
        return refuse(Code::WrongNode, "the ticket is for another node");
    }
    is_on(ticket, now)?;
    if is_sealed {
        return refuse(Code::WrongEpoch, "the ticket's epoch is sealed");
    }
    Ok(())
}

/// Whether the ticket hasn't expired. Its last millisecond is its own.
pub(crate) fn is_on(ticket: &Ticket, now: UnixMillis) -> Result<(), CloseRefusal> {
    if now > ticket.expires_at {
        return refuse(Code::TicketExpired, "the ticket has expired");
    }
    Ok(())
}

/// A ticket that isn't honoured.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dishonoured {
    pub(crate) refusal: CloseRefusal,
    /// Its issuer signed what it may not: the ticket is evidence, and is kept.
    pub(crate) is_evidence: bool,
}

impl From<CloseRefusal> for Dishonoured {
    fn from(refusal: CloseRefusal) -> Self {
        Self {
            refusal,
            is_evidence: false,
        }
    }
}

/// Checks the issuer's signature, the ticket's form, and that the client of the connection is the ticket's.
///
/// `issuer` is the key that the chain states for the ticket's epoch, `exporter` the connection's TLS exporter.
pub(crate) fn check(
    signed: SignedTicket,
    issuer: Option<IssuerKey>,
    timeline: &Timeline,
    exporter: &[u8; 32],
    binding: &Signature,
) -> Result<VerifiedTicket, Dishonoured> {
    let Some(issuer) = issuer else {
        let why = "the chain doesn't know the ticket's issuer";
        return Err(CloseRefusal::new(Code::UnknownIssuer, why).into());
    };
    let ticket = signed
        .verify(&issuer, timeline)
        .map_err(|invalid| Dishonoured {
            refusal: CloseRefusal::new(code(invalid), invalid.to_string()),
            // A well-signed ticket of a bad form; who only made the signature up accuses nobody.
            is_evidence: invalid != TicketInvalid::Signature && signed.is_signed_by(&issuer),
        })?;
    let bound = exporter_binding(&ticket.digest(), exporter);
    let client = ticket.ticket().client;
    verify(client.as_bytes(), Tag::Binding, &bound, binding).map_err(|_| {
        let why = "not signed by the ticket's client for this connection";
        CloseRefusal::new(Code::BadBinding, why)
    })?;
    Ok(ticket)
}

fn code(invalid: TicketInvalid) -> Code {
    match invalid {
        TicketInvalid::Signature => Code::BadTicketSignature,
        TicketInvalid::Times => Code::WrongEpoch,
        TicketInvalid::Limit => Code::Malformed,
    }
}

/// Whether a session may begin: a draining node takes none but of tickets in use.
pub(crate) fn may_begin(is_draining: bool, is_in_use: bool) -> Result<(), CloseRefusal> {
    if is_draining && !is_in_use {
        let why = "the node is draining: it takes no new sessions";
        return refuse(Code::ShuttingDown, why);
    }
    Ok(())
}

/// Whether it is the ticket that is known under its id: an issuer that grants two under one id is at fault.
pub(crate) fn is_the_one(
    known: &VerifiedTicket,
    ticket: &VerifiedTicket,
) -> Result<(), Dishonoured> {
    if known.digest() == ticket.digest() {
        return Ok(());
    }
    let why = "its issuer granted another ticket under the same id";
    Err(Dishonoured {
        refusal: CloseRefusal::new(Code::BadTicketSignature, why),
        is_evidence: true,
    })
}

/// What the client of a revoked ticket hears.
pub(crate) fn revoked() -> CloseRefusal {
    let why = "the control plane took the ticket back";
    CloseRefusal::new(Code::TicketRevoked, why)
}

fn refuse<T>(code: Code, why: &str) -> Result<T, CloseRefusal> {
    Err(CloseRefusal::new(code, why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{client, issuer, issuer_key, me, ticket, timeline, unsigned};
    use protocol::{SigningKey, sign};

    const EXPORTER: [u8; 32] = [7; 32];

    fn code_of<T>(outcome: Result<T, CloseRefusal>) -> Option<Code> {
        outcome.err().map(|refusal| refusal.code)
    }

    fn bound(client: &SigningKey, ticket: &Ticket, exporter: &[u8; 32]) -> Signature {
        let body = exporter_binding(&ticket.digest(), exporter);
        sign(client, Tag::Binding, &body)
    }

    /// Whether it is let in, or else the code, and whether the ticket is kept as evidence.
    fn checked(ticket: Ticket, signer: &SigningKey) -> Result<(), (Code, bool)> {
        let binding = bound(&client(), &ticket, &EXPORTER);
        let signed = ticket.sign(signer);
        check(signed, Some(issuer_key()), &timeline(), &EXPORTER, &binding)
            .map(drop)
            .map_err(|no| (no.refusal.code, no.is_evidence))
    }

    #[test]
    fn a_ticket_is_for_one_node_of_one_network_until_it_expires() {
        let good = unsigned();
        assert_eq!(is_for(&me(), &good, 9_000, false), Ok(()));
        let mut other_network = me();
        other_network.network.chain_id = 2;
        let mut other_node = me();
        other_node.node = NodeId::from([9; 32]);
        let cases = [
            (is_for(&other_network, &good, 0, false), Code::WrongNetwork),
            (is_for(&other_node, &good, 0, false), Code::WrongNode),
            (is_for(&me(), &good, 9_001, false), Code::TicketExpired),
            (is_for(&me(), &good, 9_000, true), Code::WrongEpoch),
            (is_on(&good, 9_001), Code::TicketExpired),
        ];
        for (outcome, code) in cases {
            assert_eq!(code_of(outcome), Some(code));
        }
    }

    #[test]
    fn a_well_signed_ticket_lets_its_client_in() {
        assert_eq!(checked(unsigned(), &issuer()), Ok(()));
    }

    #[test]
    fn what_the_issuer_may_not_sign_is_refused_and_kept() {
        let too_long = Ticket {
            expires_at: 10_001,
            ..unsigned()
        };
        let too_much = Ticket {
            bytes_max: 1_001,
            ..unsigned()
        };
        assert_eq!(checked(too_long, &issuer()), Err((Code::WrongEpoch, true)));
        assert_eq!(checked(too_much, &issuer()), Err((Code::Malformed, true)));
        // The same from somebody else accuses nobody.
        let stranger = SigningKey::from_bytes(&[8; 32]);
        assert_eq!(checked(too_long, &stranger), Err((Code::WrongEpoch, false)));
        assert_eq!(
            checked(unsigned(), &stranger),
            Err((Code::BadTicketSignature, false))
        );
    }

    #[test]
    fn a_stolen_ticket_is_useless() {
        let ticket = unsigned();
        let thief = SigningKey::from_bytes(&[8; 32]);
        let stolen = bound(&thief, &ticket, &EXPORTER);
        let replayed = bound(&client(), &ticket, &[6; 32]);
        for binding in [stolen, replayed] {
            let signed = ticket.sign(&issuer());
            let outcome = check(signed, Some(issuer_key()), &timeline(), &EXPORTER, &binding);
            let no = outcome.expect_err("somebody else's");
            assert_eq!((no.refusal.code, no.is_evidence), (Code::BadBinding, false));
        }
    }

    #[test]
    fn an_issuer_that_the_chain_doesn_t_know_lets_nobody_in() {
        let signed = unsigned().sign(&issuer());
        let binding = bound(&client(), &unsigned(), &EXPORTER);
        let outcome = check(signed, None, &timeline(), &EXPORTER, &binding);
        let no = outcome.expect_err("unknown");
        assert_eq!(no.refusal.code, Code::UnknownIssuer);
        assert!(!no.is_evidence);
    }

    #[test]
    fn a_draining_node_goes_on_with_tickets_in_use() {
        for (draining, in_use, may) in [
            (false, false, true),
            (false, true, true),
            (true, true, true),
            (true, false, false),
        ] {
            assert_eq!(may_begin(draining, in_use).is_ok(), may);
        }
        assert_eq!(code_of(may_begin(true, false)), Some(Code::ShuttingDown));
    }

    #[test]
    fn two_tickets_under_one_id_are_evidence() {
        let known = ticket();
        assert_eq!(is_the_one(&known, &ticket()), Ok(()));
        let other = Ticket {
            bytes_max: 999,
            ..unsigned()
        };
        let other = other.sign(&issuer());
        let other = other.verify(&issuer_key(), &timeline()).expect("good");
        let no = is_the_one(&known, &other).expect_err("another");
        assert!(no.is_evidence);
        assert_eq!(no.refusal.code, Code::BadTicketSignature);
        assert_eq!(revoked().code, Code::TicketRevoked);
    }
}
