//! Entries to one follower, many messages on their way at once; answers are taken in the order of the messages.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use futures_util::{Stream, StreamExt};
use openraft::raft::{AppendEntriesRequest, StreamAppendError, StreamAppendResult};
use partition::ids::ByteSize;

use super::{Client, Failure};
use crate::message::AppendVerdict;
use crate::raft::{LogId, Types};

/// Messages on their way: enough that a follower's next sync never waits for a message.
const IN_FLIGHT_MAX: usize = 64;
/// Their bytes, so that a follower whose disk is slow has far less to take than its writer may have waiting.
const IN_FLIGHT_BYTES_MAX: ByteSize = ByteSize::mib(8);

/// A message on its way.
pub(super) struct Sent {
    pub(super) bytes: usize,
    pub(super) verdict: BoxFuture<'static, Result<AppendVerdict, Failure>>,
    /// The entry before its first,
    pub(super) prev: Option<LogId>,
    /// and its last.
    pub(super) last: Option<LogId>,
}

/// Takes requests, sends them, and yields their results.
///
/// Nothing is sent before there is a request: openraft waits out its backoff in the stream of requests.
pub(super) struct Pipeline<S> {
    client: Client,
    input: Option<S>,
    in_flight: VecDeque<Sent>,
    bytes: usize,
}

impl<S> Pipeline<S> {
    pub(super) fn new(client: Client, input: S) -> Self {
        Self { client, input: Some(input), in_flight: VecDeque::new(), bytes: 0 }
    }

    fn has_room(&self) -> bool {
        self.in_flight.is_empty()
            || (self.in_flight.len() < IN_FLIGHT_MAX && self.bytes < IN_FLIGHT_BYTES_MAX.as_len())
    }
}

impl<S: Stream<Item = AppendEntriesRequest<Types>> + Unpin> Stream for Pipeline<S> {
    type Item = Result<StreamAppendResult<Types>, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while this.has_room()
            && let Some(input) = &mut this.input
        {
            match input.poll_next_unpin(cx) {
                Poll::Ready(Some(request)) => {
                    let sent = this.client.send_entries(request);
                    this.bytes += sent.bytes;
                    this.in_flight.push_back(sent);
                }
                Poll::Ready(None) => this.input = None,
                Poll::Pending => break,
            }
        }
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
            this.in_flight.clear();
        }
        Poll::Ready(Some(result))
    }
}
