//! The outgoing half: frames wait in a queue until they are due, and a task hands them on.

use std::io;
use std::mem;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{Notify, mpsc};

use super::{Delays, HELD_BYTES_MAX, Ways};
use crate::clock::{Clock, ExactTimer, Moment};
use crate::ids::ByteSize;
use crate::transport::{Frame, FrameSink};
use crate::world::Tasks;

/// What `inner` is to send, later.
pub(super) fn delayed(
    inner: Box<dyn FrameSink>,
    delays: Delays,
    timer: ExactTimer,
    clock: &Clock,
    tasks: &Tasks,
    ways: &Ways,
) -> Box<dyn FrameSink> {
    let (queue, frames) = mpsc::unbounded_channel();
    let held = Arc::new(Held::default());
    let pump =
        Pump { inner, frames, timer, clock: clock.clone(), ways: ways.clone(), held: Arc::clone(&held) };
    tasks.spawn(pump.run());
    Box::new(DelayedSink { delays, clock: clock.clone(), queue, held })
}

/// A frame on its way.
#[derive(Debug)]
struct OnItsWay {
    due: Moment,
    frame: Frame,
}

/// What both ends of the queue look at.
#[derive(Debug, Default)]
struct Held {
    state: Mutex<State>,
    /// There is less.
    less: Notify,
}

#[derive(Debug, Default)]
struct State {
    bytes: ByteSize,
    /// The connection ended.
    ended: Option<io::Error>,
}

impl Held {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    fn take(&self, size: ByteSize) {
        self.state().bytes.0 += size.0;
    }

    fn give(&self, size: ByteSize) {
        self.state().bytes.0 -= size.0;
        self.less.notify_one();
    }

    fn end(&self, error: io::Error) {
        self.state().ended = Some(error);
        self.less.notify_one();
    }
}

fn size(frame: &Frame) -> ByteSize {
    ByteSize((frame.head.len() + frame.body.len()) as u64)
}

#[derive(Debug)]
struct DelayedSink {
    delays: Delays,
    clock: Clock,
    queue: mpsc::UnboundedSender<OnItsWay>,
    held: Arc<Held>,
}

impl FrameSink for DelayedSink {
    fn feed(&mut self, frame: Frame) {
        let due = self.delays.due(self.clock.now());
        self.held.take(size(&frame));
        // Without a pump the connection has ended: the next flush says so.
        let _ = self.queue.send(OnItsWay { due, frame });
    }

    /// What was fed is on its way already; this waits only while too much is.
    fn flush(&mut self) -> BoxFuture<'_, io::Result<()>> {
        async move {
            loop {
                {
                    let mut state = self.held.state();
                    if let Some(error) = &mut state.ended {
                        let again = io::Error::from(error.kind());
                        return Err(mem::replace(error, again));
                    }
                    if state.bytes <= HELD_BYTES_MAX {
                        return Ok(());
                    }
                }
                self.held.less.notified().await;
            }
        }
        .boxed()
    }
}

/// Hands frames on when they are due, until the sink is gone and the last is sent.
struct Pump {
    inner: Box<dyn FrameSink>,
    frames: mpsc::UnboundedReceiver<OnItsWay>,
    timer: ExactTimer,
    clock: Clock,
    ways: Ways,
    held: Arc<Held>,
}

impl Pump {
    async fn run(mut self) {
        let mut ahead = self.frames.recv().await;
        while let Some(first) = ahead {
            self.timer.wait_until(first.due).await;
            ahead = self.feed_due(first);
            if let Err(error) = self.inner.flush().await {
                self.held.end(error);
                return;
            }
            if ahead.is_none() {
                ahead = self.frames.recv().await;
            }
        }
    }

    /// Feeds all that is due by now; returns the first that is not.
    fn feed_due(&mut self, first: OnItsWay) -> Option<OnItsWay> {
        let now = self.clock.now();
        let mut next = Some(first);
        while let Some(OnItsWay { due, frame }) = next {
            if due > now {
                return Some(OnItsWay { due, frame });
            }
            self.ways.lateness().count(now.since(due));
            self.held.give(size(&frame));
            self.inner.feed(frame);
            next = self.frames.try_recv().ok();
        }
        None
    }
}
