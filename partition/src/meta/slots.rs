//! Two slots of one file, overwritten in turn: whatever a crash tears, the other slot is whole.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::ids::ByteSize;
use crate::log::disk::{Disk, DiskFile, OpenMode};

/// Checksum, length and version.
const HEADER_LENGTH: usize = 16;
/// Most values end within the first page of their slot.
const FIRST_READ: usize = 4096;

/// An open two-slot file. Its calls block.
pub(crate) struct TwoSlots {
    file: Arc<dyn DiskFile>,
    spacing: ByteSize,
    /// The version last stored; the next one goes into the other slot. 0: none yet.
    version: u64,
}

#[derive(Debug)]
enum Slot {
    /// Never written.
    Blank,
    /// What it holds is whole.
    Sound { version: u64, value: Bytes },
    /// A write was torn, or the disk lost it.
    Damaged,
}

impl TwoSlots {
    /// Opens the file, or makes it, and reads what was stored last.
    pub(crate) fn open(disk: &dyn Disk, path: &Path, spacing: ByteSize) -> io::Result<(Self, Option<Bytes>)> {
        let dir = path.parent().unwrap_or(Path::new("."));
        disk.create_dir(dir)?;
        let file = disk.open(path, OpenMode::OrNew)?;
        disk.sync_dir(dir)?;
        let newest = newest(&*file, spacing)?;
        let (version, value) = newest.map_or((0, None), |(version, value)| (version, Some(value)));
        let mut slots = Self { file, spacing, version };
        if let Some(value) = &value {
            // A sync may have failed since the machine was started: what is seen is then not what is stored. In its own
            // place, since until this is stored the other slot is all there may be.
            slots.write(version, value)?;
        }
        Ok((slots, value))
    }

    /// What was stored last in a file that is not to be changed, and may be in use. `None`: nothing was.
    pub(crate) fn peek(disk: &dyn Disk, path: &Path, spacing: ByteSize) -> io::Result<Option<Bytes>> {
        let file = disk.open(path, OpenMode::Reading)?;
        Ok(newest(&*file, spacing)?.map(|(_, value)| value))
    }

    /// Stores a value; it is durable when this returns `Ok`.
    pub(crate) fn store(&mut self, value: &[u8]) -> io::Result<()> {
        if self.version == 0 {
            self.store_next(value)?;
        }
        self.store_next(value)
    }

    fn store_next(&mut self, value: &[u8]) -> io::Result<()> {
        self.write(self.version + 1, value)
    }

    fn write(&mut self, version: u64, value: &[u8]) -> io::Result<()> {
        let room = self.spacing.as_len() - HEADER_LENGTH;
        let length = u32::try_from(value.len()).ok().filter(|_| value.len() <= room);
        let length = length.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("a value of {} bytes, {room} fit", value.len()),
            )
        })?;
        let mut bytes = BytesMut::with_capacity(HEADER_LENGTH + value.len());
        bytes.put_u32(0);
        bytes.put_u32(length);
        bytes.put_u64(version);
        bytes.put_slice(value);
        let checksum = crc32c::crc32c(&bytes[4..]);
        bytes[..4].copy_from_slice(&checksum.to_be_bytes());
        self.file.write_at(&bytes, place(self.spacing, version % 2))?;
        // Whatever it says, it is not to be tried again.
        self.file.sync().map_err(|error| io::Error::other(error.to_string()))?;
        self.version = version;
        Ok(())
    }
}

/// The version and the value of the newer sound slot.
fn newest(file: &dyn DiskFile, spacing: ByteSize) -> io::Result<Option<(u64, Bytes)>> {
    Ok(match [read(file, spacing, 0)?, read(file, spacing, 1)?] {
        [Slot::Sound { version: a, value }, Slot::Sound { version: b, .. }] if a > b => Some((a, value)),
        [_, Slot::Sound { version, value }] | [Slot::Sound { version, value }, _] => Some((version, value)),
        // The first store fills both slots: one that is still blank means that it never returned.
        [Slot::Blank, _] | [_, Slot::Blank] => None,
        [Slot::Damaged, Slot::Damaged] => {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "both slots are damaged, and nothing else knows what they held: replace this replica by an empty \
                 one under a new id, or restore the file from a backup",
            ));
        }
    })
}

fn place(spacing: ByteSize, slot: u64) -> ByteSize {
    ByteSize(spacing.0 * slot)
}

fn read(file: &dyn DiskFile, spacing: ByteSize, slot: u64) -> io::Result<Slot> {
    let at = place(spacing, slot);
    let mut bytes = vec![0; spacing.as_len().min(FIRST_READ)];
    let there = file.read_at(&mut bytes, at)?;
    bytes.truncate(there);
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(Slot::Blank);
    }
    let length = bytes.get(4..8).map_or(0, |mut field| field.get_u32());
    let whole = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(HEADER_LENGTH);
    if whole > bytes.len() && whole <= spacing.as_len() {
        bytes.resize(whole, 0);
        let there = file.read_at(&mut bytes, at)?;
        bytes.truncate(there);
    }
    Ok(parse(&bytes).unwrap_or(Slot::Damaged))
}

fn parse(bytes: &[u8]) -> Option<Slot> {
    let mut header = bytes.get(..HEADER_LENGTH)?;
    let checksum = header.get_u32();
    let length = usize::try_from(header.get_u32()).ok()?;
    let version = header.get_u64();
    let all = bytes.get(..HEADER_LENGTH.checked_add(length)?)?;
    let sound = version > 0 && crc32c::crc32c(&all[4..]) == checksum;
    sound.then(|| Slot::Sound { version, value: Bytes::copy_from_slice(&all[HEADER_LENGTH..]) })
}

impl fmt::Debug for TwoSlots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TwoSlots at version {}", self.version)
    }
}
