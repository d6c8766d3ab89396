//! Questions that several roles have at the same time, asked together: backends answer for all of an
//! app with one request.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::task::yield_now;

/// Questions that are not asked yet, and who waits for the answers.
pub(super) struct Together<Q, A>(Mutex<Vec<(Q, oneshot::Sender<A>)>>);

impl<Q, A> Default for Together<Q, A> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Q, A> Together<Q, A> {
    /// Asks, by the `ask` of whoever was first; all others must then come up with the same. `None` if
    /// there was no answer to this question.
    pub(super) async fn ask(
        &self,
        question: Q,
        ask: impl AsyncFnOnce(Vec<Q>) -> Vec<A>,
    ) -> Option<A> {
        let (sender, answer) = oneshot::channel();
        let is_first = {
            let mut waiting = self.waiting();
            // Of whoever was dropped before it had asked.
            waiting.retain(|(_, sender)| !sender.is_closed());
            waiting.push((question, sender));
            waiting.len() == 1
        };
        if is_first {
            // Whoever is polled at this moment has asked then.
            yield_now().await;
            let (questions, senders): (Vec<_>, Vec<_>) = self.waiting().drain(..).unzip();
            for (sender, answer) in senders.into_iter().zip(ask(questions).await) {
                let _ = sender.send(answer);
            }
        }
        answer.await.ok()
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<(Q, oneshot::Sender<A>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn what_is_asked_at_the_same_time_is_asked_together() {
        let (together, asked) = (Together::default(), RefCell::new(Vec::new()));
        let ask = async |questions: Vec<u32>| {
            asked.borrow_mut().push(questions.clone());
            yield_now().await;
            questions.into_iter().filter(|question| *question != 3).map(|it| it * 10).collect()
        };
        let answers = join_all([1, 2, 3].map(|question| together.ask(question, ask))).await;
        assert_eq!(answers, [Some(10), Some(20), None]);
        assert_eq!(together.ask(4, ask).await, Some(40));
        assert_eq!(asked.take(), [vec![1, 2, 3], vec![4]]);
    }

    #[tokio::test]
    async fn whoever_gives_up_holds_up_nobody() {
        let together = Together::<u32, u32>::default();
        {
            let mut given_up = Box::pin(together.ask(1, async |questions| questions));
            assert_eq!(futures_util::future::poll_immediate(&mut given_up).await, None);
        }
        assert_eq!(together.ask(2, async |questions| questions).await, Some(2));
    }
}
