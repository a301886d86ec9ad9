//! The leader's side of one echo: what was pushed, what may be pushed next, and what to do after a lost connection.

use std::time::Duration;

use futures_util::future::BoxFuture;
use partition::ids::{ByteSize, Offset, PartitionId};
use partition::log::{CacheRead, LogError, LogReader};
use partition::record::Batches;
use partition::transport::rpc::{CallError, Peer};
use partition::world::World;

use super::message::{FromEcho, ToEcho};

/// Frames under way to one echo: one is being written, one waits in its queue, one travels; more would only make
/// smaller batches.
const FRAMES_IN_FLIGHT_MAX: usize = 4;
/// What one frame carries at most, besides a single larger batch: what is read, sent and synced in some milliseconds.
const PUSH_BYTES_MAX: ByteSize = ByteSize::mib(1);
/// An echo that is silent for so long is greeted again: longer than the slowest sync, and than a pause of 10 s.
const REPLY_TIMEOUT: Duration = Duration::from_secs(15);
/// Before greeting again an echo that could not be reached.
const BACKOFF: Duration = Duration::from_millis(50);

/// One echo, as the leader sees it.
#[derive(Debug)]
pub(super) struct EchoLink {
    place: usize,
    peer: Peer,
    world: World,
    partition: PartitionId,
    course: Course,
    /// Raised by each greeting: replies to what was sent before it are of no interest.
    round: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// To be greeted next; after [`BACKOFF`] if it failed before.
    Strange(Duration),
    /// Asked where it stands.
    Greeted,
    /// Takes what is pushed.
    Pushing { next: Offset, in_flight: usize },
    /// Old batches are being read from disk, then sent.
    CatchingUp { next: Offset },
}

/// A reply, or what stands for one.
#[derive(Debug)]
pub(super) struct Landed {
    pub(super) place: usize,
    round: u64,
    what: Result<FromEcho, CallError>,
}

/// Something under way.
pub(super) type Flight = BoxFuture<'static, Landed>;

impl EchoLink {
    pub(super) fn new(world: &World, place: usize, peer: Peer, partition: PartitionId) -> Self {
        let course = Course::Strange(Duration::ZERO);
        Self { place, peer, world: world.clone(), partition, course, round: 0 }
    }

    /// The next thing to send, sent; `None` when there is nothing, or enough is under way.
    pub(super) fn advance(&mut self, log: &LogReader, end: Offset) -> Result<Option<Flight>, LogError> {
        match self.course {
            Course::Strange(backoff) => {
                self.round += 1;
                self.course = Course::Greeted;
                Ok(Some(self.greeting(end, backoff)))
            }
            Course::Pushing { next, in_flight } if next < end && in_flight < FRAMES_IN_FLIGHT_MAX => {
                match log.read_cached(next, end, PUSH_BYTES_MAX)? {
                    CacheRead::Hit(batches) => {
                        let next = end_of(&batches, next)?;
                        self.course = Course::Pushing { next, in_flight: in_flight + 1 };
                        Ok(Some(self.push(batches)))
                    }
                    // Reading takes a while; what is under way comes back first, so that order is kept.
                    CacheRead::Miss if in_flight == 0 => {
                        self.course = Course::CatchingUp { next };
                        Ok(Some(self.push_from_disk(log.clone(), next, end)))
                    }
                    CacheRead::Miss => Ok(None),
                }
            }
            Course::Pushing { .. } | Course::Greeted | Course::CatchingUp { .. } => Ok(None),
        }
    }

    /// Takes a reply into account; returns how far the echo's copy is stored, if it says.
    pub(super) fn land(&mut self, landed: Landed) -> Option<Offset> {
        if landed.round != self.round {
            return None;
        }
        match (landed.what, self.course) {
            (Ok(FromEcho::Holds { end, stored }), Course::Greeted) => {
                self.course = Course::Pushing { next: end, in_flight: 0 };
                Some(stored)
            }
            (Ok(FromEcho::Stored { to }), Course::Pushing { next, in_flight }) => {
                self.course = Course::Pushing { next, in_flight: in_flight - 1 };
                Some(to)
            }
            (Ok(FromEcho::Stored { to }), Course::CatchingUp { next }) => {
                self.course = Course::Pushing { next: to.max(next), in_flight: 0 };
                Some(to)
            }
            (what, _) => {
                tracing::warn!(echo = self.place, ?what, "greeting an echo again");
                self.course = Course::Strange(BACKOFF);
                None
            }
        }
    }

    fn greeting(&self, end: Offset, backoff: Duration) -> Flight {
        let (world, peer) = (self.world.clone(), self.peer.clone());
        let request = ToEcho::Greet { end }.request(self.partition.clone(), bytes::Bytes::new());
        let (place, round) = (self.place, self.round);
        Box::pin(async move {
            if !backoff.is_zero() {
                world.clock.sleep(backoff).await;
            }
            let what = answer(peer.call(request, REPLY_TIMEOUT).await);
            Landed { place, round, what }
        })
    }

    fn push(&self, batches: Batches) -> Flight {
        let request = ToEcho::Push.request(self.partition.clone(), batches.bytes().clone());
        let reply = self.peer.call(request, REPLY_TIMEOUT);
        let (place, round) = (self.place, self.round);
        Box::pin(async move { Landed { place, round, what: answer(reply.await) } })
    }

    fn push_from_disk(&self, log: LogReader, next: Offset, end: Offset) -> Flight {
        let (peer, partition) = (self.peer.clone(), self.partition.clone());
        let (place, round) = (self.place, self.round);
        Box::pin(async move {
            let what = match log.read(next, end, PUSH_BYTES_MAX).await {
                Ok(batches) => {
                    let request = ToEcho::Push.request(partition, batches.bytes().clone());
                    answer(peer.call(request, REPLY_TIMEOUT).await)
                }
                Err(error) => Err(CallError::Unsent(error.to_string())),
            };
            Landed { place, round, what }
        })
    }
}

fn answer(reply: Result<partition::transport::Reply, CallError>) -> Result<FromEcho, CallError> {
    FromEcho::of(&reply?).map_err(|error| CallError::Lost(error.to_string()))
}

/// Where the next push begins.
fn end_of(batches: &Batches, next: Offset) -> Result<Offset, LogError> {
    Ok(batches.end()?.unwrap_or(next))
}
