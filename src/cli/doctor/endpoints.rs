//! Servers of the settings: is the key there, does the server answer. All are asked at once.

use super::{Finding, Grade};
use crate::domain::council::Council;
use crate::domain::endpoint::Endpoint;
use crate::domain::request::LOCAL;
use crate::net;
use crate::store::settings::Settings;
use std::path::Path;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long a server may take to list its models.
const PATIENCE: Duration = Duration::from_secs(4);

/// A line for each server.
pub async fn ask(
    settings: &Settings,
    council: Option<&Council>,
    asks_network: bool,
) -> Vec<Finding> {
    let needed = council.map(Council::providers).unwrap_or_default();
    let mut asked = JoinSet::new();
    let endpoints = settings
        .endpoints
        .iter()
        .filter(|(name, _)| name.as_str() != LOCAL);
    for (place, (name, endpoint)) in endpoints.enumerate() {
        let endpoint = Endpoint {
            name: name.clone(),
            ..endpoint.clone()
        };
        let is_needed = needed.contains(name);
        asked.spawn(async move {
            let key = endpoint.key_env.as_ref().map(|name| {
                let value = std::env::var(name).ok();
                value.filter(|key| !key.trim().is_empty())
            });
            (
                place,
                examine(&endpoint, key, is_needed, asks_network).await,
            )
        });
    }
    let mut found = asked.join_all().await;
    found.sort_by_key(|(place, _)| *place);
    let mut findings: Vec<Finding> = found.into_iter().map(|(_, finding)| finding).collect();
    for name in needed
        .iter()
        .filter(|name| !settings.endpoints.contains_key(*name))
    {
        let what = format!("{name} is not known, but the starting preset uses it");
        let advice = format!("add [endpoints.{name}] to config.toml");
        findings.push(Finding::new("endpoints", Grade::Missing, what).advise(advice));
    }
    findings
}

/// `key`: none where the server needs no key, `Some(None)` where its variable is not set.
async fn examine(
    endpoint: &Endpoint,
    key: Option<Option<String>>,
    is_needed: bool,
    asks_network: bool,
) -> Finding {
    let name = &endpoint.name;
    let otherwise = match is_needed {
        true => Grade::Missing,
        false => Grade::Info,
    };
    let variable = endpoint.key_env.as_deref().unwrap_or_default();
    let key = match key {
        Some(None) => {
            let what = format!("{name}: key variable {variable} is not set");
            let finding = Finding::new("endpoints", otherwise, what);
            return if is_needed {
                finding.advise(format!("export {variable}=…, or choose another preset"))
            } else {
                finding
            };
        }
        Some(Some(key)) => Some(key),
        None => None,
    };
    let has_key = match &key {
        Some(_) => format!("{variable} is set"),
        None => "needs no key".into(),
    };
    if !asks_network {
        let what = format!("{name}: {has_key}; not asked");
        return Finding::new("endpoints", Grade::Info, what);
    }
    match list_models(endpoint, key.as_deref()).await {
        Ok(count) => {
            let models = count.map_or(String::new(), |count| format!(", {count} models"));
            let what = format!("{name}: {has_key}, {} answers{models}", endpoint.base_url);
            Finding::new("endpoints", Grade::Ok, what)
        }
        Err(Trouble::Refused) => {
            let what = format!("{name}: the key in {variable} is refused");
            let grade = otherwise.max(Grade::Warning);
            Finding::new("endpoints", grade, what).advise("is it the key of this server?")
        }
        Err(Trouble::Silent(why)) => {
            let what = format!(
                "{name}: {has_key}; {} does not answer: {why}",
                endpoint.base_url
            );
            let finding = Finding::new("endpoints", otherwise, what);
            if is_needed {
                finding.advise("is it running, and is base_url right in config.toml?")
            } else {
                finding
            }
        }
    }
}

enum Trouble {
    Refused,
    Silent(String),
}

/// How many models the server says it has, where it says so.
async fn list_models(endpoint: &Endpoint, key: Option<&str>) -> Result<Option<usize>, Trouble> {
    let limit = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
    let ca_file = endpoint.ca_file.as_deref().map(Path::new);
    let client = net::http_client(endpoint.proxy.as_deref(), ca_file, limit)
        .map_err(|fault| Trouble::Silent(fault.message))?;
    let address = format!("{}/models", endpoint.base_url.trim_end_matches('/'));
    let mut request = client.get(address);
    for (name, value) in &endpoint.headers {
        request = request.header(name, value);
    }
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    let answer = timeout(PATIENCE, async {
        let response = request.send().await?;
        let status = response.status();
        Ok::<_, reqwest::Error>((status, response.text().await?))
    });
    match answer.await {
        Err(_) => Err(Trouble::Silent(format!(
            "silent for {} s",
            PATIENCE.as_secs()
        ))),
        Ok(Err(error)) if error.is_connect() => Err(Trouble::Silent("no connection".into())),
        Ok(Err(error)) if error.is_builder() => Err(Trouble::Silent("not an address".into())),
        Ok(Err(_)) => Err(Trouble::Silent("the request was cut".into())),
        Ok(Ok((status, _))) if matches!(status.as_u16(), 401 | 403) => Err(Trouble::Refused),
        Ok(Ok((status, body))) if status.is_success() => Ok(count_models(&body)),
        // Not every server lists its models; that it answers is what matters.
        Ok(Ok((status, _))) if status.as_u16() == 404 => Ok(None),
        Ok(Ok((status, _))) => Err(Trouble::Silent(format!("answered {}", status.as_u16()))),
    }
}

/// Most servers wrap the list in `data`; some send it bare.
fn count_models(body: &str) -> Option<usize> {
    let answer: serde_json::Value = serde_json::from_str(body).ok()?;
    let list = answer.get("data").unwrap_or(&answer);
    list.as_array().map(Vec::len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn endpoint(base_url: String) -> Endpoint {
        Endpoint {
            name: "near".into(),
            base_url,
            key_env: Some("NEAR_KEY".into()),
            ..Endpoint::default()
        }
    }

    /// A server that gives one answer.
    async fn answering(status: &'static str, body: &'static str) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(body.as_bytes()).await.unwrap();
        });
        format!("http://{address}/v1")
    }

    #[tokio::test]
    async fn a_server_that_lists_models_is_counted() {
        let base = answering("200 OK", r#"{"data":[{"id":"a"},{"id":"b"}]}"#).await;
        let finding = examine(&endpoint(base), Some(Some("sk-1".into())), true, true).await;
        assert_eq!(finding.grade, Grade::Ok);
        assert!(
            finding.what.contains("2 models") && !finding.what.contains("sk-1"),
            "{finding:?}"
        );
    }

    #[tokio::test]
    async fn what_the_starting_preset_needs_is_missing_and_the_rest_is_a_fact() {
        for (is_needed, grade) in [(true, Grade::Missing), (false, Grade::Info)] {
            let unset = examine(&endpoint("http://x".into()), Some(None), is_needed, true).await;
            assert_eq!(unset.grade, grade);
            assert!(unset.what.contains("NEAR_KEY is not set"), "{unset:?}");
        }
        let base = answering("401 Unauthorized", "").await;
        let refused = examine(&endpoint(base), Some(Some("k".into())), false, true).await;
        assert_eq!(refused.grade, Grade::Warning);
        let offline = examine(&endpoint("http://x".into()), None, true, false).await;
        assert_eq!(offline.grade, Grade::Info);
    }
}
