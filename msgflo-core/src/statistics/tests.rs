use std::time::Duration;

use serde_json::{Value, json};

use super::*;

fn message() -> Value {
    json!({ "protocol": "statistics", "command": "participant", "payload": {
        "id": "resize-1", "role": "resize", "component": "Resize",
        "uptime": 100.5, "interval": 10, "heartbeat": 30, "new": "key",
        "inports": [{
            "id": "in", "queue": "resize.IN", "concurrency": 2, "in_flight": 1,
            "received": 8, "acknowledged": 6, "rejected": 1,
            "processing": { "count": 1, "mean": 0.25, "variance": 0,
                "histogram": { "relative_error": 0.02, "buckets": [[-34, 1]] } },
        }],
        "outports": [{ "id": "out", "queue": "resize.OUT", "sent": 6 }],
    }})
}

#[test]
fn a_message_is_read_as_it_is_specified() {
    let read = Statistics::from_payload(message().to_string().as_bytes()).unwrap();
    assert_eq!((&*read.id, read.interval, read.last), ("resize-1", 10.0, false));
    let inport = &read.inports[0];
    assert_eq!((inport.settled(), inport.in_flight, inport.redelivered), (7, 1, 0));
    assert_eq!(inport.processing.mean(), 0.25);
    assert_eq!(read.outports[0].sent, 6);
    assert_eq!(Statistics::from_payload(&read.to_message().payload).unwrap(), read);
}

#[test]
fn everything_else_is_refused_with_the_reason() {
    let refused = |bytes: &[u8]| Statistics::from_payload(bytes).unwrap_err().to_string();
    let with = |pointer: &str, value: Value| {
        let mut message = message();
        *message.pointer_mut(pointer).unwrap() = value;
        refused(message.to_string().as_bytes())
    };
    assert!(refused(b"hello").contains("expected value"));
    assert!(refused(&vec![b' '; LARGEST + 1]).contains("more than 1048576"));
    assert!(with("/protocol", "discovery".into()).contains("`discovery`"));
    assert!(with("/payload/interval", json!(-1)).contains("`interval` is -1"));
    assert!(with("/payload/heartbeat", json!(1e300)).contains("`heartbeat`"));
    assert!(with("/payload/inports/0/received", json!(-8)).contains("-8"));
    assert!(with("/payload/inports/0/processing/count", json!(2)).contains("not the sum"));
    assert!(with("/payload/outports/0/sent", Value::Null).contains("null"));
}

#[test]
fn a_meter_tells_times_once_and_totals_always() {
    let meter = InportMeter::new("in", "a.IN".into(), 4);
    for _ in 0..3 {
        meter.received(false);
    }
    meter.received(true);
    meter.finished(super::Settled::Acknowledged, Duration::from_millis(10));
    meter.finished(super::Settled::Rejected, Duration::from_millis(30));
    let first = meter.take();
    assert_eq!((first.received, first.acknowledged, first.rejected), (4, 1, 1));
    assert_eq!((first.redelivered, first.in_flight, first.concurrency), (1, 2, 4));
    assert_eq!(first.processing.count(), 2);
    assert!((first.processing.mean() - 0.02).abs() < 1e-9);
    let second = meter.take();
    assert_eq!((second.received, second.processing.count()), (4, 0));
    meter.put_back(&first.processing);
    assert_eq!(meter.take().processing.count(), 2);
}

#[test]
fn a_message_is_small() {
    let mut statistics = Statistics::from_payload(message().to_string().as_bytes()).unwrap();
    statistics.id = "resize-8740b063-8b1d-4a8c-a1ee-1f6c8b6f7a10".into();
    statistics.inports[0].processing = Durations::default();
    let idle = statistics.to_message().payload.len();
    // Rather even: from 50 ms to 5 s.
    for number in 0..1000 {
        let took = Duration::from_secs_f64(0.05 * 100_f64.powf(f64::from(number) / 1000.0));
        statistics.inports[0].processing.record(took);
    }
    let busy = statistics.to_message().payload.len();
    assert!(idle < 700 && busy < 2500, "{idle} {busy}");
}
