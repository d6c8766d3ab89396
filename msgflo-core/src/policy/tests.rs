use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn policy(attempts: u32) -> Policy {
    Policy { attempts, backoff: "1s..5m".parse().unwrap(), ..Policy::default() }
}

#[test]
fn what_becomes_of_an_attempt() {
    use Decision::{DeadLetter, Release};
    let retry = |attempt, seconds| Decision::Retry { attempt, after: SECOND * seconds };
    let failed = None;
    let permanent = Some(Verdict::Permanent);
    let later = |seconds| Some(Verdict::RetryAfter(SECOND * seconds));
    let released = Some(Verdict::Release);
    // attempts, verdict, attempt: decision
    let table = [
        (1, failed, 1, DeadLetter),
        (1, later(30), 1, DeadLetter),
        (1, released, 1, Release),
        (3, failed, 1, retry(2, 1)),
        (3, failed, 2, retry(3, 2)),
        (3, failed, 3, DeadLetter),
        // Delivered by a program that had more attempts.
        (3, failed, 7, DeadLetter),
        (3, permanent, 1, DeadLetter),
        (3, later(30), 1, retry(2, 30)),
        (3, later(30), 3, DeadLetter),
        (3, released, 3, Release),
        (u32::MAX, failed, 4_000_000, retry(4_000_001, 300)),
        (9, later(u32::MAX), 1, Decision::Retry { attempt: 2, after: LONGEST_PAUSE }),
    ];
    for (attempts, verdict, attempt, expected) in table {
        let decided = policy(attempts).decide(verdict, attempt, || 1.0);
        assert_eq!(decided, expected, "{attempts} attempts, {verdict:?} at {attempt}");
    }
}

#[test]
fn pauses_stay_between_the_two_and_vary() {
    let backoff: Backoff = "1s..5m".parse().unwrap();
    for attempt in 1..100 {
        for chance in [0.0, 0.3, 1.0] {
            let pause = backoff.pause(attempt, chance);
            assert!((SECOND..=SECOND * 300).contains(&pause), "{attempt}, {chance}: {pause:?}");
        }
    }
    assert_eq!(backoff.pause(3, 0.0), SECOND * 2);
    assert_eq!(backoff.pause(3, 1.0), SECOND * 4);
    let always: Backoff = "5s".parse().unwrap();
    assert_eq!([always.pause(1, 0.0), always.pause(9, 0.5)], [SECOND * 5; 2]);
    let never: Backoff = "0s".parse().unwrap();
    assert_eq!(never.pause(9, 1.0), Duration::ZERO);
}

#[test]
fn what_is_no_backoff_is_told() {
    for (text, why) in [
        ("5m..1s", "upside down"),
        ("1s..", "not a time"),
        ("", "not a time"),
        ("5", "not a time"),
        ("-1s", "not a time"),
        ("1s..40days", "too long"),
        ("1s..2s..3s", "not a time"),
    ] {
        let error = text.parse::<Backoff>().unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    assert_eq!("500ms .. 1h".parse::<Backoff>().unwrap().to_string(), "500ms..1h");
}

#[test]
fn what_is_no_policy_is_told() {
    assert!(policy(0).check().unwrap_err().to_string().contains("0 attempts"));
    let hasty = Policy { timeout: Some(Duration::ZERO), ..Policy::default() };
    assert!(hasty.check().unwrap_err().to_string().contains("timeout of 0"));
}

#[test]
fn what_ends_the_process_is_put_off_and_given_up() {
    use Admission::{Poison, PutOff, Run, RunAlone};
    let put_off = |deliveries, milliseconds| PutOff {
        deliveries,
        after: Duration::from_millis(milliseconds),
    };
    // limit, deliveries, counted by the broker, redelivered since: admission
    let table = [
        (20, 1, false, false, Run),
        (20, 2, false, true, put_off(1, 0)),
        (20, 2, false, false, Run),
        (20, 3, false, true, put_off(2, 500)),
        (20, 3, false, false, RunAlone),
        (20, 4, false, true, put_off(3, 1000)),
        (20, 20, false, true, put_off(19, 10_000)),
        (20, 20, false, false, RunAlone),
        (20, 21, false, true, Poison { deliveries: 20 }),
        (1, 2, false, true, Poison { deliveries: 1 }),
        (20, 2, true, true, Run),
        (20, 3, true, true, RunAlone),
        (20, 20, true, true, RunAlone),
        (20, 21, true, true, Poison { deliveries: 20 }),
        (0, 1000, true, true, Run),
        (0, 1000, false, true, Run),
    ];
    for (max_deliveries, deliveries, is_counted, redelivered, expected) in table {
        let policy = Policy { max_deliveries, ..Policy::default() };
        let delivered = Delivered { deliveries, is_counted, redelivered };
        assert_eq!(policy.admit(delivered), expected, "at most {max_deliveries}, {delivered:?}");
    }
}
