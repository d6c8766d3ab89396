//! Answers that say no, and why.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An answer with an error status and a body `{"error": SENTENCE}`.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    error: String,
}

macro_rules! statuses {
    ($($name:ident = $status:ident;)*) => {
        impl Refusal {
            $(pub fn $name(error: impl Into<String>) -> Self {
                Self { status: StatusCode::$status, error: error.into() }
            })*
        }
    };
}

statuses! {
    bad_request = BAD_REQUEST;
    not_found = NOT_FOUND;
    method_not_allowed = METHOD_NOT_ALLOWED;
    too_large = PAYLOAD_TOO_LARGE;
    unknown_media_type = UNSUPPORTED_MEDIA_TYPE;
    unavailable = SERVICE_UNAVAILABLE;
}

/// What goes wrong in the service itself is for its log, not for whoever asked.
impl From<msgflo::Error> for Refusal {
    fn from(error: msgflo::Error) -> Self {
        tracing::error!("a request failed: {error}");
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            error: "the service cannot do this now: the reason is in its log".into(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.error }))).into_response()
    }
}
