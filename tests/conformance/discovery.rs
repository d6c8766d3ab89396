//! Who is there.

use std::time::Duration;

use msgflo::transport::Announcements;
use msgflo::{Component, Definition, Settings};
use serde_json::json;

use crate::context::{Case, Context, cases, within};
use crate::participants::Repeat;

pub const CASES: &[Case] = cases![
    two_watchers_see_the_same_announcement,
    a_late_watcher_sees_who_is_there,
    announcements_are_repeated,
    definitions_arrive_whole,
];

/// The next announcement of the role; other cases announce on the same broker.
async fn next_of(role: &str, watcher: &mut Announcements) -> Definition {
    let next = async {
        loop {
            let definition = watcher.next().await.expect("the announcements ended").unwrap();
            if definition.role == role {
                return definition;
            }
        }
    };
    within("an announcement", next).await
}

fn often() -> Settings {
    Settings { discovery_period: Duration::from_millis(500), ..Settings::default() }
}

async fn two_watchers_see_the_same_announcement(context: Context) {
    let role = context.name("role");
    let (network, other) = (context.network().await, context.network().await);
    let mut one = within("watch", network.watch()).await.unwrap();
    let mut two = within("watch", other.watch()).await.unwrap();
    // Announced once in a minute: each sees the very same.
    let handle = network.start(&role, Repeat::default()).await.unwrap();
    assert_eq!(next_of(&role, &mut one).await, *handle.definition());
    assert_eq!(next_of(&role, &mut two).await, *handle.definition());
}

async fn a_late_watcher_sees_who_is_there(context: Context) {
    let role = context.name("role");
    let (network, other) = (context.network().await, context.network().await);
    let handle = network.start_with(&role, Repeat::default(), often()).await.unwrap();
    let mut early = within("watch", other.watch()).await.unwrap();
    assert_eq!(next_of(&role, &mut early).await, *handle.definition());
    let mut late = within("watch", other.watch()).await.unwrap();
    assert_eq!(next_of(&role, &mut late).await, *handle.definition());
    // And the first goes on.
    assert_eq!(next_of(&role, &mut early).await, *handle.definition());
}

async fn announcements_are_repeated(context: Context) {
    let role = context.name("role");
    let network = context.network().await;
    let mut watcher = within("watch", network.watch()).await.unwrap();
    let handle = network.start_with(&role, Repeat::default(), often()).await.unwrap();
    for _ in 0..4 {
        assert_eq!(next_of(&role, &mut watcher).await, *handle.definition());
    }
}

async fn definitions_arrive_whole(context: Context) {
    let role = context.name("rôle");
    let connection = context.connect().await;
    let mut watcher = within("watch", connection.0.watch()).await.unwrap();
    let mut definition = Component::new("test/Whole")
        .label("Ünïcödé")
        .icon("clock-o")
        .inport(msgflo::Port::new("in", "object"))
        .outport(msgflo::Port::new("out", "buffer"))
        .instantiate(&role)
        .unwrap();
    definition.inports[0].schema = Some(json!({ "type": "object" }));
    definition.outports[0].description = Some("What comes out".into());
    definition.outports[0].other.insert("options".into(), json!({ "unknown": [1, null] }));
    definition.other.insert("type".into(), json!("fbp"));
    let announce = connection.0.announce(&definition, Duration::from_secs(60));
    within("announce", announce).await.unwrap();
    assert_eq!(next_of(&role, &mut watcher).await, definition);
}
