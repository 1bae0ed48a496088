//! A loopback HTTP/1.1 server that misbehaves as told: wrong replies, torn streams, silence, dead connections.
//!
//! Every request is recorded. Tests wait for what they want to see by events, never by time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// Nothing here takes this long unless it never happens.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    /// As sent: a path, or a whole address when the server is used as a proxy.
    pub target: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
    /// Which connection it came on, and as which request there; both count from 0.
    pub connection: usize,
    pub on_connection: usize,
}

/// What to do with a request.
#[derive(Clone, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub acts: Vec<Act>,
}

/// A step of a reply.
#[derive(Clone)]
pub enum Act {
    /// One chunk of the body.
    Send(Vec<u8>),
    /// Waits for one permit of the test.
    Wait(Arc<Semaphore>),
    /// Sends nothing more until the client goes away.
    Hang,
    /// Closes the connection in the middle of the body.
    Cut,
    /// Ends the body, then closes the connection although it was said to be kept.
    EndAndClose,
}

/// What has happened so far.
#[derive(Debug, Clone, Default)]
pub struct Log {
    pub seen: Vec<Seen>,
    /// Requests under way now, and the most at any time.
    pub active: usize,
    pub peak: usize,
    /// Connections that the client closed in the middle of a reply.
    pub abandoned: usize,
}

/// The server; ends with the test's runtime.
pub struct Server {
    pub address: SocketAddr,
    log: watch::Receiver<Log>,
}

type Answer = dyn Fn(&Seen) -> Option<Reply> + Send + Sync;

impl Reply {
    /// A stream of events, one chunk each.
    pub fn stream<S: AsRef<[u8]>>(chunks: &[S]) -> Self {
        let send = |chunk: &S| Act::Send(chunk.as_ref().to_vec());
        Self {
            status: 200,
            headers: vec![("content-type", "text/event-stream".into())],
            acts: chunks.iter().map(send).collect(),
        }
    }

    pub fn text(status: u16, kind: &str, body: &str) -> Self {
        Self {
            status,
            headers: vec![("content-type", kind.into())],
            acts: vec![Act::Send(body.into())],
        }
    }

    pub fn json(status: u16, body: &str) -> Self {
        Self::text(status, "application/json", body)
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn then(mut self, act: Act) -> Self {
        self.acts.push(act);
        self
    }
}

impl Server {
    /// Answers with the replies in order, the last one again and again.
    pub async fn script(replies: Vec<Reply>) -> Self {
        let left = Mutex::new(replies);
        Self::start(move |_| {
            let mut left = left.lock().unwrap();
            let next = left[0].clone();
            if left.len() > 1 {
                left.remove(0);
            }
            Some(next)
        })
        .await
    }

    /// Answers as `answer` says; without a reply the connection is closed before the first byte.
    pub async fn start(answer: impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static) -> Self {
        Self::listen(Arc::new(answer), None).await
    }

    /// The same over TLS, with the certificate that `tls/ca.pem` vouches for.
    pub async fn start_tls(
        answer: impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Arc::new(answer), Some(acceptor())).await
    }

    async fn listen(answer: Arc<Answer>, tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, log) = watch::channel(Log::default());
        let sender = Arc::new(sender);
        tokio::spawn(async move {
            for connection in 0.. {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                stream.set_nodelay(true).unwrap();
                let (answer, sender, tls) = (answer.clone(), sender.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, connection, &*answer, &sender).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, connection, &*answer, &sender).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, log }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub fn log(&self) -> Log {
        self.log.borrow().clone()
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.log().seen
    }

    /// Returns when the log satisfies `wanted`.
    pub async fn until(&self, wanted: impl FnMut(&Log) -> bool) -> Log {
        let mut log = self.log.clone();
        let reached = tokio::time::timeout(PATIENCE, log.wait_for(wanted)).await;
        reached
            .unwrap_or_else(|_| panic!("the server waited in vain: {:?}", self.log()))
            .unwrap()
            .clone()
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    connection: usize,
    answer: &Answer,
    log: &watch::Sender<Log>,
) {
    let mut unread = Vec::new();
    for on_connection in 0.. {
        let Some(mut seen) = read_request(&mut stream, &mut unread).await else {
            return;
        };
        seen.connection = connection;
        seen.on_connection = on_connection;
        let reply = answer(&seen);
        log.send_modify(|log| {
            log.seen.push(seen);
            log.active += 1;
            log.peak = log.peak.max(log.active);
        });
        let kept = match reply {
            Some(reply) => perform(&mut stream, reply, log).await,
            None => false,
        };
        log.send_modify(|log| log.active -= 1);
        if !kept {
            // An orderly end, so that what was sent arrives.
            let _ = stream.shutdown().await;
            return;
        }
    }
}

/// Sends the reply; whether the connection may be used again.
async fn perform<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    reply: Reply,
    log: &watch::Sender<Log>,
) -> bool {
    let mut head = format!("HTTP/1.1 {} Status\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("transfer-encoding: chunked\r\nconnection: keep-alive\r\n\r\n");
    // A reply that only hangs does so before its head.
    let mut pending = head.into_bytes();
    for act in reply.acts {
        match act {
            Act::Send(bytes) => {
                pending.extend(format!("{:x}\r\n", bytes.len()).into_bytes());
                pending.extend(bytes);
                pending.extend(b"\r\n");
                if stream
                    .write_all(&std::mem::take(&mut pending))
                    .await
                    .is_err()
                    || stream.flush().await.is_err()
                {
                    log.send_modify(|log| log.abandoned += 1);
                    return false;
                }
            }
            Act::Wait(gate) => {
                tokio::select! {
                    permit = gate.acquire() => permit.unwrap().forget(),
                    () = gone(stream) => {
                        log.send_modify(|log| log.abandoned += 1);
                        return false;
                    }
                }
            }
            Act::Hang => {
                gone(stream).await;
                log.send_modify(|log| log.abandoned += 1);
                return false;
            }
            Act::Cut => return false,
            Act::EndAndClose => {
                pending.extend(b"0\r\n\r\n");
                let _ = stream.write_all(&pending).await;
                return false;
            }
        }
    }
    pending.extend(b"0\r\n\r\n");
    stream.write_all(&pending).await.is_ok() && stream.flush().await.is_ok()
}

/// Returns when the client has closed the connection.
async fn gone<S: AsyncRead + Unpin>(stream: &mut S) {
    let mut byte = [0u8];
    while matches!(stream.read(&mut byte).await, Ok(1)) {}
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut S, unread: &mut Vec<u8>) -> Option<Seen> {
    let end = loop {
        if let Some(at) = unread.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        more(stream, unread).await?;
    };
    let head = String::from_utf8(unread.drain(..end + 4).collect()).ok()?;
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse::<usize>().unwrap());
    while unread.len() < length {
        more(stream, unread).await?;
    }
    let body = String::from_utf8(unread.drain(..length).collect()).ok()?;
    Some(Seen {
        method,
        target,
        headers,
        body,
        connection: 0,
        on_connection: 0,
    })
}

async fn more<S: AsyncRead + Unpin>(stream: &mut S, unread: &mut Vec<u8>) -> Option<()> {
    let mut buffer = [0u8; 4096];
    let count = stream.read(&mut buffer).await.ok()?;
    unread.extend_from_slice(&buffer[..count]);
    (count > 0).then_some(())
}

/// Where the authority stands that vouches for the TLS server.
pub fn authority_file() -> String {
    format!("{}/tests/it/support/tls/ca.pem", env!("CARGO_MANIFEST_DIR"))
}

fn acceptor() -> tokio_rustls::TlsAcceptor {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let _ = rustls::crypto::ring::default_provider().install_default();
    let chain = CertificateDer::pem_slice_iter(include_bytes!("tls/server.pem"))
        .collect::<Result<Vec<_>, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server.key")).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    Arc::new(config).into()
}
