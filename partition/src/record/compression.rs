//! Packs and unpacks the records of a compressed batch, at the two ends. What is stored and relayed stays as it came.

use std::io::{Read, Write};

use bytes::Bytes;

use super::attributes::Compression;
use crate::ids::ByteSize;

/// The records of one batch are unpacked to at most this: eight times what the largest batch takes. More is taken for
/// an attack on whoever looks.
pub const UNPACKED_SIZE_MAX: ByteSize = ByteSize::mib(64);
/// A zstd frame may ask for a window of at most this: Kafka's default level stays below 8 MiB.
const ZSTD_WINDOW_MAX: ByteSize = ByteSize::mib(64);

/// What Java's `SnappyOutputStream` begins with: eight bytes, its version, the oldest version that can read it.
const XERIAL_MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const XERIAL_HEADER: usize = 16;

/// Why records cannot be unpacked. The checksum held: whoever packed them did it wrong, or in another way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    /// What is there is not what the attributes say.
    #[error("not {name}: {why}", name = .compression.name())]
    Malformed {
        /// What the attributes say.
        compression: Compression,
        /// What the decoder says.
        why: String,
    },
    /// It would take too much memory.
    #[error("unpacked, the records take more than {UNPACKED_SIZE_MAX} bytes")]
    TooLarge,
    /// Nobody knows how.
    #[error("compression {0} is none that Kafka has")]
    Unknown(u8),
}

/// How a producer packs the records of a batch: what can be chosen, while [`Compression`] is all that can be met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    #[default]
    Plain,
    /// gzip, at its default level.
    Gzip,
    /// Snappy, in one raw block.
    Snappy,
    /// LZ4, in its frame format.
    Lz4,
    /// Zstandard, at its fastest level.
    Zstd,
}

impl Packing {
    /// What stands in the attributes of a batch that is packed so.
    #[must_use]
    pub fn compression(self) -> Compression {
        match self {
            Self::Plain => Compression::None,
            Self::Gzip => Compression::Gzip,
            Self::Snappy => Compression::Snappy,
            Self::Lz4 => Compression::Lz4,
            Self::Zstd => Compression::Zstd,
        }
    }

    /// The bytes, packed.
    #[must_use]
    pub fn pack(self, bytes: &[u8]) -> Vec<u8> {
        const IN_MEMORY: &str = "writing to memory does not fail";
        match self {
            Self::Plain => bytes.to_vec(),
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(bytes).expect(IN_MEMORY);
                encoder.finish().expect(IN_MEMORY)
            }
            Self::Snappy => {
                snap::raw::Encoder::new().compress_vec(bytes).expect("a batch is below snappy's 4 GiB")
            }
            Self::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(bytes).expect(IN_MEMORY);
                encoder.finish().expect(IN_MEMORY)
            }
            Self::Zstd => {
                ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
            }
        }
    }
}

/// The records as they were before they were compressed.
pub(super) fn unpack(compression: Compression, packed: &Bytes) -> Result<Bytes, UnpackError> {
    let malformed = |why: String| UnpackError::Malformed { compression, why };
    match compression {
        Compression::None => Ok(packed.clone()),
        Compression::Gzip => {
            let mut unpacked = Vec::new();
            read_bounded(flate2::read::MultiGzDecoder::new(&packed[..]), &mut unpacked, compression)?;
            Ok(unpacked.into())
        }
        Compression::Lz4 => {
            let mut unpacked = Vec::new();
            read_bounded(lz4_flex::frame::FrameDecoder::new(&packed[..]), &mut unpacked, compression)?;
            Ok(unpacked.into())
        }
        Compression::Zstd => unzstd(packed),
        Compression::Snappy => unsnappy(packed).map_err(|error| match error {
            SnappyError::TooLarge => UnpackError::TooLarge,
            SnappyError::Malformed(why) => malformed(why),
        }),
        Compression::Unknown(number) => Err(UnpackError::Unknown(number)),
    }
}

fn read_bounded(from: impl Read, into: &mut Vec<u8>, compression: Compression) -> Result<(), UnpackError> {
    let room = UNPACKED_SIZE_MAX.0 + 1 - into.len() as u64;
    from.take(room)
        .read_to_end(into)
        .map_err(|error| UnpackError::Malformed { compression, why: error.to_string() })?;
    if into.len() as u64 > UNPACKED_SIZE_MAX.0 { Err(UnpackError::TooLarge) } else { Ok(()) }
}

/// One frame after another.
fn unzstd(packed: &Bytes) -> Result<Bytes, UnpackError> {
    let compression = Compression::Zstd;
    let mut rest = &packed[..];
    let mut unpacked = Vec::new();
    loop {
        let frame =
            ruzstd::decoding::StreamingDecoder::new_with_max_window_size(&mut rest, ZSTD_WINDOW_MAX.0)
                .map_err(|error| UnpackError::Malformed { compression, why: error.to_string() })?;
        read_bounded(frame, &mut unpacked, compression)?;
        if rest.is_empty() {
            return Ok(unpacked.into());
        }
    }
}

enum SnappyError {
    TooLarge,
    Malformed(String),
}

fn unsnappy(packed: &Bytes) -> Result<Bytes, SnappyError> {
    let mut unpacked = Vec::new();
    if !packed.starts_with(&XERIAL_MAGIC) {
        unsnappy_block(packed, &mut unpacked)?;
        return Ok(unpacked.into());
    }
    let torn = || SnappyError::Malformed("a block is torn".to_owned());
    let mut rest = packed.get(XERIAL_HEADER..).ok_or_else(torn)?;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk().ok_or_else(torn)?;
        let length = usize::try_from(i32::from_be_bytes(*length)).map_err(|_| torn())?;
        let (block, after) = after.split_at_checked(length).ok_or_else(torn)?;
        unsnappy_block(block, &mut unpacked)?;
        rest = after;
    }
    Ok(unpacked.into())
}

fn unsnappy_block(block: &[u8], unpacked: &mut Vec<u8>) -> Result<(), SnappyError> {
    let malformed = |error: snap::Error| SnappyError::Malformed(error.to_string());
    let length = snap::raw::decompress_len(block).map_err(malformed)?;
    if (unpacked.len() as u64).saturating_add(length as u64) > UNPACKED_SIZE_MAX.0 {
        return Err(SnappyError::TooLarge);
    }
    unpacked.extend(snap::raw::Decoder::new().decompress_vec(block).map_err(malformed)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> Bytes {
        Bytes::from("compressed".repeat(12))
    }

    fn xerial(blocks: &[&[u8]]) -> Bytes {
        let mut bytes = XERIAL_MAGIC.to_vec();
        bytes.extend([0, 0, 0, 1, 0, 0, 0, 1]);
        for block in blocks {
            bytes.extend(i32::try_from(block.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(block);
        }
        bytes.into()
    }

    #[test]
    fn snappy_is_read_raw_and_in_javas_blocks() {
        let half = snap::raw::Encoder::new().compress_vec(&text()[..60]).unwrap();
        let whole = snap::raw::Encoder::new().compress_vec(&text()).unwrap();
        assert_eq!(unpack(Compression::Snappy, &whole.into()), Ok(text()));
        assert_eq!(unpack(Compression::Snappy, &xerial(&[&half, &half])), Ok(text()));
        let torn = xerial(&[&half, &half]).slice(..40);
        assert!(matches!(unpack(Compression::Snappy, &torn), Err(UnpackError::Malformed { .. })));
    }

    #[test]
    fn what_is_packed_is_unpacked_again() {
        for packing in [Packing::Plain, Packing::Gzip, Packing::Snappy, Packing::Lz4, Packing::Zstd] {
            for bytes in [text(), Bytes::from_static(b"x"), Bytes::from(vec![7; 300_000])] {
                let packed = Bytes::from(packing.pack(&bytes));
                assert_eq!(unpack(packing.compression(), &packed), Ok(bytes), "{packing:?}");
            }
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_fills_the_memory() {
        let zeros = || std::io::repeat(0).take(UNPACKED_SIZE_MAX.0 + 1);
        let mut gzip = flate2::read::GzEncoder::new(zeros(), flate2::Compression::fast());
        let mut packed = Vec::new();
        gzip.read_to_end(&mut packed).unwrap();
        assert!(packed.len() < 1 << 20);
        assert_eq!(unpack(Compression::Gzip, &packed.into()), Err(UnpackError::TooLarge));
        // A snappy block begins with the length it claims.
        let claim = Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0]);
        assert_eq!(unpack(Compression::Snappy, &claim), Err(UnpackError::TooLarge));
    }

    #[test]
    fn what_is_not_packed_as_the_attributes_say_is_an_error() {
        let all = [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
        for compression in all {
            let found = unpack(compression, &Bytes::from_static(b"\x07plainly not that"));
            assert!(matches!(found, Err(UnpackError::Malformed { .. })), "{compression:?}: {found:?}");
        }
        assert_eq!(unpack(Compression::Unknown(6), &Bytes::new()), Err(UnpackError::Unknown(6)));
    }
}
