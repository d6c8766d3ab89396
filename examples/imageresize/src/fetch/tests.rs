use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};

use super::*;

#[test]
fn what_may_pass_is_asked_for_again() {
    let seconds = |seconds| Some(Some(Duration::from_secs(seconds)));
    let cases = [
        (503, "", Some(None)),
        (503, "7", seconds(7)),
        (429, "120", seconds(120)),
        (429, "Thu, 26 Nov 2026 12:00:30 GMT", seconds(30)),
        (503, "Thu, 26 Nov 2026 11:00:00 GMT", seconds(0)),
        (503, "soon", Some(None)),
        (500, "", Some(None)),
        (502, "", Some(None)),
        (408, "", Some(None)),
        // Nobody waits for a day.
        (503, "86400", None),
        (404, "", None),
        (403, "7", None),
        (410, "", None),
    ];
    let now = "2026-11-26T12:00:00Z".parse().unwrap();
    for (status, told, expected) in cases {
        let mut headers = HeaderMap::new();
        if !told.is_empty() {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(told));
        }
        let status = StatusCode::from_u16(status).unwrap();
        let error = NotFetched::answer(status, &headers, now);
        let later = match &error {
            NotFetched::ForNow { reason, after } => {
                assert_eq!(*reason, format!("the answer is {status}"));
                Some(*after)
            }
            NotFetched::ForGood(_) => None,
        };
        assert_eq!(later, expected, "{status} {told}: {error:?}");
    }
}

#[tokio::test]
async fn a_connection_may_be_had_later_and_a_private_address_never() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let cases = [
        (true, format!("http://127.0.0.1:{free}/"), true),
        (false, format!("http://127.0.0.1:{free}/"), false),
        (false, format!("http://localhost:{free}/"), false),
    ];
    for (allow_private, url, later) in cases {
        let fetcher = Fetcher::new(1000, allow_private).unwrap();
        let error = fetcher.fetch(&url.parse().unwrap()).await.unwrap_err();
        assert_eq!(matches!(error, NotFetched::ForNow { .. }), later, "{error:?}");
    }
}
