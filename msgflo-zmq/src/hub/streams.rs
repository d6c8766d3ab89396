//! What a client of the hub receives: deliveries, announcements and copies.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use msgflo_core::transport::{Announcements, Copies, Deliveries, Delivery};
use msgflo_core::{Definition, Message, Result};

pub(super) enum Source {
    Deliveries(Deliveries),
    Announcements(Announcements),
    Copies(Copies),
}

pub(super) enum Item {
    Delivery(u64, Delivery),
    Announcement(u64, Definition),
    Copy(u64, Message),
}

/// The next of all streams, each in its turn. Waits for ever while there is none.
pub(super) fn next<'a>(
    streams: &'a mut Vec<(u64, Source)>,
    turn: &'a mut usize,
) -> impl Future<Output = Item> + 'a {
    std::future::poll_fn(move |cx| {
        for _ in 0..streams.len() {
            *turn = (*turn + 1) % streams.len().max(1);
            let Some((number, source)) = streams.get_mut(*turn) else { break };
            match source.poll_next(*number, cx) {
                Poll::Ready(Some(item)) => return Poll::Ready(item),
                Poll::Ready(None) => drop(streams.remove(*turn)),
                Poll::Pending => {}
            }
        }
        Poll::Pending
    })
}

impl Source {
    fn poll_next(&mut self, number: u64, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        // The queues in memory end their streams when they are closed, and have no errors.
        Poll::Ready(match self {
            Self::Deliveries(deliveries) => std::task::ready!(Pin::new(deliveries).poll_next(cx))
                .and_then(Result::ok)
                .map(|delivery| Item::Delivery(number, delivery)),
            Self::Announcements(announcements) => {
                std::task::ready!(Pin::new(announcements).poll_next(cx))
                    .and_then(Result::ok)
                    .map(|definition| Item::Announcement(number, definition))
            }
            Self::Copies(copies) => std::task::ready!(Pin::new(copies).poll_next(cx))
                .and_then(Result::ok)
                .map(|message| Item::Copy(number, message)),
        })
    }
}
