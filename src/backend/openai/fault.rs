//! Which class a refusal belongs to, and what to tell the person. Pure.

use crate::domain::fault::{Fault, FaultClass};
use crate::domain::text;
use serde_json::Value;

/// Longest quotation of a server's own words, in characters.
const LONGEST_QUOTE: usize = 300;

/// An error as a server words it; every field may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refusal {
    pub message: String,
    pub kind: String,
    pub code: String,
    pub param: String,
}

impl Refusal {
    /// From the body of a reply that is not 2xx: JSON of several habits, HTML or plain text.
    #[must_use]
    pub fn from_body(body: &str) -> Self {
        if let Ok(value) = serde_json::from_str::<Value>(body)
            && !value.is_string()
        {
            let value = match &value {
                Value::Array(list) => list.first().unwrap_or(&value),
                _ => &value,
            };
            let inner = value.get("error").or_else(|| value.get("detail"));
            let mut refusal = Self::from_value(inner.unwrap_or(value));
            if refusal.code.is_empty() {
                refusal.code = word(value.get("code"));
            }
            if refusal.message.is_empty() {
                refusal.message = word(value.get("message"));
            }
            return refusal;
        }
        let message = if body.trim_start().starts_with('<') {
            page_title(body)
        } else {
            body.to_owned()
        };
        Self {
            message: quote(&message),
            ..Self::default()
        }
    }

    /// From the value of an `error` field: an object, a string, or a list of validation errors.
    #[must_use]
    pub fn from_value(error: &Value) -> Self {
        match error {
            Value::String(message) => Self {
                message: quote(message),
                ..Self::default()
            },
            Value::Object(_) => {
                let message = [error.get("message"), error.get("msg"), error.get("error")]
                    .into_iter()
                    .map(word)
                    .find(|text| !text.is_empty())
                    .unwrap_or_default();
                Self {
                    message: quote(&message),
                    kind: word(error.get("type")),
                    code: word(error.get("code")),
                    param: word(error.get("param")),
                }
            }
            Value::Array(list) => list.first().map(Self::from_value).unwrap_or_default(),
            _ => Self::default(),
        }
    }

    /// Whether the server objects to this request parameter.
    #[must_use]
    pub fn names(&self, parameter: &str) -> bool {
        let in_word = |c: char| c.is_alphanumeric() || c == '_';
        self.param == parameter
            || self
                .message
                .split(|c| !in_word(c))
                .any(|word| word == parameter)
    }

    /// The status a server meant when it reports the error inside a successful reply.
    #[must_use]
    pub fn implied_status(&self) -> u16 {
        if let Ok(status) = self.code.parse::<u16>()
            && (400..600).contains(&status)
        {
            return status;
        }
        let words = format!("{} {}", self.kind, self.code).to_lowercase();
        let any = |list: &[&str]| list.iter().any(|word| words.contains(word));
        if any(&["rate_limit", "too_many_requests"]) {
            429
        } else if any(&["authentication", "invalid_api_key", "permission"]) {
            401
        } else if any(&["not_found"]) {
            404
        } else if any(&["invalid_request", "context_length", "exceed_context"]) {
            400
        } else {
            500
        }
    }
}

/// The class of a reply, by its status and the server's words.
#[must_use]
pub fn classify(status: u16, has_retry_after: bool, refusal: &Refusal) -> FaultClass {
    match status {
        401 | 403 => FaultClass::Auth,
        404 => FaultClass::ModelUnavailable,
        413 => FaultClass::ContextTooLong,
        400 | 422 if says_too_long(refusal) => FaultClass::ContextTooLong,
        400 if says_no_model(refusal) => FaultClass::ModelUnavailable,
        // An empty account is reported like a full minute, but no wait refills it.
        429 if refusal.code == "insufficient_quota" => FaultClass::BadRequest,
        429 => FaultClass::RateLimited,
        503 if has_retry_after => FaultClass::RateLimited,
        408 | 409 | 425 | 500..=599 => FaultClass::Transient,
        _ => FaultClass::BadRequest,
    }
}

/// Whether a request that had tools was refused because of them. Servers say so with very different numbers: 400 (Ollama,
/// vLLM), 404 (`OpenRouter`), 500 (llama.cpp), 501.
#[must_use]
pub fn is_about_tools(status: u16, refusal: &Refusal) -> bool {
    let message = refusal.message.to_lowercase();
    let says = ["tool", "function call", "--jinja"]
        .iter()
        .any(|word| message.contains(word));
    status == 501 || (says && matches!(status, 400 | 404 | 405 | 422 | 500))
}

/// Whether it is only this one call that the server could not read, not tool calling as such.
#[must_use]
pub fn is_about_one_call(refusal: &Refusal) -> bool {
    refusal.message.to_lowercase().contains("parse")
        && !refusal.message.contains("tool-call-parser")
}

fn says_too_long(refusal: &Refusal) -> bool {
    let codes = ["context_length_exceeded", "exceed_context_size_error"];
    if codes.contains(&refusal.code.as_str()) || codes.contains(&refusal.kind.as_str()) {
        return true;
    }
    let message = refusal.message.to_lowercase();
    let wordings = [
        "context length",
        "context window",
        "context size",
        "maximum context",
        "context_length",
        "prompt is too long",
        "input is too long",
        "input token count exceeds",
        "max_new_tokens` must be <=",
        "reduce the length of the messages",
    ];
    wordings.iter().any(|wording| message.contains(wording))
}

fn says_no_model(refusal: &Refusal) -> bool {
    let codes = [
        "model_not_available",
        "dedicated_endpoint_not_running",
        "model_not_found",
        "invalid_model",
    ];
    if codes.contains(&refusal.code.as_str()) || codes.contains(&refusal.kind.as_str()) {
        return true;
    }
    let message = refusal.message.to_lowercase();
    message.contains("model")
        && [
            "does not exist",
            "not found",
            "not available",
            "unable to access",
            "not a valid model",
            "not running",
            "is not supported",
        ]
        .iter()
        .any(|wording| message.contains(wording))
}

/// A refused call as the person reads it.
#[must_use]
pub fn refused(
    endpoint: &str,
    model: &str,
    key_env: Option<&str>,
    status: u16,
    retry_after_ms: Option<u64>,
    refusal: &Refusal,
) -> Fault {
    let class = classify(status, retry_after_ms.is_some(), refusal);
    let words = if refusal.message.is_empty() {
        "no explanation".to_owned()
    } else {
        refusal.message.clone()
    };
    let message = format!("\"{endpoint}\" answered {status} for \"{model}\": {words}");
    let hint = match class {
        FaultClass::Auth => Some(match key_env {
            Some(variable) => format!("check the key in {variable}"),
            None => format!("set key_env of endpoint \"{endpoint}\" in config.toml"),
        }),
        FaultClass::ModelUnavailable => Some(format!(
            "choose another model of \"{endpoint}\"; synod models lists them; base_url must end before /chat"
        )),
        FaultClass::ContextTooLong => {
            Some("a shorter conversation or fewer references will fit".into())
        }
        FaultClass::RateLimited => {
            Some("lower concurrency or requests_per_minute of the endpoint".into())
        }
        FaultClass::BadRequest if refusal.names("temperature") => {
            Some("leave temperature out for this model".into())
        }
        FaultClass::BadRequest if status == 402 || refusal.code == "insufficient_quota" => {
            Some("the account has no credit left".into())
        }
        _ => None,
    };
    Fault {
        class,
        message,
        hint,
        retry_after_ms,
    }
}

/// One line of a server's words: safe to show and not too long.
#[must_use]
pub fn quote(words: &str) -> String {
    let line = text::strip_controls(words)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    if line.chars().count() <= LONGEST_QUOTE {
        return line;
    }
    let mut short: String = line.chars().take(LONGEST_QUOTE).collect();
    short.push('…');
    short
}

/// Takes secrets out of a text that a server may have echoed.
#[must_use]
pub fn redact(words: &str, secrets: &[String]) -> String {
    secrets
        .iter()
        .filter(|secret| secret.len() >= 4)
        .fold(words.to_owned(), |text, secret| {
            text.replace(secret.as_str(), "[key]")
        })
}

fn page_title(page: &str) -> String {
    let lower = page.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|start| {
        let from = start + "<title>".len();
        let length = lower[from..].find("</title>")?;
        page.get(from..from + length)
    });
    match title.map(str::trim) {
        Some(title) if !title.is_empty() => format!("a web page, \"{title}\""),
        _ => "a web page".into(),
    }
}

fn word(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(status: u16, body: &str) -> FaultClass {
        classify(status, false, &Refusal::from_body(body))
    }

    #[test]
    fn the_table_of_classes() {
        use FaultClass as C;
        let rows = [
            (401, "", C::Auth),
            (403, "", C::Auth),
            (404, "", C::ModelUnavailable),
            (
                400,
                r#"{"error":{"message":"x","code":"model_not_available"}}"#,
                C::ModelUnavailable,
            ),
            (
                400,
                r#"{"error":{"type":"dedicated_endpoint_not_running"}}"#,
                C::ModelUnavailable,
            ),
            (
                400,
                r#"{"error":{"message":"The model `x` does not exist"}}"#,
                C::ModelUnavailable,
            ),
            (
                400,
                r#"{"error":{"code":"context_length_exceeded"}}"#,
                C::ContextTooLong,
            ),
            (
                400,
                r#"{"error":{"message":"This model's maximum context length is 8192 tokens"}}"#,
                C::ContextTooLong,
            ),
            (
                400,
                r#"{"error":{"type":"exceed_context_size_error","code":400}}"#,
                C::ContextTooLong,
            ),
            (413, "<html>", C::ContextTooLong),
            (400, r#"{"error":{"message":"bad stop"}}"#, C::BadRequest),
            (
                422,
                r#"{"detail":[{"msg":"field required"}]}"#,
                C::BadRequest,
            ),
            (402, "", C::BadRequest),
            (429, "", C::RateLimited),
            (
                429,
                r#"{"error":{"code":"insufficient_quota"}}"#,
                C::BadRequest,
            ),
            (408, "", C::Transient),
            (409, "", C::Transient),
            (425, "", C::Transient),
            (500, "", C::Transient),
            (502, "<html><title>Bad Gateway</title>", C::Transient),
            (503, "", C::Transient),
            (529, "", C::Transient),
        ];
        for (status, body, expected) in rows {
            assert_eq!(class(status, body), expected, "{status} {body}");
        }
        assert_eq!(
            classify(503, true, &Refusal::default()),
            FaultClass::RateLimited
        );
    }

    #[test]
    fn server_words_are_found_in_every_habit() {
        let words = |body: &str| Refusal::from_body(body).message;
        assert_eq!(words(r#"{"error":{"message":"a"}}"#), "a");
        assert_eq!(words(r#"{"error":"b"}"#), "b");
        assert_eq!(words(r#"{"detail":[{"msg":"c"}]}"#), "c");
        assert_eq!(words(r#"{"message":"d","code":"e"}"#), "d");
        assert_eq!(words(r#"[{"error":{"message":"f"}}]"#), "f");
        assert_eq!(words("<HTML><Title> 502 </Title>"), "a web page, \"502\"");
        assert_eq!(words("a\x1b[31m\nb"), "a[31m b");
    }

    #[test]
    fn an_error_inside_a_stream_means_a_status() {
        let status = |body: &str| Refusal::from_body(body).implied_status();
        assert_eq!(status(r#"{"error":{"code":429}}"#), 429);
        assert_eq!(status(r#"{"error":{"code":"502"}}"#), 502);
        assert_eq!(status(r#"{"error":{"type":"rate_limit_error"}}"#), 429);
        assert_eq!(status(r#"{"error":{"type":"invalid_request_error"}}"#), 400);
        assert_eq!(status(r#"{"error":"boom"}"#), 500);
    }

    #[test]
    fn a_parameter_is_named_as_a_whole_word() {
        let refusal = |message: &str| Refusal::from_body(message);
        assert!(refusal("unknown argument: 'top_k'").names("top_k"));
        assert!(!refusal("max_tokens_total is seeded").names("seed"));
        assert!(!refusal("max_tokens_total is seeded").names("max_tokens"));
    }

    #[test]
    fn a_key_is_never_repeated() {
        let secrets = ["sk-abcdef".to_owned()];
        assert_eq!(redact("bad key sk-abcdef!", &secrets), "bad key [key]!");
    }

    #[test]
    fn a_refusal_of_tools_is_told_from_others() {
        let refusal = |message: &str| Refusal {
            message: message.into(),
            ..Refusal::default()
        };
        for (status, message) in [
            (400, "registry.ollama.ai/library/x does not support tools"),
            (404, "No endpoints found that support tool use."),
            (500, "tools param requires --jinja flag"),
            (
                400,
                "\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set",
            ),
            (501, ""),
        ] {
            let refusal = refusal(message);
            assert!(is_about_tools(status, &refusal), "{status} {message}");
            assert!(!is_about_one_call(&refusal), "{message}");
        }
        assert!(!is_about_tools(500, &refusal("out of memory")));
        assert!(!is_about_tools(429, &refusal("too many tool calls")));
        assert!(is_about_one_call(&refusal(
            "Failed to parse tool call arguments as JSON"
        )));
    }
}
