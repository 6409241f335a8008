//! Whether a node can work as it is set up.

use core::net::IpAddr;
use protocol::SLICE_BYTES;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It listens everywhere, and doesn't say where clients reach it.
    Address,
    /// The window is smaller than the receipt interval, or than what is sent at a time: a client would owe a receipt that
    /// it can't know of yet.
    Window,
}

/// Looks at what is set: whether an address for clients is given, where it listens, and window and receipt interval in
/// bytes.
pub(crate) fn check(
    has_address: bool,
    listen: IpAddr,
    window: u64,
    interval: u64,
) -> Result<(), Unfit> {
    if !has_address && listen.is_unspecified() {
        return Err(Unfit::Address);
    }
    match window < interval || window < SLICE_BYTES {
        true => Err(Unfit::Window),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_reachable_and_its_window_holds_what_is_sent_at_a_time() {
        let (all, one) = (IpAddr::from([0, 0, 0, 0]), IpAddr::from([192, 0, 2, 1]));
        let (slice, twice) = (SLICE_BYTES, 2 * SLICE_BYTES);
        for (has_address, listen, window, interval, expected) in [
            (false, all, twice, slice, Err(Unfit::Address)),
            (
                false,
                IpAddr::from([0; 16]),
                twice,
                slice,
                Err(Unfit::Address),
            ),
            (true, all, twice, slice, Ok(())),
            (false, one, twice, slice, Ok(())),
            (false, one, slice, slice, Ok(())),
            (false, one, slice, slice + 1, Err(Unfit::Window)),
            (false, one, slice - 1, 1, Err(Unfit::Window)),
        ] {
            let found = check(has_address, listen, window, interval);
            assert_eq!(found, expected, "{listen} {window} {interval}");
        }
    }
}
