//! Batches and their records as lines of at most 100 columns, in the order in which they lie in the log.

use std::io::{self, Write};

use partition::log::disk::RealDisk;
use partition::log::inspect::{FoundBatch, LogReport, each_batch};
use partition::record::{Batch, Compression, ControlKind, Record, TimestampType};

use super::escape::quoted;
use crate::results::rfc3339_ms;
use crate::table::WIDTH;

/// A key takes at most so many columns; the value takes what is left.
const KEY_WIDTH: usize = 30;
/// A header's name or value takes at most so many columns.
const HEADER_WIDTH: usize = 46;

/// Writes each batch of a log and each record of it.
///
/// # Errors
/// As the operating system reports them.
pub fn write_records(out: &mut impl Write, report: &LogReport) -> io::Result<()> {
    let mut segment = None;
    each_batch(&RealDisk, report, |found| {
        if segment != Some(found.segment) {
            segment = Some(found.segment);
            writeln!(out, "\n{:020}.log", found.segment.0)?;
        }
        write_batch(out, &found)
    })
}

fn write_batch(out: &mut impl Write, found: &FoundBatch) -> io::Result<()> {
    let header = found.batch.header();
    let last = header.next_offset().0 - 1;
    write!(
        out,
        "  byte {}: offsets {} to {last}, epoch {}",
        found.position, header.base_offset, header.epoch
    )?;
    write!(out, ", {} bytes, crc {:08x}", header.size, header.checksum)?;
    let attributes = header.attributes;
    if attributes.compression() != Compression::None {
        write!(out, ", {}", attributes.compression().name())?;
    }
    if attributes.timestamp_type() == TimestampType::Append {
        write!(out, ", append time")?;
    }
    writeln!(out)?;
    if let (Some(id), Some(epoch)) = (header.producer_id, header.producer_epoch) {
        write!(out, "    producer {id}, epoch {epoch}")?;
        if let Some(first) = header.base_sequence {
            let count = partition::ids::RecordCount(header.record_count.0 - 1);
            write!(out, ", sequences {first} to {}", first.plus(count))?;
        }
        writeln!(out, "{}", if attributes.is_transactional() { ", transactional" } else { "" })?;
    }
    if attributes.has_delete_horizon() {
        writeln!(out, "    tombstones may go after {}", rfc3339_ms(header.base_timestamp_ms))?;
    }
    match found.batch.unpacked() {
        Err(error) => writeln!(out, "    {error}"),
        Ok(records) => {
            for record in records {
                match record {
                    Err(error) => writeln!(out, "    {error}")?,
                    Ok(record) => write_record(out, &found.batch, &record)?,
                }
            }
            Ok(())
        }
    }
}

fn write_record(out: &mut impl Write, batch: &Batch, record: &Record) -> io::Result<()> {
    let mut line = format!("    {}  {}", record.offset, time(record.time_ms));
    if batch.is_control() {
        line.push_str("  control: ");
        line.push_str(&control_name(record));
    } else if let Some(key) = &record.key {
        line.push_str("  ");
        line.push_str(&quoted(key, KEY_WIDTH));
        line.push_str(" =");
    }
    let left = WIDTH.saturating_sub(line.chars().count() + 2);
    let value = record.value.as_ref().map_or_else(|| "null".to_owned(), |value| quoted(value, left));
    writeln!(out, "{line}  {value}")?;
    for header in &record.headers {
        let name = quoted(header.key.as_bytes(), HEADER_WIDTH);
        let value =
            header.value.as_ref().map_or_else(|| "null".to_owned(), |value| quoted(value, HEADER_WIDTH));
        writeln!(out, "      {name}: {value}")?;
    }
    Ok(())
}

/// Kafka's -1 stands for none.
pub(super) fn time(ms: i64) -> String {
    if ms < 0 { "no time".to_owned() } else { rfc3339_ms(ms) }
}

/// What a control record is for: ours by name, Kafka's by its numbers.
pub(super) fn control_name(record: &Record) -> String {
    let key = record.key.as_deref().unwrap_or_default();
    if let Some(kind) = ControlKind::of_key(key) {
        return match kind {
            ControlKind::Blank => "first of an epoch",
            ControlKind::Membership => "membership",
            ControlKind::Trim => "trim",
        }
        .to_owned();
    }
    let number = key.get(2..4).and_then(|bytes| bytes.try_into().ok()).map(i16::from_be_bytes);
    let name = match number {
        Some(0) => "transaction aborted",
        Some(1) => "transaction committed",
        Some(2) => "leader change",
        Some(3) => "snapshot header",
        Some(4) => "snapshot footer",
        Some(5) => "KRaft version",
        Some(6) => "KRaft voters",
        Some(number) => return format!("unknown type {number}"),
        None => "without a type",
    };
    name.to_owned()
}
