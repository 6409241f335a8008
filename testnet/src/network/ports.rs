//! Ports that nobody listens at.

use anyhow::{Result, bail};
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below those that systems give to whoever connects or asks for any: one of these that is free now would soon be
/// somebody else's.
const FIRST: u16 = 10_000;
const COUNT: u32 = 22_000;

/// Ports tried so far: no two networks of a process are given the same.
static TRIED: AtomicU32 = AtomicU32::new(0);

/// A port that was free a moment ago.
pub(super) fn free_tcp_port() -> Result<u16> {
    free(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(drop))
}

pub(super) fn free_udp_port() -> Result<u16> {
    free(|port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).map(drop))
}

fn free(bind: impl Fn(u16) -> io::Result<()>) -> Result<u16> {
    // Processes that run beside each other begin at places of their own.
    let begin = process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let place = begin.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = FIRST + place as u16;
        if bind(port).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port from {FIRST} on is free")
}
