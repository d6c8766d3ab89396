//! Heroku: workers are the dynos of a process type.
//!
//! Of [Heroku's Platform API](https://devcenter.heroku.com/articles/platform-api-reference#formation),
//! version 3, it lists and updates the formations of the roles' apps: one request for each app.

mod formation;
mod refusal;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use msgflo::{Error, Result};
use url::Url;

use self::formation::{Formation, Update};
use crate::backend::Backend;
use crate::config::Role;
use crate::http::PATIENCE;
use crate::secret::Secret;

/// A formation, and which of the roles belong to it.
type Places = (Formation, Vec<usize>);

/// Scales the process types of Heroku apps: a role's `worker` in its `app`.
#[derive(Clone, Debug)]
pub struct Heroku {
    key: Option<Secret>,
    url: Url,
    timeout: Duration,
}

impl Heroku {
    /// With an API key for the roles that have none of their own.
    pub fn new(key: Option<Secret>) -> Self {
        #[allow(clippy::expect_used)] // It is a constant.
        let url = Url::parse("https://api.heroku.com").expect("a URL");
        Self { key, url, timeout: PATIENCE }
    }

    /// With the API key from `HEROKU_API_KEY`, on the host from `HEROKU_HOST`, if they are set; as
    /// Heroku's own program understands them.
    ///
    /// # Errors
    /// If `HEROKU_HOST` is neither a host nor an http or https URL.
    pub fn from_environment() -> Result<Self> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let heroku = Self::new(variable("HEROKU_API_KEY").map(Secret::from));
        let Some(host) = variable("HEROKU_HOST") else { return Ok(heroku) };
        let text = match host.starts_with("http") {
            true => host.clone(),
            false => format!("https://api.{host}"),
        };
        match Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(heroku.with_url(url)),
            _ => Err(Error::invalid(format!(
                "HEROKU_HOST is `{host}`, which is neither a host nor an http or https URL"
            ))),
        }
    }

    /// Asks another server than `https://api.heroku.com`.
    pub fn with_url(mut self, url: Url) -> Self {
        self.url = url;
        self
    }

    /// Waits so long for an answer. 10 s by default.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The formations that the roles belong to, each with the places of its roles.
    fn formations(&self, roles: &[&Role]) -> (Vec<Places>, Vec<(usize, String)>) {
        let mut places: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        let mut wrong = Vec::new();
        for (place, role) in roles.iter().enumerate() {
            let name = &role.name;
            match (role.app.as_deref(), role.apikey.as_deref().or(self.key.as_deref())) {
                (None | Some(""), _) => wrong.push((place, format!(
                    "role `{name}` has no Heroku app; set `app` for it, or for all roles under `*`, or GUV_APP in the environment"
                ))),
                (_, None | Some("")) => wrong.push((place, format!(
                    "there is no Heroku API key for role `{name}`; set HEROKU_API_KEY in the environment (`heroku authorizations:create` makes a key that lasts)"
                ))),
                (Some(app), Some(key)) => places.entry((app, key)).or_default().push(place),
            }
        }
        let formation = |(app, key)| Formation::new(&self.url, app, key, self.timeout);
        let formations = places.into_iter().map(|(of, places)| (formation(of), places)).collect();
        (formations, wrong)
    }
}

#[async_trait]
impl Backend for Heroku {
    async fn workers(&self, roles: &[&Role]) -> Vec<Result<Option<u32>>> {
        let (formations, wrong) = self.formations(roles);
        let asked = formations.iter().map(|(formation, places)| async move {
            let types = formation.list().await;
            let worker = |&place: &usize| {
                let quantity = match &types {
                    Ok(types) => formation.quantity(types, roles[place]),
                    Err(error) => Err(error.clone()),
                };
                (place, quantity.map(Some))
            };
            places.iter().map(worker).collect::<Vec<_>>()
        });
        let answers = join_all(asked).await.into_iter().flatten();
        in_order(answers.chain(wrong.into_iter().map(|(place, why)| (place, Err(why)))))
    }

    async fn scale(&self, changes: &[(&Role, u32)]) -> Vec<Result<()>> {
        let roles: Vec<_> = changes.iter().map(|(role, _)| *role).collect();
        let (formations, wrong) = self.formations(&roles);
        let asked = formations.iter().map(|(formation, places)| async move {
            let updates = places.iter().map(|&place| {
                let (role, quantity) = changes[place];
                Update { role, quantity }
            });
            let updates: Vec<_> = updates.collect();
            places.iter().copied().zip(formation.update(&updates).await).collect::<Vec<_>>()
        });
        let answers = join_all(asked).await.into_iter().flatten();
        in_order(answers.chain(wrong.into_iter().map(|(place, why)| (place, Err(why)))))
    }
}

fn in_order<T>(answers: impl Iterator<Item = (usize, Result<T, String>)>) -> Vec<Result<T>> {
    let mut answers: Vec<_> = answers.collect();
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer.map_err(Error::message)).collect()
}
