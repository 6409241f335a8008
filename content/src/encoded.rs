//! The stream that a body comes by.

use bytes::{Bytes, BytesMut};
use protocol::GROUP_BYTES;
use quinn::{ReadExactError, RecvStream};
use std::io;

/// A body that comes by a QUIC stream.
pub type Body = body::Body<Encoded>;

/// A QUIC stream as bao-tree reads it.
#[derive(Debug)]
pub struct Encoded {
    recv: RecvStream,
    buffer: BytesMut,
}

impl From<RecvStream> for Encoded {
    fn from(recv: RecvStream) -> Self {
        Self {
            recv,
            buffer: BytesMut::new(),
        }
    }
}

fn read_error(error: ReadExactError) -> io::Error {
    match error {
        ReadExactError::FinishedEarly(_) => io::ErrorKind::UnexpectedEof.into(),
        ReadExactError::ReadError(error) => error.into(),
    }
}

impl iroh_io::AsyncStreamReader for Encoded {
    async fn read_bytes(&mut self, len: usize) -> io::Result<Bytes> {
        debug_assert!(len as u64 <= GROUP_BYTES, "bao-tree reads group by group");
        self.buffer.resize(len, 0);
        self.recv
            .read_exact(&mut self.buffer)
            .await
            .map_err(read_error)?;
        Ok(self.buffer.split().freeze())
    }

    async fn read<const L: usize>(&mut self) -> io::Result<[u8; L]> {
        let mut out = [0; L];
        self.recv.read_exact(&mut out).await.map_err(read_error)?;
        Ok(out)
    }
}
