//! Ports that nobody listens on.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::TcpListener;

/// Below the range from which Linux takes the ports of outgoing connections: a client that
/// tries to reconnect must not occupy the port of the broker that it waits for.
const RANGE: std::ops::Range<u16> = 10_000..32_000;

/// As many ports as asked for, all different.
pub(crate) fn free<const N: usize>() -> io::Result<[u16; N]> {
    let mut listeners = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = listen()?;
        *port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok(ports)
}

/// A port for a server that a test starts itself.
///
/// # Errors
/// If none can be found.
pub fn free_port() -> io::Result<u16> {
    Ok(listen()?.local_addr()?.port())
}

fn listen() -> io::Result<TcpListener> {
    let mut refused = None;
    for attempt in 0..100 {
        let random = RandomState::new().hash_one(attempt);
        let port = RANGE.start + (random % u64::from(RANGE.end - RANGE.start)) as u16;
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(listener) => return Ok(listener),
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.unwrap_or_else(|| io::Error::other("no free port")))
}
