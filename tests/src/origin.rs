//! A little HTTP origin with one file, which can lose ranges, change, break off, and redirect.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How it behaves.
#[derive(Debug, Clone, Default)]
pub struct Manners {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its `ETag`, with its quotes.
    pub tag: String,
    /// Whether it answers every request with all of the file.
    pub no_ranges: bool,
    /// Whether it believes whatever `If-Match` says.
    pub careless: bool,
    /// Bytes after which each answer breaks off.
    pub breaks_at: Option<usize>,
    /// Where it sends whoever asks.
    pub redirect: Option<String>,
}

/// An origin at work; it ends when dropped.
#[derive(Debug)]
pub struct Origin {
    /// Its URL, without a path.
    pub url: String,
    /// How it behaves from the next request on.
    pub manners: Arc<Mutex<Manners>>,
    sent: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Origin {
    /// Begins.
    ///
    /// # Panics
    /// If there is no socket.
    pub async fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        let address = listener.local_addr().expect("it is bound");
        let (manners, sent) = (Arc::new(Mutex::new(manners)), Arc::default());
        let task = tokio::spawn(serve(listener, Arc::clone(&manners), Arc::clone(&sent)));
        Self {
            url: format!("http://{address}"),
            manners,
            sent,
            task,
        }
    }

    /// Bytes of the file that it has sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    /// Has it behave otherwise.
    pub fn change(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.manners.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

async fn serve(listener: TcpListener, manners: Arc<Mutex<Manners>>, sent: Arc<AtomicU64>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (manners, sent) = (Arc::clone(&manners), Arc::clone(&sent));
        tokio::spawn(async move {
            let manners = || {
                let manners = manners.lock();
                manners.unwrap_or_else(PoisonError::into_inner).clone()
            };
            // Whoever goes, goes.
            let _ = answer(stream, manners, &sent).await;
        });
    }
}

/// One request a connection.
async fn answer(
    stream: TcpStream,
    manners: impl Fn() -> Manners,
    sent: &AtomicU64,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut range, mut wanted) = (None, None);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line == "\r\n" {
            break;
        }
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim().to_owned();
        match name.to_ascii_lowercase().as_str() {
            "range" => range = Some(value),
            "if-match" => wanted = Some(value),
            _ => {}
        }
    }
    let manners = manners();
    let (size, tag) = (manners.bytes.len(), &manners.tag);
    let range = range
        .as_deref()
        .and_then(|text| text.strip_prefix("bytes="));
    let range = range.and_then(|text| {
        let (from, to) = text.split_once('-')?;
        Some((from.parse::<usize>().ok()?, to.parse::<usize>().ok()?))
    });
    let (head, body) = match range {
        _ if manners.redirect.is_some() => {
            let to = manners.redirect.as_deref().unwrap_or_default();
            (format!("302 Found\r\nLocation: {to}"), &[][..])
        }
        _ if !manners.careless && wanted.is_some_and(|wanted| wanted != *tag) => {
            ("412 Precondition Failed".to_owned(), &[][..])
        }
        Some((from, to)) if !manners.no_ranges && from <= to && to < size => {
            let head = format!("206 Partial Content\r\nContent-Range: bytes {from}-{to}/{size}");
            (head, &manners.bytes[from..=to])
        }
        _ => ("200 OK".to_owned(), &manners.bytes[..]),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {head}\r\nETag: {tag}\r\nContent-Type: video/mp4\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let end = manners.breaks_at.unwrap_or(length).min(length);
    stream.write_all(&body[..end]).await?;
    sent.fetch_add(end as u64, Ordering::SeqCst);
    stream.shutdown().await
}
