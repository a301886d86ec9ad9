//! The incoming half: what has arrived is held until it is due.

use std::collections::VecDeque;
use std::io;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Delays, HELD_BYTES_MAX, Ways};
use crate::clock::{Clock, ExactTimer, Moment};
use crate::ids::ByteSize;
use crate::transport::{Frame, FrameStream};

/// What comes out of `inner`, later.
pub(super) fn delayed(
    inner: Box<dyn FrameStream>,
    delays: Delays,
    timer: ExactTimer,
    clock: &Clock,
    ways: &Ways,
) -> Box<dyn FrameStream> {
    Box::new(DelayedStream {
        inner,
        delays,
        timer,
        clock: clock.clone(),
        ways: ways.clone(),
        held: VecDeque::new(),
        bytes: ByteSize(0),
        end: None,
    })
}

/// How a stream ends: in order, or with an error.
type End = io::Result<()>;

#[derive(Debug)]
struct DelayedStream {
    inner: Box<dyn FrameStream>,
    delays: Delays,
    timer: ExactTimer,
    clock: Clock,
    ways: Ways,
    held: VecDeque<(Moment, Frame)>,
    bytes: ByteSize,
    /// The end is on its way too, behind all frames.
    end: Option<(Moment, End)>,
}

impl DelayedStream {
    /// Takes what `inner` gave.
    fn hold(&mut self, came: io::Result<Option<Frame>>) {
        let due = self.delays.due(self.clock.now());
        match came {
            Ok(Some(frame)) => {
                self.bytes.0 += size(&frame);
                self.held.push_back((due, frame));
            }
            Ok(None) => self.end = Some((due, Ok(()))),
            Err(error) => self.end = Some((due, Err(error))),
        }
    }

    /// Whether more may be taken from `inner`.
    fn has_room(&self) -> bool {
        self.end.is_none() && self.bytes <= HELD_BYTES_MAX
    }

    /// Takes all that has arrived, so that each is held from the moment at which it came.
    fn take_arrived(&mut self) {
        while self.has_room() {
            match self.inner.ready() {
                Ok(None) => return,
                came => self.hold(came),
            }
        }
    }

    /// When the next frame, or the end, is due.
    fn next_due(&self) -> Option<Moment> {
        self.held.front().map(|(due, _)| *due).or(self.end.as_ref().map(|(due, _)| *due))
    }

    /// The first frame, if it is due.
    fn release(&mut self, now: Moment) -> Option<Frame> {
        let (due, frame) = self.held.pop_front_if(|(due, _)| *due <= now)?;
        self.bytes.0 -= size(&frame);
        self.ways.lateness().count(now.since(due));
        Some(frame)
    }

    /// The end, if it is due: once with its error, then as an end in order.
    fn release_end(&mut self, now: Moment) -> Option<End> {
        let (_, end) = self.end.as_mut().filter(|(due, _)| *due <= now && self.held.is_empty())?;
        Some(std::mem::replace(end, Ok(())))
    }
}

fn size(frame: &Frame) -> u64 {
    (frame.head.len() + frame.body.len()) as u64
}

impl FrameStream for DelayedStream {
    fn next(&mut self) -> BoxFuture<'_, io::Result<Option<Frame>>> {
        async move {
            loop {
                self.take_arrived();
                let now = self.clock.now();
                if let Some(frame) = self.release(now) {
                    return Ok(Some(frame));
                }
                if let Some(end) = self.release_end(now) {
                    return end.map(|()| None);
                }
                let (due, has_room) = (self.next_due(), self.has_room());
                let Self { inner, timer, .. } = self;
                tokio::select! {
                    biased;
                    () = async { match due {
                        Some(due) => timer.wait_until(due).await,
                        None => std::future::pending().await,
                    } } => {}
                    came = async { inner.next().await }, if has_room => self.hold(came),
                }
            }
        }
        .boxed()
    }

    fn ready(&mut self) -> io::Result<Option<Frame>> {
        self.take_arrived();
        let now = self.clock.now();
        Ok(self.release(now))
    }
}
