//! A content's bytes as they come, and DNS.

use crate::target::Target;
use bao_tree::io::outboard::PreOrderMemOutboard;
use bao_tree::io::sync::encode_ranges_validated;
use body::{Body, chunk_ranges, tree};
use bytes::Bytes;
use formats::dns::Asked;
use futures_lite::future::block_on;
use protocol::ContentHash;
use std::sync::LazyLock;

/// A content and what is sent for all of it.
struct Sent {
    content: Vec<u8>,
    hash: ContentHash,
    encoded: Vec<u8>,
}

/// A group, a bit more, several, and a slice and a bit.
static SENT: LazyLock<Vec<Sent>> = LazyLock::new(|| {
    let sizes = [1, 16 << 10, (16 << 10) + 1, (48 << 10) + 5, (1 << 20) + 9];
    sizes.into_iter().map(sent).collect()
});

fn sent(size: usize) -> Sent {
    let content: Vec<u8> = (0..size).map(|at| ((at * at) >> 7) as u8).collect();
    let outboard = PreOrderMemOutboard::create(&content, tree(size as u64).block_size());
    let mut encoded = Vec::new();
    for range in body::slices(0..size as u64) {
        encode_ranges_validated(&content[..], &outboard, &chunk_ranges(&range), &mut encoded)
            .expect("it is in memory");
    }
    Sent {
        hash: ContentHash::from(*outboard.root.as_bytes()),
        content,
        encoded,
    }
}

/// The first byte chooses a content; of what is sent, bytes are changed: three bytes say where, the next is what is put
/// there. A rest of one or two bytes shortens it.
fn receive(bytes: &[u8]) {
    let Some((first, edits)) = bytes.split_first() else {
        return;
    };
    let sent = &SENT[usize::from(*first) % SENT.len()];
    let mut encoded = sent.encoded.clone();
    let (edits, rest) = edits.as_chunks::<4>();
    for [a, b, c, value] in edits {
        let at = u32::from_be_bytes([0, *a, *b, *c]) as usize % encoded.len();
        encoded[at] = *value;
    }
    if !rest.is_empty() {
        let less = rest
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        encoded.truncate(encoded.len().saturating_sub(less));
    }
    let size = sent.content.len() as u64;
    let mut body = Body::<Bytes>::new(encoded, sent.hash, size, 0, size).expect("all of it");
    // Whatever is handed on is the content.
    while let Ok(Some(group)) = block_on(body.next_group()) {
        let from = group.offset as usize;
        assert_eq!(group.data, sent.content[from..from + group.data.len()]);
    }
}

pub(super) const BODY: Target = Target {
    name: "body",
    reads: &["Body::next_group", "Body::next_item"],
    run: receive,
    vectors: &[],
    seeds: || (0..5).map(|content| vec![content]).collect(),
};

pub(super) const DNS: Target = Target {
    name: "dns",
    reads: &["dns::Asked::read"],
    run: |bytes| {
        let Ok(asked) = Asked::read(bytes) else {
            return;
        };
        if let Some(subnet) = asked.edns.and_then(|edns| edns.subnet) {
            let echo = subnet.echo(subnet.scope_of(subnet.source));
            assert!(echo.len() <= 4 + 16, "as many octets as an address has");
        }
    },
    vectors: &[],
    seeds: || {
        let head = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\x01";
        let question = b"\x04film\x03cdn\x07example\0\0\x01\0\x01";
        // OPT with a client subnet of 192.0.2.0/24.
        let opt = b"\0\0\x29\x04\xd0\0\0\x80\0\0\x0b\0\x08\0\x07\0\x01\x18\0\xc0\0\x02";
        vec![[&head[..], question, opt].concat()]
    },
};
