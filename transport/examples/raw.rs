//! The benchmark's peer: bytes over raw quinn with the settings of this crate, nothing else.
//!
//! `raw serve BYTES` prints its address and key, and sends so many bytes to each stream that is opened.
//! `raw fetch ADDRESS KEY` reads one stream to its end and prints how long that took, as JSON.
#![allow(clippy::print_stdout)]

use bytes::Bytes;
use protocol::{ALPN_NODE, SigningKey};
use quittance_transport::{PeerAuth, client_endpoint, connect, server_endpoint};
use tokio::time::Instant;

/// As large as the slices in which nodes send content.
const WRITE_BYTES: usize = 1 << 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    match &args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", bytes] => serve(bytes.parse()?).await,
        ["fetch", address, key] => fetch(address, key.parse::<protocol::NodeId>()?).await,
        _ => Err("usage: raw serve BYTES | raw fetch ADDRESS KEY".into()),
    }
}

async fn serve(bytes: usize) -> Result<(), Box<dyn std::error::Error>> {
    let key = SigningKey::from_bytes(&[7; 32]);
    let endpoint = server_endpoint(
        &host::Host::system(),
        "127.0.0.1:0".parse()?,
        &key,
        &[ALPN_NODE],
        PeerAuth::Anonymous,
    )?;
    let id = protocol::NodeId::from(key.verifying_key().to_bytes());
    println!("{} {id}", endpoint.local_addr()?);
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(async move {
            let connection = incoming.await?;
            let (mut send, _) = connection.accept_bi().await?;
            // Fresh memory for each write, as from a disk; its pages are touched once.
            let mut left = bytes;
            while left > 0 {
                let now = left.min(WRITE_BYTES);
                send.write_chunk(Bytes::from(vec![0x5a; now])).await?;
                left -= now;
            }
            send.finish()?;
            connection.closed().await;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        });
    }
    Ok(())
}

async fn fetch(address: &str, key: protocol::NodeId) -> Result<(), Box<dyn std::error::Error>> {
    let endpoint = client_endpoint(&host::Host::system())?;
    let began = Instant::now();
    let connection = connect(&endpoint, address, *key.as_bytes(), ALPN_NODE, None).await?;
    let (mut send, mut recv) = connection.open_bi().await?;
    send.write_all(b"go").await?;
    send.finish()?;
    let mut bytes = 0;
    while let Some(chunk) = recv.read_chunk(usize::MAX, true).await? {
        bytes += chunk.bytes.len();
    }
    let duration_ms = began.elapsed().as_millis();
    println!("{{\"bytes\":{bytes},\"duration_ms\":{duration_ms}}}");
    connection.close(0u8.into(), b"");
    Ok(())
}
