//! A client of bare frames: it signs what it is told to, or doesn't, and notes what a node says to that.

use client::{ApiError, ClientConfig, ControlApi};
use content::{Body, BodyError};
use host::watch;
use host::{Host, Http};
use protocol::api::{RouteAnswer, RouteRequest};
use protocol::{
    ALPN_NODE, B256, ClientKey, Code, ContentHash, FetchReply, NodeId, Receipt, ReceiptFrame,
    Request, SessionReply, Signature, SignedTicket, SigningKey, Tag, Ticket, TicketId,
    UnverifiedReceipt, exporter_binding, sign,
};
use quinn::{Connection, Endpoint, ReadError, ReadExactError, RecvStream, SendStream};
use std::time::Duration;
use tokio::time::timeout;
use transport::{
    ConnectError, StreamError, client_endpoint, connect, exporter, read_frame, write_frame,
};

/// A node answers within this, or resets the stream.
const ANSWER: Duration = Duration::from_secs(30);

/// A key nobody has used.
pub fn fresh_key() -> SigningKey {
    ClientConfig::on(Host::system(), "").key
}

/// A refusal: its code and its sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Of the table of codes.
    pub code: Code,
    /// For people.
    pub detail: String,
}

fn refused(code: u16, detail: String) -> Refused {
    let code = Code::from_u16(code).unwrap_or_else(|| panic!("code {code} is in no table"));
    Refused { code, detail }
}

/// The client.
#[derive(Debug)]
pub struct Raw {
    /// Signs receipts and bindings.
    pub key: SigningKey,
    endpoint: Endpoint,
    control: ControlApi,
}

impl Raw {
    /// With a fresh key.
    ///
    /// # Panics
    /// If the system gives no socket.
    pub fn new(control: &str) -> Self {
        Self {
            key: fresh_key(),
            endpoint: client_endpoint(&host::Host::system()).expect("a socket"),
            control: ControlApi::over(&Http::system(), control).expect("a URL"),
        }
    }

    /// Tickets for a collection, made out to this client.
    ///
    /// # Panics
    /// If there are none.
    pub async fn route(&self, collection: &str) -> RouteAnswer {
        let answer = self.ask_route(collection).await;
        answer.unwrap_or_else(|error| panic!("no route: {error}"))
    }

    /// As [`Raw::route`], of a control plane that may go.
    pub async fn try_route(&self, collection: &str) -> Option<RouteAnswer> {
        self.ask_route(collection).await.ok()
    }

    async fn ask_route(&self, collection: &str) -> Result<RouteAnswer, ApiError> {
        let request = RouteRequest::new(
            collection,
            ClientKey::from(self.key.verifying_key().to_bytes()),
        );
        self.control.route(&request).await
    }

    /// Connects to a node.
    ///
    /// # Errors
    /// If it isn't there.
    pub async fn try_connect(
        &self,
        node: NodeId,
        address: &str,
    ) -> Result<Connection, ConnectError> {
        connect(&self.endpoint, address, *node.as_bytes(), ALPN_NODE, None).await
    }

    /// Connects to a node.
    ///
    /// # Panics
    /// If it isn't there.
    pub async fn connect(&self, node: NodeId, address: &str) -> Connection {
        let connection = self.try_connect(node, address).await;
        connection.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The binding of a ticket to a connection.
    pub fn binding(&self, connection: &Connection, ticket: &SignedTicket) -> Signature {
        let body = exporter_binding(&ticket.peek().digest(), &exporter(connection));
        sign(&self.key, Tag::Binding, &body)
    }

    /// Opens a session as the rules want it.
    ///
    /// # Errors
    /// If the node refuses.
    pub async fn session(
        &self,
        connection: &Connection,
        ticket: SignedTicket,
    ) -> Result<Session, Refused> {
        let binding = self.binding(connection, &ticket);
        Session::open(connection, ticket, binding, self.key.clone()).await
    }

    /// Routes, connects to the best node, opens a session with it.
    ///
    /// # Panics
    /// If any of it fails.
    pub async fn ready(&self, collection: &str) -> (Connection, Session) {
        let routed = self.route(collection).await.nodes.remove(0);
        let connection = self.connect(routed.node, &routed.address).await;
        let session = self.session(&connection, routed.ticket).await;
        (connection, session.expect("a fresh ticket is good"))
    }
}

/// A session that was accepted.
#[derive(Debug)]
pub struct Session {
    /// The ticket.
    pub ticket: Ticket,
    /// Its digest.
    pub digest: B256,
    /// Sequence that the node said it holds.
    pub sequence: u32,
    /// Bytes of that receipt.
    pub bytes: u64,
    /// The window that the node named.
    pub window: u64,
    key: SigningKey,
    send: SendStream,
    recv: RecvStream,
}

impl Session {
    /// Shows a ticket with any binding.
    ///
    /// # Errors
    /// If the node refuses.
    ///
    /// # Panics
    /// If it says nothing, or something else.
    pub async fn open(
        connection: &Connection,
        signed: SignedTicket,
        binding: Signature,
        key: SigningKey,
    ) -> Result<Self, Refused> {
        let (mut send, mut recv) = connection.open_bi().await.expect("a stream");
        let ticket = Box::new(signed);
        let request = Request::Session { ticket, binding };
        write_frame(&mut send, &request).await.expect("it listens");
        let reply = timeout(ANSWER, read_frame(&mut recv)).await;
        match reply.expect("it answers").expect("a frame") {
            SessionReply::Accepted {
                sequence,
                bytes,
                window,
                ..
            } => Ok(Self {
                ticket: signed.peek(),
                digest: signed.peek().digest(),
                sequence,
                bytes,
                window,
                key,
                send,
                recv,
            }),
            SessionReply::Refused { code, detail } => Err(refused(code, detail)),
            SessionReply::Acked { .. } => panic!("acknowledged what was never sent"),
        }
    }

    /// A receipt that counts: one delivery, within the service level, signed now.
    pub fn receipt(&self, sequence: u32, bytes: u64) -> Receipt {
        Receipt {
            ticket: self.digest,
            sequence,
            bytes,
            deliveries: 1,
            within: 1,
            signed_at: crate::now_ms().clamp(self.ticket.issued_at, self.ticket.expires_at),
        }
    }

    /// Why the node ends the session.
    ///
    /// # Panics
    /// If it doesn't.
    pub async fn ended(&mut self) -> Refused {
        let reply = timeout(ANSWER, read_frame(&mut self.recv)).await;
        match reply.expect("it says something").expect("a frame") {
            SessionReply::Refused { code, detail } => refused(code, detail),
            other => panic!("not ended: {other:?}"),
        }
    }

    /// Signs a receipt and hands it in.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn sign(&mut self, receipt: Receipt) -> Result<u32, Refused> {
        let signed = receipt.sign(&self.key);
        self.hand_in(signed).await
    }

    /// Hands a receipt in; the sequence that is acknowledged.
    ///
    /// # Errors
    /// If it is refused.
    ///
    /// # Panics
    /// If the node is gone.
    pub async fn hand_in(&mut self, receipt: UnverifiedReceipt) -> Result<u32, Refused> {
        self.try_hand_in(receipt).await.expect("it answers")
    }

    /// As [`Session::hand_in`], to a node that may go.
    ///
    /// # Errors
    /// If the node is gone; within, if it refuses.
    ///
    /// # Panics
    /// If it neither answers nor goes, or answers something else.
    pub async fn try_hand_in(
        &mut self,
        receipt: UnverifiedReceipt,
    ) -> Result<Result<u32, Refused>, StreamError> {
        write_frame(&mut self.send, &ReceiptFrame { receipt }).await?;
        let reply = timeout(ANSWER, read_frame(&mut self.recv)).await;
        Ok(match reply.expect("it answers")? {
            SessionReply::Acked { sequence } => Ok(sequence),
            SessionReply::Refused { code, detail } => Err(refused(code, detail)),
            SessionReply::Accepted { .. } => panic!("the session was accepted twice"),
        })
    }

    /// As [`Session::sign`], to a node that may go.
    ///
    /// # Errors
    /// If the node is gone; within, if it refuses.
    pub async fn try_sign(
        &mut self,
        receipt: Receipt,
    ) -> Result<Result<u32, Refused>, StreamError> {
        let signed = receipt.sign(&self.key);
        self.try_hand_in(signed).await
    }
}

/// How a fetch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// All came, verified.
    Whole,
    /// Nothing came.
    Refused(Refused),
    /// The node reset the stream.
    Reset(Code),
    /// Something else.
    Broken(String),
}

/// What to fetch.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Under which ticket.
    pub ticket: TicketId,
    /// What.
    pub content: ContentHash,
    /// Its size.
    pub size: u64,
    /// First byte.
    pub offset: u64,
    /// How many.
    pub length: u64,
}

/// Fetches without signing anything; counts verified bytes.
///
/// # Panics
/// If the node neither sends nor ends the stream.
pub async fn fetch(connection: &Connection, wanted: Wanted) -> (u64, End) {
    fetch_watched(connection, wanted, &watch::Sender::new(0)).await
}

/// As [`fetch`]; tells how many bytes have come.
///
/// # Panics
/// If the node neither sends nor ends the stream.
pub async fn fetch_watched(
    connection: &Connection,
    wanted: Wanted,
    progress: &watch::Sender<u64>,
) -> (u64, End) {
    let exchange = async {
        let Wanted {
            ticket,
            content,
            size,
            offset,
            length,
        } = wanted;
        let (mut send, mut recv) = connection.open_bi().await.expect("a stream");
        let request = Request::Fetch {
            ticket,
            content,
            offset,
            length,
        };
        write_frame(&mut send, &request).await.expect("it listens");
        let reply: FetchReply = match read_frame(&mut recv).await {
            Ok(reply) => reply,
            Err(StreamError::Read(ReadExactError::ReadError(ReadError::Reset(code)))) => {
                return (0, End::Reset(known(code.into_inner())));
            }
            Err(error) => return (0, End::Broken(error.to_string())),
        };
        match reply {
            FetchReply::Ok { size: said } => assert_eq!(said, size),
            FetchReply::Refused { code, detail } => {
                return (0, End::Refused(refused(code, detail)));
            }
        }
        let mut body = Body::new(recv, content, size, offset, length).expect("a range of it");
        let mut got = 0;
        loop {
            match body.next_group().await {
                Ok(Some(group)) => {
                    got += group.data.len() as u64;
                    progress.send_replace(got);
                }
                Ok(None) => return (got, End::Whole),
                Err(error) => return (got, end_of(error)),
            }
        }
    };
    let bound = ANSWER * 2;
    timeout(bound, exchange).await.expect("it sends or ends")
}

fn known(code: u64) -> Code {
    let known = u16::try_from(code).ok().and_then(Code::from_u16);
    known.unwrap_or_else(|| panic!("code {code} is in no table"))
}

fn end_of(error: BodyError) -> End {
    if let BodyError::Stream(error) = &error
        && let Some(ReadError::Reset(code)) = error.get_ref().and_then(|e| e.downcast_ref())
    {
        return End::Reset(known(code.into_inner()));
    }
    End::Broken(error.to_string())
}

/// Opens a stream with these bytes; the code with which the node resets it.
///
/// # Panics
/// If it doesn't.
pub async fn garbage(connection: &Connection, bytes: &[u8]) -> Code {
    let (mut send, mut recv) = connection.open_bi().await.expect("a stream");
    send.write_all(bytes).await.expect("it listens");
    // An error here means that it has stopped listening already.
    let _ = send.finish();
    let end = timeout(ANSWER, recv.read_to_end(1 << 20)).await;
    match end.expect("it ends the stream") {
        Err(quinn::ReadToEndError::Read(ReadError::Reset(code))) => known(code.into_inner()),
        other => panic!("not reset: {other:?}"),
    }
}
