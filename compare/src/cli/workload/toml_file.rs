//! Workloads of our own, as TOML.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Value;

use super::super::latency::{linger, seconds};
use super::{Workload, Wrong, parsed};
use crate::results::acks_named;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    name: Option<String>,
    acks: Option<Value>,
    in_flight: Option<Value>,
    rate: Option<Value>,
    arrivals: Option<Value>,
    record_bytes: Option<u64>,
    batch_records: Option<u32>,
    linger: Option<Value>,
    keys: Option<u64>,
    producers: Option<Value>,
    partitions: Option<Value>,
    records: Option<PathBuf>,
    seconds: Option<Value>,
}

/// The workload of a file that lies in `beside`.
pub(super) fn parse(text: &str, beside: &Path) -> Result<Workload, Wrong> {
    let file: File = toml::from_str(text).map_err(|error| {
        let line =
            |span: std::ops::Range<usize>| text[..span.start.min(text.len())].matches('\n').count() + 1;
        Wrong { at: error.span().map(line), why: error.message().to_owned() }
    })?;
    let both = |one: &str, other: &str| Wrong::field(one, format!("it cannot stand beside {other}"));
    if file.in_flight.is_some() && file.rate.is_some() {
        return Err(both("in-flight", "rate"));
    }
    if file.records.is_some() && file.record_bytes.is_some() {
        return Err(both("records", "record-bytes"));
    }
    if file.arrivals.is_some() && file.rate.is_none() {
        return Err(Wrong::field("arrivals", "it is of an open loop: name its rate too"));
    }
    Ok(Workload {
        name: file.name.unwrap_or_default(),
        acks: list("acks", file.acks, acks_named)?,
        in_flight: list("in-flight", file.in_flight, str::parse)?,
        rate: list("rate", file.rate, str::parse)?,
        arrivals: one("arrivals", file.arrivals, str::parse)?,
        record_bytes: file.record_bytes,
        batch_records: file.batch_records,
        linger: one("linger", file.linger, linger)?,
        keys: file.keys,
        producers: file.producers.map(|value| parsed("producers", &text_of(&value))).transpose()?,
        partitions: list("partitions", file.partitions, str::parse)?,
        records: file.records.map(|path| beside.join(path)),
        seconds: one("seconds", file.seconds, seconds)?,
        unused: Vec::new(),
    })
}

/// A value, or a list of them, each as the option takes it.
fn list<T, E: Display>(
    field: &str,
    value: Option<Value>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, Wrong> {
    let values = match value {
        None => return Ok(Vec::new()),
        Some(Value::Array(values)) if values.is_empty() => {
            return Err(Wrong::field(field, "the list is empty"));
        }
        Some(Value::Array(values)) => values,
        Some(value) => vec![value],
    };
    values.iter().map(|value| parse(&text_of(value)).map_err(|error| Wrong::field(field, error))).collect()
}

fn one<T, E: Display>(
    field: &str,
    value: Option<Value>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, Wrong> {
    value.map(|value| parse(&text_of(&value)).map_err(|error| Wrong::field(field, error))).transpose()
}

/// As it would stand on a command line.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        other => other.type_str().to_owned(),
    }
}
