//! A count that only grows, though who tells it changes, or begins again.

/// Who tells a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Teller {
    /// The broker. It begins again when it restarts.
    Broker,
    /// A sum of what several told at different times: it may shrink for a while.
    Sum,
    /// Those who send.
    Senders,
    /// Those who receive.
    Workers,
}

/// A count as it goes on.
#[derive(Default)]
pub(super) struct Growing {
    count: u64,
    told: Option<(Teller, u64)>,
}

impl Growing {
    /// The count, now that it is told to be so much. When somebody else tells it than before, it
    /// goes on from there: nothing has come for that.
    pub(super) fn next(&mut self, teller: Teller, told: u64) -> u64 {
        let (more, remember) = match self.told {
            None => (told, told),
            Some((before, last)) if before == teller => match told.checked_sub(last) {
                Some(more) => (more, told),
                None if teller == Teller::Sum => (0, last),
                None => (0, told),
            },
            Some(_) => (0, told),
        };
        self.told = Some((teller, remember));
        self.count = self.count.saturating_add(more);
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_whoever_tells_it() {
        let mut count = Growing::default();
        let told = [
            (Teller::Sum, 10, 10),
            (Teller::Sum, 14, 14),
            // Parts of it are told later than others.
            (Teller::Sum, 12, 14),
            (Teller::Sum, 16, 16),
            (Teller::Broker, 1_000_000, 16),
            (Teller::Broker, 1_000_003, 19),
            // It was started again.
            (Teller::Broker, 2, 19),
            (Teller::Broker, 5, 22),
            (Teller::Sum, 20, 22),
        ];
        for (teller, told, expected) in told {
            assert_eq!(count.next(teller, told), expected, "{teller:?} {told}");
        }
    }
}
