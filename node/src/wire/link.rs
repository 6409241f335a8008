//! The connection to the control plane, for whoever needs it.

use host::watch;
use quinn::Connection;
use std::time::Duration;
use tokio::time::timeout;

/// How long a fill waits for the connection to come back.
const LINK_WAIT: Duration = Duration::from_secs(10);

/// Why the control plane can't be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("the control plane is not connected")]
    Down,
    #[error("the connection to the control plane broke: {0}")]
    Connection(#[from] quinn::ConnectionError),
}

/// Where whoever needs the control plane finds the connection of the moment.
#[derive(Debug, Clone)]
pub(crate) struct ControlLink(watch::Receiver<Option<Connection>>);

impl ControlLink {
    pub(crate) fn new() -> (watch::Sender<Option<Connection>>, Self) {
        let (sender, receiver) = watch::channel(None);
        (sender, Self(receiver))
    }

    /// The connection, once it stands.
    pub(crate) async fn connection(&self) -> Result<Connection, LinkError> {
        let mut current = self.0.clone();
        let connected = timeout(LINK_WAIT, current.wait_for(|link| link.is_some())).await;
        match connected {
            Ok(Ok(link)) => link.clone().ok_or(LinkError::Down),
            _ => Err(LinkError::Down),
        }
    }
}
