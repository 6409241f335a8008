//! What the node knows of each ticket in use: how much was sent, how much is signed for.
//!
//! The state outlives connections, so that reconnecting doesn't open the window anew.

use protocol::{Receipt, TicketId, VerifiedTicket};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How long a client may leave a full window unsigned.
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Windows of sent but unsigned bytes that are forgiven per ticket, where a client broke a request off:
/// a player that seeks does so honestly.
const FORGIVEN_WINDOWS: u64 = 4;

/// Deliveries that a ticket's receipts may state beyond the requests that were served: those that the node
/// refused or never saw, and those broken off by its restart. 2^22 tickets of these don't overflow a sum.
const REQUESTS_UNSEEN: u32 = 128;

/// Why no more is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("no receipt came for a full window")]
    WindowExceeded,
    #[error("the ticket's byte limit is reached")]
    Spent,
    #[error("a receipt was refused")]
    Refused,
    #[error("the ticket was revoked")]
    Revoked,
}

/// One ticket in use.
#[derive(Debug)]
pub(crate) struct TicketState {
    ticket: VerifiedTicket,
    window: u64,
    account: Mutex<Account>,
    /// Rings when the account changes for the better, or ends.
    changed: watch::Sender<()>,
    revoked: watch::Sender<bool>,
}

#[derive(Debug)]
struct Account {
    last: Option<Receipt>,
    /// Content bytes sent, at least those signed for.
    sent: u64,
    /// Requests being served.
    fetching: u32,
    /// Deliveries that a receipt may state: no more than there were requests.
    deliveries_max: u32,
    forgiven: u64,
    refused: bool,
}

impl Account {
    fn signed(&self) -> u64 {
        self.last.map_or(0, |receipt| receipt.bytes)
    }
}

impl TicketState {
    pub(crate) fn new(ticket: VerifiedTicket, last: Option<Receipt>, window: u64) -> Self {
        let sent = last.map_or(0, |receipt| receipt.bytes);
        let stated = last.map_or(0, |receipt| receipt.deliveries);
        let deliveries_max = stated.saturating_add(REQUESTS_UNSEEN);
        let account = Account {
            deliveries_max,
            last,
            sent,
            fetching: 0,
            forgiven: 0,
            refused: false,
        };
        Self {
            ticket,
            window,
            account: Mutex::new(account),
            changed: watch::Sender::new(()),
            revoked: watch::Sender::new(false),
        }
    }

    pub(crate) fn ticket(&self) -> &VerifiedTicket {
        &self.ticket
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn last(&self) -> Option<Receipt> {
        self.account().last
    }

    /// Waits until `bytes` more may be sent, and counts them as sent.
    pub(crate) async fn send(&self, bytes: u64) -> Result<(), Stop> {
        let mut changed = self.changed.subscribe();
        loop {
            {
                let mut account = self.account();
                if account.refused {
                    return Err(Stop::Refused);
                }
                if account.sent + bytes > self.ticket.ticket().bytes_max {
                    return Err(Stop::Spent);
                }
                // A request larger than the window passes alone.
                let ahead = account.sent - account.signed();
                if ahead == 0 || ahead + bytes <= self.window {
                    account.sent += bytes;
                    return Ok(());
                }
            }
            let signed = tokio::time::timeout(RECEIPT_TIMEOUT, changed.changed()).await;
            if !matches!(signed, Ok(Ok(()))) {
                return Err(Stop::WindowExceeded);
            }
        }
    }

    /// A request begins; it ends when the guard is dropped.
    pub(crate) fn fetching(self: &Arc<Self>) -> Fetching {
        let mut account = self.account();
        account.fetching += 1;
        account.deliveries_max = account.deliveries_max.saturating_add(1);
        drop(account);
        Fetching(self.clone())
    }

    /// Whether there were as many requests as a receipt states deliveries. Without this, one client
    /// could state so many that the segment's sum overflows, and nobody's receipts could be sealed.
    pub(crate) fn had_requests(&self, deliveries: u32) -> bool {
        deliveries <= self.account().deliveries_max
    }

    /// A receipt is durable: what it signs for no longer counts against the window.
    pub(crate) fn signed(&self, receipt: Receipt) {
        let mut account = self.account();
        account.last = Some(receipt);
        account.sent = account.sent.max(receipt.bytes);
        // Nothing is under way, so what is unsigned was broken off.
        let unsigned = account.sent - receipt.bytes;
        if account.fetching == 0 && account.forgiven + unsigned <= FORGIVEN_WINDOWS * self.window {
            account.forgiven += unsigned;
            account.sent = receipt.bytes;
        }
        drop(account);
        self.changed.send_replace(());
    }

    /// The control plane took the ticket back: all that goes on under it ends.
    fn revoke(&self) {
        self.revoked.send_replace(true);
    }

    /// Ends when the ticket is revoked. Cancel safe.
    pub(crate) async fn revoked(&self) {
        let mut revoked = self.revoked.subscribe();
        // The sender lives as long as this does.
        let _ = revoked.wait_for(|revoked| *revoked).await;
    }

    /// A receipt was refused: the client is at fault, nothing more is sent.
    pub(crate) fn refuse(&self) {
        self.account().refused = true;
        self.changed.send_replace(());
    }
}

/// A request being served.
#[derive(Debug)]
pub(crate) struct Fetching(Arc<TicketState>);

impl Drop for Fetching {
    fn drop(&mut self) {
        self.0.account().fetching -= 1;
    }
}

/// All tickets in use.
#[derive(Debug, Default)]
pub(crate) struct Tickets(Mutex<HashMap<TicketId, Arc<TicketState>>>);

impl Tickets {
    fn map(&self) -> MutexGuard<'_, HashMap<TicketId, Arc<TicketState>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ticket's state, as it is or else as `new` makes it.
    pub(crate) fn enter(
        &self,
        id: TicketId,
        new: impl FnOnce() -> TicketState,
    ) -> Arc<TicketState> {
        self.map()
            .entry(id)
            .or_insert_with(|| Arc::new(new()))
            .clone()
    }

    /// Whether the ticket was used before.
    pub(crate) fn contains(&self, id: &TicketId) -> bool {
        self.map().contains_key(id)
    }

    /// Ends what goes on under the tickets that are meant; how many they are.
    pub(crate) fn revoke(&self, meant: impl Fn(&protocol::Ticket) -> bool) -> usize {
        let map = self.map();
        let meant = map.values().filter(|state| meant(state.ticket().ticket()));
        meant.map(|state| state.revoke()).count()
    }

    /// Forgets an epoch's tickets.
    pub(crate) fn forget(&self, epoch: protocol::Epoch) {
        self.map().retain(|id, _| id.epoch > epoch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{
        Address, B256, ClientKey, CollectionId, IssuerKey, Network, NodeId, SigningKey, Ticket,
        Timeline, Windows,
    };

    const WINDOW: u64 = 100;

    fn state(bytes_max: u64) -> Arc<TicketState> {
        let issuer = SigningKey::from_bytes(&[1; 32]);
        let windows = Windows {
            epoch_length: 10,
            ticket_tail: 0,
            commit_window: 0,
            force_window: 0,
            challenge_window: 0,
        };
        let timeline = Timeline::fixed(0, windows);
        let ticket = Ticket {
            network: Network {
                chain_id: 1,
                settlement: Address::ZERO,
            },
            id: TicketId {
                epoch: 0,
                issuer: 0,
                index: 0,
            },
            node: NodeId::from([2; 32]),
            client: ClientKey::from([3; 32]),
            collection: CollectionId::from([4; 32]),
            payer: Address::ZERO,
            viewer_token: B256::ZERO,
            bytes_max,
            issued_at: 0,
            expires_at: 10_000,
        };
        let key = IssuerKey::from(issuer.verifying_key().to_bytes());
        let ticket = ticket.sign(&issuer).verify(&key, &timeline).unwrap();
        Arc::new(TicketState::new(ticket, None, WINDOW))
    }

    fn receipt(state: &TicketState, bytes: u64) -> Receipt {
        let ticket = state.ticket().digest();
        Receipt {
            ticket,
            sequence: 1,
            bytes,
            deliveries: 0,
            within: 0,
            signed_at: 0,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_doesn_t_sign_gets_a_window_and_no_more() {
        let state = state(10_000);
        let _fetching = state.fetching();
        assert_eq!(state.send(60).await, Ok(()));
        assert_eq!(state.send(40).await, Ok(()));
        assert_eq!(state.send(1).await, Err(Stop::WindowExceeded));
        state.signed(receipt(&state, 60));
        assert_eq!(state.send(60).await, Ok(()));
        assert_eq!(state.send(1).await, Err(Stop::WindowExceeded));
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_sender_goes_on_when_a_receipt_comes() {
        let state = state(10_000);
        let _fetching = state.fetching();
        state.send(100).await.unwrap();
        let waiting = tokio::spawn({
            let state = state.clone();
            async move { state.send(50).await }
        });
        tokio::task::yield_now().await;
        state.signed(receipt(&state, 100));
        assert_eq!(waiting.await.unwrap(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_ticket_s_limit_and_a_refused_receipt_end_it() {
        let state = state(150);
        state.send(100).await.unwrap();
        assert_eq!(state.send(51).await, Err(Stop::Spent));
        state.refuse();
        assert_eq!(state.send(1).await, Err(Stop::Refused));
    }

    #[test]
    fn no_more_deliveries_than_requests() {
        let state = state(1_000);
        let unseen = REQUESTS_UNSEEN;
        assert!(state.had_requests(unseen) && !state.had_requests(unseen + 1));
        drop(state.fetching());
        assert!(state.had_requests(unseen + 1) && !state.had_requests(unseen + 2));
    }

    #[tokio::test(start_paused = true)]
    async fn broken_off_requests_are_forgiven_only_so_often() {
        let state = state(1_000_000);
        let mut rounds = 0;
        loop {
            let fetching = state.fetching();
            let sent = state.send(100).await;
            drop(fetching);
            if sent.is_err() {
                break;
            }
            state.signed(receipt(&state, 0));
            rounds += 1;
        }
        assert_eq!(rounds, FORGIVEN_WINDOWS + 1);
    }
}
