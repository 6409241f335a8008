//! Ports that nobody listens at.

use anyhow::Result;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// A port that was free a moment ago.
pub(super) fn free_tcp_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

pub(super) fn free_udp_port() -> Result<u16> {
    Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}
