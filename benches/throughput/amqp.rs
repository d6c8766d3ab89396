//! RabbitMQ: `repeat` beside loops by hand on lapin.

use std::sync::Arc;

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};
use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use msgflo_test_broker::RabbitMq;

use super::{Contender, bind_and_fill, compare, per_second, repeat};

const MESSAGES: usize = 20_000;

pub async fn measure() -> Result<()> {
    let broker = RabbitMq::start()?;
    let url = broker.url();
    let tuned = "a channel for publishing, one acknowledgement for 32 messages";
    compare("RabbitMQ", MESSAGES, "lapin", tuned, |contender, concurrency| {
        rate(&url, contender, concurrency)
    })
    .await
}

async fn rate(url: &str, contender: Contender, concurrency: u16) -> Result<f64> {
    let network = msgflo::connect(url).await?;
    bind_and_fill(&network, MESSAGES).await?;

    // To lapin, `/` alone is an empty virtual host.
    let connection =
        Connection::connect(&format!("{url}%2f"), ConnectionProperties::default()).await?;
    let connection = Arc::new(connection);
    let (msgflo, lapin) = (network.clone(), connection.clone());
    let rate = per_second(MESSAGES, async move {
        match contender {
            Contender::Msgflo => repeat(msgflo, MESSAGES, concurrency).await?,
            Contender::PlainLoop => plain_loop(&lapin, concurrency).await?,
            Contender::TunedLoop => tuned_loop(&lapin, concurrency).await?,
        }
        Ok(())
    })
    .await?;

    network.shutdown().await?;
    let channel = connection.create_channel().await?;
    channel.queue_delete("sink.IN".into(), Default::default()).await?;
    let left = channel.queue_delete("repeat.IN".into(), Default::default()).await?;
    assert_eq!(left, 0, "every message was acknowledged");
    connection.close(200, "done".into()).await?;
    Ok(rate)
}

async fn publish(channel: &Channel, payload: &[u8]) -> lapin::Result<()> {
    let properties = BasicProperties::default().with_delivery_mode(2);
    let options = BasicPublishOptions::default();
    channel
        .basic_publish("repeat.OUT".into(), "".into(), options, payload, properties)
        .await?
        .await?;
    Ok(())
}

async fn consume(channel: &Channel, prefetch: u16) -> lapin::Result<lapin::Consumer> {
    channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    channel.basic_consume("repeat.IN".into(), "".into(), options, FieldTable::default()).await
}

/// One channel for everything, one acknowledgement for each message.
async fn plain_loop(connection: &Connection, concurrency: u16) -> lapin::Result<()> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let consumer = consume(&channel, concurrency).await?;
    consumer
        .take(MESSAGES)
        .try_for_each_concurrent(usize::from(concurrency), |delivery| {
            let channel = &channel;
            async move {
                publish(channel, &delivery.data).await?;
                delivery.ack(BasicAckOptions::default()).await?;
                Ok(())
            }
        })
        .await
}

/// A channel of its own for publishing, one acknowledgement for each 32 messages in order.
async fn tuned_loop(connection: &Connection, concurrency: u16) -> lapin::Result<()> {
    let channel = connection.create_channel().await?;
    let publishing = connection.create_channel().await?;
    publishing.confirm_select(ConfirmSelectOptions::default()).await?;
    let consumer = consume(&channel, concurrency).await?;
    consumer
        .take(MESSAGES)
        .map_ok(|delivery| async {
            publish(&publishing, &delivery.data).await?;
            Ok(delivery)
        })
        .try_buffered(usize::from(concurrency))
        .try_ready_chunks(32)
        .map_err(|stream::TryReadyChunksError(_, error)| error)
        .try_for_each(async |confirmed| match confirmed.last() {
            Some(last) => last.ack(BasicAckOptions { multiple: true }).await.map(drop),
            None => Ok(()),
        })
        .await
}
