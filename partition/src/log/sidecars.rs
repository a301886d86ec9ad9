//! The index files beside a segment: written as it grows, sealed when it is complete, believed only when they add up.
//!
//! They are not synced. What a power cut takes from them is made again from the segment, which was.

use std::io;
use std::path::{Path, PathBuf};

use super::disk::{Disk, DiskFile, OpenMode};
use super::index::{
    IndexError, IndexMark, IndexPart, OffsetIndex, OrdinalIndex, Seal, SparseIndex, TimeIndex,
};
use super::segment::{base_of, segment_path};
use crate::ids::{ByteSize, Offset};

const ENDINGS: [&str; 3] = [OffsetIndex::EXTENSION, TimeIndex::EXTENSION, OrdinalIndex::EXTENSION];

fn path(dir: &Path, base: Offset, ending: &str) -> PathBuf {
    segment_path(dir, base).with_extension(ending)
}

/// The base of the segment beside which a file of this name would lie; `None` when it is not such a name.
pub(crate) fn beside(name: &str) -> Option<Offset> {
    ENDINGS.iter().find_map(|ending| base_of(name, ending))
}

/// Writes entries that came since the last time; what lies behind them is of a tail that was cut.
pub(crate) fn write(disk: &dyn Disk, dir: &Path, part: &IndexPart) -> io::Result<()> {
    for (ending, at, bytes) in &part.pieces {
        let path = path(dir, part.base, ending);
        let mode = if bytes.is_empty() { OpenMode::Existing } else { OpenMode::OrNew };
        let file = match disk.open(&path, mode) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && bytes.is_empty() => continue,
            opened => opened?,
        };
        let end = ByteSize(at.0 + bytes.len() as u64);
        file.write_at(bytes, *at)?;
        if file.length()? > end {
            file.set_length(end)?;
        }
    }
    Ok(())
}

/// Writes the last entries of a segment that is complete, and its seal behind its ordinals.
pub(crate) fn write_sealed(disk: &dyn Disk, dir: &Path, part: &IndexPart, seal: &Seal) -> io::Result<()> {
    for (ending, at, bytes) in &part.pieces {
        let mut bytes = bytes.clone();
        if *ending == OrdinalIndex::EXTENSION {
            bytes.extend_from_slice(&seal.encoded());
        }
        let file = disk.open(&path(dir, part.base, ending), OpenMode::OrNew)?;
        // Entries of a tail that was cut may lie there.
        file.set_length(ByteSize(at.0 + bytes.len() as u64))?;
        file.write_at(&bytes, *at)?;
    }
    Ok(())
}

/// Removes the index of a segment. Whoever needs that to be durable syncs the directory.
pub(crate) fn remove(disk: &dyn Disk, dir: &Path, base: Offset) -> io::Result<()> {
    for ending in ENDINGS {
        match disk.remove(&path(dir, base, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The seal of a segment, if there is one and the files are as long as they must be beside it. Reads nothing else.
pub(crate) fn seal_of(disk: &dyn Disk, dir: &Path, base: Offset) -> io::Result<Option<Seal>> {
    let Some(ordinals) = open(disk, dir, base, OrdinalIndex::EXTENSION)? else { return Ok(None) };
    let Some(entries) = ordinals.length()?.0.checked_sub(Seal::LENGTH.0) else { return Ok(None) };
    let Some(offsets) = open(disk, dir, base, OffsetIndex::EXTENSION)? else { return Ok(None) };
    let Some(times) = open(disk, dir, base, TimeIndex::EXTENSION)? else { return Ok(None) };
    let mut bytes = vec![0; Seal::LENGTH.as_len()];
    let there = ordinals.read_at(&mut bytes, ByteSize(entries))?;
    let in_step = entries.checked_mul(OffsetIndex::WIDTH as u64 / OrdinalIndex::WIDTH as u64);
    let whole = in_step == Some(offsets.length()?.0) && times.length()?.0 % TimeIndex::WIDTH as u64 == 0;
    Ok(Seal::decode(&bytes[..there]).ok().filter(|_| whole))
}

/// The index of a sealed segment, with its seal.
pub(crate) fn load_sealed(
    disk: &dyn Disk,
    dir: &Path,
    base: Offset,
) -> io::Result<Result<(SparseIndex, Seal), IndexError>> {
    let missing = Err(IndexError::Length { length: 0 });
    let mut ordinals = read(disk, dir, base, OrdinalIndex::EXTENSION, None)?;
    let Some(entries) = ordinals.len().checked_sub(Seal::LENGTH.as_len()) else { return Ok(missing) };
    let seal = match Seal::decode(&ordinals[entries..]) {
        Ok(seal) => seal,
        Err(error) => return Ok(Err(error)),
    };
    ordinals.truncate(entries);
    let offsets = read(disk, dir, base, OffsetIndex::EXTENSION, None)?;
    let times = read(disk, dir, base, TimeIndex::EXTENSION, None)?;
    let checksums = [seal.offsets, seal.times, seal.ordinals];
    let newest = seal.newest;
    let index = parse(base, [offsets, times, ordinals], checksums);
    Ok(index
        .map(|(offsets, times, ordinals)| (SparseIndex::of_parts(offsets, times, ordinals, newest), seal)))
}

/// The index of a segment as it was when it was marked.
pub(crate) fn load_marked(
    disk: &dyn Disk,
    dir: &Path,
    base: Offset,
    mark: &IndexMark,
) -> io::Result<Result<SparseIndex, IndexError>> {
    let (entries, times) = (mark.entries as usize, mark.times as usize);
    let offsets = read(disk, dir, base, OffsetIndex::EXTENSION, Some(entries * OffsetIndex::WIDTH))?;
    let times = read(disk, dir, base, TimeIndex::EXTENSION, Some(times * TimeIndex::WIDTH))?;
    let ordinals = read(disk, dir, base, OrdinalIndex::EXTENSION, Some(entries * OrdinalIndex::WIDTH))?;
    let index = parse(base, [offsets, times, ordinals], mark.checksums);
    Ok(index.map(|(offsets, times, ordinals)| SparseIndex::of_parts(offsets, times, ordinals, mark.newest)))
}

fn parse(
    base: Offset,
    files: [Vec<u8>; 3],
    checksums: [u32; 3],
) -> Result<(OffsetIndex, TimeIndex, OrdinalIndex), IndexError> {
    for (bytes, stored) in files.iter().zip(checksums) {
        let computed = crc32c::crc32c(bytes);
        if computed != stored {
            return Err(IndexError::Checksum { stored, computed });
        }
    }
    let [offsets, times, ordinals] = files;
    let (offsets, times) = (OffsetIndex::of_file(base, offsets)?, TimeIndex::of_file(base, times)?);
    Ok((offsets, times, OrdinalIndex::of_file(ordinals)?))
}

/// A file, or its beginning; nothing when it is not there.
fn read(
    disk: &dyn Disk,
    dir: &Path,
    base: Offset,
    ending: &str,
    length: Option<usize>,
) -> io::Result<Vec<u8>> {
    let Some(file) = open(disk, dir, base, ending)? else { return Ok(Vec::new()) };
    let mut bytes = vec![0; length.unwrap_or(file.length()?.as_len())];
    let there = file.read_at(&mut bytes, ByteSize::ZERO)?;
    bytes.truncate(there);
    Ok(bytes)
}

fn open(
    disk: &dyn Disk,
    dir: &Path,
    base: Offset,
    ending: &str,
) -> io::Result<Option<std::sync::Arc<dyn DiskFile>>> {
    match disk.open(&path(dir, base, ending), OpenMode::Existing) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}
