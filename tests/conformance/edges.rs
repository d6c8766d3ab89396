//! Which inports an outport reaches.

use msgflo::transport::Direction;

use crate::context::{Case, Context, cases, edge, within};

pub const CASES: &[Case] = cases![
    a_message_reaches_every_bound_inport,
    ports_of_the_same_name_are_connected,
    an_outport_without_edges_swallows,
    binding_twice_delivers_once,
    unbinding_stops_delivery,
    an_edge_outlives_the_connection_that_made_it,
    edges_are_what_was_bound_and_not_unbound: Edges,
];

async fn a_message_reaches_every_bound_inport(context: Context) {
    let [source, one, other, unbound] =
        ["out", "one", "other", "unbound"].map(|name| context.name(name));
    let connection = context.connect().await;
    connection.outport(&source).await;
    for target in [&one, &other, &unbound] {
        connection.inport(target).await;
    }
    connection.bind(&source, &one).await;
    connection.bind(&source, &other).await;
    connection.emit(&source, "to both").await;
    connection.send(&unbound, "end").await;
    connection.consume(&one, 1).await.expect("to both").await;
    connection.consume(&other, 1).await.expect("to both").await;
    connection.consume(&unbound, 1).await.expect("end").await;
}

async fn ports_of_the_same_name_are_connected(context: Context) {
    let connection = context.connect().await;
    let queue = context.name("outport first");
    connection.outport(&queue).await;
    connection.inport(&queue).await;
    connection.emit(&queue, "hello").await;
    connection.consume(&queue, 1).await.expect("hello").await;

    let queue = context.name("inport first");
    connection.inport(&queue).await;
    connection.outport(&queue).await;
    connection.emit(&queue, "hello").await;
    connection.send(&queue, "end").await;
    let mut inbox = connection.consume(&queue, 1).await;
    inbox.expect("hello").await;
    inbox.expect("end").await;
}

async fn an_outport_without_edges_swallows(context: Context) {
    let (source, target) = (context.name("out"), context.name("in"));
    let connection = context.connect().await;
    connection.outport(&source).await;
    connection.inport(&target).await;
    connection.emit(&source, "to nobody").await;
    connection.bind(&source, &target).await;
    connection.emit(&source, "to somebody").await;
    connection.consume(&target, 1).await.expect("to somebody").await;
}

async fn binding_twice_delivers_once(context: Context) {
    let (source, target) = (context.name("out"), context.name("in"));
    let (first, second) = (context.connect().await, context.connect().await);
    first.outport(&source).await;
    first.inport(&target).await;
    first.bind(&source, &target).await;
    first.bind(&source, &target).await;
    second.bind(&source, &target).await;
    first.emit(&source, "once").await;
    first.emit(&source, "end").await;
    let mut inbox = first.consume(&target, 1).await;
    inbox.expect("once").await;
    inbox.expect("end").await;
}

async fn unbinding_stops_delivery(context: Context) {
    let [source, cut, kept] = ["out", "cut", "kept"].map(|name| context.name(name));
    let (first, second) = (context.connect().await, context.connect().await);
    first.outport(&source).await;
    for target in [&cut, &kept] {
        first.inport(target).await;
        first.bind(&source, target).await;
    }
    first.emit(&source, "1").await;
    // Whoever made the edge: it is the network's.
    second.unbind(&source, &cut).await;
    second.unbind(&source, &cut).await;
    first.emit(&source, "2").await;
    first.send(&cut, "end").await;
    let (mut cut, mut kept) = (first.consume(&cut, 1).await, first.consume(&kept, 1).await);
    cut.expect("1").await;
    cut.expect("end").await;
    kept.expect("1").await;
    kept.expect("2").await;
}

async fn an_edge_outlives_the_connection_that_made_it(context: Context) {
    let (source, target) = (context.name("out"), context.name("in"));
    let (maker, user) = (context.connect().await, context.connect().await);
    maker.outport(&source).await;
    maker.inport(&target).await;
    maker.bind(&source, &target).await;
    maker.close().await;
    user.emit(&source, "hello").await;
    user.consume(&target, 1).await.expect("hello").await;
}

async fn edges_are_what_was_bound_and_not_unbound(context: Context) {
    let [source, one, other, cut] = ["out", "one", "other", "cut"].map(|name| context.name(name));
    let (maker, reader) = (context.connect().await, context.connect().await);
    maker.outport(&source).await;
    for target in [&one, &other, &cut] {
        maker.inport(target).await;
        maker.bind(&source, target).await;
    }
    maker.bind(&source, &one).await;
    maker.unbind(&source, &cut).await;
    // A tap is no edge.
    let _tap = reader.tap(&source, Direction::Out).await;
    let edges = within("the edges", reader.0.edges()).await.unwrap();
    // Other cases have edges of their own on the same broker.
    let here: Vec<_> = edges.into_iter().filter(|edge| edge.source == source).collect();
    assert_eq!(here, [edge(&source, &one), edge(&source, &other)]);
    maker.unbind(&source, &other).await;
    let edges = within("the edges", reader.0.edges()).await.unwrap();
    assert!(edges.contains(&edge(&source, &one)) && !edges.contains(&edge(&source, &other)));
}
