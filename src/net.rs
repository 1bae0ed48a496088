//! The one place that makes HTTP clients: proxies, certificate authorities, HTTP/2 where offered.
//!
//! Model servers and downloads share it, so that a proxy or a company's certificate authority that works for one works for
//! the other. It sends nothing itself and knows no address.

use crate::domain::fault::{Fault, FaultClass};
use reqwest::dns::Resolve;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Proxy};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// As a proxy: connect directly, whatever the environment says.
pub const DIRECT: &str = "none";

/// How long an unused connection is kept, in seconds; below the 60 s after which common servers close theirs.
const IDLE_SECONDS: u64 = 50;

/// A client that connects within `connect_ms`; no other time limit is set.
///
/// `proxy` is an `http://`, `https://` or `socks5://` address or [`DIRECT`]; without one the usual environment variables count.
/// `ca_file` is a PEM file whose authorities are trusted besides the system's (or those of `SSL_CERT_FILE`).
pub fn http_client(
    proxy: Option<&str>,
    ca_file: Option<&Path>,
    connect_ms: u64,
) -> Result<Client, Fault> {
    finish(proxy, ca_file, connect_ms, true)
}

/// The same, but every request gets a connection of its own: for the request that replaces one which died on a kept connection.
pub fn unpooled_client(
    proxy: Option<&str>,
    ca_file: Option<&Path>,
    connect_ms: u64,
) -> Result<Client, Fault> {
    finish(proxy, ca_file, connect_ms, false)
}

/// A client for addresses that a model chose: no proxy, no redirects, and names are resolved by `resolver`, which may refuse.
pub fn careful_client(resolver: Arc<dyn Resolve>, connect_ms: u64) -> Result<Client, Fault> {
    let builder = || {
        Ok(basic(connect_ms)
            .no_proxy()
            .redirect(Policy::none())
            .dns_resolver(Arc::clone(&resolver)))
    };
    trusting(&authorities(None)?, builder)
}

fn finish(
    proxy: Option<&str>,
    ca_file: Option<&Path>,
    connect_ms: u64,
    pooled: bool,
) -> Result<Client, Fault> {
    let builder = || {
        let pool = if pooled { usize::MAX } else { 0 };
        through(basic(connect_ms).pool_max_idle_per_host(pool), proxy)
    };
    trusting(&authorities(ca_file)?, builder)
}

fn basic(connect_ms: u64) -> ClientBuilder {
    // The first caller installs it; for all others it is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("synod/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_millis(connect_ms))
        .tcp_nodelay(true)
        .http2_adaptive_window(true)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .pool_idle_timeout(Duration::from_secs(IDLE_SECONDS))
}

fn trusting(
    authorities: &[Certificate],
    builder: impl Fn() -> Result<ClientBuilder, Fault>,
) -> Result<Client, Fault> {
    let client = builder()?.tls_certs_merge(authorities.to_vec()).build();
    match client {
        Ok(client) => Ok(client),
        // A machine without any certificate authority can still talk plain HTTP to a server in the next room.
        Err(error) => builder()?
            .tls_certs_only(authorities.to_vec())
            .build()
            .map_err(|_| bad(format!("cannot prepare an HTTP client: {error}"))),
    }
}

fn through(builder: ClientBuilder, proxy: Option<&str>) -> Result<ClientBuilder, Fault> {
    match proxy {
        None => Ok(builder),
        Some(DIRECT) => Ok(builder.no_proxy()),
        Some(address) => {
            let proxy = Proxy::all(address).map_err(|_| {
                bad(format!(
                    "proxy \"{}\" is not an address",
                    without_password(address)
                ))
                .with_hint("http://host:port, https://host:port, socks5://host:port or none")
            })?;
            Ok(builder.proxy(proxy))
        }
    }
}

fn authorities(ca_file: Option<&Path>) -> Result<Vec<Certificate>, Fault> {
    let mut found = match ca_file {
        Some(path) => read_authorities(path)?,
        None => Vec::new(),
    };
    // Elsewhere the platform's verifier reads the variable itself.
    if cfg!(any(target_vendor = "apple", windows))
        && let Some(path) = std::env::var_os("SSL_CERT_FILE")
    {
        found.extend(read_authorities(Path::new(&path)).unwrap_or_default());
    }
    Ok(found)
}

fn read_authorities(path: &Path) -> Result<Vec<Certificate>, Fault> {
    let hint = "ca_file must name a PEM file with certificates";
    let bytes = std::fs::read(path).map_err(|error| {
        bad(format!("cannot read ca_file {}: {error}", path.display())).with_hint(hint)
    })?;
    let found = Certificate::from_pem_bundle(&bytes).unwrap_or_default();
    if found.is_empty() {
        return Err(bad(format!("no certificate in ca_file {}", path.display())).with_hint(hint));
    }
    Ok(found)
}

/// An address without what stands before `@`.
fn without_password(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => address.to_owned(),
    }
}

fn bad(message: String) -> Fault {
    Fault::new(FaultClass::BadData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_needs_neither_proxy_nor_authorities() {
        assert!(http_client(None, None, 1000).is_ok());
        assert!(unpooled_client(Some(DIRECT), None, 1000).is_ok());
    }

    #[test]
    fn a_bad_proxy_is_named_without_its_password() {
        let fault = http_client(Some("http://me:secret@[bad"), None, 1000).unwrap_err();
        assert!(fault.message.contains("[bad"), "{fault}");
        assert!(!fault.message.contains("secret"), "{fault}");
    }

    #[test]
    fn a_bad_authority_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let missing = http_client(None, Some(&path), 1000).unwrap_err();
        assert!(missing.message.contains("ca.pem"), "{missing}");
        std::fs::write(&path, "not a certificate").unwrap();
        let empty = http_client(None, Some(&path), 1000).unwrap_err();
        assert!(empty.message.contains("no certificate"), "{empty}");
    }
}
