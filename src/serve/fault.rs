//! Errors as OpenAI's API words them.

use crate::domain::fault::{Fault, FaultClass};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    message: String,
    kind: &'static str,
    code: Option<&'static str>,
}

impl Refusal {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            kind,
            code: None,
        }
    }

    fn coded(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// The request itself is wrong.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    pub fn unreadable(status: StatusCode, message: impl Into<String>) -> Self {
        Self::new(status, "invalid_request_error", message)
    }

    pub fn unauthorized(message: impl Into<String>) -> Self {
        let kind = "invalid_request_error";
        Self::new(StatusCode::UNAUTHORIZED, kind, message).coded("invalid_api_key")
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", message)
    }

    pub fn unknown_model(message: impl Into<String>) -> Self {
        Self::not_found(message).coded("model_not_found")
    }

    pub fn busy(message: impl Into<String>) -> Self {
        let kind = "rate_limit_error";
        Self::new(StatusCode::TOO_MANY_REQUESTS, kind, message).coded("rate_limit_exceeded")
    }

    /// What a failure of the model, the engine or another server is to a client.
    pub fn of(fault: &Fault) -> Self {
        let message = fault.to_string();
        match fault.class {
            FaultClass::BadRequest | FaultClass::NoToolCalls => Self::bad(message),
            FaultClass::ContextTooLong => Self::bad(message).coded("context_length_exceeded"),
            FaultClass::ModelUnavailable => Self::unknown_model(message),
            FaultClass::RateLimited => Self::busy(message),
            FaultClass::Forbidden => Self::new(StatusCode::FORBIDDEN, "permission_error", message),
            FaultClass::Timeout => Self::new(StatusCode::GATEWAY_TIMEOUT, "server_error", message),
            FaultClass::Transient | FaultClass::Auth => {
                Self::new(StatusCode::BAD_GATEWAY, "server_error", message)
            }
            FaultClass::Resource => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "server_error", message)
            }
            FaultClass::Empty | FaultClass::Cancelled | FaultClass::BadData => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", message)
            }
        }
    }

    /// The body of an error reply, and of an error event.
    pub fn body(&self) -> Value {
        json!({ "error": {
            "message": self.message,
            "type": self.kind,
            "param": null,
            "code": self.code,
        }})
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        super::json(self.status, &self.body())
    }
}
