//! HTTP as a host asks it: hyper's client over the world's wires, a connection for each request.

use super::links::Net;
use super::outages::Life;
use host::{Carried, Carrier, Guard, HttpError};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use reqwest::{Body, Request, Response, ResponseBuilderExt, Url};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep, timeout};

/// What a request may take that says nothing else.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Carries a host's requests. Names aren't resolved: URLs name addresses.
pub(super) struct FromHost {
    net: Net,
    ip: IpAddr,
    life: Life,
    guard: Option<Arc<dyn Guard>>,
}

impl fmt::Debug for FromHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FromHost({})", self.ip)
    }
}

impl FromHost {
    pub(super) fn new(net: Net, (ip, life): (IpAddr, Life)) -> Self {
        Self {
            net,
            ip,
            life,
            guard: None,
        }
    }

    fn target(&self, url: &Url) -> Result<SocketAddr, String> {
        let host = url.host_str().unwrap_or_default();
        let ip: IpAddr = host.parse().map_err(|_| format!("{host} is no address"))?;
        if let Some(guard) = &self.guard {
            guard.takes_address(host, ip)?;
        }
        let port = url.port_or_known_default().unwrap_or_default();
        Ok(SocketAddr::new(ip, port))
    }
}

impl Carrier for FromHost {
    fn carry(&self, request: Request) -> Carried {
        let patience = request.timeout().copied().unwrap_or(PATIENCE).min(PATIENCE);
        let target = self.target(request.url());
        let (net, from) = (self.net.clone(), (self.ip, self.life));
        Box::pin(async move {
            let refused = |why: String| HttpError::Connection(io::Error::other(why));
            let target = target.map_err(refused)?;
            let over = Box::pin(sleep(patience));
            let answer = timeout(patience, exchange(net, from, target, request, over)).await;
            answer.unwrap_or(Err(HttpError::TimedOut))
        })
    }

    fn guarded(&self, guard: Arc<dyn Guard>) -> Arc<dyn Carrier> {
        Arc::new(Self {
            net: self.net.clone(),
            ip: self.ip,
            life: self.life,
            guard: Some(guard),
        })
    }
}

async fn exchange(
    net: Net,
    from: (IpAddr, Life),
    to: SocketAddr,
    request: Request,
    over: Pin<Box<Sleep>>,
) -> Result<Response, HttpError> {
    let wire = net.dial(from, to).await.map_err(HttpError::Connection)?;
    let broken = |error: hyper::Error| HttpError::Connection(io::Error::other(error));
    let (mut sender, connection) = http1::handshake(TokioIo::new(wire)).await.map_err(broken)?;
    // Ends with the answer's body, or with whoever waits for it.
    tokio::spawn(connection);
    let url = request.url().clone();
    let mut request = hyper::Request::<Body>::try_from(request)?;
    let path = request.uri().path_and_query().cloned();
    let path = path.map_or_else(|| "/".parse().expect("a path"), Into::into);
    *request.uri_mut() = path;
    let authority = HeaderValue::try_from(to.to_string()).expect("an address is ASCII");
    request.headers_mut().insert(HOST, authority);
    let (head, body) = sender
        .send_request(request)
        .await
        .map_err(broken)?
        .into_parts();
    let mut answer = hyper::Response::builder().status(head.status).url(url);
    if let Some(headers) = answer.headers_mut() {
        *headers = head.headers;
    }
    let body = Body::wrap(Timed { body, over });
    let answer = answer.body(body).expect("it was one");
    Ok(answer.into())
}

/// An answer's body that has to be there in time.
struct Timed {
    body: Incoming,
    over: Pin<Box<Sleep>>,
}

impl hyper::body::Body for Timed {
    type Data = hyper::body::Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, io::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)));
        }
        let over = self.over.as_mut().poll(context);
        over.map(|()| Some(Err(io::ErrorKind::TimedOut.into())))
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}
