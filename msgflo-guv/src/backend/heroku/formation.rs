//! The process types of one app.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::refusal::refusal;
use crate::config::Role;
use crate::http::{self, Answer, Request};
use crate::secret::Secret;

/// More pages than any app has.
const PAGES: usize = 20;

/// One app, as somebody with a key sees it.
pub(super) struct Formation {
    app: String,
    key: Secret,
    url: Url,
    timeout: Duration,
}

/// A process type, as Heroku tells it.
#[derive(Deserialize)]
pub(super) struct ProcessType {
    #[serde(rename = "type")]
    name: String,
    quantity: u32,
}

/// How many dynos a role is to have.
pub(super) struct Update<'a> {
    pub(super) role: &'a Role,
    pub(super) quantity: u32,
}

/// Why an update was not made.
struct Refused {
    why: String,
    /// Whether it may be for one of several updates.
    selective: bool,
    /// Whether something does not exist, which may be the process type.
    missing: bool,
}

impl Formation {
    pub(super) fn new(server: &Url, app: &str, key: &str, timeout: Duration) -> Self {
        let mut url = server.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["apps", app, "formation"]);
        }
        Self { app: app.into(), key: key.into(), url, timeout }
    }

    /// All process types of the app.
    pub(super) async fn list(&self) -> Result<Vec<ProcessType>, String> {
        let cannot = |why| self.cannot("read the formation", why);
        let mut types = Vec::new();
        let mut range = None;
        for _ in 0..PAGES {
            let answer = self.send("GET", None, range.take()).await.map_err(cannot)?;
            if !matches!(answer.status, 200 | 206) {
                return Err(cannot(refusal(&answer, &self.app)));
            }
            types.extend(answer.json::<Vec<ProcessType>>().map_err(cannot)?);
            range = answer.header("next-range").map(str::to_owned);
            if answer.status == 200 || range.is_none() {
                return Ok(types);
            }
        }
        Err(cannot("its list does not end".into()))
    }

    /// How many dynos of the role's process type there are.
    pub(super) fn quantity(&self, types: &[ProcessType], role: &Role) -> Result<u32, String> {
        let found = types.iter().find(|one| one.name == role.worker);
        found.map(|one| one.quantity).ok_or_else(|| self.unknown(types, role))
    }

    /// Makes all updates with one request. If Heroku refuses that, each is asked for alone, so that
    /// one that cannot be made does not keep the others from it.
    pub(super) async fn update(&self, updates: &[Update<'_>]) -> Vec<Result<(), String>> {
        match self.patch(updates).await {
            Ok(types) => updates.iter().map(|update| self.verify(&types, update)).collect(),
            Err(refused) if updates.len() == 1 => {
                vec![Err(self.explain(refused, updates[0].role).await)]
            }
            Err(refused) if !refused.selective => {
                updates.iter().map(|_| Err(refused.why.clone())).collect()
            }
            Err(_) => {
                let mut results = Vec::with_capacity(updates.len());
                for update in updates {
                    results.push(match self.patch(std::slice::from_ref(update)).await {
                        Ok(types) => self.verify(&types, update),
                        Err(refused) => Err(self.explain(refused, update.role).await),
                    });
                }
                results
            }
        }
    }

    async fn patch(&self, updates: &[Update<'_>]) -> Result<Vec<ProcessType>, Refused> {
        let names: Vec<_> = updates.iter().map(|update| &*update.role.worker).collect();
        let what = format!("scale {}", names.join(", "));
        let refused = |why, selective, missing| {
            let why = self.cannot(&what, why);
            Refused { why, selective, missing }
        };
        let body = json!({ "updates": updates.iter().map(Update::json).collect::<Vec<_>>() });
        let answer = self.send("PATCH", Some(body), None).await;
        let answer = answer.map_err(|why| refused(why, false, false))?;
        match answer.status {
            200 => answer.json().map_err(|why| refused(why, false, false)),
            status => Err(refused(
                refusal(&answer, &self.app),
                matches!(status, 400 | 404 | 409 | 422),
                status == 404,
            )),
        }
    }

    /// Heroku tells what it has made of an update.
    fn verify(&self, types: &[ProcessType], update: &Update<'_>) -> Result<(), String> {
        let Update { role, quantity: asked } = update;
        match self.quantity(types, role)? {
            now if now == *asked => Ok(()),
            now => Err(format!(
                "{} was asked for {asked} dynos of `{}` in app `{}` and says that there are {now}; has somebody else scaled them, or does autoscaling run for that app?",
                self.server(),
                role.worker,
                self.app
            )),
        }
    }

    /// If the process type is missing, tells which there are.
    async fn explain(&self, refused: Refused, role: &Role) -> String {
        match self.list().await {
            _ if !refused.missing => refused.why,
            Ok(types) if types.iter().all(|one| one.name != role.worker) => {
                self.unknown(&types, role)
            }
            _ => refused.why,
        }
    }

    fn unknown(&self, types: &[ProcessType], role: &Role) -> String {
        let Role { name, worker, .. } = role;
        let names: Vec<_> = types.iter().map(|one| format!("`{}`", one.name)).collect();
        let there = match names.len() {
            0 => "has none; is it deployed, with a Procfile?".into(),
            _ => format!("has {}; set `worker` of role `{name}`", names.join(", ")),
        };
        format!("there is no process type `{worker}` in Heroku app `{}`, which {there}", self.app)
    }

    async fn send(
        &self,
        method: &'static str,
        body: Option<Value>,
        range: Option<String>,
    ) -> Result<Answer, String> {
        let mut headers = vec![
            ("Accept", "application/vnd.heroku+json; version=3".into()),
            ("Authorization", format!("Bearer {}", &*self.key)),
        ];
        if body.is_some() {
            headers.push(("Content-Type", "application/json".into()));
        }
        headers.extend(range.map(|range| ("Range", range)));
        http::send(Request {
            method,
            url: self.url.to_string(),
            headers,
            body,
            authorities: None,
            patience: self.timeout,
        })
        .await
    }

    fn cannot(&self, what: &str, why: String) -> String {
        format!("cannot {what} of app `{}` on {}: {why}", self.app, self.server())
    }

    fn server(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

impl Update<'_> {
    fn json(&self) -> Value {
        let mut update = json!({ "type": self.role.worker, "quantity": self.quantity });
        if let Some(size) = &self.role.dynosize {
            update["size"] = json!(size);
        }
        update
    }
}
