//! Over the machine's own network.

use super::carrier::{Carried, Carrier, Guard, HttpError, innermost};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Request, Url};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Being connected takes no longer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Redirects that are followed.
const REDIRECTS_MAX: usize = 4;

/// Two clients: reading the system's trusted roots takes milliseconds, and plain HTTP needs none.
pub(super) struct System {
    plain: Client,
    secure: OnceLock<Result<Client, String>>,
    guard: Option<Arc<dyn Guard>>,
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("System")
    }
}

impl System {
    pub(super) fn new(guard: Option<Arc<dyn Guard>>) -> Self {
        Self {
            plain: plain(guard.clone()),
            secure: OnceLock::new(),
            guard,
        }
    }

    fn client(&self, url: &Url) -> Result<Client, HttpError> {
        if url.scheme() != "https" {
            return Ok(self.plain.clone());
        }
        let built = self.secure.get_or_init(|| {
            let built = builder(self.guard.clone()).build();
            built.map_err(|error| innermost(&error))
        });
        built.clone().map_err(HttpError::Tls)
    }
}

impl Carrier for System {
    fn carry(&self, request: Request) -> Carried {
        let client = self.client(request.url());
        Box::pin(async move { Ok(client?.execute(request).await?) })
    }

    fn guarded(&self, guard: Arc<dyn Guard>) -> Arc<dyn Carrier> {
        Arc::new(Self::new(Some(guard)))
    }
}

/// Makes ring the process's provider of cryptography for TLS, unless there is one already. Whoever builds a client of
/// its own calls it first; any number of times.
pub fn install_crypto_provider() {
    // An error means that another one is installed, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client that speaks no TLS.
pub(super) fn plain(guard: Option<Arc<dyn Guard>>) -> Client {
    // Only TLS could fail: an empty list of roots is read from nowhere.
    let built = builder(guard).tls_certs_only([]).build();
    built.expect("plain HTTP needs nothing of the system")
}

fn builder(guard: Option<Arc<dyn Guard>>) -> ClientBuilder {
    install_crypto_provider();
    let builder = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(redirects(guard.clone()));
    match guard {
        None => builder,
        // A proxy would look names up itself.
        Some(guard) => builder.no_proxy().dns_resolver(Arc::new(Resolver(guard))),
    }
}

fn redirects(guard: Option<Arc<dyn Guard>>) -> Policy {
    Policy::custom(move |attempt| {
        if attempt.previous().len() > REDIRECTS_MAX {
            return attempt.error("it redirects too often");
        }
        let refused = match &guard {
            Some(guard) => guard.takes_url(attempt.url()).err(),
            None => elsewhere(attempt.previous().last(), attempt.url()),
        };
        match refused {
            None => attempt.follow(),
            Some(refused) => attempt.error(format!("it redirects: {refused}")),
        }
    })
}

/// Whoever was asked answers, and doesn't say who else does; nor does HTTPS become HTTP.
pub(super) fn elsewhere(from: Option<&Url>, to: &Url) -> Option<String> {
    let from = from?;
    let same = from.host() == to.host() && (from.scheme() == to.scheme() || to.scheme() == "https");
    (!same).then(|| format!("{} is another host", to.origin().ascii_serialization()))
}

/// Resolves names to the addresses that a guard takes.
struct Resolver(Arc<dyn Guard>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0.clone();
        Box::pin(async move {
            let host = name.as_str();
            let mut kept: Vec<SocketAddr> = Vec::new();
            let mut refused = format!("{host} has no address");
            for at in tokio::net::lookup_host((host, 0)).await? {
                match guard.takes_address(host, at.ip()) {
                    Ok(()) => kept.push(at),
                    Err(why) => refused = why,
                }
            }
            if kept.is_empty() {
                return Err(io::Error::other(refused).into());
            }
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}
