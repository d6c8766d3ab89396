//! Heroku's errors, as sentences.

use serde::Deserialize;

use crate::http::Answer;

/// The body of an error: <https://devcenter.heroku.com/articles/platform-api-reference#errors>.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Error {
    id: String,
    message: String,
}

/// What Heroku answered, and what to do.
pub(super) fn refusal(answer: &Answer, app: &str) -> String {
    let status = answer.status;
    let Error { id, message } = match answer.json::<Error>() {
        Ok(error) if !error.id.is_empty() || !error.message.is_empty() => error,
        _ => Error { id: "no reason".into(), message: answer.excerpt() },
    };
    let message = message.trim_end_matches('.');
    let advice = match status {
        401 => "is HEROKU_API_KEY, or `apikey` of the role, right? `heroku authorizations:create` makes a key that lasts".into(),
        402 => "Heroku wants the account to be paid for".into(),
        403 => format!("the key's user may not do that in app `{app}`; the app's owner gives the permission (`heroku access:add`, with `operate` in a team)"),
        404 => format!("is `{app}` the app's name, and the key of a user who sees it?"),
        422 => "change the role's `maximum` or `dynosize`, or what the account may have".into(),
        429 => match answer.header("retry-after").and_then(|time| time.trim().parse::<u32>().ok()) {
            Some(seconds) => format!("Heroku takes requests again in {seconds} s"),
            None => "Heroku takes 4,500 requests an hour for an account, and gives back 75 a minute; a longer `pollinterval` needs fewer".into(),
        },
        300..=399 => "is that Heroku's API? It is asked at https://api.heroku.com, or where HEROKU_HOST says".into(),
        500.. => "it will be tried again; https://status.heroku.com tells of known trouble".into(),
        _ => "it will be tried again".into(),
    };
    format!("it answered {status} ({id}): {message}; {advice}")
}
