//! Entries to one follower, many messages on their way at once; answers are taken in the order of the messages.
//!
//! What only says that more is committed waits for entries to ride with: else each append of a client that waits for its
//! answer would cost a second message to each follower, and its answer. An in-sync set's leader does the same (`NEWS_DELAY` there).

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::{Stream, StreamExt};
use openraft::raft::{AppendEntriesRequest, StreamAppendError, StreamAppendResult};
use partition::clock::{Clock, Moment, Sleep};
use partition::ids::ByteSize;

use super::Failure;
use crate::message::AppendVerdict;
use crate::raft::{LogId, Types};

#[cfg(test)]
mod tests;

/// Messages on their way: enough that a follower's next sync never waits for a message.
const IN_FLIGHT_MAX: usize = 64;
/// Their bytes, so that a follower whose disk is slow has far less to take than its writer may have waiting.
const IN_FLIGHT_BYTES_MAX: ByteSize = ByteSize::mib(8);

/// News without entries (more is committed) waits so long for entries to ride with. Readers of followers see it; no
/// acknowledgement waits for it.
const NEWS_DELAY: Duration = Duration::from_millis(5);

/// A message on its way.
pub(super) struct Sent {
    pub(super) bytes: usize,
    pub(super) verdict: BoxFuture<'static, Result<AppendVerdict, Failure>>,
    /// The entry before its first,
    pub(super) prev: Option<LogId>,
    /// and its last.
    pub(super) last: Option<LogId>,
}

/// News that waits for entries to ride with.
struct News {
    request: AppendEntriesRequest<Types>,
    due: Moment,
}

/// Takes requests, sends them, and yields their results. News that rides with a later request has no result of its own: the
/// later one's tells openraft as much, for it counts by entries.
///
/// Nothing is sent before there is a request: openraft waits out its backoff in the stream of requests.
pub(super) struct Pipeline<S, F> {
    clock: Clock,
    send: F,
    input: Option<S>,
    news: Option<News>,
    /// Rings at some time before news is due. It goes on when the news has left with entries: to arm one for each would wake the
    /// runtime each time.
    alarm: Option<Pin<Box<Sleep>>>,
    in_flight: VecDeque<Sent>,
    bytes: usize,
}

impl<S, F: FnMut(AppendEntriesRequest<Types>) -> Sent> Pipeline<S, F> {
    pub(super) fn new(clock: Clock, send: F, input: S) -> Self {
        Self {
            clock,
            send,
            input: Some(input),
            news: None,
            alarm: None,
            in_flight: VecDeque::new(),
            bytes: 0,
        }
    }

    fn has_room(&self) -> bool {
        self.in_flight.is_empty()
            || (self.in_flight.len() < IN_FLIGHT_MAX && self.bytes < IN_FLIGHT_BYTES_MAX.as_len())
    }

    /// A request carries all that the news before it said.
    fn take(&mut self, request: AppendEntriesRequest<Types>) {
        let older = self.news.take();
        if request.entries.is_empty() {
            let due = older.map_or_else(|| self.clock.now().after(NEWS_DELAY), |older| older.due);
            self.news = Some(News { request, due });
        } else {
            self.send(request);
        }
    }

    fn send(&mut self, request: AppendEntriesRequest<Types>) {
        let sent = (self.send)(request);
        self.bytes += sent.bytes;
        self.in_flight.push_back(sent);
    }

    /// Sends news that has waited long enough, or that nothing will follow.
    fn tell(&mut self, cx: &mut Context<'_>) {
        while let Some(News { due, .. }) = self.news {
            if self.input.is_some() && due > self.clock.now() {
                let alarm = self.alarm.get_or_insert_with(|| Box::pin(self.clock.sleep_until(due)));
                if alarm.poll_unpin(cx).is_pending() {
                    return;
                }
                self.alarm = None;
            } else if let Some(News { request, .. }) = self.news.take() {
                self.send(request);
            }
        }
    }
}

impl<S, F> Stream for Pipeline<S, F>
where
    S: Stream<Item = AppendEntriesRequest<Types>> + Unpin,
    F: FnMut(AppendEntriesRequest<Types>) -> Sent + Unpin,
{
    type Item = Result<StreamAppendResult<Types>, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while this.has_room()
            && let Some(input) = &mut this.input
        {
            match input.poll_next_unpin(cx) {
                Poll::Ready(Some(request)) => this.take(request),
                Poll::Ready(None) => this.input = None,
                Poll::Pending => break,
            }
        }
        this.tell(cx);
        let Some(first) = this.in_flight.front_mut() else {
            return if this.input.is_none() { Poll::Ready(None) } else { Poll::Pending };
        };
        let Poll::Ready(verdict) = first.verdict.as_mut().poll(cx) else {
            return Poll::Pending;
        };
        let Sent { bytes, prev, last, .. } =
            this.in_flight.pop_front().expect("it is the one that was polled");
        this.bytes -= bytes;
        let result = verdict.map(|verdict| match verdict {
            AppendVerdict::Stored => Ok(last),
            AppendVerdict::HigherVote(vote) => Err(StreamAppendError::HigherVote(vote.into())),
            AppendVerdict::Conflict => {
                Err(StreamAppendError::Conflict(prev.expect("before the first entry nothing can contradict")))
            }
        });
        if !matches!(result, Ok(Ok(_))) {
            // What follows builds on this one: openraft begins again.
            this.input = None;
            this.news = None;
            this.in_flight.clear();
        }
        Poll::Ready(Some(result))
    }
}
