use super::*;
#[test]
fn play() {
    let text = "'*': {min: 0, apikey: hunter22, procesing: 4, broker: 'amqp://me:pw@host/x'}\na: {p: 5, processing: 6, queue:notdefault, d: .nan, concurrency: 1.5}\nb: &x\n  percentile: 100\n  min: 7\n  \"deadline\": ten\nc: *x\na: {d: 3}\n";
    match Configuration::parse("f.yaml", text, &Environment::default()) {
        Ok(c) => println!("{c:?}"),
        Err(p) => println!("{p}"),
    }
    let text = "'*': {min: 0, apikey: hunter22\na: {p: 5, processing: 6, queue:notdefault, d: .nan, concurrency: 1.5}\n";
    match Configuration::parse("f.yaml", text, &Environment::default()) {
        Ok(c) => println!("{c:?}"),
        Err(p) => println!("{p}"),
    }
    let text = "'*': {min: 0, apikey: hunter22}\nempty:\na: {d: 50, p: 25, stddev: 12}\nb: {p:60, d: 30, p: 40}\nw: {history: 20, boot: 25, w: a, app: x}\nd: {minimum: 2, dead: 3, max: 2, percentile: .9, d: 4000}";
    match Configuration::parse("f.yaml", text, &Environment::default()) {
        Ok(c) => {
            for p in &c.problems {
                println!("{p}\n");
            }
        }
        Err(p) => println!("{p}"),
    }
}
