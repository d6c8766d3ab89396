//! The broker's URL, taken apart.

use std::sync::Arc;
use std::time::Duration;

use msgflo_core::transport::without_password;
use msgflo_core::{Error, Result};
use rumqttc::{MqttOptions, QoS, TlsConfiguration, Transport};
use url::Url;

use crate::tls;

/// How long one attempt to connect may take where the URL does not say.
const ATTEMPT: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// The largest packet that MQTT can express.
const LARGEST_PACKET: usize = 268_435_455;
/// How many publishes the broker may owe an answer for. So many packet identifiers are in use.
const IN_FLIGHT: u16 = 1000;

#[derive(Debug)]
pub(crate) struct Address {
    /// As it may be shown.
    pub(crate) shown: String,
    host: String,
    port: u16,
    login: Option<(String, String)>,
    tls: Option<Arc<rustls::ClientConfig>>,
    keep_alive: Duration,
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

        let (mut keep_alive, mut attempt) = (KEEP_ALIVE, ATTEMPT);
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
                "version" if value == "3" => {}
                "version" => {
                    return Err(wrong(format!(
                        "`version={value}`: MQTT 3.1.1 is what is spoken, `version=3`"
                    )));
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
            keep_alive,
            client_id,
            session,
            qos,
            max_packet,
            routes_all,
            attempt,
        })
    }

    /// Options for one connection.
    pub(crate) fn options(&self, client_id: &str, clean: bool) -> MqttOptions {
        let mut options = MqttOptions::new(client_id, &self.host, self.port);
        options
            .set_keep_alive(self.keep_alive)
            .set_clean_session(clean)
            .set_manual_acks(true)
            .set_inflight(IN_FLIGHT)
            .set_max_packet_size(LARGEST_PACKET, LARGEST_PACKET);
        if let Some((user, password)) = &self.login {
            options.set_credentials(user, password);
        }
        if let Some(tls) = &self.tls {
            let configuration = TlsConfiguration::Rustls(tls.clone());
            options.set_transport(Transport::tls_with_config(configuration));
        }
        options
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
            ("mqtt://u:secret@h?version=5", "MQTT 3.1.1"),
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
