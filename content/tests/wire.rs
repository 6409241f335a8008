//! Store to store over QUIC on loopback: what arrives is what was sent, or nothing.
#![allow(missing_docs)]

use protocol::{ALPN_NODE, GROUP_BYTES, SLICE_BYTES, SigningKey};
use quinn::Connection;
use quittance_content::{Body, BodyError, FillError, OnDamage, Store, send_body};
use std::fs;
use std::path::Path;
use transport::{PeerAuth, client_endpoint, connect, server_endpoint};

/// Sizes at the edges of groups and slices.
const SIZES: [u64; 10] = [
    0,
    1,
    GROUP_BYTES - 1,
    GROUP_BYTES,
    GROUP_BYTES + 1,
    SLICE_BYTES - 1,
    SLICE_BYTES,
    SLICE_BYTES + 1,
    3 * SLICE_BYTES + 5 * GROUP_BYTES,
    5 * SLICE_BYTES + 12_345,
];

fn bytes(size: u64) -> Vec<u8> {
    (0..size)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect()
}

fn open(dir: &Path) -> Store {
    Store::open(&disk::Disk::system(), dir, u64::MAX, OnDamage::Refuse).unwrap()
}

async fn pair() -> (Connection, Connection) {
    let key = SigningKey::from_bytes(&[1; 32]);
    let bind = "127.0.0.1:0".parse().unwrap();
    let server = server_endpoint(
        &host::Host::system(),
        bind,
        &key,
        &[ALPN_NODE],
        PeerAuth::Anonymous,
    )
    .unwrap();
    let address = server.local_addr().unwrap().to_string();
    let client = client_endpoint(&host::Host::system()).unwrap();
    let public = key.verifying_key().to_bytes();
    let (accepted, connected) = tokio::join!(
        async { server.accept().await.unwrap().await.unwrap() },
        connect(&client, &address, public, ALPN_NODE, None)
    );
    (accepted, connected.unwrap())
}

#[tokio::test]
async fn every_size_goes_over_and_into_another_store() {
    let dir = tempfile::tempdir().unwrap();
    let from = open(&dir.path().join("from"));
    let to = open(&dir.path().join("to"));
    let (server, client) = pair().await;
    for size in SIZES {
        let file = dir.path().join("file");
        fs::write(&file, bytes(size)).unwrap();
        let blob = from.import_file(&file).unwrap();
        let serve = async {
            let (mut send, mut recv) = server.accept_bi().await.unwrap();
            recv.read_to_end(16).await.unwrap();
            send_body(&blob, 0, size, &mut send).await.unwrap();
            send.finish().unwrap();
        };
        let receive = async {
            let (mut send, recv) = client.open_bi().await.unwrap();
            send.finish().unwrap();
            let mut fill = to.fill(blob.hash(), size).unwrap();
            fill.take(Body::new(recv, blob.hash(), size, 0, size).unwrap())
                .await
                .unwrap();
            fill.finish().await.unwrap()
        };
        let ((), filled) = tokio::join!(serve, receive);
        assert_eq!(filled.hash(), blob.hash());
        // What was filled can be served in turn: its outboard is whole.
        for (offset, length) in [(0, size), (size / GROUP_BYTES / 2 * GROUP_BYTES, 0)] {
            let length = if length == 0 { size - offset } else { length };
            let source = to.get(&blob.hash()).unwrap();
            let serve = async {
                let (mut send, mut recv) = server.accept_bi().await.unwrap();
                recv.read_to_end(16).await.unwrap();
                let _ = send_body(&source, offset, length, &mut send).await;
                send.finish().unwrap();
            };
            let receive = async {
                let (mut send, recv) = client.open_bi().await.unwrap();
                send.finish().unwrap();
                let mut body = Body::new(recv, blob.hash(), size, offset, length).unwrap();
                let mut got = Vec::new();
                while let Some(group) = body.next_group().await.unwrap() {
                    assert_eq!(group.offset, offset + got.len() as u64);
                    got.extend_from_slice(&group.data);
                }
                assert_eq!(got, bytes(size)[offset as usize..]);
            };
            tokio::join!(serve, receive);
        }
    }
}

#[tokio::test]
async fn a_flipped_bit_is_caught_in_its_group_and_nothing_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let from = open(&dir.path().join("from"));
    let to = open(&dir.path().join("to"));
    let size = 3 * SLICE_BYTES;
    let file = dir.path().join("file");
    fs::write(&file, bytes(size)).unwrap();
    let hash = from.import_file(&file).unwrap().hash();
    // Flip a bit in the second slice's third group, on disk.
    let name = hash.to_string();
    let stored = dir
        .path()
        .join("from/blobs")
        .join(&name[2..4])
        .join(&name[2..]);
    let mut content = fs::read(&stored).unwrap();
    let flipped = SLICE_BYTES + 2 * GROUP_BYTES;
    content[flipped as usize + 77] ^= 0x10;
    fs::write(&stored, content).unwrap();

    let blob = from.get(&hash).unwrap();
    let (server, client) = pair().await;
    let serve = async {
        let (mut send, mut recv) = server.accept_bi().await.unwrap();
        recv.read_to_end(16).await.unwrap();
        let _ = send_body(&blob, 0, size, &mut send).await;
        let _ = send.finish();
    };
    let receive = async {
        let (mut send, recv) = client.open_bi().await.unwrap();
        send.finish().unwrap();
        let mut fill = to.fill(hash, size).unwrap();
        let refused = fill
            .take(Body::new(recv, hash, size, 0, size).unwrap())
            .await;
        assert!(
            matches!(refused, Err(FillError::Body(BodyError::Corrupt(_)))),
            "{refused:?}"
        );
        assert_eq!(
            *fill.progress().borrow(),
            flipped,
            "what came before it is verified and kept"
        );
        assert!(matches!(fill.finish().await, Err(FillError::Short { .. })));
    };
    tokio::join!(serve, receive);
    assert!(!to.contains(&hash));
    assert_eq!(
        fs::read_dir(dir.path().join("to/incoming"))
            .unwrap()
            .count(),
        0
    );
}
