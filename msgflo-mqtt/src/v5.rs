//! MQTT 5.

use std::io;
use std::time::Duration;

use futures_util::FutureExt;
use msgflo_core::Message;
use msgflo_core::transport::Failure;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnectProperties, ConnectReturnCode, LastWill, PubAckReason, PubRecReason, Publish,
    SubscribeReasonCode,
};
use rumqttc::v5::mqttbytes::{Error as CodecError, QoS as Quality};
use rumqttc::v5::{
    AsyncClient, ConnectionError, EventLoop, Incoming, MqttOptions, Request, StateError,
};
use rumqttc::{NetworkOptions, QoS, TlsError};

use crate::address::{Address, LARGEST_PACKET};
use crate::session::{self, Event, IN_FLIGHT, Opening, Received, Taken, UNSENT};
use crate::{properties, tls, v3};

/// A session that is kept, until somebody removes it: it is a queue.
const FOR_EVER: u32 = u32::MAX;
/// A reason that a broker may give.
const TOO_LARGE: u8 = 0x95;

pub(crate) struct Client {
    client: AsyncClient,
    /// The most that the broker takes, if it says so.
    max_packet: Option<u32>,
}

pub(crate) struct Events(EventLoop);

pub(crate) async fn connect(
    address: &Address,
    opening: &Opening,
    patience: Duration,
) -> Result<(Client, Events), Failure> {
    let (client, mut events) = AsyncClient::new(options(address, opening, patience), UNSENT);
    let answer = loop {
        match events.poll().await {
            Ok(rumqttc::v5::Event::Incoming(Incoming::ConnAck(answer))) => break answer,
            Ok(_) => {}
            Err(error) => return Err(failure(address, opening, patience, &error).await),
        }
    };
    if let Some(lacking) = lacking(&answer, address.qos) {
        return Err(Failure::Denied(lacking));
    }
    let max_packet = answer.properties.and_then(|properties| properties.max_packet_size);
    Ok((Client { client, max_packet }, Events(events)))
}

fn options(address: &Address, opening: &Opening, patience: Duration) -> MqttOptions {
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    let mut properties = ConnectProperties::new();
    properties.session_expiry_interval = (!opening.clean).then_some(FOR_EVER);
    properties.receive_maximum = opening.receive_maximum;
    properties.max_packet_size = Some(LARGEST_PACKET as u32);
    let mut options = MqttOptions::new(&opening.client_id, &address.host, address.port);
    options
        .set_keep_alive(address.keep_alive)
        .set_clean_start(opening.clean)
        .set_manual_acks(true)
        .set_outgoing_inflight_upper_limit(IN_FLIGHT)
        // In whole seconds.
        .set_connection_timeout(patience.as_secs().max(1))
        .set_network_options(network)
        .set_connect_properties(properties)
        .set_transport(address.transport());
    if let Some((user, password)) = &address.login {
        options.set_credentials(user, password);
    }
    if let Some((topic, payload)) = &opening.will {
        options.set_last_will(LastWill::new(topic, *payload, Quality::AtLeastOnce, true, None));
    }
    options
}

/// What we need and the broker does not have.
fn lacking(answer: &ConnAck, qos: QoS) -> Option<String> {
    let properties = answer.properties.as_ref()?;
    let is_off = |available: Option<u8>| available == Some(0);
    let lacking = match properties.max_qos {
        Some(0) => "it takes messages at quality of service 0 only",
        Some(1) if qos == QoS::ExactlyOnce => {
            "it takes messages at quality of service 1 at most: say `qos=1`"
        }
        _ if is_off(properties.retain_available) => "it retains no messages",
        _ if is_off(properties.shared_subscription_available) => "it has no shared subscriptions",
        _ if is_off(properties.wildcard_subscription_available) => {
            "it has no subscriptions with wildcards"
        }
        _ => return None,
    };
    Some(format!("the broker lacks what is needed: {lacking}"))
}

async fn failure(
    address: &Address,
    opening: &Opening,
    patience: Duration,
    error: &ConnectionError,
) -> Failure {
    let other_version =
        || Failure::Denied("the broker does not speak MQTT 5; say `version=3` in the URL".into());
    match error {
        ConnectionError::ConnectionRefused(code) => match code {
            ConnectReturnCode::BadUserNamePassword
            | ConnectReturnCode::NotAuthorized
            | ConnectReturnCode::BadAuthenticationMethod
            | ConnectReturnCode::Banned => {
                Failure::Denied("user or password is wrong, or this user may not connect".into())
            }
            ConnectReturnCode::UnsupportedProtocolVersion => other_version(),
            ConnectReturnCode::ClientIdentifierNotValid => {
                Failure::Denied("the broker does not take the client identifier".into())
            }
            code => Failure::Failed(format!("the broker answers {code:?}")),
        },
        // Brokers that know 3.1.1 alone answer in a way that is none in 5, or not at all.
        ConnectionError::MqttState(
            StateError::ConnectionAborted | StateError::Deserialization(_),
        ) if io_error(error).is_none() && speaks_3(address, opening, patience).await => {
            other_version()
        }
        error => match io_error(error).and_then(tls::refusal) {
            Some(refusal) => Failure::Denied(refusal),
            None => Failure::Failed(explain(error)),
        },
    }
}

async fn speaks_3(address: &Address, opening: &Opening, patience: Duration) -> bool {
    // Not that of a session that is kept.
    let client_id = format!("{}-version", opening.client_id);
    let trial = Opening { client_id, clean: true, will: None, receive_maximum: None };
    v3::connect(address, &trial, patience).await.is_ok()
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
    match error {
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, reason_string }) => {
            format!("the broker says {reason_code:?}{}", said(reason_string.as_deref()))
        }
        // Of any packet, whatever the error's name says. Mosquitto answers so to what is over its
        // message_size_limit, though the protocol has no such answer to a message.
        ConnectionError::MqttState(StateError::Deserialization(
            CodecError::InvalidConnectReturnCode(TOO_LARGE),
        )) => "the broker says that a packet is too large".into(),
        ConnectionError::MqttState(StateError::Deserialization(
            CodecError::InvalidConnectReturnCode(code),
        )) => format!("the broker answers with reason 0x{code:02x}"),
        error => io_error(error).map_or_else(|| error.to_string(), io::Error::to_string),
    }
}

impl session::Client for Client {
    fn check(&self, topic: &str, message: &Message) -> Taken {
        properties::check(message)?;
        let Some(most) = self.max_packet else { return Ok(()) };
        let payload = message.payload.clone();
        let publish =
            Publish::new(topic, Quality::AtLeastOnce, payload, properties::write(message));
        // It has no packet identifier yet.
        let size = publish.size() + 2;
        if size > most as usize {
            return Err(format!(
                "it makes a packet of {size} bytes, and the broker takes {most} (Mosquitto: max_packet_size)"
            ));
        }
        Ok(())
    }

    fn publish(&self, topic: &str, message: Message, qos: QoS, retain: bool) -> bool {
        let (client, qos) = (&self.client, quality(qos));
        // The channel is never full.
        let sent = match properties::write(&message) {
            Some(properties) => client
                .publish_bytes_with_properties(topic, qos, retain, message.payload, properties)
                .now_or_never(),
            None => client.publish_bytes(topic, qos, retain, message.payload).now_or_never(),
        };
        sent.is_some_and(|sent| sent.is_ok())
    }

    fn subscribe(&self, filter: &str, qos: QoS) -> bool {
        self.client.try_subscribe(filter, quality(qos)).is_ok()
    }

    fn unsubscribe(&self, filter: &str) -> bool {
        self.client.try_unsubscribe(filter).is_ok()
    }

    fn acknowledge(&self, packet: u16) -> bool {
        let publish = Publish { qos: Quality::AtLeastOnce, pkid: packet, ..Default::default() };
        self.client.try_ack(&publish).is_ok()
    }

    fn disconnect(&self) -> bool {
        self.client.try_disconnect().is_ok()
    }
}

fn quality(qos: QoS) -> Quality {
    match qos {
        QoS::AtMostOnce => Quality::AtMostOnce,
        QoS::AtLeastOnce => Quality::AtLeastOnce,
        QoS::ExactlyOnce => Quality::ExactlyOnce,
    }
}

impl session::Events for Events {
    async fn next(&mut self) -> Result<Event, String> {
        match self.0.poll().await {
            Ok(rumqttc::v5::Event::Incoming(packet)) => {
                self.go_on_after(&packet);
                Ok(event(packet))
            }
            Ok(rumqttc::v5::Event::Outgoing(outgoing)) => Ok(Event::Outgoing(outgoing)),
            Err(error) => Err(explain(&error)),
        }
    }

    fn rest(&mut self) -> Vec<Event> {
        let rest = self.0.state.events.drain(..);
        rest.filter_map(|rest| match rest {
            rumqttc::v5::Event::Incoming(packet) => Some(event(packet)),
            rumqttc::v5::Event::Outgoing(_) => None,
        })
        .collect()
    }
}

impl Events {
    /// Does what rumqttc forgets when the broker refuses a message.
    fn go_on_after(&mut self, packet: &Incoming) {
        let state = &mut self.0.state;
        let packet = match packet {
            Incoming::PubAck(answer) if taken(answer.reason).is_err() => answer.pkid,
            Incoming::PubRec(answer) if taken_twice(answer.reason).is_err() => {
                // It still counts as under way: what is, is counted again.
                for request in state.clean() {
                    // Cannot fail, as it did not before. That it goes out is no news.
                    let _ = state.handle_outgoing_packet(request);
                    state.events.pop_back();
                }
                answer.pkid
            }
            _ => return,
        };
        // The next with the same identifier still waits for its turn.
        if let Some(publish) = state.collision.take_if(|publish| publish.pkid == packet) {
            self.0.pending.push_back(Request::Publish(publish));
        }
    }
}

fn event(packet: Incoming) -> Event {
    match packet {
        Incoming::Publish(publish) => Event::Received(Received {
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            redelivered: publish.dup,
            packet: publish.pkid,
            message: properties::read(publish.payload, publish.properties),
        }),
        Incoming::PubAck(answer) => {
            let reason = answer.properties.and_then(|properties| properties.reason_string);
            Event::Published(answer.pkid, quoting(taken(answer.reason), reason))
        }
        Incoming::PubRec(answer) => match taken_twice(answer.reason) {
            // There is more to come.
            Ok(()) => Event::Other,
            refused => {
                let reason = answer.properties.and_then(|properties| properties.reason_string);
                Event::Published(answer.pkid, quoting(refused, reason))
            }
        },
        Incoming::PubComp(answer) => Event::Published(answer.pkid, Ok(())),
        Incoming::SubAck(answer) => {
            let allowed = |code: &_| matches!(code, SubscribeReasonCode::Success(_));
            Event::Subscribed(answer.pkid, answer.return_codes.iter().all(allowed))
        }
        Incoming::UnsubAck(answer) => Event::Unsubscribed(answer.pkid),
        _ => Event::Other,
    }
}

const NOT_AUTHORIZED: &str =
    "the broker does not let this user send to it; see what it may write (Mosquitto: acl_file)";
const NO_TOPIC: &str = "the broker does not take this name for a topic";
const QUOTA: &str = "the broker takes no more: a quota of this user is exceeded";

fn taken(reason: PubAckReason) -> Taken {
    match reason {
        // It is for the edges, not for the sender, to see to it that somebody listens.
        PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Ok(()),
        PubAckReason::NotAuthorized => Err(NOT_AUTHORIZED.into()),
        PubAckReason::TopicNameInvalid => Err(NO_TOPIC.into()),
        PubAckReason::QuotaExceeded => Err(QUOTA.into()),
        reason => Err(format!("the broker refuses it: {reason:?}")),
    }
}

/// The same, at quality of service 2.
fn taken_twice(reason: PubRecReason) -> Taken {
    match reason {
        PubRecReason::Success | PubRecReason::NoMatchingSubscribers => Ok(()),
        PubRecReason::NotAuthorized => Err(NOT_AUTHORIZED.into()),
        PubRecReason::TopicNameInvalid => Err(NO_TOPIC.into()),
        PubRecReason::QuotaExceeded => Err(QUOTA.into()),
        reason => Err(format!("the broker refuses it: {reason:?}")),
    }
}

fn quoting(taken: Taken, reason: Option<String>) -> Taken {
    taken.map_err(|refusal| format!("{refusal}{}", said(reason.as_deref())))
}

fn said(reason: Option<&str>) -> String {
    reason.map(|reason| format!(" (it says: {reason})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rumqttc::v5::mqttbytes::v5::{PubAck, PubRec};

    use super::*;

    fn events() -> Events {
        let mut options = MqttOptions::new("client", "localhost", 1883);
        options.set_outgoing_inflight_upper_limit(3);
        Events(AsyncClient::new(options, 10).1)
    }

    fn publish(events: &mut Events, qos: Quality, packet: u16) {
        let mut publish = Publish::new("topic", qos, "payload", None);
        publish.pkid = packet;
        events.0.state.handle_outgoing_packet(Request::Publish(publish)).unwrap();
    }

    fn receive(events: &mut Events, packet: Incoming) {
        events.0.state.handle_incoming_packet(packet.clone()).unwrap();
        events.go_on_after(&packet);
    }

    #[test]
    fn a_refusal_lets_the_next_with_its_identifier_go_out() {
        let mut events = events();
        publish(&mut events, Quality::AtLeastOnce, 1);
        publish(&mut events, Quality::AtLeastOnce, 1);
        assert!(events.0.state.collision.is_some());
        let mut refusal = PubAck::new(1, None);
        refusal.reason = PubAckReason::NotAuthorized;
        receive(&mut events, Incoming::PubAck(refusal));
        assert!(events.0.state.collision.is_none());
        assert!(matches!(&events.0.pending[0], Request::Publish(next) if next.pkid == 1));
    }

    #[test]
    fn what_is_refused_at_quality_of_service_2_is_not_under_way_any_more() {
        let mut events = events();
        publish(&mut events, Quality::ExactlyOnce, 1);
        publish(&mut events, Quality::ExactlyOnce, 2);
        publish(&mut events, Quality::ExactlyOnce, 3);
        receive(&mut events, Incoming::PubRec(PubRec::new(3, None)));
        let mut refusal = PubRec::new(1, None);
        refusal.reason = PubRecReason::NotAuthorized;
        receive(&mut events, Incoming::PubRec(refusal));
        assert_eq!(events.0.state.inflight(), 2);
        // What is under way is answered as if nothing had been.
        receive(&mut events, Incoming::PubRec(PubRec::new(2, None)));
        for packet in [2, 3] {
            let answer = rumqttc::v5::mqttbytes::v5::PubComp::new(packet, None);
            receive(&mut events, Incoming::PubComp(answer));
        }
        assert_eq!(events.0.state.inflight(), 0);
    }
}
