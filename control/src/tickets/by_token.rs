//! What tickets on viewers' tokens allow, summed by token.

use protocol::{B256, ClientKey, NO_VIEWER_TOKEN, Ticket, UnixMillis};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What tickets on one token allow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Used {
    pub(crate) bytes: u64,
    /// With the time at which their last ticket ends; some may have ended.
    pub(crate) clients: Vec<(ClientKey, UnixMillis)>,
}

impl Used {
    pub(crate) fn count(&mut self, ticket: &Ticket) {
        self.bytes = self.bytes.saturating_add(ticket.bytes_max);
        self.client(ticket.client, ticket.expires_at, ticket.issued_at);
    }

    pub(crate) fn client(&mut self, client: ClientKey, until: UnixMillis, now: UnixMillis) {
        self.clients
            .retain(|(known, ends)| *ends > now && *known != client);
        self.clients.push((client, until));
    }
}

/// An epoch's, by token.
pub(crate) type ByToken = BTreeMap<B256, Used>;

/// Counts a ticket.
pub(crate) fn count(all: &mut ByToken, ticket: &Ticket) {
    if ticket.viewer_token != NO_VIEWER_TOKEN {
        all.entry(ticket.viewer_token).or_default().count(ticket);
    }
}
