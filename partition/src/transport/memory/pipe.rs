//! One direction of one connection: what is under way, what has arrived, and who waits for either.

use std::collections::VecDeque;
use std::task::Waker;

use super::troubles::Way;
use crate::clock::Moment;
use crate::ids::ByteSize;
use crate::transport::{Frame, frame};

/// Bytes under way or unread on one pipe, beyond which its sender waits: two socket buffers' worth.
const PIPE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// One direction of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PipeId(pub(super) u64);

/// The two pipes of a connection, as one side uses them.
pub(super) struct Ends {
    pub(super) out: PipeId,
    pub(super) into: PipeId,
}

pub(super) struct Pipe {
    pub(super) way: Way,
    /// The other direction of the same connection.
    pub(super) twin: PipeId,
    /// Under way, in order.
    pub(super) sent: VecDeque<Item>,
    /// Of those, how many should have arrived but for a cut.
    pub(super) held: usize,
    /// Arrived, and not read yet.
    arrived: VecDeque<Frame>,
    /// Bytes in both.
    bytes: u64,
    /// Nothing arrives before this: what follows does not overtake.
    pub(super) not_before: Moment,
    pub(super) writer: Side,
    pub(super) reader: Side,
    waiting_writer: Option<Waker>,
    waiting_reader: Option<Waker>,
}

pub(super) enum Item {
    Frame(Frame),
    End,
}

/// Whether an end of a pipe is in use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Open,
    /// The writer is done (and for the reader: has been seen to be done).
    Closed,
    /// The connection was reset.
    Reset,
    /// Its machine has no power: it says nothing, and takes nothing.
    Silent,
}

/// What has arrived.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrived {
    Frame { size: ByteSize, crc: u32 },
    End,
}

/// How sending went.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    All,
    Waiting,
    Broken,
}

/// What a reader finds.
pub(super) enum Received {
    Frame(Frame),
    Nothing,
    End,
    Reset,
}

impl Pipe {
    pub(super) fn new(way: Way, twin: PipeId, now: Moment) -> Self {
        Self {
            way,
            twin,
            sent: VecDeque::new(),
            held: 0,
            arrived: VecDeque::new(),
            bytes: 0,
            not_before: now,
            writer: Side::Open,
            reader: Side::Open,
            waiting_writer: None,
            waiting_reader: None,
        }
    }

    /// Whether nothing that is sent can arrive any more, and the sender knows.
    pub(super) fn is_broken(&self) -> bool {
        !matches!(self.reader, Side::Open | Side::Silent) || self.writer != Side::Open
    }

    /// Takes a frame to send, or gives it back where there is no room yet.
    pub(super) fn push(&mut self, frame: Frame, waker: &Waker) -> Result<(), Frame> {
        if self.bytes >= PIPE_BYTES_MAX {
            self.waiting_writer = Some(waker.clone());
            return Err(frame);
        }
        self.bytes += frame::size(&frame).0;
        self.sent.push_back(Item::Frame(frame));
        Ok(())
    }

    /// Takes the next frame that has arrived.
    pub(super) fn receive(&mut self, waker: Option<&Waker>) -> Received {
        if let Some(frame) = self.arrived.pop_front() {
            self.bytes -= frame::size(&frame).0;
            if let Some(writer) = self.waiting_writer.take() {
                writer.wake();
            }
            return Received::Frame(frame);
        }
        match self.reader {
            Side::Open | Side::Silent => {}
            Side::Closed => return Received::End,
            Side::Reset => return Received::Reset,
        }
        if let Some(waker) = waker {
            self.waiting_reader = Some(waker.clone());
        }
        Received::Nothing
    }

    /// The sender is done; whether it was not before.
    pub(super) fn end(&mut self) -> bool {
        if self.writer != Side::Open {
            return false;
        }
        self.writer = Side::Closed;
        self.sent.push_back(Item::End);
        if let Some(writer) = self.waiting_writer.take() {
            writer.wake();
        }
        true
    }

    /// The first item under way is there; nothing when nobody is there to take it, and nobody says so.
    pub(super) fn arrive(&mut self) -> Option<Arrived> {
        let item = self.sent.pop_front()?;
        if self.reader == Side::Silent {
            return None;
        }
        let arrived = match item {
            Item::Frame(frame) => {
                let crc = crc32c::crc32c_append(crc32c::crc32c(&frame.head), &frame.body);
                let size = frame::size(&frame);
                self.arrived.push_back(frame);
                Arrived::Frame { size, crc }
            }
            Item::End => {
                self.reader = Side::Closed;
                Arrived::End
            }
        };
        if let Some(reader) = self.waiting_reader.take() {
            reader.wake();
        }
        Some(arrived)
    }

    /// Nothing more is sent or arrives. Says how the reader was.
    pub(super) fn reset(&mut self) -> Side {
        self.sent.clear();
        self.held = 0;
        self.writer = Side::Reset;
        let was = self.reader;
        if was == Side::Open {
            self.reader = Side::Reset;
        }
        self.wake();
        was
    }

    /// Has both ends look again.
    pub(super) fn wake(&mut self) {
        for waker in [self.waiting_writer.take(), self.waiting_reader.take()].into_iter().flatten() {
            waker.wake();
        }
    }
}
