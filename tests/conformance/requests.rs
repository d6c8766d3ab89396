//! Requests and their answers.

use std::time::Duration;

use msgflo::participant::{Assembly, Method};
use msgflo::{Error, Json, Port};

use crate::context::{Case, Context, cases, within};

pub const CASES: &[Case] = cases![
    a_request_gets_the_answer_to_it: Headers,
    a_request_that_fails_is_told_so: Headers,
    a_request_that_nobody_answers_ends: Headers,
    answers_that_come_through_the_graph_find_the_right_instance: Headers,
    an_answer_to_nobody_is_a_dead_letter: Headers,
    a_request_needs_correlation_ids,
];

fn double() -> Assembly {
    let mut double = Assembly::new("test/Double");
    let out = double.outport::<Json<i64>>("out");
    double.inport("in", move |Json(number): Json<i64>, _| {
        let out = out.clone();
        async move {
            if number < 0 {
                return Err(Error::message("a negative number"));
            }
            out.send(Json(2 * number)).await
        }
    });
    double
}

async fn a_request_gets_the_answer_to_it(context: Context) {
    let role = context.name("double");
    let (network, asker) = (context.network().await, context.network().await);
    network.start_assembly(&role, double()).await.unwrap();
    let queue = format!("{role}.IN");
    let ask = |number: i64| asker.request::<Json<i64>, Json<i64>>(&queue, Json(number));
    let asked = futures_util::future::join_all((0..50).map(|number| ask(number).into_future()));
    let answers = within("answers", asked).await;
    let answers: Vec<i64> = answers.into_iter().map(|answer| answer.unwrap().0).collect();
    assert_eq!(answers, (0..50).map(|number| 2 * number).collect::<Vec<_>>());
    within("shutdown", asker.shutdown()).await.unwrap();
    within("shutdown", network.shutdown()).await.unwrap();
}

async fn a_request_that_fails_is_told_so(context: Context) {
    let role = context.name("double");
    let network = context.network().await;
    network.start_assembly(&role, double()).await.unwrap();
    let queue = format!("{role}.IN");
    let asked = network.request::<Json<i64>, Json<i64>>(&queue, Json(-1));
    let error = within("an answer", asked.into_future()).await.unwrap_err().to_string();
    assert!(error.contains("a negative number") && error.contains(&role), "{error}");
    within("shutdown", network.shutdown()).await.unwrap();
}

async fn a_request_that_nobody_answers_ends(context: Context) {
    let queue = context.name("in");
    let connection = context.connect().await;
    connection.inport(&queue).await;
    let network = context.network().await;
    let asked = network
        .request::<Json<i64>, Json<i64>>(&queue, Json(1))
        .timeout(Duration::from_millis(200));
    let error = within("the end", asked.into_future()).await.unwrap_err().to_string();
    assert!(error.contains("no answer") && error.contains(&queue), "{error}");
}

async fn answers_that_come_through_the_graph_find_the_right_instance(context: Context) {
    let [front, middle] = ["front", "double"].map(|role| context.name(role));
    let network = context.network().await;
    network.start_assembly(&middle, double()).await.unwrap();
    let mut fronts = Vec::new();
    for _ in 0..2 {
        let mut assembly = Assembly::new("test/Front");
        let ask = assembly.outport::<Json<i64>>("ask");
        let answers = Port::new("answer", "int").replies(true);
        assembly.inport_as::<Json<i64>>(answers, Method::none());
        let network = context.network().await;
        network.start_assembly(&front, assembly).await.unwrap();
        fronts.push((network, ask));
    }
    let connection = context.connect().await;
    connection.bind(&format!("{front}.ASK"), &format!("{middle}.IN")).await;
    connection.bind(&format!("{middle}.OUT"), &format!("{front}.ANSWER")).await;
    let asked = fronts.iter().enumerate().flat_map(|(instance, (_, ask))| {
        let numbers = (0..20).map(move |number| 100 * instance as i64 + number);
        numbers.map(move |number| async move {
            let Json(answer) = ask.request::<Json<i64>>(Json(number)).await.unwrap();
            assert_eq!(answer, 2 * number);
        })
    });
    within("answers", futures_util::future::join_all(asked)).await;
    for (front, _) in &fronts {
        within("shutdown", front.shutdown()).await.unwrap();
    }
    within("shutdown", network.shutdown()).await.unwrap();
}

async fn an_answer_to_nobody_is_a_dead_letter(context: Context) {
    let front = context.name("front");
    let mut assembly = Assembly::new("test/Front");
    assembly.inport_as::<Json<i64>>(Port::new("answer", "int").replies(true), Method::none());
    let network = context.network().await;
    network.start_assembly(&front, assembly).await.unwrap();
    let connection = context.connect().await;
    let queue = format!("{front}.ANSWER");
    connection.send(&queue, "17").await;
    let dead = connection.consume_dead_letters(&queue).await.next().await;
    let error = dead.message.headers().get(msgflo::reserved::ERROR).unwrap_or_default().to_owned();
    assert!(error.contains("nobody waits"), "{error}");
    dead.acknowledge();
    within("shutdown", network.shutdown()).await.unwrap();
}

async fn a_request_needs_correlation_ids(context: Context) {
    let queue = context.name("in");
    let connection = context.connect().await;
    connection.inport(&queue).await;
    let network = context.network().await;
    let asked = network
        .request::<Json<i64>, Json<i64>>(&queue, Json(1))
        .timeout(Duration::from_millis(100));
    let error = within("the end", asked.into_future()).await.unwrap_err();
    let unsupported = matches!(error.kind(), Some(msgflo::ErrorKind::Unsupported { .. }));
    assert_eq!(unsupported, !network.transport().abilities().headers, "{error}");
}
