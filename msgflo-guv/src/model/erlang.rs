//! How likely a job has to wait.

use super::normal;

/// With more servers than this, the recursion would take long, and the limit of many is near.
const MANY: u64 = 1_000;

/// Erlang's C formula: how likely a job that comes finds all servers busy, in the long run, if jobs
/// come independently and `load` of the servers are busy on average. 1 if they cannot keep up.
///
/// A. K. Erlang, "Solution of some Problems in the Theory of Probabilities of Significance in
/// Automatic Telephone Exchanges", 1917; by the recursion of his B formula, which needs no factorials.
/// For many servers by its limit: S. Halfin and W. Whitt, "Heavy-Traffic Limits for Queues with Many
/// Exponential Servers", Operations Research 29 (1981).
pub(super) fn waits(servers: u64, load: f64) -> f64 {
    let count = servers as f64;
    if load >= count {
        return 1.0;
    }
    if servers > MANY {
        let spare = (count - load) / count.sqrt();
        let density = (-0.5 * spare * spare).exp() / std::f64::consts::TAU.sqrt();
        return density / (density + spare * normal::above(-spare));
    }
    let blocked = (1..=servers)
        .fold(1.0, |blocked, server| load * blocked / (server as f64 + load * blocked));
    blocked / (1.0 - load / count * (1.0 - blocked))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// M/M/1: as likely as the server is busy. M/M/2: load²/(2 + load), as in every textbook.
    #[test]
    fn it_is_as_textbooks_have_it() {
        assert!((waits(1, 0.7) - 0.7).abs() < 1e-12);
        assert!((waits(2, 1.0) - 1.0 / 3.0).abs() < 1e-12);
        assert!((waits(2, 1.5) - 1.5 * 1.5 / 3.5).abs() < 1e-12);
        // Tables of the call centre trade: 10 Erlang, 14 agents.
        assert!((waits(14, 10.0) - 0.174).abs() < 0.001, "{}", waits(14, 10.0));
        assert_eq!((waits(5, 0.0), waits(5, 5.0), waits(0, 0.0)), (0.0, 1.0, 1.0));
    }

    #[test]
    fn many_servers_are_much_like_a_few_less() {
        for load in [900.0, 950.0, 980.0, 995.0] {
            let (few, many) = (waits(1_000, load), waits(1_001, load + 1.0));
            assert!((few - many).abs() < 0.02, "{few} {many}");
        }
        assert_eq!(waits(u64::MAX, 1e9), 0.0);
        assert_eq!(waits(u64::MAX, f64::INFINITY), 1.0);
    }
}
