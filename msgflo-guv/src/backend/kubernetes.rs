//! Kubernetes: workers are the replicas of a deployment.
//!
//! Of the [Kubernetes API](https://kubernetes.io/docs/reference/kubernetes-api/), it reads and patches
//! the subresource `scale` of deployments, stateful sets and replica sets in `apps/v1`, and nothing
//! else. `docs/autoscaling/kubernetes` has the permissions for that.

mod refusal;
mod target;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{StreamExt, iter};
use msgflo::{Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use self::refusal::refusal;
use self::target::Target;
use crate::backend::Backend;
use crate::config::Role;
use crate::http::{self, PATIENCE, Request};
use crate::secret::Secret;

/// Where a pod finds what it needs to talk to its cluster.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// How many requests are under way at once.
const AT_ONCE: usize = 8;

/// Scales deployments: a role's `worker` in the namespace `app`. `statefulset/NAME` and
/// `replicaset/NAME` are workers too.
#[derive(Clone, Debug)]
pub struct Kubernetes {
    url: Url,
    token: Option<Token>,
    authorities: Option<PathBuf>,
    namespace: String,
    timeout: Duration,
}

#[derive(Clone, Debug)]
enum Token {
    Given(Secret),
    /// It is read for each request, since such tokens are replaced before they expire.
    File(PathBuf),
}

/// The part of `io.k8s.api.autoscaling.v1.Scale` that matters. No replicas are left out there.
#[derive(Deserialize)]
struct Scale {
    #[serde(default)]
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    replicas: u32,
}

impl Kubernetes {
    /// With an API server's URL, such as `http://127.0.0.1:8001` of `kubectl proxy`; without a token,
    /// trusting the well-known authorities, in the namespace `default`.
    pub fn new(url: Url) -> Self {
        Self { url, token: None, authorities: None, namespace: "default".into(), timeout: PATIENCE }
    }

    /// As a pod: with the service account that the cluster gives it.
    ///
    /// # Errors
    /// If this is not a pod, or it has no service account.
    pub fn from_environment() -> Result<Self> {
        Self::in_pod(|name| std::env::var(name).ok(), Path::new(SERVICE_ACCOUNT))
    }

    fn in_pod(variable: impl Fn(&str) -> Option<String>, account: &Path) -> Result<Self> {
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        let Some(host) = variable("KUBERNETES_SERVICE_HOST") else {
            return Err(Error::invalid(
                "KUBERNETES_SERVICE_HOST is not set, so this is not a pod of a Kubernetes cluster; outside of one, run `kubectl proxy` and give the URL of that, http://127.0.0.1:8001",
            ));
        };
        let host = match host.parse() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            _ => host,
        };
        let port = variable("KUBERNETES_SERVICE_PORT").unwrap_or_else(|| "443".into());
        let url = Url::parse(&format!("https://{host}:{port}")).map_err(|_| {
            Error::invalid(format!(
                "KUBERNETES_SERVICE_HOST `{host}` and KUBERNETES_SERVICE_PORT `{port}` are not an address"
            ))
        })?;
        let token = account.join("token");
        if let Err(error) = std::fs::metadata(&token) {
            return Err(Error::invalid(format!(
                "this pod has no service account: {}: {error}; set `serviceAccountName` of the pod, and not `automountServiceAccountToken: false`",
                token.display()
            )));
        }
        let mut kubernetes =
            Self::new(url).with_token_file(token).with_authorities_file(account.join("ca.crt"));
        if let Ok(namespace) = std::fs::read_to_string(account.join("namespace")) {
            kubernetes = kubernetes.with_namespace(namespace.trim());
        }
        Ok(kubernetes)
    }

    /// Shows a token to the API server, which must have an https URL then.
    pub fn with_token(mut self, token: Secret) -> Self {
        self.token = Some(Token::Given(token));
        self
    }

    /// Shows the token that is in a file at that time.
    pub fn with_token_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.token = Some(Token::File(file.into()));
        self
    }

    /// Trusts the authorities in a file (PEM), and no others.
    pub fn with_authorities_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.authorities = Some(file.into());
        self
    }

    /// The namespace of roles that have no `app`.
    pub fn with_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Waits so long for an answer. 10 s by default.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    async fn replicas(&self, role: &Role) -> Result<u32, String> {
        let target = Target::of(role, &self.namespace)?;
        let cannot = |why| {
            format!(
                "cannot read the scale of {target} on {}: {why}",
                self.url.origin().ascii_serialization()
            )
        };
        let scale = self.send("GET", &target, None).await.map_err(cannot)?;
        Ok(scale.spec.replicas)
    }

    async fn set_replicas(&self, role: &Role, asked: u32) -> Result<(), String> {
        let target = Target::of(role, &self.namespace)?;
        let cannot = |why| {
            format!(
                "cannot scale {target} to {asked} on {}: {why}",
                self.url.origin().ascii_serialization()
            )
        };
        let patch = json!({ "spec": { "replicas": asked } });
        let scale = self.send("PATCH", &target, Some(patch)).await.map_err(cannot)?;
        match scale.spec.replicas {
            now if now == asked => Ok(()),
            now => Err(cannot(format!(
                "it answered that there are to be {now}; does an admission webhook or a HorizontalPodAutoscaler scale it too? (`kubectl get hpa`)"
            ))),
        }
    }

    async fn send(
        &self,
        method: &'static str,
        target: &Target<'_>,
        body: Option<Value>,
    ) -> Result<Scale, String> {
        let mut headers = vec![("Accept", "application/json".to_owned())];
        if body.is_some() {
            headers.push(("Content-Type", "application/merge-patch+json".into()));
        }
        if let Some(token) = self.token().await? {
            headers.push(("Authorization", format!("Bearer {}", &*token)));
        }
        let authorities = match &self.authorities {
            Some(file) => Some(read(file).await?),
            None => None,
        };
        let url = target.url(&self.url).into();
        let patience = self.timeout;
        let answer =
            http::send(Request { method, url, headers, body, authorities, patience }).await?;
        match answer.status {
            200 | 201 => answer.json(),
            _ => Err(refusal(&answer)),
        }
    }

    async fn token(&self) -> Result<Option<Secret>, String> {
        let token = match &self.token {
            None => return Ok(None),
            Some(Token::Given(token)) => token.clone(),
            Some(Token::File(file)) => read(file).await?.trim().into(),
        };
        match self.url.scheme() {
            "https" => Ok(Some(token)),
            _ => Err("a token is only shown over https, and this is another URL".into()),
        }
    }
}

async fn read(file: &Path) -> Result<String, String> {
    let file = file.to_owned();
    let shown = file.display().to_string();
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(file)).await;
    match read {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(error)) => Err(format!("{shown} cannot be read ({error})")),
        Err(error) => Err(format!("{shown} was not read ({error})")),
    }
}

#[async_trait]
impl Backend for Kubernetes {
    async fn workers(&self, roles: &[&Role]) -> Vec<Result<Option<u32>>> {
        let asked: Vec<_> = roles.iter().map(|role| self.replicas(role)).collect();
        let answers: Vec<_> = iter(asked).buffered(AT_ONCE).collect().await;
        answers.into_iter().map(|answer| answer.map(Some).map_err(Error::message)).collect()
    }

    async fn scale(&self, changes: &[(&Role, u32)]) -> Vec<Result<()>> {
        let asked: Vec<_> =
            changes.iter().map(|(role, workers)| self.set_replicas(role, *workers)).collect();
        let answers: Vec<_> = iter(asked).buffered(AT_ONCE).collect().await;
        answers.into_iter().map(|answer| answer.map_err(Error::message)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_uses_its_service_account() {
        let account = tempfile::tempdir().unwrap();
        let variable = |name: &str| match name {
            "KUBERNETES_SERVICE_HOST" => Some("fd00::1".to_owned()),
            "KUBERNETES_SERVICE_PORT" => Some("6443".to_owned()),
            _ => None,
        };
        let error = Kubernetes::in_pod(variable, account.path()).unwrap_err().to_string();
        assert!(error.contains("serviceAccountName"), "{error}");
        std::fs::write(account.path().join("token"), "t").unwrap();
        std::fs::write(account.path().join("namespace"), "jobs\n").unwrap();
        let kubernetes = Kubernetes::in_pod(variable, account.path()).unwrap();
        assert_eq!(kubernetes.url.as_str(), "https://[fd00::1]:6443/");
        assert_eq!(kubernetes.namespace, "jobs");
        assert_eq!(kubernetes.authorities, Some(account.path().join("ca.crt")));
        let error = Kubernetes::in_pod(|_| None, account.path()).unwrap_err().to_string();
        assert!(error.contains("kubectl proxy"), "{error}");
    }
}
