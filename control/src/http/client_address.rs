//! Where a request comes from, by its connection and headers.

use axum::http::HeaderMap;
use formats::forwarded;
use ipnet::IpNet;
use std::net::IpAddr;

/// The address of the client: see [`forwarded::client`]. A value that isn't text isn't there.
pub(super) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let said = headers.get_all("x-forwarded-for").into_iter();
    let said = said.filter_map(|value| value.to_str().ok());
    forwarded::client(peer, said, trusted)
}
