//! Requests that are not answered yet. They outlive a connection: the next one sends them again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::frames::{Frames, Received};

/// What the hub has answered.
pub(crate) type Answer = Result<Received, Refusal>;

/// Why the hub did not do it.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) kind: String,
    pub(crate) queue: String,
    pub(crate) reason: String,
}

#[derive(Default)]
pub(crate) struct Outbox(Mutex<State>);

#[derive(Default)]
struct State {
    /// The number of the first of `requests`.
    first: u64,
    /// By number; those that are done with are gone from the front.
    requests: VecDeque<Option<Request>>,
    /// The first that this connection has not sent.
    unsent: u64,
    /// How many it has sent that are not answered, and of how many bytes.
    in_flight: usize,
    in_flight_bytes: usize,
    closed: bool,
}

struct Request {
    frames: Arc<Frames>,
    answer: oneshot::Sender<Answer>,
}

impl State {
    fn end(&self) -> u64 {
        self.first + self.requests.len() as u64
    }

    fn trim(&mut self) {
        while let Some(None) = self.requests.front() {
            self.requests.pop_front();
            self.first += 1;
        }
    }
}

impl Outbox {
    /// Adds a request, made for its number; `None` if there will be no more connections.
    pub(crate) fn push(
        &self,
        make: impl FnOnce(u64) -> Frames,
    ) -> Option<oneshot::Receiver<Answer>> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        // Who gives up and tries again leaves nothing behind.
        while state.end() > state.unsent
            && let Some(Some(request)) = state.requests.back()
            && request.answer.is_closed()
        {
            state.requests.pop_back();
        }
        // 0 is for what is not answered.
        state.first = state.first.max(1);
        let frames = Arc::new(make(state.end()));
        let (answer, receiver) = oneshot::channel();
        state.requests.push_back(Some(Request { frames, answer }));
        Some(receiver)
    }

    /// What is to be sent now: at most `window` may be without an answer, and, if there are
    /// several, no more bytes than one message may have.
    pub(crate) fn take(&self, window: usize, max_size: usize, taken: &mut Vec<Arc<Frames>>) {
        let mut state = self.lock();
        let state = &mut *state;
        state.unsent = state.unsent.max(state.first);
        while state.in_flight < window && state.unsent < state.end() {
            let slot = &mut state.requests[(state.unsent - state.first) as usize];
            state.unsent += 1;
            let Some(request) = slot
                .take_if(|request| request.answer.is_closed() || request.frames.size() > max_size)
            else {
                if let Some(request) = slot {
                    let bytes = state.in_flight_bytes + request.frames.size();
                    if state.in_flight > 0 && bytes > max_size {
                        state.unsent -= 1;
                        break;
                    }
                    taken.push(request.frames.clone());
                    state.in_flight += 1;
                    state.in_flight_bytes = bytes;
                }
                continue;
            };
            let size = request.frames.size();
            let reason = format!(
                "the message has {size} bytes, and the hub takes {max_size} at most (its `max_frame`)"
            );
            // Fails if nobody waits for it any more.
            let _ = request.answer.send(Err(Refusal {
                kind: "queue".into(),
                queue: String::new(),
                reason,
            }));
        }
        state.trim();
    }

    /// Hands an answer to who waits for it; gives it back if nobody has asked.
    pub(crate) fn answer(&self, number: u64, answer: Answer) -> Option<Answer> {
        let request = {
            let mut state = self.lock();
            let index = number.wrapping_sub(state.first);
            let sent = number < state.unsent;
            let slot = usize::try_from(index).ok().and_then(|index| state.requests.get_mut(index));
            let Some(request) = slot.filter(|_| sent).and_then(Option::take) else {
                return Some(answer);
            };
            state.in_flight = state.in_flight.saturating_sub(1);
            state.in_flight_bytes = state.in_flight_bytes.saturating_sub(request.frames.size());
            state.trim();
            request
        };
        // Fails if nobody waits for it any more.
        let _ = request.answer.send(answer);
        None
    }

    /// A new connection knows of no request.
    pub(crate) fn restart(&self) {
        let mut state = self.lock();
        state.unsent = state.first;
        state.in_flight = 0;
        state.in_flight_bytes = 0;
    }

    /// Nothing will be answered any more.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.requests.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::{OK, PUBLISH};

    fn push(outbox: &Outbox) -> oneshot::Receiver<Answer> {
        outbox.push(|number| Frames::new(PUBLISH, number)).unwrap()
    }

    fn take(outbox: &Outbox, window: usize) -> Vec<u64> {
        let mut taken = Vec::new();
        outbox.take(window, 1000, &mut taken);
        let number = |frames: Arc<Frames>| Received::of(frames.as_slice()).unwrap().number;
        taken.into_iter().map(number).collect()
    }

    fn ok(outbox: &Outbox, number: u64) -> bool {
        let answer = Received::of(Frames::new(OK, number).as_slice()).unwrap();
        outbox.answer(number, Ok(answer)).is_none()
    }

    #[test]
    fn no_more_than_the_window_are_in_flight_and_a_new_connection_sends_them_again() {
        let outbox = Outbox::default();
        let mut waiting: Vec<_> = (1..=5).map(|_| push(&outbox)).collect();
        assert_eq!(take(&outbox, 3), [1, 2, 3]);
        assert!(take(&outbox, 3).is_empty());
        assert!(ok(&outbox, 2));
        assert!(!ok(&outbox, 2) && !ok(&outbox, 4) && !ok(&outbox, 0) && !ok(&outbox, 99));
        assert!(waiting[1].try_recv().unwrap().is_ok());
        assert_eq!(take(&outbox, 3), [4]);
        outbox.restart();
        assert_eq!(take(&outbox, 10), [1, 3, 4, 5]);
        for number in [1, 3, 4, 5] {
            assert!(ok(&outbox, number));
        }
        assert!(take(&outbox, 10).is_empty());
        push(&outbox).close();
        assert!(take(&outbox, 10).is_empty(), "nobody waits for it");
    }

    #[test]
    fn what_the_hub_would_not_take_is_refused_here() {
        let outbox = Outbox::default();
        let large = |number| Frames::new(PUBLISH, number).bytes(vec![0; 1000]);
        let mut waiting = outbox.push(large).unwrap();
        assert!(take(&outbox, 1).is_empty());
        assert!(waiting.try_recv().unwrap().unwrap_err().reason.contains("1000 at most"));
    }

    #[test]
    fn no_more_bytes_are_in_flight_than_a_message_may_have() {
        let outbox = Outbox::default();
        let large = |number| Frames::new(PUBLISH, number).bytes(vec![0; 600]);
        let _waiting = [outbox.push(large), outbox.push(large)];
        let _small = push(&outbox);
        assert_eq!(take(&outbox, 10), [1]);
        assert!(take(&outbox, 10).is_empty(), "they keep their order");
        assert!(ok(&outbox, 1));
        assert_eq!(take(&outbox, 10), [2, 3]);
        outbox.restart();
        assert_eq!(take(&outbox, 10), [2, 3]);
    }
}
