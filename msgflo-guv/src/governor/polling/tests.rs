//! Roles, brokers and backends that do not answer. The clock runs ahead as soon as everybody waits.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Mutex as StdMutex;

use async_trait::async_trait;

use super::*;
use crate::reading::Reading;

/// Ten jobs wait, if it answers at all.
struct Queue {
    answers: bool,
}

#[async_trait]
impl Source for Queue {
    async fn read(&self, _: &Role) -> Result<Reading> {
        if !self.answers {
            pending::<()>().await;
        }
        Ok(Reading { waiting: 10, ..Reading::default() })
    }
}

/// How many workers each role has; the role `stuck`, of an app of its own, cannot be scaled.
#[derive(Default)]
struct Numbers {
    workers: StdMutex<BTreeMap<String, u32>>,
    requests: StdMutex<Vec<usize>>,
}

#[async_trait]
impl Backend for Numbers {
    async fn workers(&self, roles: &[&Role]) -> Vec<Result<Option<u32>>> {
        self.requests.lock().unwrap().push(roles.len());
        let workers = self.workers.lock().unwrap();
        let count = |role: &&Role| workers.get(&role.name).copied().unwrap_or_default();
        roles.iter().map(|role| Ok(Some(count(role)))).collect()
    }

    async fn scale(&self, changes: &[(&Role, u32)]) -> Vec<Result<()>> {
        if changes.iter().any(|(role, _)| role.name == "stuck") {
            pending::<()>().await;
        }
        let mut workers = self.workers.lock().unwrap();
        workers.extend(changes.iter().map(|(role, to)| (role.name.clone(), *to)));
        changes.iter().map(|_| Ok(())).collect()
    }
}

/// What was told: a line for each event but the notices, with the second in which it was.
type Told = Arc<StdMutex<Vec<String>>>;

fn governor(backend: &Arc<Numbers>, roles: &[(&str, f64, bool)]) -> (Governor, Told) {
    let (told, began) = (Told::default(), tokio::time::Instant::now());
    let hear = told.clone();
    let mut governor = Governor::new(backend.clone(), move |role, event| {
        let what = match event {
            Event::Polled(step) if step.errors.is_empty() => "polled".into(),
            Event::Polled(step) => step.errors.join(" "),
            Event::Scaled(change, outcome) => format!("to {} {}", change.to, outcome.is_ok()),
            Event::WouldScale(change) => format!("would be {}", change.to),
            Event::Notice(_) => return,
        };
        let second = began.elapsed().as_secs();
        hear.lock().unwrap().push(format!("{second} {} {what}", role.name));
    });
    for (name, pollinterval, answers) in roles {
        let mut role = Role::new(name);
        role.pollinterval = *pollinterval;
        role.app = (*name == "stuck").then(|| "stuck".into());
        governor.add(role, Arc::new(Queue { answers: *answers }));
    }
    (governor, told)
}

async fn run_for(governor: &Governor, seconds: u64) {
    let ended = timeout(Duration::from_secs(seconds), governor.run()).await;
    assert!(ended.is_err(), "it goes on");
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_slow_holds_up_no_other() {
    let backend = Arc::new(Numbers::default());
    let roles = [("mute", 2.0, false), ("quick", 2.0, true), ("stuck", 3.0, true)];
    let (governor, told) = governor(&backend, &roles);
    run_for(&governor, 31).await;
    let told = told.lock().unwrap();
    let of = |name: &str| told.iter().filter(|line| line.split(' ').nth(1) == Some(name)).count();
    // At 0, 2, … 30, and one change.
    assert_eq!(of("quick"), 16 + 1, "{told:#?}");
    assert!(told.contains(&"0 quick to 5 true".into()), "{told:#?}");
    // Each attempt is given up in time, and there is another.
    for line in ["15 mute timeout", "30 mute timeout", "15 stuck to 5 false"] {
        assert!(told.contains(&line.into()), "{line} in {told:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_backend_is_asked_once_for_roles_that_are_polled_at_the_same_time() {
    let backend = Arc::new(Numbers::default());
    let roles = [("first", 2.0, true), ("second", 2.0, true), ("third", 3.0, true)];
    let (governor, _) = governor(&backend, &roles);
    run_for(&governor, 5).await;
    // At 0, 2, 3 and 4.
    assert_eq!(*backend.requests.lock().unwrap(), [3, 2, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_scales_nothing() {
    let backend = Arc::new(Numbers::default());
    let (governor, told) = governor(&backend, &[("quick", 2.0, true)]);
    run_for(&governor.dry_run(true), 3).await;
    assert_eq!(
        *told.lock().unwrap(),
        ["0 quick polled", "0 quick would be 5", "2 quick polled", "2 quick would be 5"]
    );
    assert!(backend.workers.lock().unwrap().is_empty());
}
