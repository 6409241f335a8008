//! Opening what was verified, where it stands in its file.

use crate::sink::Sink;
use bytes::{Bytes, BytesMut};
use content::Group;
use protocol::NodeId;
use seal::FileSeal;
use std::future::Future;
use std::io;

/// Opens sealed groups on their way to another sink.
#[derive(Debug)]
pub(crate) struct Opening<S> {
    seal: FileSeal,
    sink: S,
}

impl<S: Sink> Opening<S> {
    pub(crate) fn new(seal: FileSeal, sink: S) -> Self {
        Self { seal, sink }
    }
}

impl<S: Sink> Sink for Opening<S> {
    fn write(&mut self, group: Group) -> impl Future<Output = io::Result<()>> + Send {
        let (offset, data) = (group.offset, applied(&self.seal, group.offset, group.data));
        self.sink.write(Group { offset, data })
    }

    fn source(&mut self, node: NodeId) {
        self.sink.source(node);
    }
}

/// Sealed bytes, opened, or open bytes, sealed; in place if nobody else has them.
pub(crate) fn applied(seal: &FileSeal, offset: u64, bytes: Bytes) -> Bytes {
    let mut bytes = bytes
        .try_into_mut()
        .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    seal.apply(offset, &mut bytes);
    bytes.freeze()
}
