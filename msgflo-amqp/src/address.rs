//! The broker's URL, taken apart.

use std::time::Duration;

use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use msgflo_core::transport::without_password;
use msgflo_core::{Error, Result};
use url::Url;

use crate::management::{self, Management};

/// How long one attempt to connect may take where the URL does not say.
const ATTEMPT: Duration = Duration::from_secs(10);

pub(crate) struct Address {
    /// As it may be shown.
    pub(crate) shown: String,
    pub(crate) uri: AMQPUri,
    pub(crate) tls: OwnedTLSConfig,
    pub(crate) attempt: Duration,
    /// Where the management plugin listens, if the URL says so.
    pub(crate) management: Option<Management>,
}

impl Address {
    pub(crate) fn parse(url: &Url) -> Result<Self> {
        let shown = without_password(&management::without_password(url));
        let wrong = |what: String| Error::invalid(format!("{what} in the broker URL {shown}"));
        let scheme = match url.scheme() {
            "amqps" => AMQPScheme::AMQPS,
            _ => AMQPScheme::AMQP,
        };
        let decode = |text: &str, what: &str| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8()
                .map(|text| text.into_owned())
                .map_err(|_| wrong(format!("the {what} is not UTF-8")))
        };
        let (user, password) = match (url.username(), url.password()) {
            ("", None) => ("guest".into(), "guest".into()),
            (user, password) => {
                (decode(user, "user")?, decode(password.unwrap_or_default(), "password")?)
            }
        };
        let vhost = match url.path().strip_prefix('/').unwrap_or_default() {
            "" => "/".into(),
            vhost => decode(vhost, "virtual host")?,
        };
        let host = match url.host_str() {
            None | Some("") => "localhost".into(),
            Some(host) => host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        };

        let mut query = AMQPQueryString::default();
        let mut attempt = ATTEMPT;
        let (mut authorities, mut certificate, mut key, mut pages) = (None, None, None, None);
        for (name, value) in url.query_pairs() {
            let number = || {
                value.parse::<u32>().map_err(|_| wrong(format!("`{name}={value}` is not a number")))
            };
            let small = || {
                value
                    .parse::<u16>()
                    .map_err(|_| wrong(format!("`{name}={value}` is not a number from 0 to 65535")))
            };
            let file = || {
                std::fs::read(&*value)
                    .map_err(|error| wrong(format!("cannot read `{name}` {value}: {error}")))
            };
            match &*name {
                "heartbeat" => query.heartbeat = Some(small()?),
                "frame_max" => query.frame_max = Some(number()?),
                "channel_max" => query.channel_max = Some(small()?),
                "connection_timeout" => attempt = Duration::from_millis(number()?.into()),
                "cacertfile" | "ca_certs" => {
                    let pem = String::from_utf8(file()?);
                    let pem = pem.map_err(|_| wrong(format!("`{name}` {value} is not PEM")))?;
                    authorities = Some(pem);
                }
                "management" => pages = Some(value.into_owned()),
                "certfile" => certificate = Some(file()?),
                "keyfile" => key = Some(file()?),
                _ => return Err(wrong(format!("unknown setting `{name}`"))),
            }
        }
        let identity = match (certificate, key) {
            (Some(pem), Some(key)) => Some(OwnedIdentity::PKCS8 { pem, key }),
            (None, None) => None,
            _ => return Err(wrong("`certfile` and `keyfile` go together; one is missing".into())),
        };
        let pages = pages.map(|pages| {
            Management::parse(&pages, (&user, &password), &vhost, authorities.as_deref())
                .map_err(wrong)
        });
        let management = pages.transpose()?;
        let uri = AMQPUri {
            authority: AMQPAuthority {
                userinfo: AMQPUserInfo { username: user, password },
                host,
                port: url.port().unwrap_or_else(|| scheme.default_port()),
            },
            scheme,
            vhost,
            query,
        };
        let tls = OwnedTLSConfig { identity, cert_chain: authorities };
        Ok(Self { shown, uri, tls, attempt, management })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address> {
        Address::parse(&url.parse().unwrap())
    }

    #[test]
    fn everything_has_a_default() {
        let uri = parse("amqp://localhost").unwrap().uri;
        assert_eq!((uri.vhost.as_str(), uri.authority.port), ("/", 5672));
        assert_eq!(uri.authority.userinfo.username, "guest");
        assert_eq!(parse("amqps://h/").unwrap().uri.authority.port, 5671);
        assert_eq!(parse("amqps://h/").unwrap().uri.vhost, "/");
    }

    #[test]
    fn user_password_and_vhost_are_percent_decoded_and_ipv6_has_no_brackets() {
        let address = parse("amqp://me%40home:p%2Fw%3A@[::1]:1234/a%2Fb?heartbeat=5").unwrap();
        let AMQPAuthority { userinfo, host, port } = address.uri.authority;
        assert_eq!((userinfo.username.as_str(), userinfo.password.as_str()), ("me@home", "p/w:"));
        assert_eq!((host.as_str(), port, address.uri.vhost.as_str()), ("::1", 1234, "a/b"));
        assert_eq!(address.uri.query.heartbeat, Some(5));
        assert!(!address.shown.contains("p%2Fw"), "{}", address.shown);
    }

    #[test]
    fn what_is_wrong_is_named_and_the_password_is_not() {
        for (url, told) in [
            ("amqp://u:secret@h?heartbeet=1", "unknown setting `heartbeet`"),
            ("amqp://u:secret@h?heartbeat=soon", "`heartbeat=soon` is not a number"),
            ("amqps://u:secret@h?cacertfile=/nowhere.pem", "cannot read `cacertfile` /nowhere.pem"),
            ("amqp://u:secret@h?certfile=/dev/null", "go together"),
            ("amqp://h?management=ftp://u:secret@h", "`management` is not a URL like"),
            ("amqp://h?management=http://u:secret@h&x=1", "unknown setting `x`"),
        ] {
            let error = parse(url).err().unwrap().to_string();
            assert!(error.contains(told) && !error.contains("secret"), "{error}");
        }
    }
}
