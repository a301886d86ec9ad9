//! Open loop: batches are sent by a schedule, whatever became of those before, and timed from when they were due.
//!
//! ```text
//!   due       |    |  |     |    |        |        a batch that is sent late, since the client or the system was busy,
//!   sent      |    |  |        ▌▌|        |        counts from when it was due: no stall hides the batches that would
//!   latency   ├──┤ ├──┤     ├────────┤             have come meanwhile (coordinated omission)
//! ```
//! At most [`OUTSTANDING_MAX`] batches are on their way; beyond it the schedule goes on and sending waits. What is due
//! within the span and finds no room by its end is never sent, and counted. How late batches were sent is measured: it is a
//! part of the latencies, and a block in which it is a tenth of them or more says so.

use std::io;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use hdrhistogram::Histogram;
use partition::clock::{Clock, ExactTimer, Moment};
use partition::partition::Acks;
use rand::rngs::StdRng;

use super::closed_loop::Span;
use super::load::Schedule;
use super::outlet::Outlet;
use super::payload::Source;
use super::tally::{Answer, Tally, histogram, nanos};
use crate::stats::{Block, Slip};

/// How many batches may be on their way: as many as a closed loop may have. More only measures queues.
pub const OUTSTANDING_MAX: usize = 4096;

/// A load on one partition.
#[derive(Clone, Debug)]
pub struct OpenLoop {
    /// Where records go in, through a connection each; they take turns.
    pub outlets: Vec<Outlet>,
    /// The client's clock.
    pub clock: Clock,
    /// What counts as an answer.
    pub acks: Acks,
    /// When batches are due.
    pub schedule: Schedule,
}

impl OpenLoop {
    /// Sends what is due in `span`, then waits for the answers to all that was sent.
    ///
    /// Elapsed time runs from the first moment to the last answer, less the median latency (filling the pipe and
    /// draining it then cancel), and is at least the span.
    ///
    /// # Errors
    /// When the operating system gives no timer.
    pub async fn run(&self, source: &mut Source, span: Span, random: &mut StdRng) -> io::Result<Block> {
        let mut timer = self.clock.exact_timer()?;
        let start = self.clock.now();
        let mut generator = Generator {
            load: self,
            batch: self.outlets.first().map_or(1, |outlet| outlet.records_of_step(source)),
            due: start,
            end: start.after(span.0),
            next: 0,
            blocked: false,
            lateness: histogram(),
            random,
        };
        generator.due = generator.due.after(generator.gap());
        let mut tally = Tally::default();
        let mut answers = FuturesUnordered::new();
        let mut last_answer = start;
        loop {
            generator.send(source, &mut answers);
            tokio::select! {
                biased;
                answer = answers.next(), if !answers.is_empty() => {
                    let answer: Answer = answer.expect("there are some");
                    last_answer = self.clock.now();
                    tally.count(&answer);
                }
                () = generator.wait(&mut timer), if generator.is_sending() && answers.len() < OUTSTANDING_MAX => {}
                else => break,
            }
        }
        let elapsed = last_answer.since(start).saturating_sub(tally.median()).max(span.0);
        let slip = generator.slip();
        Ok(tally.block(elapsed, Some(slip)))
    }
}

/// What sends by the schedule.
struct Generator<'a> {
    load: &'a OpenLoop,
    /// Records of a step: of a batch, or one where a producer gathers them.
    batch: u32,
    /// When the next batch is due.
    due: Moment,
    /// When sending ends.
    end: Moment,
    /// Whose turn it is.
    next: usize,
    /// There was no room for what was due; if the span ends meanwhile, it is never sent.
    blocked: bool,
    lateness: Histogram<u64>,
    random: &'a mut StdRng,
}

impl Generator<'_> {
    /// The time to the batch after the one that is due.
    fn gap(&mut self) -> Duration {
        self.load.schedule.gap(self.batch, self.random)
    }

    /// Whether there is more to be sent.
    fn is_sending(&self) -> bool {
        self.due < self.end && self.load.clock.now() < self.end
    }

    async fn wait(&self, timer: &mut ExactTimer) {
        timer.wait_until(self.due).await;
    }

    /// Sends all that is due by now, as far as it may: what was due in the span also after its end, once.
    fn send(&mut self, source: &mut Source, answers: &mut FuturesUnordered<BoxFuture<'static, Answer>>) {
        let over = self.load.clock.now() >= self.end;
        if over && self.blocked {
            return;
        }
        while answers.len() < OUTSTANDING_MAX && self.due < self.end {
            let now = self.load.clock.now();
            if self.due > now {
                break;
            }
            self.lateness.saturating_record(nanos(now.since(self.due)));
            answers.push(self.submit(source));
            self.due = self.due.after(self.gap());
        }
        self.blocked = over || answers.len() >= OUTSTANDING_MAX;
    }

    fn submit(&mut self, source: &mut Source) -> BoxFuture<'static, Answer> {
        let OpenLoop { outlets, clock, acks, .. } = self.load;
        let answer = outlets[self.next % outlets.len()].submit(source, *acks, clock.wall_ms());
        self.next = self.next.wrapping_add(1);
        let (clock, due, records) = (clock.clone(), self.due, u64::from(self.batch));
        Box::pin(async move {
            let outcome = answer.await;
            Answer { records, took: clock.now().since(due), outcome }
        })
    }

    /// How late it was; what is still due was not sent.
    fn slip(mut self) -> Slip {
        let mut unsent = 0;
        while self.due < self.end {
            unsent += u64::from(self.batch);
            self.due = self.due.after(self.gap().max(Duration::from_nanos(1)));
        }
        Slip { lateness: self.lateness, unsent }
    }
}

#[cfg(test)]
mod tests;
