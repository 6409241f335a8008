//! What commands remember between runs: the transactions that they have in the air.

use contracts::Outbox;
use host::Disk;
use std::env;
use std::path::PathBuf;

/// Where it is, if the environment says so.
const VARIABLE: &str = "QUITTANCE_STATE";

/// Where commands' transactions are written down before they are sent, so that one that was interrupted goes on when it is
/// called again, and isn't sent twice; `None` where there is no home.
pub(crate) fn outbox() -> Option<Outbox> {
    Some(Outbox::new(&Disk::system(), &folder()?.join("outbox")))
}

/// `$QUITTANCE_STATE`, or what the XDG base directory specification says.
fn folder() -> Option<PathBuf> {
    let named = |variable| env::var_os(variable).filter(|value| !value.is_empty());
    if let Some(folder) = named(VARIABLE) {
        return Some(folder.into());
    }
    let state = named("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.or_else(|| Some(PathBuf::from(named("HOME")?).join(".local/state")));
    Some(state?.join("quittance"))
}
