//! Channels that go away with what uses them.

use std::ops::Deref;

use lapin::{Channel, Connection};
use tokio::runtime::Handle;

/// A channel that is closed when this is dropped, even in the middle of a call. lapin alone would
/// keep it, and the connection, for a consumer whose start nobody awaits any more; and the
/// broker would go on sending messages there.
pub(crate) struct OwnChannel {
    channel: Channel,
    kept: bool,
    /// It may be dropped outside of it.
    runtime: Handle,
}

impl OwnChannel {
    pub(crate) async fn open(connection: &Connection) -> lapin::Result<Self> {
        let channel = connection.create_channel().await?;
        Ok(Self { channel, kept: false, runtime: Handle::current() })
    }

    /// The channel without its end.
    pub(crate) fn keep(mut self) -> Channel {
        self.kept = true;
        self.channel.clone()
    }
}

impl Deref for OwnChannel {
    type Target = Channel;

    fn deref(&self) -> &Channel {
        &self.channel
    }
}

impl Drop for OwnChannel {
    fn drop(&mut self) {
        if !self.kept && self.channel.status().connected() {
            let channel = self.channel.clone();
            // Fails if the connection is gone, and the channel with it.
            self.runtime.spawn(async move { channel.close(200, "done".into()).await });
        }
    }
}
