//! MQTT 3.1.1.

use std::io;
use std::time::Duration;

use futures_util::FutureExt;
use msgflo_core::Message;
use msgflo_core::transport::Failure;
use rumqttc::mqttbytes::Error as CodecError;
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, EventLoop, Incoming, LastWill, MqttOptions,
    Publish, QoS, StateError, SubscribeReasonCode, TlsError,
};

use crate::address::{Address, LARGEST_PACKET};
use crate::session::{self, Event, IN_FLIGHT, Opening, Received, UNSENT};
use crate::tls;

pub(crate) struct Client(AsyncClient);

pub(crate) struct Events(EventLoop);

pub(crate) async fn connect(
    address: &Address,
    opening: &Opening,
    patience: Duration,
) -> Result<(Client, Events), Failure> {
    let (client, mut events) = AsyncClient::new(options(address, opening), UNSENT);
    // In whole seconds, and also what a flush may take.
    let seconds = patience.as_secs().max(1);
    events.network_options.set_connection_timeout(seconds).set_tcp_nodelay(true);
    loop {
        match events.poll().await {
            Ok(rumqttc::Event::Incoming(Incoming::ConnAck(_))) => {
                return Ok((Client(client), Events(events)));
            }
            Ok(_) => {}
            Err(error) => return Err(failure(&error)),
        }
    }
}

fn options(address: &Address, opening: &Opening) -> MqttOptions {
    let mut options = MqttOptions::new(&opening.client_id, &address.host, address.port);
    options
        .set_keep_alive(address.keep_alive)
        .set_clean_session(opening.clean)
        .set_manual_acks(true)
        .set_inflight(IN_FLIGHT)
        .set_max_packet_size(LARGEST_PACKET, LARGEST_PACKET)
        .set_transport(address.transport());
    if let Some((user, password)) = &address.login {
        options.set_credentials(user, password);
    }
    if let Some((topic, payload)) = &opening.will {
        options.set_last_will(LastWill::new(topic, *payload, QoS::AtLeastOnce, true));
    }
    options
}

fn failure(error: &ConnectionError) -> Failure {
    match error {
        ConnectionError::ConnectionRefused(code) => match code {
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized => {
                Failure::Denied("user or password is wrong, or this user may not connect".into())
            }
            ConnectReturnCode::RefusedProtocolVersion => {
                Failure::Denied("the broker does not speak MQTT 3.1.1".into())
            }
            ConnectReturnCode::BadClientId => {
                Failure::Denied("the broker does not take the client identifier".into())
            }
            code => Failure::Failed(format!("the broker answers {code:?}")),
        },
        error => match io_error(error).and_then(tls::refusal) {
            Some(refusal) => Failure::Denied(refusal),
            None => Failure::Failed(explain(error)),
        },
    }
}

fn io_error(error: &ConnectionError) -> Option<&io::Error> {
    match error {
        ConnectionError::Io(error)
        | ConnectionError::Tls(TlsError::Io(error))
        | ConnectionError::MqttState(
            StateError::Io(error) | StateError::Deserialization(CodecError::Io(error)),
        ) => Some(error),
        _ => None,
    }
}

fn explain(error: &ConnectionError) -> String {
    io_error(error).map_or_else(|| error.to_string(), io::Error::to_string)
}

impl session::Client for Client {
    fn publish(&self, topic: &str, message: Message, qos: QoS, retain: bool) -> bool {
        // The channel is never full.
        let sent = self.0.publish_bytes(topic, qos, retain, message.payload).now_or_never();
        sent.is_some_and(|sent| sent.is_ok())
    }

    fn subscribe(&self, filter: &str, qos: QoS) -> bool {
        self.0.try_subscribe(filter, qos).is_ok()
    }

    fn unsubscribe(&self, filter: &str) -> bool {
        self.0.try_unsubscribe(filter).is_ok()
    }

    fn acknowledge(&self, packet: u16) -> bool {
        let mut publish = Publish::new("", QoS::AtLeastOnce, []);
        publish.pkid = packet;
        self.0.try_ack(&publish).is_ok()
    }

    fn disconnect(&self) -> bool {
        self.0.try_disconnect().is_ok()
    }
}

impl session::Events for Events {
    async fn next(&mut self) -> Result<Event, String> {
        match self.0.poll().await {
            Ok(rumqttc::Event::Incoming(packet)) => Ok(event(packet)),
            Ok(rumqttc::Event::Outgoing(outgoing)) => Ok(Event::Outgoing(outgoing)),
            Err(error) => Err(explain(&error)),
        }
    }

    fn rest(&mut self) -> Vec<Event> {
        let rest = self.0.state.events.drain(..);
        rest.filter_map(|rest| match rest {
            rumqttc::Event::Incoming(packet) => Some(event(packet)),
            rumqttc::Event::Outgoing(_) => None,
        })
        .collect()
    }
}

fn event(packet: Incoming) -> Event {
    match packet {
        Incoming::Publish(publish) => Event::Received(Received {
            topic: publish.topic,
            message: Message::new(publish.payload),
            redelivered: publish.dup,
            packet: publish.pkid,
        }),
        Incoming::PubAck(answer) => Event::Published(answer.pkid, Ok(())),
        Incoming::PubComp(answer) => Event::Published(answer.pkid, Ok(())),
        Incoming::SubAck(answer) => {
            let refused = answer.return_codes.contains(&SubscribeReasonCode::Failure);
            Event::Subscribed(answer.pkid, !refused)
        }
        Incoming::UnsubAck(answer) => Event::Unsubscribed(answer.pkid),
        _ => Event::Other,
    }
}
