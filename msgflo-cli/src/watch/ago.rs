//! Durations for people.

use std::time::Duration;

/// How long it is, in the largest unit of which it has two.
pub fn ago(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_grow_with_the_duration() {
        let told = [0, 119, 120, 7199, 7200, 200_000].map(|it| ago(Duration::from_secs(it)));
        assert_eq!(told, ["0 s", "119 s", "2 min", "119 min", "2 h", "55 h"]);
    }
}
