//! What a role's `worker` and `app` mean in a cluster.

use std::fmt;

use url::Url;

use crate::config::Role;

/// Something with replicas.
#[derive(Debug)]
pub(super) struct Target<'a> {
    namespace: &'a str,
    /// As in the API's paths.
    kind: &'static str,
    name: &'a str,
}

impl<'a> Target<'a> {
    /// What the role's workers are; in this namespace if it names none.
    pub(super) fn of(role: &'a Role, namespace: &'a str) -> Result<Self, String> {
        let (kind, name) = match role.worker.split_once('/') {
            None => ("deployments", &*role.worker),
            Some((kind, name)) => match kind {
                "deployment" | "deployments" => ("deployments", name),
                "statefulset" | "statefulsets" => ("statefulsets", name),
                "replicaset" | "replicasets" => ("replicasets", name),
                _ => {
                    return Err(format!(
                        "`worker` of role `{}` is `{}`; Kubernetes workers are NAME or deployment/NAME, statefulset/NAME, replicaset/NAME",
                        role.name, role.worker
                    ));
                }
            },
        };
        let namespace = role.app.as_deref().unwrap_or(namespace);
        for (setting, name) in [("worker", name), ("app", namespace)] {
            if !is_name(name) {
                return Err(format!(
                    "`{name}`, from `{setting}` of role `{}`, is not a name in Kubernetes: small letters, digits, `-` and `.`; set `{setting}`",
                    role.name
                ));
            }
        }
        Ok(Self { namespace, kind, name })
    }

    /// Of its scale.
    pub(super) fn url(&self, server: &Url) -> Url {
        let mut url = server.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["apis", "apps", "v1", "namespaces", self.namespace]);
            path.extend([self.kind, self.name, "scale"]);
        }
        url
    }
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.trim_end_matches('s');
        write!(f, "{kind} `{}` in namespace `{}`", self.name, self.namespace)
    }
}

/// A DNS subdomain, as RFC 1123 has it.
fn is_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(worker: &str, app: Option<&str>) -> Role {
        let mut role = Role::new("resize");
        role.worker = worker.into();
        role.app = app.map(Into::into);
        role
    }

    #[test]
    fn kinds_and_namespaces() {
        let server = Url::parse("https://cluster/prefix/").unwrap();
        let path = |worker, app| {
            let role = role(worker, app);
            Target::of(&role, "default").map(|target| target.url(&server).path().to_owned())
        };
        let apps = "/prefix/apis/apps/v1/namespaces";
        assert_eq!(path("a", None).unwrap(), format!("{apps}/default/deployments/a/scale"));
        assert_eq!(
            path("statefulset/a.b", Some("jobs")).unwrap(),
            format!("{apps}/jobs/statefulsets/a.b/scale")
        );
        for wrong in ["", "..", "a/../b", "pod/a", "Resize", "a?b", "-a", "deployment/"] {
            let error = path(wrong, None).unwrap_err();
            assert!(error.contains("role `resize`"), "{error}");
        }
        assert!(path("a", Some("b/c")).unwrap_err().contains("`app`"));
    }
}
