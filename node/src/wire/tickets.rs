//! The tickets in use: their accounts, and whoever waits for them.
//!
//! An account outlives connections, so that reconnecting doesn't open the window anew.

use crate::rules::receipts::Before;
use crate::rules::window::{Account, May, Stop};
use host::Mutex;
use host::watch;
use protocol::{Receipt, TicketId, VerifiedTicket};
use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

/// How long a client may leave a full window unsigned.
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(10);

/// One ticket in use.
#[derive(Debug)]
pub(crate) struct TicketState {
    ticket: VerifiedTicket,
    account: Mutex<Account>,
    /// Rings when the account changes for the better, or ends.
    changed: watch::Sender<()>,
    revoked: watch::Sender<bool>,
}

impl TicketState {
    pub(crate) fn new(ticket: VerifiedTicket, last: Option<Receipt>, window: u64) -> Self {
        let account = Account::new(ticket.ticket().bytes_max, window, last);
        Self {
            ticket,
            account: Mutex::new(account),
            changed: watch::Sender::new(()),
            revoked: watch::Sender::new(false),
        }
    }

    pub(crate) fn ticket(&self) -> &VerifiedTicket {
        &self.ticket
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock()
    }

    /// The newest receipt that is on disk.
    pub(crate) fn last(&self) -> Option<Receipt> {
        self.account().last()
    }

    /// What a receipt is held against.
    pub(crate) fn before(&self) -> Before {
        let account = self.account();
        Before {
            last: account.last(),
            deliveries_max: account.deliveries_max(),
        }
    }

    /// Waits until `bytes` more may be sent, and counts them as sent.
    pub(crate) async fn send(&self, bytes: u64) -> Result<(), Stop> {
        let mut changed = self.changed.subscribe();
        loop {
            let may = self.account().send(bytes)?;
            if may == May::Send {
                return Ok(());
            }
            let signed = tokio::time::timeout(RECEIPT_TIMEOUT, changed.changed()).await;
            if !matches!(signed, Ok(Ok(()))) {
                return Err(Stop::WindowExceeded);
            }
        }
    }

    /// A request begins; it ends when the guard is dropped.
    pub(crate) fn fetching(self: &Arc<Self>) -> Fetching {
        self.account().fetch_begins();
        Fetching(self.clone())
    }

    /// A receipt is durable.
    pub(crate) fn signed(&self, receipt: Receipt) {
        self.account().signed(receipt);
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

    /// A receipt was refused.
    pub(crate) fn refuse(&self) {
        self.account().refuse();
        self.changed.send_replace(());
    }
}

/// A request being served.
#[derive(Debug)]
pub(crate) struct Fetching(Arc<TicketState>);

impl Drop for Fetching {
    fn drop(&mut self) {
        self.0.account().fetch_ends();
    }
}

/// All tickets in use.
#[derive(Debug, Default)]
pub(crate) struct Tickets(Mutex<BTreeMap<TicketId, Arc<TicketState>>>);

impl Tickets {
    fn map(&self) -> MutexGuard<'_, BTreeMap<TicketId, Arc<TicketState>>> {
        self.0.lock()
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
    use crate::rules::testing::ticket;

    const WINDOW: u64 = 100;

    fn state() -> Arc<TicketState> {
        Arc::new(TicketState::new(ticket(), None, WINDOW))
    }

    fn receipt(bytes: u64) -> Receipt {
        Receipt {
            ticket: ticket().digest(),
            sequence: 1,
            bytes,
            deliveries: 0,
            within: 0,
            signed_at: 1_000,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_doesn_t_sign_is_waited_for_and_then_stopped() {
        let state = state();
        let _fetching = state.fetching();
        assert_eq!(state.send(100).await, Ok(()));
        assert_eq!(state.send(1).await, Err(Stop::WindowExceeded));
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_sender_goes_on_when_a_receipt_comes() {
        let state = state();
        let _fetching = state.fetching();
        state.send(100).await.unwrap();
        let waiting = tokio::spawn({
            let state = state.clone();
            async move { state.send(50).await }
        });
        tokio::task::yield_now().await;
        state.signed(receipt(100));
        assert_eq!(waiting.await.unwrap(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_sender_hears_of_a_refused_receipt() {
        let state = state();
        let _fetching = state.fetching();
        state.send(100).await.unwrap();
        let waiting = tokio::spawn({
            let state = state.clone();
            async move { state.send(50).await }
        });
        tokio::task::yield_now().await;
        state.refuse();
        assert_eq!(waiting.await.unwrap(), Err(Stop::Refused));
    }

    #[tokio::test(start_paused = true)]
    async fn a_revoked_ticket_ends_what_goes_on_under_it() {
        let tickets = Tickets::default();
        let id = ticket().ticket().id;
        let state = tickets.enter(id, || TicketState::new(ticket(), None, WINDOW));
        assert_eq!(tickets.revoke(|_| false), 0);
        assert_eq!(tickets.revoke(|meant| meant.id == id), 1);
        state.revoked().await;
        tickets.forget(id.epoch);
        assert!(!tickets.contains(&id));
    }
}
