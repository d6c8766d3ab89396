use std::fs;
use std::path::Path;
use std::time::Duration;

use msgflo_guv::backend::Backend;
use msgflo_guv::backend::kubernetes::Kubernetes;
use msgflo_guv::config::Role;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;
use tempfile::TempDir;

use crate::node::{Peer, kubernetes_openapi};

/// A cluster with three workloads, and a pod in it with a service account.
struct Cluster {
    peer: Peer,
    kubernetes: Kubernetes,
    account: TempDir,
}

impl Cluster {
    fn start() -> Self {
        let account = tempfile::tempdir().unwrap();
        let file = |name| account.path().join(name);
        write_certificates(account.path());
        let path = |name| file(name).to_str().unwrap().to_owned();
        let (certificate, key) = (path("server.pem"), path("server.key"));
        let openapi = kubernetes_openapi();
        let mut peer =
            Peer::start("kubernetes.js", &[openapi.to_str().unwrap(), &certificate, &key]);
        let url = format!("https://127.0.0.1:{}", peer.next()["port"]);
        peer.ask(json!({ "token": "first-secret", "scales": {
            "default/deployments/resize": { "replicas": 2, "running": 1 },
            "jobs/deployments/resize": { "replicas": 0 },
            "default/statefulsets/index": { "replicas": 3 },
            "default/replicasets/old": { "replicas": 4 },
        } }));
        fs::write(file("token"), "first-secret\n").unwrap();
        let kubernetes = Kubernetes::new(url.parse().unwrap())
            .with_token_file(file("token"))
            .with_authorities_file(file("ca.crt"));
        Self { peer, kubernetes, account }
    }
}

fn write_certificates(folder: &Path) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(folder.join("ca.crt"), params.self_signed(&key).unwrap().pem()).unwrap();
    let authority = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".into()]).unwrap();
    fs::write(folder.join("server.pem"), params.signed_by(&key, &authority).unwrap().pem())
        .unwrap();
    fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
}

fn role(worker: &str) -> Role {
    let mut role = Role::new("resize");
    role.worker = worker.into();
    role
}

fn error<T: std::fmt::Debug>(mut results: Vec<msgflo::Result<T>>) -> String {
    let error = results.remove(0).unwrap_err().to_string();
    assert!(!error.contains("secret"), "{error}");
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_are_the_replicas_that_are_wanted() {
    let Cluster { mut peer, kubernetes, account: _account } = Cluster::start();
    let mut elsewhere = role("resize");
    elsewhere.app = Some("jobs".into());
    let (here, index, old) = (role("resize"), role("statefulset/index"), role("replicaset/old"));
    let roles = [&here, &elsewhere, &index, &old];
    let workers = kubernetes.workers(&roles).await;
    let workers: Vec<_> = workers.into_iter().map(Result::unwrap).collect();
    // No replicas are left out of what the API server answers.
    assert_eq!(workers, [Some(2), Some(0), Some(3), Some(4)]);

    let changes = [(&here, 0), (&elsewhere, 5), (&index, 1), (&old, 4)];
    for result in kubernetes.scale(&changes).await {
        result.unwrap();
    }
    let requests = peer.requests();
    let patches: Vec<_> = requests.iter().filter(|request| request["method"] == "PATCH").collect();
    assert_eq!(patches.len(), 4);
    for patch in patches {
        assert_eq!(patch["headers"]["content-type"], "application/merge-patch+json");
    }
    let workers = kubernetes.workers(&roles).await;
    let workers: Vec<_> = workers.into_iter().map(Result::unwrap).collect();
    assert_eq!(workers, [Some(0), Some(5), Some(1), Some(4)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_replaced_is_read_again() {
    let Cluster { mut peer, kubernetes, account } = Cluster::start();
    let resize = role("resize");
    kubernetes.workers(&[&resize]).await.remove(0).unwrap();
    peer.ask(json!({ "token": "second-secret" }));
    let expired = error(kubernetes.workers(&[&resize]).await);
    assert!(expired.contains("401 (Unauthorized)") && expired.contains("token"), "{expired}");
    fs::write(account.path().join("token"), "second-secret").unwrap();
    kubernetes.workers(&[&resize]).await.remove(0).unwrap();
    fs::remove_file(account.path().join("token")).unwrap();
    let missing = error(kubernetes.workers(&[&resize]).await);
    assert!(missing.contains("token cannot be read"), "{missing}");
    assert!(!format!("{:?}", kubernetes.with_token("third-secret".into())).contains("third"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_server_of_the_clusters_authority_is_shown_the_token() {
    let Cluster { mut peer, kubernetes, account } = Cluster::start();
    let resize = role("resize");
    let other = tempfile::tempdir().unwrap();
    write_certificates(other.path());
    let suspicious = kubernetes.clone().with_authorities_file(other.path().join("ca.crt"));
    let told = error(suspicious.scale(&[(&resize, 1)]).await);
    assert!(told.contains("certificate"), "{told}");
    fs::write(account.path().join("ca.crt"), "nothing").unwrap();
    let told = error(kubernetes.scale(&[(&resize, 1)]).await);
    assert!(told.contains("no certificate"), "{told}");
    let plain = Kubernetes::new("http://127.0.0.1:1".parse().unwrap()).with_token("secret".into());
    let told = error(plain.scale(&[(&resize, 1)]).await);
    assert!(told.contains("only shown over https"), "{told}");
    assert!(peer.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_needs_no_token() {
    let openapi = kubernetes_openapi();
    let mut peer = Peer::start("kubernetes.js", &[openapi.to_str().unwrap()]);
    let url = format!("http://127.0.0.1:{}/", peer.next()["port"]);
    peer.ask(json!({ "scales": { "jobs/deployments/resize": { "replicas": 1 } } }));
    let kubernetes = Kubernetes::new(url.parse().unwrap()).with_namespace("jobs");
    kubernetes.scale(&[(&role("resize"), 2)]).await.remove(0).unwrap();
    let request = peer.requests().remove(0);
    assert_eq!(request["path"], "/apis/apps/v1/namespaces/jobs/deployments/resize/scale");
    assert_eq!(request["headers"].get("authorization"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_server_refuses_is_told() {
    let Cluster { mut peer, kubernetes, account: _account } = Cluster::start();
    let missing = error(kubernetes.workers(&[&role("rezise")]).await);
    for part in ["deployment `rezise` in namespace `default`", "404 (NotFound)", "kubectl get"] {
        assert!(missing.contains(part), "{missing}");
    }
    peer.ask(json!({ "scales": {
        "default/deployments/resize": { "replicas": 2, "forbidden": true },
        "default/deployments/stuck": { "replicas": 2, "stuck": 3 },
    } }));
    let forbidden = error(kubernetes.scale(&[(&role("resize"), 1)]).await);
    for part in ["403 (Forbidden)", "cannot patch resource \"deployments/scale\"", "rbac.yaml"] {
        assert!(forbidden.contains(part), "{forbidden}");
    }
    // One role's error is not another's.
    let (stuck, resize) = (role("stuck"), role("resize"));
    let results = kubernetes.scale(&[(&resize, 1), (&stuck, 3)]).await;
    assert!(results[0].is_err() && results[1].is_ok(), "{results:?}");
    let half = error(kubernetes.scale(&[(&stuck, 5)]).await);
    assert!(half.contains("scale deployment `stuck`") && half.contains("to be 3"), "{half}");

    let status = |code: u16, reason: &str| {
        json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
            "reason": reason, "message": "the cluster says no" })
    };
    for (code, reason, headers, part) in [
        (409, "Conflict", json!({}), "tried again"),
        (422, "Invalid", json!({}), "apps/v1"),
        (429, "TooManyRequests", json!({ "Retry-After": "7" }), "in 7 s"),
        (503, "ServiceUnavailable", json!({}), "tried again"),
    ] {
        peer.ask(
            json!({ "next": [{ "code": code, "headers": headers, "body": status(code, reason) }] }),
        );
        let told = error(kubernetes.scale(&[(&resize, 1)]).await);
        for part in [&format!("{code} ({reason})"), "the cluster says no", part] {
            assert!(told.contains(part), "{told}");
        }
    }
    for (code, body) in [(404, "404 page not found"), (200, "<html>"), (200, "[1]")] {
        peer.ask(json!({ "next": [{ "code": code, "body": body }] }));
        let told = error(kubernetes.workers(&[&stuck]).await);
        assert!(told.contains(body), "{told}");
    }
    peer.ask(json!({ "next": [{ "silent": true }] }));
    let hasty = kubernetes.clone().with_timeout(Duration::from_millis(300));
    let told = error(hasty.workers(&[&stuck]).await);
    assert!(told.contains("no answer within 0.3 s"), "{told}");
    drop(peer);
    let told = error(kubernetes.workers(&[&stuck]).await);
    assert!(told.contains("cannot read the scale of deployment `stuck`"), "{told}");
}
