//! HTTP GET for models: only to hosts the preset allows, never to this machine or a private network unless it is named.
//!
//! Names are resolved here and every address is looked at before a connection is made, so a public name cannot lead to a
//! private address. Redirects are followed on the same host only.

use super::error::{ErrorKind, ToolError};
use super::limits::Collector;
use super::{BoxFuture, Card, Context, Effect, Tool, count, html, text};
use crate::net;
use futures_util::StreamExt;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use reqwest::{Client, Response, Url};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// Most bytes of a body that are kept.
const MOST_BYTES: usize = 512 * 1024;
/// Bytes after which a body is no longer read at all.
const READ_BYTES: usize = 8 << 20;
const MOST_REDIRECTS: usize = 5;
const CONNECT_MS: u64 = 10_000;

/// `http_get`.
pub struct HttpGet {
    card: Card,
    client: Client,
    hosts: Arc<Hosts>,
}

/// Which hosts may be asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hosts {
    /// These and their subdomains; any when empty.
    pub allowed: Vec<String>,
    /// May have an address of this machine or of a private network.
    pub private: Vec<String>,
}

impl HttpGet {
    pub(super) fn new(hosts: Hosts) -> Result<Self, ToolError> {
        let hosts = Arc::new(hosts);
        let resolver = Arc::new(Guard(Arc::clone(&hosts)));
        let client = net::careful_client(resolver, CONNECT_MS)
            .map_err(|fault| ToolError::failed(fault.to_string()))?;
        let card = Card {
            name: "http_get".into(),
            description: "Fetches a web page or a JSON document and returns its text.".into(),
            schema: json!({"type": "object", "additionalProperties": false, "required": ["url"], "properties": {
                "url": {"type": "string", "description": "http:// or https://"},
                "max_bytes": {"type": "integer", "minimum": 1, "description": "Return at most so many bytes."}}}),
            effect: Effect::Network("a web server".into()),
        };
        Ok(Self {
            card,
            client,
            hosts,
        })
    }

    async fn get(&self, arguments: &Value) -> Result<String, ToolError> {
        let most = count(arguments, "max_bytes")
            .unwrap_or(MOST_BYTES)
            .min(MOST_BYTES);
        let first = parse(text(arguments, "url"))?;
        let mut url = first.clone();
        for _ in 0..=MOST_REDIRECTS {
            self.hosts.check(&url)?;
            let request = self
                .client
                .get(url.clone())
                .header(ACCEPT, "text/*, application/json, application/xml;q=0.9");
            let response = request
                .send()
                .await
                .map_err(|error| transport(&url, &error))?;
            if !response.status().is_redirection() {
                return body(response, most).await;
            }
            let target = response
                .headers()
                .get(LOCATION)
                .and_then(|location| location.to_str().ok())
                .and_then(|location| url.join(location).ok())
                .ok_or_else(|| ToolError::failed(format!("{url} redirects to nowhere")))?;
            if target.host_str() != first.host_str() {
                let message = format!(
                    "{url} redirects to another host: {target}; ask for that address itself if it is the one you need"
                );
                return Err(ToolError::new(ErrorKind::DeniedByRule, message));
            }
            url = target;
        }
        Err(ToolError::failed(format!(
            "{first} redirects more than {MOST_REDIRECTS} times"
        )))
    }
}

impl Tool for HttpGet {
    fn card(&self) -> &Card {
        &self.card
    }

    fn effect(&self, arguments: &Value) -> Effect {
        Effect::Network(self.subject(arguments))
    }

    fn subject(&self, arguments: &Value) -> String {
        let url = Url::parse(text(arguments, "url")).ok();
        url.and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_default()
    }

    fn permit_key(&self, arguments: &Value) -> String {
        format!("{} {}", self.card.name, self.subject(arguments))
    }

    fn shown(&self, arguments: &Value) -> String {
        format!("GET {}", text(arguments, "url"))
    }

    fn call<'a>(
        &'a self,
        arguments: Value,
        _context: &'a Context<'a>,
    ) -> BoxFuture<'a, Result<String, ToolError>> {
        Box::pin(async move { self.get(&arguments).await })
    }
}

impl Hosts {
    /// Whether an address may be asked, as far as it can be told without resolving names.
    fn check(&self, url: &Url) -> Result<(), ToolError> {
        let denied = |message: String| Err(ToolError::new(ErrorKind::DeniedByRule, message));
        if !["http", "https"].contains(&url.scheme()) {
            return denied(format!("{url}: only http and https are fetched"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return denied("an address with a user name or password is not fetched".into());
        }
        let Some(host) = url.host_str() else {
            return denied(format!("{url} names no host"));
        };
        let is_private = listed(&self.private, host);
        if !self.allowed.is_empty() && !is_private && !listed(&self.allowed, host) {
            return denied(format!(
                "{host} is not among the allowed hosts: {}",
                self.allowed.join(", ")
            ));
        }
        // An address in place of a name never reaches the resolver.
        let literal: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
        if literal.is_ok_and(|address| !is_public(address)) && !is_private {
            return denied(format!(
                "{host} is an address of this machine or a private network"
            ));
        }
        Ok(())
    }
}

/// Resolves names and leaves out addresses that must not be asked.
struct Guard(Arc<Hosts>);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let may_be_private = listed(&self.0.private, &host);
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found
                .filter(|address| may_be_private || is_public(address.ip()))
                .collect();
            if allowed.is_empty() {
                return Err(format!("{host} has no public address").into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

fn listed(list: &[String], host: &str) -> bool {
    let host = host.trim_matches(['[', ']']).to_lowercase();
    list.iter().any(|one| {
        let one = one.to_lowercase();
        host == one
            || host
                .strip_suffix(&one)
                .is_some_and(|rest| rest.ends_with('.'))
    })
}

fn parse(address: &str) -> Result<Url, ToolError> {
    Url::parse(address.trim()).map_err(|error| {
        ToolError::new(
            ErrorKind::BadValue,
            format!("\"{address}\" is no address: {error}; send http://… or https://…"),
        )
    })
}

fn transport(url: &Url, error: &reqwest::Error) -> ToolError {
    let mut why: &dyn std::error::Error = error;
    while let Some(source) = why.source() {
        why = source;
    }
    ToolError::new(ErrorKind::Transport, format!("{url}: {why}"))
}

async fn body(response: Response, most: usize) -> Result<String, ToolError> {
    let status = response.status();
    let url = response.url().clone();
    let kind = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or("text/plain")
        .to_lowercase();
    if !["text/", "json", "xml", "javascript"]
        .iter()
        .any(|part| kind.contains(part))
    {
        let message = format!("{url} is {kind}, not text");
        return Err(ToolError::new(ErrorKind::BadValue, message));
    }
    let is_page = kind.contains("html");
    // A page is cut after its tags are gone, so that they do not use up the room.
    let mut collector = Collector::new(if is_page { READ_BYTES } else { most });
    let mut read = 0;
    let mut pieces = response.bytes_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| transport(&url, &error))?;
        collector.push(&piece);
        read += piece.len();
        if read > READ_BYTES {
            collector.push(b"\n[... the rest was not read ...]");
            break;
        }
    }
    let mut text = collector.finish();
    if is_page {
        text = super::limits::cut(&html::to_text(&text), most);
    }
    if status.is_success() {
        return Ok(text);
    }
    let kind = if status.as_u16() == 404 {
        ErrorKind::NotFound
    } else {
        ErrorKind::Failed
    };
    let words: String = text.chars().take(300).collect();
    Err(ToolError::new(
        kind,
        format!("{url} answers {status}: {words}"),
    ))
}

/// Whether an address belongs to the public internet.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || address.is_broadcast();
    // 0/8 this network, 100.64/10 shared by carriers, 192.0.0/24 protocols, 198.18/15 benchmarks, 240/4 reserved.
    let is_reserved = a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 240;
    !is_special && !is_reserved
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    let [first, second, ..] = address.segments();
    let tail = address.octets();
    let embedded = |at: usize| {
        is_public_v4(Ipv4Addr::new(
            tail[at],
            tail[at + 1],
            tail[at + 2],
            tail[at + 3],
        ))
    };
    match (first, second) {
        // Translated (NAT64) and tunnelled (6to4) addresses lead to the IPv4 address inside.
        (0x64, 0xff9b) => embedded(12),
        (0x2002, _) => embedded(2),
        (0x2001, 0xdb8 | 0) => false,
        // Of the rest only 2000::/3 is given out.
        _ => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known_in_every_dress() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "93.184.216.34",
            "2606:4700::1111",
            "64:ff9b::101:101",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn hosts_are_compared_by_whole_names() {
        let hosts = Hosts {
            allowed: vec!["example.org".into()],
            private: vec!["localhost".into()],
        };
        let check = |url: &str| hosts.check(&Url::parse(url).unwrap());
        for fine in [
            "https://example.org/x",
            "http://www.EXAMPLE.org",
            "http://localhost:8080/",
        ] {
            assert!(check(fine).is_ok(), "{fine}");
        }
        for refused in [
            "https://badexample.org",
            "https://example.org.evil.net",
            "http://127.0.0.1/",
            "http://[::1]/",
            "ftp://example.org",
            "https://me:secret@example.org",
        ] {
            assert_eq!(
                check(refused).unwrap_err().kind,
                ErrorKind::DeniedByRule,
                "{refused}"
            );
        }
        let any = Hosts::default();
        assert!(
            any.check(&Url::parse("http://0x7f.1/").unwrap()).is_err(),
            "odd spellings are read as addresses"
        );
    }
}
