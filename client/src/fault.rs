//! What went wrong with a node, and who is to blame.

use content::BodyError;
use protocol::{Code, NodeId};
use quinn::{ConnectionError, ReadError, ReadExactError};
use std::time::Duration;
use transport::{ConnectError, StreamError};

/// Why a node did not deliver.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It could not be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It took too long to accept a session or begin an answer.
    #[error("no answer within {} ms", .0.as_millis())]
    Silent(Duration),
    /// It refused the ticket, a receipt or a request, or reset the stream with a code.
    #[error("refused ({}): {detail}", code_name(*.code))]
    Refused {
        /// From the table of codes.
        code: u16,
        /// In its own words.
        detail: String,
    },
    /// It claims a receipt for a ticket that this client never used before.
    #[error("claims a receipt of {bytes} bytes that was never signed")]
    ForeignReceipt {
        /// As claimed.
        bytes: u64,
    },
    /// A frame is missing or malformed.
    #[error("broke the protocol: {0}")]
    Protocol(#[source] StreamError),
    /// It acknowledged a receipt that was never sent.
    #[error("acknowledged receipt {0}, which was never sent")]
    UnknownAck(u32),
    /// It says the content has another size than the manifest does.
    #[error("says the content has {said} bytes, not {size}")]
    WrongSize {
        /// By the node.
        said: u64,
        /// By the manifest.
        size: u64,
    },
    /// It sent other bytes than were asked for.
    #[error("sent wrong bytes: {0}")]
    Corrupt(String),
    /// The connection or stream broke.
    #[error("the connection broke: {0}")]
    Broke(String),
    /// It stopped sending.
    #[error("sent nothing for {} ms", .0.as_millis())]
    Stalled(Duration),
}

fn code_name(code: u16) -> String {
    Code::from_u16(code).map_or_else(|| format!("code {code}"), |known| known.name().to_owned())
}

/// What follows from a [`Fault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// It lied: a failed delivery, and not asked again for long.
    Lied,
    /// It failed: a failed delivery, and not asked again for a while.
    Failed,
    /// It is going away or may not serve this ticket: no failed delivery, but others are asked first.
    Leaving,
    /// The ticket has ended: nobody's fault.
    Ticket,
}

impl Blame {
    /// Whether a request that ended so counts as a delivery out of the service level.
    pub(crate) fn is_failed_delivery(self) -> bool {
        matches!(self, Blame::Lied | Blame::Failed)
    }
}

impl Fault {
    /// `expiring`: whether the ticket's end is near by our own clock. A node that calls a fresh ticket
    /// expired is at fault.
    pub(crate) fn blame(&self, expiring: bool) -> Blame {
        match self {
            Fault::Corrupt(_)
            | Fault::WrongSize { .. }
            | Fault::ForeignReceipt { .. }
            | Fault::UnknownAck(_) => Blame::Lied,
            Fault::Refused { code, .. } => match Code::from_u16(*code) {
                Some(Code::TicketExpired | Code::WrongEpoch) if expiring => Blame::Ticket,
                Some(Code::TicketSpent) => Blame::Ticket,
                Some(Code::TicketRevoked | Code::ShuttingDown) => Blame::Leaving,
                _ => Blame::Failed,
            },
            _ => Blame::Failed,
        }
    }

    /// A fault of the node that is reported as one.
    pub fn is_nodes(&self) -> bool {
        self.blame(true).is_failed_delivery()
    }

    fn of_connection(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => Self::of_code(
                close.error_code.into_inner(),
                String::from_utf8_lossy(&close.reason).into_owned(),
            ),
            other => Self::Broke(other.to_string()),
        }
    }

    fn of_read(error: &ReadError) -> Self {
        match error {
            ReadError::Reset(code) => {
                Self::of_code(code.into_inner(), "the stream was reset".into())
            }
            ReadError::ConnectionLost(error) => Self::of_connection(error),
            other => Self::Broke(other.to_string()),
        }
    }

    fn of_code(code: u64, detail: String) -> Self {
        match u16::try_from(code) {
            Ok(code) if code != Code::Done.to_u16() => Self::Refused { code, detail },
            _ => Self::Broke(format!("closed with code {code}")),
        }
    }
}

impl From<ConnectionError> for Fault {
    fn from(error: ConnectionError) -> Self {
        Self::of_connection(&error)
    }
}

impl From<StreamError> for Fault {
    fn from(error: StreamError) -> Self {
        match &error {
            StreamError::Read(ReadExactError::ReadError(read)) => Self::of_read(read),
            StreamError::Write(quinn::WriteError::ConnectionLost(lost)) => {
                Self::of_connection(lost)
            }
            StreamError::Write(quinn::WriteError::Stopped(code)) => {
                Self::of_code(code.into_inner(), "the stream was stopped".into())
            }
            StreamError::Ended => Self::Broke("the node ended the stream".into()),
            StreamError::Frame(_) => Self::Protocol(error),
            _ => Self::Broke(error.to_string()),
        }
    }
}

impl From<BodyError> for Fault {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Corrupt(what) => Self::Corrupt(what),
            BodyError::Range(range) => Self::Broke(range.to_string()),
            BodyError::Stream(io) => match io.get_ref().and_then(|inner| inner.downcast_ref()) {
                Some(read) => Self::of_read(read),
                None => Self::Broke(io.to_string()),
            },
        }
    }
}

/// One request to one node, or the attempt to reach it.
#[derive(Debug)]
pub struct Attempt {
    /// Which.
    pub node: NodeId,
    /// Content bytes verified.
    pub bytes: u64,
    /// From sending the request to the first verified byte; `None` if none came.
    pub ttfb: Option<Duration>,
    /// How long the client waited for the node.
    pub duration: Duration,
    /// Whether it was signed for as within the service level; `None` if it was no delivery: the node was
    /// never asked, or the request ended because of its ticket or its reader.
    pub within: Option<bool>,
    /// What the node did wrong.
    pub fault: Option<Fault>,
}

impl Attempt {
    pub(crate) fn failed(node: NodeId, fault: Fault) -> Self {
        Self {
            node,
            bytes: 0,
            ttfb: None,
            duration: Duration::ZERO,
            within: None,
            fault: Some(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_ticket_excuses_and_only_when_it_is_near() {
        let refused = |code: Code| Fault::Refused {
            code: code.to_u16(),
            detail: String::new(),
        };
        assert_eq!(refused(Code::TicketExpired).blame(true), Blame::Ticket);
        assert_eq!(refused(Code::TicketExpired).blame(false), Blame::Failed);
        assert_eq!(refused(Code::ShuttingDown).blame(false), Blame::Leaving);
        assert_eq!(refused(Code::TooMany).blame(true), Blame::Failed);
        assert_eq!(Fault::Corrupt("x".into()).blame(true), Blame::Lied);
        let unknown = Fault::Refused {
            code: 999,
            detail: "why".into(),
        };
        assert_eq!(unknown.blame(true), Blame::Failed);
        assert_eq!(unknown.to_string(), "refused (code 999): why");
    }

    #[test]
    fn a_reset_inside_a_body_keeps_its_code() {
        let reset = ReadError::Reset(quinn::VarInt::from_u32(22));
        let fault = Fault::from(BodyError::Stream(reset.into()));
        assert!(matches!(fault, Fault::Refused { code: 22, .. }), "{fault}");
        let end = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        assert!(matches!(
            Fault::from(BodyError::Stream(end)),
            Fault::Broke(_)
        ));
    }
}
