//! The API server's errors, as sentences.

use serde::Deserialize;

use crate::http::Answer;

/// `io.k8s.apimachinery.pkg.apis.meta.v1.Status`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    kind: String,
    reason: String,
    message: String,
}

/// What the API server answered, and what to do.
pub(super) fn refusal(answer: &Answer) -> String {
    let code = answer.status;
    let status = answer.json::<Status>().ok().filter(|status| status.kind == "Status");
    let Some(Status { reason, message, .. }) = status else {
        return format!(
            "it answered {code}: {}; is that the URL of a Kubernetes API server?",
            answer.excerpt()
        );
    };
    let advice = match code {
        401 => "is the token that of a service account of this cluster, and not expired?".into(),
        403 => "give the service account `get` and `patch` on the scale, as docs/autoscaling/kubernetes/rbac.yaml does".into(),
        404 => "set `worker` of the role to what `kubectl get deployments` shows, and `app` to its namespace".into(),
        429 => match answer.header("retry-after").and_then(|time| time.trim().parse::<u32>().ok()) {
            Some(seconds) => format!("it takes requests again in {seconds} s"),
            None => "it will be tried again".into(),
        },
        400 | 405 | 406 | 415 | 422 => "is it a cluster with `apps/v1`?".into(),
        _ => "it will be tried again".into(),
    };
    format!("it answered {code} ({reason}): {message}; {advice}")
}
