//! What is told of queues and of work.

use std::time::Duration;

use msgflo::statistics::{Durations, Statistics, listen};
use msgflo::transport::{Copies, QueueStatistics};
use msgflo::{Settings, Transport};

use crate::context::{Case, Context, cases, within};
use crate::participants::{GateKeeper, Repeat};

pub const CASES: &[Case] = cases![
    participants_tell_of_their_work,
    what_is_in_flight_is_told_before_it_is_finished,
    who_is_idle_is_heard_of,
    statistics_are_nobodys_port_and_pile_up_nowhere,
    participants_can_be_silent,
    a_worker_goes_on_telling_when_the_broker_is_back: Restarts,
    arrived_and_settled_messages_are_counted: Statistics & Edges,
];

fn often() -> Settings {
    Settings { statistics_period: Duration::from_millis(200), ..Settings::default() }
}

async fn listener(transport: &dyn Transport) -> Copies {
    within("listen", listen(transport)).await.unwrap()
}

/// What this role tells, in turn, until it is as it must become.
async fn told(
    copies: &mut Copies,
    role: &str,
    mut until: impl FnMut(&Statistics) -> bool,
) -> Statistics {
    let told = async {
        loop {
            let copy = copies.next().await.expect("the copies ended").unwrap();
            let statistics = Statistics::from_payload(&copy.payload).unwrap();
            if statistics.role == role && until(&statistics) {
                return statistics;
            }
        }
    };
    within("statistics", told).await
}

async fn participants_tell_of_their_work(context: Context) {
    let role = context.name("role");
    let (network, reader) = (context.network().await, context.connect().await);
    let mut copies = listener(&*reader.0).await;
    let handle = network.start_with(&role, Repeat::default(), often()).await.unwrap();
    for text in ["1", "2", "3", "fail", "4"] {
        reader.send(&format!("{role}.IN"), text).await;
    }
    let mut times = Durations::default();
    let told_of = told(&mut copies, &role, |statistics| {
        times.merge(&statistics.inports[0].processing);
        statistics.inports[0].settled() == 5
    });
    let told_of = told_of.await;
    assert_eq!((&told_of.id, &*told_of.component), (&handle.definition().id, "test/Repeat"));
    let inport = &told_of.inports[0];
    assert_eq!((&*inport.id, &inport.queue), ("in", &format!("{role}.IN")));
    assert_eq!((inport.received, inport.acknowledged, inport.rejected), (5, 4, 1));
    assert_eq!((inport.in_flight, inport.concurrency), (0, 10));
    assert_eq!(times.count(), 5);
    assert!(times.mean() > 0.0 && times.mean() < 60.0, "{times:?}");
    assert!(times.quantile(0.99).unwrap() >= times.quantile(0.5).unwrap());
    let outport = &told_of.outports[0];
    assert_eq!((&outport.queue, outport.sent), (&format!("{role}.OUT"), 4));
    within("shutdown", network.shutdown()).await.unwrap();
    let last = told(&mut copies, &role, |statistics| statistics.last).await;
    assert_eq!((last.inports[0].received, last.outports[0].sent), (5, 4));
}

async fn what_is_in_flight_is_told_before_it_is_finished(context: Context) {
    let role = context.name("role");
    let (network, reader) = (context.network().await, context.connect().await);
    let mut copies = listener(&*reader.0).await;
    let keeper = GateKeeper::default();
    network.start_with(&role, keeper.gate(), often()).await.unwrap();
    reader.send(&format!("{role}.NARROW"), "1").await;
    reader.send(&format!("{role}.NARROW"), "2").await;
    fn narrow(statistics: &Statistics) -> &msgflo::statistics::InportStatistics {
        statistics.inports.iter().find(|port| port.id == "narrow").unwrap()
    }
    let busy = told(&mut copies, &role, |statistics| narrow(statistics).in_flight == 1).await;
    assert_eq!((narrow(&busy).concurrency, narrow(&busy).settled()), (1, 0));
    keeper.open.add_permits(2);
    let mut count = 0;
    told(&mut copies, &role, |statistics| {
        count += narrow(statistics).processing.count();
        narrow(statistics).in_flight == 0 && narrow(statistics).acknowledged == 2
    })
    .await;
    assert_eq!(count, 2);
    within("shutdown", network.shutdown()).await.unwrap();
}

async fn who_is_idle_is_heard_of(context: Context) {
    let role = context.name("role");
    let (network, reader) = (context.network().await, context.connect().await);
    let mut copies = listener(&*reader.0).await;
    network.start_with(&role, Repeat::default(), often()).await.unwrap();
    let first = told(&mut copies, &role, |_| true).await;
    let second = told(&mut copies, &role, |_| true).await;
    assert_eq!((first.inports[0].received, second.inports[0].received), (0, 0));
    assert_eq!(second.inports[0].processing.count(), 0);
    assert!(second.uptime > first.uptime);
    assert_eq!(second.heartbeat, 0.6);
    within("shutdown", network.shutdown()).await.unwrap();
}

async fn statistics_are_nobodys_port_and_pile_up_nowhere(context: Context) {
    let role = context.name("role");
    let (network, reader) = (context.network().await, context.connect().await);
    let handle = network.start_with(&role, Repeat::default(), often()).await.unwrap();
    let hidden = reader.0.statistics_queue();
    // It tells of it with nobody to listen, and before anybody does.
    reader.send(&format!("{role}.IN"), "1").await;
    let mut copies = listener(&*reader.0).await;
    let told_of = told(&mut copies, &role, |statistics| statistics.inports[0].settled() == 1).await;
    assert!(!serde_json::to_string(handle.definition()).unwrap().contains(hidden));
    let mut announced = reader.0.watch().await.unwrap();
    let mine = async {
        loop {
            let definition = announced.next().await.unwrap().unwrap();
            assert!(!serde_json::to_string(&definition).unwrap().contains(hidden));
            if definition.id == told_of.id {
                return definition;
            }
        }
    };
    let announcing = async {
        loop {
            network
                .transport()
                .announce(handle.definition(), Duration::from_secs(60))
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let definition = async {
        tokio::select! { found = mine => found, () = announcing => unreachable!() }
    };
    let definition = within("an announcement", definition).await;
    assert_eq!((definition.inports.len(), definition.outports.len()), (1, 1));
    if let Ok(edges) = reader.0.edges().await {
        let of_it = |edge: &&msgflo::transport::Edge| {
            [&edge.source, &edge.target].into_iter().any(|queue| *queue == hidden)
        };
        assert_eq!(edges.iter().find(of_it), None);
    }
    // There is no queue for it, in which something could be.
    assert!(reader.0.statistics(hidden).await.is_err());
    within("shutdown", network.shutdown()).await.unwrap();
}

async fn participants_can_be_silent(context: Context) {
    let (silent, other) = (context.name("silent"), context.name("other"));
    let (network, reader) = (context.network().await, context.connect().await);
    let mut copies = listener(&*reader.0).await;
    let never = Settings { statistics_period: Duration::ZERO, ..Settings::default() };
    network.start_with(&silent, Repeat::default(), never).await.unwrap();
    network.start_with(&other, Repeat::default(), often()).await.unwrap();
    reader.send(&format!("{silent}.IN"), "1").await;
    let heard = async {
        let mut number = 0;
        while number < 5 {
            let copy = copies.next().await.expect("the copies ended").unwrap();
            let role = Statistics::from_payload(&copy.payload).unwrap().role;
            assert_ne!(role, silent);
            number += usize::from(role == other);
        }
    };
    within("the other's statistics", heard).await;
    within("shutdown", network.shutdown()).await.unwrap();
}

async fn a_worker_goes_on_telling_when_the_broker_is_back(context: Context) {
    let role = context.name("role");
    let (network, reader) = (context.network().await, context.connect().await);
    let mut copies = listener(&*reader.0).await;
    network.start_with(&role, Repeat::default(), often()).await.unwrap();
    reader.send(&format!("{role}.IN"), "1").await;
    told(&mut copies, &role, |statistics| statistics.inports[0].settled() == 1).await;
    context.broker(|broker| broker.stop()).await;
    context.broker(|broker| broker.start_again()).await;
    reader.send(&format!("{role}.IN"), "2").await;
    told(&mut copies, &role, |statistics| statistics.inports[0].settled() >= 2).await;
    within("shutdown", network.shutdown()).await.unwrap();
}

async fn arrived_and_settled_messages_are_counted(context: Context) {
    let queue = context.name("in");
    let connection = context.connect().await;
    connection.inport(&queue).await;
    for text in ["1", "2", "3", "4"] {
        connection.send(&queue, text).await;
    }
    let mut inbox = connection.consume(&queue, 1).await;
    inbox.expect("1").await;
    inbox.expect("2").await;
    let held = inbox.next().await;
    let seen = |waiting, unsettled, arrived, settled| {
        move |queue: &QueueStatistics| {
            let QueueStatistics { consumers: 1, .. } = queue else { return false };
            let counts = (queue.unsettled, queue.arrived, queue.settled);
            queue.waiting == waiting && counts == (Some(unsettled), Some(arrived), Some(settled))
        }
    };
    connection.wait_for_statistics(&queue, seen(1, 1, 4, 2)).await;
    // What goes back has not come anew, and is not settled.
    drop(held);
    inbox.expect("3").await;
    inbox.expect("4").await;
    connection.send(&queue, "5").await;
    inbox.expect("5").await;
    connection.wait_for_statistics(&queue, seen(0, 0, 5, 5)).await;
}
