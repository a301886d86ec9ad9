//! Closed loop: so many batches in flight, the next one sent when one is answered.
//!
//! A closed loop slows down with what it measures: while the system stalls it sends nothing, so a stall counts once
//! for each batch in flight, not once for each batch that would have come. Compare such figures only with others
//! of a closed loop with as many in flight. Where a producer gathers records, single records are in flight.

use std::fmt;
use std::pin::pin;
use std::str::FromStr;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use partition::clock::{Clock, Moment};
use partition::partition::Acks;

use super::outlet::Outlet;
use super::payload::Source;
use super::tally::{Answer, Tally};
use crate::stats::Block;

/// How long a batch may wait for its answer: longer than any stall that a healthy cluster shows. Its outcome is
/// then unknown, and counted so.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long a slot rests after a refusal, so that a dead cluster is not hammered.
const REST_AFTER_REFUSAL: Duration = Duration::from_millis(5);

/// How many batches are on their way at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InFlight(u32);

impl InFlight {
    /// More only measures queues.
    pub const MAX: u32 = 4096;
    /// No queue anywhere: pure latency.
    pub const ONE: Self = Self(1);
    /// Enough for group commit to show.
    pub const SIXTY_FOUR: Self = Self(64);

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl FromStr for InFlight {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let within = |count: &u32| (1..=Self::MAX).contains(count);
        let count = text.parse().ok().filter(within);
        count.map(Self).ok_or_else(|| format!("in flight must be 1 to {}, not {text:?}", Self::MAX))
    }
}

impl fmt::Display for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// How long batches are sent; what is then on its way is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

/// A load on one partition.
#[derive(Clone, Debug)]
pub struct ClosedLoop {
    /// Where records go in, through a connection each; they take turns.
    pub outlets: Vec<Outlet>,
    /// The client's clock.
    pub clock: Clock,
    /// What counts as an answer.
    pub acks: Acks,
    /// How many batches at once.
    pub in_flight: InFlight,
}

impl ClosedLoop {
    /// Sends for `span`, then waits for the answers to all that was sent. Every batch sent is counted.
    ///
    /// Elapsed time runs from the first submission to the last answer: filling the pipe and draining it then
    /// cancel, and records by time is the loop's true pace.
    pub async fn run(&self, source: &mut Source, span: Span) -> Block {
        let start = self.clock.now();
        let deadline = start.after(span.0);
        let mut tally = Tally::default();
        let mut answers = FuturesUnordered::new();
        let mut turns = self.outlets.iter().cycle();
        let mut next = || turns.next().expect("there is an outlet");
        for _ in 0..self.in_flight.0 {
            answers.push(self.submit(next(), source));
        }
        let mut last_answer = start;
        let mut over = pin!(self.clock.sleep_until(deadline));
        let mut sending = true;
        loop {
            tokio::select! {
                biased;
                answer = answers.next() => {
                    let Some(answer) = answer else { break };
                    last_answer = self.clock.now();
                    tally.count(&answer);
                    sending = sending && last_answer < deadline;
                    if sending {
                        answers.push(self.submit(next(), source));
                    }
                }
                // Without this, nothing would end a loop whose every answer is late.
                () = &mut over, if sending => sending = false,
            }
        }
        tally.block(last_answer.since(start), None)
    }

    /// Submits the next now; the future is its answer.
    fn submit(&self, outlet: &Outlet, source: &mut Source) -> BoxFuture<'static, Answer> {
        let records = u64::from(outlet.records_of_step(source));
        let (clock, acks) = (self.clock.clone(), self.acks);
        let submitted: Moment = clock.now();
        let answer = outlet.submit(source, acks, clock.wall_ms());
        Box::pin(async move {
            let outcome = answer.await;
            let took = clock.now().since(submitted);
            if outcome.is_err() {
                clock.sleep(REST_AFTER_REFUSAL).await;
            } else if acks == Acks::Nobody {
                // What is only handed over never waits: without this, the connection would get no turn to send it.
                tokio::task::yield_now().await;
            }
            Answer { records, took, outcome }
        })
    }
}

#[cfg(test)]
mod tests;
