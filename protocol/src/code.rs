//! Why a stream was refused or a connection closed: the one table of codes. SPEC section 9.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// A reason that travels: in refusals, stream resets and connection closes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Code {
            $($(#[$doc])* $name = $code,)*
        }

        impl Code {
            /// All codes, as in SPEC section 9.
            pub const ALL: &[Code] = &[$(Code::$name),*];

            /// The code's name.
            pub fn name(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// The code with this number; `None` if this build doesn't know it.
            pub fn from_u16(code: u16) -> Option<Self> {
                match code { $($code => Some(Code::$name),)* _ => None }
            }
        }
    };
}

codes! {
    /// All is well.
    Done = 0, "done";
    /// Something failed that the peer can do nothing about.
    Internal = 1, "internal";
    /// The bytes are not what they should be.
    Malformed = 2, "malformed";
    /// The other side is going away.
    ShuttingDown = 3, "shutting_down";
    /// A bound is reached: try another node, or later.
    TooMany = 4, "too_many";
    /// A ticket of another chain or contract.
    WrongNetwork = 10, "wrong_network";
    /// A ticket for another node.
    WrongNode = 11, "wrong_node";
    /// A ticket whose times don't fit its epoch.
    WrongEpoch = 12, "wrong_epoch";
    /// An issuer that the chain doesn't know.
    UnknownIssuer = 13, "unknown_issuer";
    /// The ticket has expired.
    TicketExpired = 20, "ticket_expired";
    /// Not signed by its issuer.
    BadTicketSignature = 21, "bad_ticket_signature";
    /// The control plane took the ticket back.
    TicketRevoked = 22, "ticket_revoked";
    /// The client's signature over ticket and connection is wrong.
    BadBinding = 23, "bad_binding";
    /// A fetch without a session for its ticket on this connection.
    NoSession = 24, "no_session";
    /// The epoch's segment can't take another ticket.
    SegmentFull = 25, "segment_full";
    /// The ticket's byte limit is reached.
    TicketSpent = 26, "ticket_spent";
    /// The grant that a fill from a node needs isn't good, or isn't for this time.
    BadGrant = 27, "bad_grant";
    /// Nothing of that name.
    NotFound = 30, "not_found";
    /// The ticket's collection doesn't hold that content.
    NotInCollection = 31, "not_in_collection";
    /// Not aligned, or beyond the content's end.
    BadRange = 32, "bad_range";
    /// The content could not be acquired.
    FillFailed = 33, "fill_failed";
    /// The epoch isn't sealed yet.
    NotSealed = 34, "not_sealed";
    /// The client didn't sign for what it got.
    WindowExceeded = 40, "window_exceeded";
    /// The receipt does not count; the detail names the reason.
    ReceiptRefused = 41, "receipt_refused";
    /// The peer is not registered.
    UnknownPeer = 42, "unknown_peer";
}

impl Code {
    /// The code as it travels.
    pub fn to_u16(self) -> u16 {
        self as u16
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_comes_back_and_stands_in_the_spec() {
        let spec = include_str!("../SPEC.md");
        for code in Code::ALL {
            assert_eq!(Code::from_u16(code.to_u16()), Some(*code));
            let row = format!("| {} | `{}` |", code.to_u16(), code.name());
            assert!(spec.contains(&row), "SPEC.md lacks {row}");
        }
    }
}
