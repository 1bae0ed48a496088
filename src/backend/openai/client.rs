//! The connections to one endpoint: its addresses, its key, its clients.

use crate::domain::endpoint::Endpoint;
use crate::domain::fault::{Fault, FaultClass};
use crate::net;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Finds an environment variable; replaced in tests.
pub type Environment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Everything needed to send something to one endpoint.
pub struct Connections {
    pub endpoint: Endpoint,
    base: Url,
    headers: HeaderMap,
    pub environment: Environment,
    /// By connect time limit and whether connections are kept. Made when first needed: each reads the system's authorities.
    clients: Mutex<BTreeMap<(u64, bool), Client>>,
}

impl Connections {
    /// Checks the address and the headers; connects to nothing.
    pub fn new(endpoint: Endpoint) -> Result<Self, Fault> {
        let name = &endpoint.name;
        let bad = |message: String, hint: &str| {
            Err(Fault::new(FaultClass::BadData, message).with_hint(hint))
        };
        let base = Url::parse(&format!("{}/", endpoint.base_url.trim_end_matches('/')));
        let Some(base) = base
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        else {
            return bad(
                format!("endpoint \"{name}\": base_url is not an http address"),
                "write it like https://api.example.com/v1",
            );
        };
        let mut headers = HeaderMap::new();
        for (key, value) in &endpoint.headers {
            let (Ok(key), Ok(mut value)) =
                (key.parse::<HeaderName>(), HeaderValue::from_str(value))
            else {
                return bad(
                    format!("endpoint \"{name}\": header \"{key}\" cannot be sent"),
                    "header names and values are plain ASCII",
                );
            };
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        Ok(Self {
            endpoint,
            base,
            headers,
            environment: Box::new(|name| std::env::var(name).ok()),
            clients: Mutex::default(),
        })
    }

    /// The address of `path` below the base.
    #[must_use]
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Host and port as messages name them.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        match self.base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// A client; `fresh` ones keep no connection.
    pub fn client(&self, connect_ms: u64, fresh: bool) -> Result<Client, Fault> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&(connect_ms, fresh)) {
            return Ok(client.clone());
        }
        // A server on this machine is not behind the company's proxy, unless the endpoint says so itself.
        let proxy = match &self.endpoint.proxy {
            Some(proxy) => Some(proxy.as_str()),
            None if self.is_loopback() => Some(net::DIRECT),
            None => None,
        };
        let ca_file = self.endpoint.ca_file.as_ref().map(PathBuf::from);
        let make = if fresh {
            net::unpooled_client
        } else {
            net::http_client
        };
        let client = make(proxy, ca_file.as_deref(), connect_ms)?;
        clients.insert((connect_ms, fresh), client.clone());
        Ok(client)
    }

    /// The headers of a request, the key among them, read now.
    pub fn headers(&self) -> Result<HeaderMap, Fault> {
        let mut headers = self.headers.clone();
        let Some(variable) = &self.endpoint.key_env else {
            return Ok(headers);
        };
        let name = &self.endpoint.name;
        let Some(key) = self.key() else {
            let message = format!("endpoint \"{name}\" needs a key and {variable} is not set");
            return Err(Fault::new(FaultClass::Auth, message)
                .with_hint(format!("export {variable}=… and start again")));
        };
        let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {key}")) else {
            let message = format!("the key in {variable} has characters that cannot be sent");
            return Err(Fault::new(FaultClass::Auth, message).with_hint("copy it again"));
        };
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
        Ok(headers)
    }

    /// What must never appear in a message.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        let spoken = ["key", "auth", "token", "secret"];
        let in_headers = self.endpoint.headers.iter().filter(|(name, _)| {
            let name = name.to_lowercase();
            spoken.iter().any(|word| name.contains(word))
        });
        let mut secrets: Vec<String> = in_headers
            .flat_map(|(_, value)| value.split_whitespace())
            .map(str::to_owned)
            .filter(|word| word.len() >= 8)
            .collect();
        secrets.extend(self.key());
        secrets.extend(self.base.password().map(str::to_owned));
        secrets
    }

    fn key(&self) -> Option<String> {
        let variable = self.endpoint.key_env.as_ref()?;
        let key = (self.environment)(variable)?.trim().to_owned();
        (!key.is_empty()).then_some(key)
    }

    fn is_loopback(&self) -> bool {
        match self.base.host_str() {
            Some("localhost" | "[::1]") => true,
            Some(host) => host
                .parse::<std::net::Ipv4Addr>()
                .is_ok_and(|address| address.is_loopback()),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(base_url: &str) -> Endpoint {
        Endpoint {
            name: "e".into(),
            base_url: base_url.into(),
            ..Endpoint::default()
        }
    }

    #[test]
    fn a_slash_at_the_end_of_the_base_does_not_matter() {
        for base in ["http://h:1/v1", "http://h:1/v1/"] {
            let connections = Connections::new(endpoint(base)).unwrap();
            assert_eq!(connections.address("models"), "http://h:1/v1/models");
            assert_eq!(connections.host(), "h:1");
        }
    }

    #[test]
    fn an_address_that_cannot_work_is_refused_at_once() {
        for base in ["", "api.example.com/v1", "ftp://h/v1"] {
            assert!(Connections::new(endpoint(base)).is_err(), "{base}");
        }
    }

    #[test]
    fn a_missing_key_names_its_variable() {
        let mut connections = Connections::new(Endpoint {
            key_env: Some("SOME_KEY".into()),
            ..endpoint("http://h/v1")
        })
        .unwrap();
        connections.environment = Box::new(|_| Some("  ".into()));
        let fault = connections.headers().unwrap_err();
        assert_eq!(fault.class, FaultClass::Auth);
        assert!(fault.message.contains("SOME_KEY"));
    }
}
