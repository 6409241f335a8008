//! A client of bare frames: it signs what it is told to, or doesn't, and enters what it sees into the books.

use crate::checks::{Books, Entries};
use crate::world::{CONTENT_NAME, Network, Place};
use anyhow::{Context, Result, bail, ensure};
use client::{ApiError, ControlApi};
use content::Body;
use host::{Clock, Host};
use protocol::api::{RouteAnswer, RouteRequest, RoutedNode};
use protocol::{
    ALPN_NODE, B256, ClientKey, Code, ContentHash, FetchReply, NodeId, Receipt, ReceiptFrame,
    Request, SessionReply, SignedTicket, SigningKey, Tag, Ticket, exporter_binding, sign,
};
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use transport::{client_endpoint, connect, exporter, read_frame, write_frame};

/// A node answers within this, or doesn't.
const ANSWER: Duration = Duration::from_secs(15);
/// Content bytes from receipt to receipt: what nodes ask for here.
const INTERVAL: u64 = 1 << 18;

/// One at a host.
pub struct Wire {
    /// Signs receipts and bindings.
    pub key: SigningKey,
    /// Where it speaks with the control plane.
    pub api: ControlApi,
    endpoint: Endpoint,
    at: IpAddr,
    clock: Clock,
    books: Books,
    published: Arc<[u8]>,
}

/// That a node said no, instead of a session or of bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("refused ({code}): {detail}")]
pub struct Refused {
    /// Its code (SPEC section 9).
    pub code: u16,
    /// Its sentence.
    pub detail: String,
}

/// What a node said to a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// The acknowledgement of this receipt.
    Acked,
    /// A refusal, with its code.
    Refused(u16),
}

impl Wire {
    /// One with a key that nobody has used.
    ///
    /// # Errors
    /// If its host has no socket for it.
    pub fn new(network: &Network, place: &Place, books: &Books) -> Result<Self> {
        let host: &Host = &place.host;
        Ok(Self {
            key: SigningKey::from_bytes(&host.random.bytes()),
            api: ControlApi::over(&host.http, &network.control_url())?,
            endpoint: client_endpoint(host)?,
            at: place.ip,
            clock: host.clock.clone(),
            books: books.clone(),
            published: network.file.as_slice().into(),
        })
    }

    /// Forgets its key and takes another.
    pub fn with_another_key(&mut self, place: &Place) {
        self.key = SigningKey::from_bytes(&place.host.random.bytes());
    }

    /// Asks for tickets, and says that these nodes failed it.
    ///
    /// # Errors
    /// What the control plane says.
    pub async fn route(&self, failed: &[NodeId]) -> Result<RouteAnswer, ApiError> {
        let key = ClientKey::from(self.key.verifying_key().to_bytes());
        let mut request = RouteRequest::new(CONTENT_NAME, key);
        request.exclude = failed.to_vec();
        self.api.route(&request).await
    }

    /// Opens a session as the rules want it.
    ///
    /// # Errors
    /// If the node isn't there or refuses.
    pub async fn session(&self, node: &RoutedNode) -> Result<Session> {
        let key = *node.node.as_bytes();
        let connecting = connect(&self.endpoint, &node.address, key, ALPN_NODE, None);
        let connection = connecting.await.context("connecting")?;
        self.session_on(connection, node.ticket).await
    }

    async fn session_on(&self, connection: Connection, signed: SignedTicket) -> Result<Session> {
        let ticket = signed.peek();
        let (mut send, mut recv) = connection.open_bi().await?;
        let body = exporter_binding(&ticket.digest(), &exporter(&connection));
        let binding = sign(&self.key, Tag::Binding, &body);
        let request = Request::Session {
            ticket: Box::new(signed),
            binding,
        };
        write_frame(&mut send, &request).await?;
        let window = match timeout(ANSWER, read_frame(&mut recv)).await?? {
            SessionReply::Accepted { window, .. } => window,
            SessionReply::Refused { code, detail } => bail!(Refused { code, detail }),
            SessionReply::Acked { .. } => bail!("nothing was handed in"),
        };
        self.books.opened(ticket, self.at, window);
        Ok(Session {
            ticket,
            digest: ticket.digest(),
            connection,
            key: self.key.clone(),
            send,
            recv,
            clock: self.clock.clone(),
            books: self.books.clone(),
            published: self.published.clone(),
        })
    }

    /// Routes and opens a session with a node, or with the best.
    ///
    /// # Errors
    /// If there is no route to it, or it refuses.
    pub async fn ready(&self, node: Option<NodeId>) -> Result<Session> {
        let answer = self.route(&[]).await?;
        let wanted = |routed: &&RoutedNode| node.is_none_or(|node| node == routed.node);
        let routed = answer.nodes.iter().find(wanted);
        self.session(routed.context("nobody is sent there")?).await
    }
}

/// A session that was accepted.
pub struct Session {
    /// The ticket.
    pub ticket: Ticket,
    digest: B256,
    connection: Connection,
    key: SigningKey,
    send: SendStream,
    recv: RecvStream,
    clock: Clock,
    books: Books,
    published: Arc<[u8]>,
}

impl Session {
    /// Fetches a range of what is published, which must be aligned; the bytes that came and were verified.
    ///
    /// # Errors
    /// [`Refused`], [`BodyError`](content::BodyError), or that nothing came for too long.
    pub async fn fetch(&self, content: ContentHash, offset: u64, length: u64) -> Result<u64> {
        let (mut send, mut recv) = self.connection.open_bi().await?;
        let request = Request::Fetch {
            ticket: self.ticket.id,
            content,
            offset,
            length,
        };
        write_frame(&mut send, &request).await?;
        let size = match timeout(ANSWER, read_frame(&mut recv)).await?? {
            FetchReply::Ok { size } => size,
            FetchReply::Refused { code, detail } => bail!(Refused { code, detail }),
        };
        let mut body = Body::new(recv, content, size, offset, length)?;
        let mut got = 0;
        while let Some(group) = timeout(ANSWER, body.next_group()).await?? {
            let bytes = group.data.len() as u64;
            // Whoever verified it may err, so it is held against the file besides.
            let here = (offset + got) as usize..(offset + got + bytes) as usize;
            let published = self.published.get(here) == Some(&group.data[..]);
            self.books.got(self.ticket.id, bytes, published);
            got += bytes;
        }
        Ok(got)
    }

    /// A receipt for so much, signed now.
    pub fn receipt(&self, sequence: u32, bytes: u64, deliveries: u32, within: u32) -> Receipt {
        let (first, last) = (self.ticket.issued_at, self.ticket.expires_at);
        Receipt {
            ticket: self.digest,
            sequence,
            bytes,
            deliveries,
            within,
            signed_at: self.clock.now_ms().clamp(first, last),
        }
    }

    /// Signs a receipt and hands it in.
    ///
    /// # Errors
    /// If the node is gone.
    pub async fn sign(&mut self, receipt: Receipt) -> Result<Said> {
        let signed = receipt.sign(&self.key);
        self.books.handed_in(self.ticket.id, receipt);
        write_frame(&mut self.send, &ReceiptFrame { receipt: signed }).await?;
        match timeout(ANSWER, read_frame(&mut self.recv)).await?? {
            SessionReply::Acked { sequence } => {
                ensure!(sequence == receipt.sequence, "another one is acknowledged");
                self.books.acked(self.ticket.id, receipt);
                Ok(Said::Acked)
            }
            SessionReply::Refused { code, .. } => {
                self.books.refused(self.ticket.id, receipt);
                Ok(Said::Refused(code))
            }
            SessionReply::Accepted { .. } => bail!("the session was accepted twice"),
        }
    }

    /// Fetches content of so many bytes by the rules, interval by interval, and signs for each.
    ///
    /// # Errors
    /// If anything of it is refused.
    pub async fn keep_the_rules(&mut self, content: ContentHash, size: u64) -> Result<Receipt> {
        let (mut got, mut sequence) = (0, 0);
        loop {
            let length = (size - got).min(INTERVAL);
            got += self.fetch(content, got, length).await?;
            sequence += 1;
            let receipt = self.receipt(sequence, got, sequence, sequence);
            let said = self.sign(receipt).await?;
            ensure!(
                said == Said::Acked,
                "an honest receipt was refused: {said:?}"
            );
            if got == size {
                return Ok(receipt);
            }
        }
    }

    /// Fetches content of so many bytes as the rules want it, for as long as it goes well, and signs for what came: of
    /// what broke off too, as a delivery that failed. Whether all came and all of it was acknowledged.
    pub async fn take_what_comes(&mut self, content: ContentHash, size: u64) -> bool {
        let (mut signed, mut sequence, mut within) = (0, 0, 0);
        while signed < size {
            let length = (size - signed).min(INTERVAL);
            let before = self.books.enter(|books| self.came(books));
            let whole = self.fetch(content, signed, length).await.is_ok();
            signed += self.books.enter(|books| self.came(books)) - before;
            sequence += 1;
            within += u32::from(whole);
            let receipt = self.receipt(sequence, signed, sequence, within);
            let said = self.sign(receipt).await;
            if !whole || said.ok() != Some(Said::Acked) {
                return false;
            }
        }
        true
    }

    /// What has come under this ticket, bytes.
    fn came(&self, books: &Entries) -> u64 {
        books.tickets.get(&self.ticket.id).map_or(0, |of| of.got)
    }

    /// Waits until the session ends, or for so long after its ticket's end; enters for how long after that it was open,
    /// and says whether it was open at the end.
    pub async fn stay(&mut self, after_end: Duration) -> bool {
        let end = Duration::from_millis(self.ticket.expires_at);
        let left = end.saturating_sub(Duration::from_millis(self.clock.now_ms()));
        // What comes, if anything, is its end.
        let came = read_frame::<SessionReply>(&mut self.recv);
        let _ = timeout(left + after_end, came).await;
        let now = Duration::from_millis(self.clock.now_ms());
        self.books.outlived(self.ticket.id, now.saturating_sub(end));
        now >= end
    }

    /// The record that its node holds of a receipt, as anybody can put it together who has seen it.
    pub fn record(&self, receipt: Receipt) -> protocol::Record {
        protocol::Record {
            id: self.ticket.id,
            receipt,
            signature: receipt.sign(&self.key).signature,
        }
    }
}

/// What a refused receipt is refused with.
pub const RECEIPT_REFUSED: Said = Said::Refused(Code::ReceiptRefused as u16);
