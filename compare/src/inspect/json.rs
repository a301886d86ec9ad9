//! An inspection as JSON.

use std::io::{self, Write};

use partition::log::disk::RealDisk;
use partition::log::inspect::{LogReport, each_batch};
use partition::record::{Batch, Record};
use serde::Serialize;
use serde_json::{Value, json};

use super::Inspection;
use super::records::control_name;

/// A file holds at most so many records of a log: they are kept in memory until it is written.
pub const RECORDS_MAX: usize = 100_000;

/// Raised when a reader of the file must change.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    kind: super::Kind,
    dir: &'a std::path::Path,
    sound: bool,
    logs: Vec<Log<'a>>,
}

#[derive(Serialize)]
struct Log<'a> {
    sound: bool,
    #[serde(flatten)]
    report: &'a LogReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    batches: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records_left_out: Option<u64>,
}

/// Whether the batches and records are written too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// They are.
    Records,
    /// Only the report.
    Report,
}

/// Writes all that was found.
///
/// # Errors
/// As the operating system reports them.
pub fn write_json(out: &mut impl Write, inspection: &Inspection, contents: Contents) -> io::Result<()> {
    let logs = inspection.logs.iter().map(|report| log(report, contents)).collect::<io::Result<Vec<_>>>()?;
    let document = Document {
        schema_version: SCHEMA_VERSION,
        kind: inspection.kind,
        dir: &inspection.dir,
        sound: inspection.is_sound(),
        logs,
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn log(report: &LogReport, contents: Contents) -> io::Result<Log<'_>> {
    let sound = report.is_sound();
    if contents == Contents::Report {
        return Ok(Log { sound, report, batches: None, records_left_out: None });
    }
    let mut batches = Vec::new();
    let (mut kept, mut left_out) = (0, 0);
    each_batch(&RealDisk, report, |found| {
        let count = found.batch.record_count().0;
        if kept + count as usize > RECORDS_MAX {
            left_out += u64::from(count);
            return Ok(());
        }
        kept += count as usize;
        batches.push(batch(found.position.0, &found.batch));
        Ok(())
    })?;
    Ok(Log { sound, report, batches: Some(batches), records_left_out: (left_out > 0).then_some(left_out) })
}

fn batch(position: u64, batch: &Batch) -> Value {
    let header = batch.header();
    let (records, error) = match batch.unpacked() {
        Err(error) => (Vec::new(), Some(error.to_string())),
        Ok(all) => {
            let all: Vec<_> = all.collect();
            let error = all.iter().find_map(|record| record.as_ref().err().map(ToString::to_string));
            (all.into_iter().flatten().map(|found| record(batch, &found)).collect(), error)
        }
    };
    json!({
        "position": position,
        "base_offset": header.base_offset,
        "bytes": header.size,
        "epoch": header.epoch,
        "crc": format!("{:08x}", header.checksum),
        "compression": header.attributes.compression().name(),
        "control": header.attributes.is_control(),
        "transactional": header.attributes.is_transactional(),
        "max_timestamp_ms": header.max_timestamp_ms,
        "producer_id": header.producer_id,
        "producer_epoch": header.producer_epoch,
        "base_sequence": header.base_sequence,
        "error": error,
        "records": records,
    })
}

fn record(batch: &Batch, record: &Record) -> Value {
    let headers = record.headers.iter();
    let headers: Vec<_> = headers.map(|header| json!([header.key, text(header.value.as_deref())])).collect();
    json!({
        "offset": record.offset,
        "timestamp_ms": record.time_ms,
        "control": batch.is_control().then(|| control_name(record)),
        "key": text(record.key.as_deref()),
        "value": text(record.value.as_deref()),
        "headers": headers,
    })
}

/// Text as it is; other bytes as `{"base64": ..}`.
fn text(bytes: Option<&[u8]>) -> Value {
    use base64::Engine as _;
    let Some(bytes) = bytes else { return Value::Null };
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "base64": base64::engine::general_purpose::STANDARD.encode(bytes) }),
    }
}
