//! How frames lie in a stream of bytes, and how they are split off it without copying.
//!
//! ```text
//!   [total length u32][head length u32][head ...][body ...]     total = 4 + head + body, big-endian
//! ```

use std::io;

use bytes::{Buf, BytesMut};

use super::{FRAME_SIZE_MAX, Frame};
use crate::ids::ByteSize;

/// Bytes before a frame's head.
pub const PREFIX_LENGTH: usize = 8;
/// The bytes of the head length, which the total length counts.
const HEAD_LENGTH_SIZE: usize = 4;
/// Memory is taken anew when less than this share of it is free: frames still in use keep the old piece.
const ROOM_SHARE: usize = 8;

/// Why a stream of bytes is not frames. The connection is of no more use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Longer than anybody here would send.
    #[error("a frame of {0} bytes; at most {FRAME_SIZE_MAX} are taken")]
    TooLong(ByteSize),
    /// The head would end beyond the frame.
    #[error("a frame of {total} bytes with a head of {head}")]
    HeadTooLong {
        /// Bytes in the frame, the head length counted.
        total: ByteSize,
        /// Bytes in its head.
        head: ByteSize,
    },
}

impl From<FrameError> for io::Error {
    fn from(error: FrameError) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

/// The bytes that came in and have not been split off yet.
#[derive(Debug, Default)]
pub struct Splitter {
    bytes: BytesMut,
}

impl Splitter {
    /// Splits off the next frame, if it has arrived whole.
    ///
    /// # Errors
    /// [`FrameError`] as soon as the prefix cannot be a frame's.
    pub fn take(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some(sizes) = self.sizes()? else { return Ok(None) };
        if self.bytes.len() < sizes.whole {
            return Ok(None);
        }
        let mut frame = self.bytes.split_to(sizes.whole).freeze();
        frame.advance(PREFIX_LENGTH);
        let head = frame.split_to(sizes.head);
        Ok(Some(Frame { head, body: frame }))
    }

    /// Where more bytes go: room for the rest of the frame that has begun, and about `spare`.
    ///
    /// # Errors
    /// [`FrameError`] as soon as the prefix cannot be a frame's.
    pub fn room(&mut self, spare: ByteSize) -> Result<&mut BytesMut, FrameError> {
        let missing = self.sizes()?.map_or(0, |sizes| sizes.whole.saturating_sub(self.bytes.len()));
        let free = self.bytes.capacity() - self.bytes.len();
        if free < missing.max(spare.as_len() / ROOM_SHARE) {
            self.bytes.reserve(missing.max(spare.as_len()));
        }
        Ok(&mut self.bytes)
    }

    /// Whether no frame has begun.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn sizes(&self) -> Result<Option<Sizes>, FrameError> {
        let Some((total, rest)) = self.bytes.split_first_chunk::<4>() else { return Ok(None) };
        let total = ByteSize(u32::from_be_bytes(*total).into());
        if total > FRAME_SIZE_MAX {
            return Err(FrameError::TooLong(total));
        }
        let Some(head) = rest.first_chunk::<4>() else { return Ok(None) };
        let head = ByteSize(u32::from_be_bytes(*head).into());
        if total.0 < head.0 + HEAD_LENGTH_SIZE as u64 {
            return Err(FrameError::HeadTooLong { total, head });
        }
        let whole = total.as_len() + PREFIX_LENGTH - HEAD_LENGTH_SIZE;
        Ok(Some(Sizes { whole, head: head.as_len() }))
    }
}

/// What a prefix says, checked.
struct Sizes {
    /// The frame with its prefix.
    whole: usize,
    /// Its head alone.
    head: usize,
}

/// The prefix of a frame.
///
/// # Panics
/// When the frame is longer than [`FRAME_SIZE_MAX`]: whoever builds frames stays below it.
#[must_use]
pub fn prefix(frame: &Frame) -> [u8; PREFIX_LENGTH] {
    let total = HEAD_LENGTH_SIZE + frame.head.len() + frame.body.len();
    assert!(total <= FRAME_SIZE_MAX.as_len(), "a frame of {total} bytes was about to be sent");
    let number = |length: usize| u32::try_from(length).expect("it is below the largest frame").to_be_bytes();
    let mut prefix = [0; PREFIX_LENGTH];
    prefix[..4].copy_from_slice(&number(total));
    prefix[4..].copy_from_slice(&number(frame.head.len()));
    prefix
}

/// How many bytes a frame takes on the wire.
#[must_use]
pub fn size(frame: &Frame) -> ByteSize {
    ByteSize((PREFIX_LENGTH + frame.head.len() + frame.body.len()) as u64)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn wire(frames: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (head, body) in frames {
            let frame = Frame { head: Bytes::from(head.clone()), body: Bytes::from(body.clone()) };
            bytes.extend_from_slice(&prefix(&frame));
            bytes.extend_from_slice(head);
            bytes.extend_from_slice(body);
        }
        bytes
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_wherever_the_bytes_are_cut(
            frames in prop::collection::vec(
                (prop::collection::vec(any::<u8>(), 0..40), prop::collection::vec(any::<u8>(), 0..90)), 1..6),
            cuts in prop::collection::vec(1_usize..50, 1..20),
        ) {
            let bytes = wire(&frames);
            let mut splitter = Splitter::default();
            let mut found = Vec::new();
            let mut rest = &bytes[..];
            for length in cuts.iter().cycle() {
                let (piece, later) = rest.split_at((*length).min(rest.len()));
                splitter.room(ByteSize(1)).unwrap().extend_from_slice(piece);
                rest = later;
                while let Some(frame) = splitter.take().unwrap() {
                    found.push((frame.head.to_vec(), frame.body.to_vec()));
                }
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(found, frames);
            prop_assert!(splitter.is_empty());
        }

        #[test]
        fn no_bytes_make_the_splitter_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut splitter = Splitter::default();
            splitter.room(ByteSize(1)).unwrap().extend_from_slice(&bytes);
            while let Ok(Some(_)) = splitter.take() {}
        }
    }

    #[test]
    fn lengths_that_cannot_be_true_are_refused_before_any_memory_is_taken_for_them() {
        let refused = |prefix: [u8; 8]| {
            let mut splitter = Splitter::default();
            splitter.room(ByteSize(8)).unwrap().extend_from_slice(&prefix);
            assert!(splitter.room(ByteSize(1)).is_err());
            splitter.take().expect_err("it was taken for a frame")
        };
        assert!(matches!(refused([0xff; 8]), FrameError::TooLong(_)));
        assert!(matches!(refused([0, 0, 0, 10, 0, 0, 0, 7]), FrameError::HeadTooLong { .. }));
        assert!(matches!(refused([0, 0, 0, 3, 0, 0, 0, 0]), FrameError::HeadTooLong { .. }));
    }
}
