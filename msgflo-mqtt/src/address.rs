//! The broker's URL, taken apart.

use std::sync::Arc;
use std::time::Duration;

use msgflo_core::transport::without_password;
use msgflo_core::{Error, Result};
use rumqttc::{QoS, TlsConfiguration, Transport};
use url::Url;

use crate::tls;

/// How long one attempt to connect may take where the URL does not say.
const ATTEMPT: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Of rumqttc, for MQTT 5.
const SHORTEST_KEEP_ALIVE_5: Duration = Duration::from_secs(5);
/// The largest packet that MQTT can express.
pub(crate) const LARGEST_PACKET: usize = 268_435_455;

/// Of MQTT.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Version {
    /// 3.1.1.
    V3,
    V5,
}

#[derive(Debug)]
pub(crate) struct Address {
    /// As it may be shown.
    pub(crate) shown: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) login: Option<(String, String)>,
    tls: Option<Arc<rustls::ClientConfig>>,
    pub(crate) version: Version,
    pub(crate) keep_alive: Duration,
    /// What client identifiers begin with.
    pub(crate) client_id: Option<String>,
    /// Whose seats nobody else takes.
    pub(crate) session: Option<String>,
    /// With which quality of service messages are sent.
    pub(crate) qos: QoS,
    pub(crate) max_packet: usize,
    /// Whether to route edges that other processes have made, too.
    pub(crate) routes_all: bool,
    pub(crate) attempt: Duration,
}

impl Address {
    pub(crate) fn parse(url: &Url) -> Result<Self> {
        let shown = without_password(url);
        let wrong = |what: String| Error::invalid(format!("{what} in the broker URL {shown}"));
        let encrypted = url.scheme() == "mqtts";
        let decode = |text: &str, what: &str| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8()
                .map(|text| text.into_owned())
                .map_err(|_| wrong(format!("the {what} is not UTF-8")))
        };
        let login = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => {
                Some((decode(user, "user")?, decode(password.unwrap_or_default(), "password")?))
            }
        };
        if !matches!(url.path(), "" | "/") {
            return Err(wrong(format!("MQTT brokers have no virtual hosts: `{}`", url.path())));
        }
        let host = match url.host_str() {
            None | Some("") => "localhost",
            Some(host) => host,
        };

        let (mut version, mut keep_alive, mut attempt) = (Version::V3, KEEP_ALIVE, ATTEMPT);
        let (mut qos, mut max_packet) = (QoS::AtLeastOnce, LARGEST_PACKET);
        let (mut client_id, mut session) = (None, None);
        let mut routes_all = false;
        let mut files = tls::Files::default();
        for (name, value) in url.query_pairs() {
            let number = |range: std::ops::RangeInclusive<u32>| {
                value.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
                    let (from, to) = (range.start(), range.end());
                    wrong(format!("`{name}={value}` is not a number from {from} to {to}"))
                })
            };
            let file = || {
                std::fs::read(&*value)
                    .map_err(|error| wrong(format!("cannot read `{name}` {value}: {error}")))
            };
            match &*name {
                "keep_alive" => keep_alive = Duration::from_secs(number(1..=65_535)?.into()),
                "connection_timeout" => {
                    attempt = Duration::from_millis(number(1..=u32::MAX)?.into());
                }
                "max_packet" => max_packet = number(100..=LARGEST_PACKET as u32)? as usize,
                "qos" => {
                    qos = match &*value {
                        "0" => QoS::AtMostOnce,
                        "1" => QoS::AtLeastOnce,
                        "2" => QoS::ExactlyOnce,
                        _ => return Err(wrong(format!("`qos={value}` is not 0, 1 or 2"))),
                    }
                }
                "router" if value == "all" => routes_all = true,
                "router" => return Err(wrong(format!("`router={value}` is not `router=all`"))),
                "version" => {
                    version = match &*value {
                        "3" => Version::V3,
                        "5" => Version::V5,
                        _ => return Err(wrong(format!("`version={value}` is not 3 or 5"))),
                    }
                }
                "session" if value.is_empty() => return Err(wrong("`session=` is empty".into())),
                "session" => session = Some(value.into_owned()),
                "client_id" => client_id = Some(value.into_owned()),
                "cacertfile" | "ca_certs" => files.authorities = Some(file()?),
                "certfile" => files.certificate = Some(file()?),
                "keyfile" => files.key = Some(file()?),
                _ => return Err(wrong(format!("unknown setting `{name}`"))),
            }
        }
        if version == Version::V5 && keep_alive < SHORTEST_KEEP_ALIVE_5 {
            let least = SHORTEST_KEEP_ALIVE_5.as_secs();
            return Err(wrong(format!("`keep_alive` is less than {least} with `version=5`")));
        }
        let tls = if encrypted {
            Some(tls::configure(files).map_err(wrong)?)
        } else if files.are_given() {
            return Err(wrong("certificates, but the scheme is not mqtts".into()));
        } else {
            None
        };
        let port = url.port().unwrap_or(if encrypted { 8883 } else { 1883 });
        let host = host.to_owned();
        Ok(Self {
            shown,
            host,
            port,
            login,
            tls,
            version,
            keep_alive,
            client_id,
            session,
            qos,
            max_packet,
            routes_all,
            attempt,
        })
    }

    pub(crate) fn transport(&self) -> Transport {
        match &self.tls {
            Some(tls) => Transport::tls_with_config(TlsConfiguration::Rustls(tls.clone())),
            None => Transport::tcp(),
        }
    }

    /// With which quality of service messages are received. What is received exactly once is
    /// out of the broker's hands before it is processed, so at least once is the most.
    pub(crate) fn receiving_qos(&self) -> QoS {
        match self.qos {
            QoS::AtMostOnce => QoS::AtMostOnce,
            _ => QoS::AtLeastOnce,
        }
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
        let address = parse("mqtt://localhost").unwrap();
        assert_eq!((address.host.as_str(), address.port), ("localhost", 1883));
        assert_eq!((address.login, address.qos), (None, QoS::AtLeastOnce));
        assert_eq!(address.version, Version::V3);
        assert_eq!(parse("mqtt://h?version=5").unwrap().version, Version::V5);
        assert_eq!(parse("mqtts://h/").unwrap().port, 8883);
    }

    #[test]
    fn settings_are_read_and_the_password_is_not_shown() {
        let address =
            parse("mqtt://me%40home:p%2Fw@h:1234?qos=2&keep_alive=5&client_id=a").unwrap();
        assert_eq!(address.login, Some(("me@home".into(), "p/w".into())));
        assert_eq!((address.qos, address.keep_alive.as_secs()), (QoS::ExactlyOnce, 5));
        assert_eq!(address.client_id.as_deref(), Some("a"));
        assert!(!address.shown.contains("p%2Fw"), "{}", address.shown);
    }

    #[test]
    fn what_is_wrong_is_named_and_the_password_is_not() {
        for (url, told) in [
            ("mqtt://u:secret@h?keepalive=1", "unknown setting `keepalive`"),
            ("mqtt://u:secret@h?keep_alive=0", "`keep_alive=0` is not a number from 1 to 65535"),
            ("mqtt://u:secret@h?qos=3", "`qos=3` is not 0, 1 or 2"),
            ("mqtt://u:secret@h?version=4", "`version=4` is not 3 or 5"),
            ("mqtt://u:secret@h?keep_alive=4&version=5", "`keep_alive` is less than 5"),
            ("mqtt://u:secret@h/vhost", "no virtual hosts"),
            ("mqtt://u:secret@h?ca_certs=/dev/null", "not mqtts"),
            ("mqtts://u:secret@h?ca_certs=/nowhere.pem", "cannot read `ca_certs` /nowhere.pem"),
            ("mqtts://u:secret@h?certfile=/dev/null", "go together"),
        ] {
            let error = parse(url).err().unwrap().to_string();
            assert!(error.contains(told) && !error.contains("secret"), "{error}");
        }
    }
}
