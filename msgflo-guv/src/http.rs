//! One request over HTTP, which never takes longer than it may.

use std::time::Duration;

use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

/// How long an answer may take, from resolving the name to the last byte.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked.
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<serde_json::Value>,
    /// PEM, to trust instead of the well-known authorities.
    pub(crate) authorities: Option<String>,
    pub(crate) patience: Duration,
}

/// What was answered, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: ureq::http::HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_slice(&self.body)
            .map_err(|error| format!("its answer is not understood ({error}): {}", self.excerpt()))
    }

    /// The beginning of the body, on one line.
    pub(crate) fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let words: Vec<_> = text.split_whitespace().collect();
        words.join(" ").chars().filter(|c| !c.is_control()).take(200).collect()
    }
}

/// Sends it, and returns what was answered, or why nothing was.
pub(crate) async fn send(request: Request) -> Result<Answer, String> {
    let sent = tokio::task::spawn_blocking(move || exchange(request)).await;
    sent.unwrap_or_else(|error| Err(format!("the request was lost ({error})")))
}

fn exchange(request: Request) -> Result<Answer, String> {
    let Request { method, url, headers, body, authorities, patience } = request;
    let mut tls = TlsConfig::builder();
    if let Some(pem) = &authorities {
        let certificates: Vec<_> = parse_pem(pem.as_bytes())
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        if certificates.is_empty() {
            return Err("the file with the authorities has no certificate (PEM)".into());
        }
        tls = tls.root_certs(RootCerts::from(certificates));
    }
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(patience))
        .http_status_as_error(false)
        // A key is for the server that was named, and for no other.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("msgflo-guv/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls.build())
        .build()
        .new_agent();
    let mut builder = ureq::http::Request::builder().method(method).uri(&url);
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    let answer = match body {
        Some(body) => builder
            .body(body.to_string())
            .map_err(ureq::Error::from)
            .and_then(|request| agent.run(request)),
        None => builder.body(()).map_err(ureq::Error::from).and_then(|request| agent.run(request)),
    };
    let answer = answer.and_then(|answer| {
        let (parts, mut body) = answer.into_parts();
        let body = body.read_to_vec()?;
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    });
    answer.map_err(|error| match error {
        ureq::Error::Timeout(_) => format!("no answer within {} s", patience.as_secs_f64()),
        error => format!("no answer ({error})"),
    })
}
