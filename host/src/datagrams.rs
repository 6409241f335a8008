//! Datagrams one by one, for those who speak something else than QUIC.

use quinn::AsyncUdpSocket;
use quinn::udp::{RecvMeta, Transmit};
use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The system may hand over several datagrams of one sender together, and cuts what doesn't fit: no more than this
/// come at once.
const BUFFER_BYTES: usize = 1 << 16;

/// Who sent a datagram, and where it came in: an answer goes back the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Which of our addresses it asked, where the system says so.
    asked: Option<IpAddr>,
}

/// A datagram socket.
#[derive(Debug)]
pub struct Datagrams {
    socket: Arc<dyn AsyncUdpSocket>,
    buffer: Vec<u8>,
    /// What is in the buffer, and how much of it was handed out.
    held: RecvMeta,
    taken: usize,
}

impl Datagrams {
    /// Those of this socket, which nobody else reads.
    pub fn over(socket: Arc<dyn AsyncUdpSocket>) -> Self {
        Self {
            socket,
            buffer: vec![0; BUFFER_BYTES],
            held: RecvMeta::default(),
            taken: 0,
        }
    }

    /// The next one, with its sender. Cancel safe.
    ///
    /// # Errors
    /// The system's; the next call may succeed.
    pub async fn receive(&mut self) -> io::Result<(&[u8], Peer)> {
        while self.taken >= self.held.len {
            let (socket, buffer) = (&self.socket, &mut self.buffer);
            let mut held = [RecvMeta::default()];
            poll_fn(|context| {
                let mut buffers = [IoSliceMut::new(buffer)];
                socket.poll_recv(context, &mut buffers, &mut held)
            })
            .await?;
            [self.held] = held;
            self.taken = 0;
            if self.held.len == 0 {
                // An empty one is one as well.
                break;
            }
        }
        let begin = self.taken;
        let end = self.held.len.min(begin + self.held.stride.max(1));
        self.taken = end;
        let peer = Peer {
            address: self.held.addr,
            asked: self.held.dst_ip,
        };
        Ok((&self.buffer[begin..end], peer))
    }

    /// Sends one, of at most 65,507 bytes, to where another came from; waits while the system has no room.
    ///
    /// # Errors
    /// The system's.
    pub async fn send(&self, bytes: &[u8], to: Peer) -> io::Result<()> {
        let transmit = Transmit {
            destination: to.address,
            ecn: None,
            contents: bytes,
            segment_size: None,
            src_ip: to.asked,
        };
        let mut room = Arc::clone(&self.socket).create_io_poller();
        loop {
            match self.socket.try_send(&transmit) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    poll_fn(|context| room.as_mut().poll_writable(context)).await?;
                }
                done => return done,
            }
        }
    }

    /// Where they come in.
    ///
    /// # Errors
    /// If the system doesn't know.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sockets;
    use quinn::UdpPoller;
    use std::net::Ipv4Addr;
    use std::pin::Pin;
    use std::sync::Mutex;
    use std::task::{Context, Poll};

    fn here() -> Datagrams {
        let any = (Ipv4Addr::LOCALHOST, 0).into();
        Sockets::system().datagrams(any).unwrap()
    }

    #[tokio::test]
    async fn what_is_sent_is_answered_the_same_way() {
        let (mut asked, mut asks) = (here(), here());
        let to = Peer {
            address: asked.local_addr().unwrap(),
            asked: None,
        };
        asks.send(b"who?", to).await.unwrap();
        let (question, from) = asked.receive().await.unwrap();
        assert_eq!(question, b"who?");
        assert_eq!(from.address, asks.local_addr().unwrap());
        asked.send(b"you", from).await.unwrap();
        let (answer, from) = asks.receive().await.unwrap();
        assert_eq!((answer, from.address), (&b"you"[..], to.address));
    }

    /// Hands over this and no more; has room for a datagram at the second try.
    #[derive(Debug)]
    struct Together {
        arrives: Mutex<Vec<(&'static [u8], usize)>>,
        sent: Mutex<Vec<Option<Vec<u8>>>>,
    }

    impl UdpPoller for Together {
        fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncUdpSocket for Together {
        fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
            Box::pin(Self {
                arrives: Mutex::default(),
                sent: Mutex::default(),
            })
        }

        fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
            let mut sent = self.sent.lock().unwrap();
            if sent.is_empty() {
                sent.push(None);
                return Err(io::ErrorKind::WouldBlock.into());
            }
            sent.push(Some(transmit.contents.to_vec()));
            Ok(())
        }

        fn poll_recv(
            &self,
            _: &mut Context<'_>,
            buffers: &mut [IoSliceMut<'_>],
            meta: &mut [RecvMeta],
        ) -> Poll<io::Result<usize>> {
            let mut arrives = self.arrives.lock().unwrap();
            if arrives.is_empty() {
                return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
            }
            let (bytes, stride) = arrives.remove(0);
            buffers[0][..bytes.len()].copy_from_slice(bytes);
            meta[0].len = bytes.len();
            meta[0].stride = stride;
            Poll::Ready(Ok(1))
        }

        fn local_addr(&self) -> io::Result<SocketAddr> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    #[tokio::test]
    async fn those_that_come_together_are_handed_out_one_by_one() {
        let socket = Together {
            arrives: Mutex::new(vec![(b"one two thr", 4), (b"", 0), (b"last", 4)]),
            sent: Mutex::default(),
        };
        let mut datagrams = Datagrams::over(Arc::new(socket));
        for expected in ["one ", "two ", "thr", "", "last"] {
            let (bytes, _) = datagrams.receive().await.unwrap();
            assert_eq!(bytes, expected.as_bytes());
        }
        assert!(datagrams.receive().await.is_err());
    }

    #[tokio::test]
    async fn one_that_finds_no_room_is_sent_when_there_is() {
        let socket = Arc::new(Together {
            arrives: Mutex::default(),
            sent: Mutex::default(),
        });
        let to = Peer {
            address: (Ipv4Addr::LOCALHOST, 9).into(),
            asked: None,
        };
        let sent = Datagrams::over(socket.clone()).send(b"late", to).await;
        sent.unwrap();
        assert_eq!(*socket.sent.lock().unwrap(), [None, Some(b"late".to_vec())]);
    }
}
