//! Where verified bytes go.

use bytes::Bytes;
use content::Group;
use protocol::NodeId;
use std::future::Future;
use std::io;
use tokio::io::{AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::sync::mpsc;

/// Bytes that are gathered before they are written to a stream.
const WRITER_BYTES: usize = 1 << 20;

/// Takes verified bytes in order, without a gap: at most 16 KiB at a time.
///
/// A call that doesn't return holds the node back; that is the way to go slowly. A fetch waits for a call
/// to return and never drops it, unless it is dropped itself.
pub trait Sink: Send {
    /// Takes what comes next.
    ///
    /// # Errors
    /// Ends the fetch; no node is blamed for it.
    fn write(&mut self, group: Group) -> impl Future<Output = io::Result<()>> + Send;

    /// Hears which node is asked for what comes next; again whenever that changes.
    fn source(&mut self, node: NodeId) {
        let _ = node;
    }
}

impl<S: Sink> Sink for &mut S {
    fn write(&mut self, group: Group) -> impl Future<Output = io::Result<()>> + Send {
        (**self).write(group)
    }

    fn source(&mut self, node: NodeId) {
        (**self).source(node);
    }
}

/// Into memory. For what is known to be small.
impl Sink for Vec<u8> {
    async fn write(&mut self, group: Group) -> io::Result<()> {
        self.extend_from_slice(&group.data);
        Ok(())
    }
}

/// Nowhere: for probes and measurements.
#[derive(Debug, Clone, Copy, Default)]
pub struct Discard;

impl Sink for Discard {
    async fn write(&mut self, _: Group) -> io::Result<()> {
        Ok(())
    }
}

/// Into a bounded channel, for HTTP bodies and the like. A receiver that goes ends the fetch.
#[derive(Debug, Clone)]
pub struct ChannelSink(pub mpsc::Sender<Bytes>);

impl Sink for ChannelSink {
    async fn write(&mut self, group: Group) -> io::Result<()> {
        self.0
            .send(group.data)
            .await
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Into anything that can be written to, a mebibyte at a time.
#[derive(Debug)]
pub struct WriterSink<W: AsyncWrite>(BufWriter<W>);

impl<W: AsyncWrite + Unpin + Send> WriterSink<W> {
    /// Wraps it.
    pub fn new(writer: W) -> Self {
        Self(BufWriter::with_capacity(WRITER_BYTES, writer))
    }

    /// Writes what is still gathered.
    ///
    /// # Errors
    /// As the writer says.
    pub async fn finish(mut self) -> io::Result<()> {
        self.0.flush().await
    }
}

impl<W: AsyncWrite + Unpin + Send> Sink for WriterSink<W> {
    async fn write(&mut self, group: Group) -> io::Result<()> {
        self.0.write_all(&group.data).await
    }
}
