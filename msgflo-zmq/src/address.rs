//! The hub's URL, taken apart.

use std::time::Duration;

use msgflo_core::transport::without_password;
use msgflo_core::{Error, Result};
use url::Url;

const DEFAULT_PORT: u16 = 5555;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_MAX_FRAME: usize = 64 * 1024 * 1024;

#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// As it may be shown.
    pub(crate) shown: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Start a hub there if there is none.
    pub(crate) auto: bool,
    /// Who is silent for longer is dead.
    pub(crate) timeout: Duration,
    /// How large a message may be, all frames together, in bytes.
    pub(crate) max_frame: usize,
    /// How many messages a queue of the hub holds, where the URL says, and how many bytes.
    pub(crate) capacity: Option<usize>,
    pub(crate) capacity_bytes: Option<usize>,
}

impl Address {
    pub(crate) fn parse(url: &Url) -> Result<Self> {
        let shown = without_password(url);
        let wrong = |what: String| Error::invalid(format!("{what} in the broker URL {shown}"));
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("a user or password, which zmq:// has none of,".into()));
        }
        if !matches!(url.path(), "" | "/") {
            return Err(wrong(format!("a path (`{}`), which zmq:// has none of,", url.path())));
        }
        let host = match url.host_str() {
            None | Some("") => "127.0.0.1".into(),
            Some(host) => host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        };
        let mut address = Self {
            shown: shown.clone(),
            host,
            port: url.port().unwrap_or(DEFAULT_PORT),
            auto: false,
            timeout: DEFAULT_TIMEOUT,
            max_frame: DEFAULT_MAX_FRAME,
            capacity: None,
            capacity_bytes: None,
        };
        for (name, value) in url.query_pairs() {
            let number = |least: usize| match value.parse() {
                Ok(number) if number >= least => Ok(number),
                _ => Err(wrong(format!("`{name}={value}` is not a number from {least} on"))),
            };
            match (&*name, &*value) {
                ("hub", "auto") => address.auto = true,
                ("hub", _) => {
                    return Err(wrong(format!("`hub={value}`: there is `hub=auto` alone,")));
                }
                ("timeout", _) => {
                    address.timeout = value
                        .parse()
                        .ok()
                        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                        .filter(|timeout| *timeout >= Duration::from_millis(100))
                        .ok_or_else(|| {
                            wrong(format!(
                                "`timeout={value}` is not a number of seconds from 0.1 on"
                            ))
                        })?;
                }
                ("max_frame", _) => address.max_frame = number(16 * 1024)?,
                ("capacity", _) => address.capacity = Some(number(1)?),
                ("capacity_bytes", _) => address.capacity_bytes = Some(number(1)?),
                _ => return Err(wrong(format!("unknown setting `{name}`"))),
            }
        }
        Ok(address)
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
        let address = parse("zmq://").unwrap();
        assert_eq!((&*address.host, address.port), ("127.0.0.1", 5555));
        assert!(!address.auto);
        let address = parse("zmq://[::1]:1234?hub=auto&timeout=0.5").unwrap();
        assert_eq!((&*address.host, address.port), ("::1", 1234));
        assert!(address.auto);
        assert_eq!(address.timeout, Duration::from_millis(500));
    }

    #[test]
    fn what_is_wrong_is_named_and_the_password_is_not() {
        for (url, told) in [
            ("zmq://u:secret@h", "user or password"),
            ("zmq://h/vhost", "`/vhost`"),
            ("zmq://h?hub=yes", "`hub=yes`"),
            ("zmq://h?timeout=soon", "`timeout=soon`"),
            ("zmq://h?timeout=0", "`timeout=0`"),
            ("zmq://h?max_frame=1", "from 16384 on"),
            ("zmq://h?capacity=0", "from 1 on"),
            ("zmq://h?capacity_bytes=1MB", "from 1 on"),
            ("zmq://h?heartbeat=1", "unknown setting `heartbeat`"),
        ] {
            let error = parse(url).err().unwrap().to_string();
            assert!(error.contains(told) && !error.contains("secret"), "{error}");
        }
    }
}
