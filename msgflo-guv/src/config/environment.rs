//! What the environment adds to a configuration.

use std::fmt;

/// Values for what a configuration leaves out.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// The broker's URL.
    pub broker: Option<String>,
    /// The Heroku app, or the Kubernetes namespace.
    pub app: Option<String>,
    /// The key of Heroku's API.
    pub apikey: Option<String>,
    /// The page at statuspage.io.
    pub statuspage: Option<String>,
}

impl Environment {
    /// From variables: `GUV_BROKER`, else `MSGFLO_BROKER`, else `CLOUDAMQP_URL`; `GUV_APP`;
    /// `HEROKU_API_KEY`; `STATUSPAGE_ID`. Empty ones count as not set.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        Self {
            broker: ["GUV_BROKER", "MSGFLO_BROKER", "CLOUDAMQP_URL"].into_iter().find_map(variable),
            app: variable("GUV_APP"),
            apikey: variable("HEROKU_API_KEY"),
            statuspage: variable("STATUSPAGE_ID"),
        }
    }

    /// From this process's variables.
    pub fn of_process() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }
}

/// Without secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { broker, app, apikey, statuspage } = self;
        f.debug_struct("Environment")
            .field("broker", &broker.as_deref().map(super::secret::without_password))
            .field("app", app)
            .field("apikey", &apikey.as_ref().map(|_| "…"))
            .field("statuspage", statuspage)
            .finish()
    }
}
