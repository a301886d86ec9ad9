//! Workloads of the OpenMessaging Benchmark, as YAML: what of them means something here.
//!
//! | field | becomes |
//! |---|---|
//! | `name` | the workload's name |
//! | `messageSize` | `--record-bytes` |
//! | `producerRate` | `--rate` with constant arrivals; 0, which asks for the most that is held, `--rate sweep` |
//! | `producersPerTopic` | `--producers` |
//! | `keyDistributor` | `NO_KEY`: no keys; `KEY_ROUND_ROBIN`: as many keys as it has there, in turn |
//! | `testDurationMinutes` | `--seconds` |
//! | `partitionsPerTopic` | `--partitions` |
//! | `topics` | used when it is 1 |
//!
//! Everything else is told to be unused, with the reason.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::super::points::Pace;
use super::{Workload, Wrong, parsed};
use crate::workload::Arrivals;

/// How many keys its round robin has.
const ROUND_ROBIN_KEYS: u64 = 10_000;

/// The workload that a file describes.
pub(super) fn parse(text: &str) -> Result<Workload, Wrong> {
    let options = serde_saphyr::options! { with_snippet: false };
    let fields: BTreeMap<String, Scalar> =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let line = error.location().and_then(|location| usize::try_from(location.line()).ok());
            Wrong { at: line, why: format!("not a workload: {error}") }
        })?;
    let mut workload = Workload::default();
    for (name, value) in &fields {
        if let Some(why) = workload.take(name, value)? {
            workload.unused.push(format!("{name} is not used: {why}"));
        }
    }
    if !fields.contains_key("messageSize") && !fields.contains_key("producerRate") {
        let why = "neither messageSize nor producerRate: not a workload of the OpenMessaging Benchmark";
        return Err(Wrong { at: None, why: why.to_owned() });
    }
    Ok(workload)
}

impl Workload {
    /// Takes one field, or says why it is not used.
    fn take(&mut self, name: &str, value: &Scalar) -> Result<Option<&'static str>, Wrong> {
        match name {
            "name" => self.name = value.to_string(),
            "messageSize" => self.record_bytes = Some(parsed(name, &value.to_string())?),
            "producersPerTopic" => self.producers = Some(parsed(name, &value.to_string())?),
            "producerRate" => {
                let rate = value.to_string();
                self.rate = vec![if rate == "0" { Pace::Sweep } else { Pace::Rate(parsed(name, &rate)?) }];
                self.arrivals = Some(Arrivals::Constant);
            }
            "testDurationMinutes" => {
                let minutes: u32 = parsed(name, &value.to_string())?;
                let seconds = (f64::from(minutes) * 60.0).to_string();
                let span = super::super::latency::seconds(&seconds).map_err(|why| Wrong::field(name, why))?;
                self.seconds = Some(Duration::max(span, Duration::from_secs(1)));
            }
            "keyDistributor" => match value.to_string().as_str() {
                "NO_KEY" => self.keys = Some(0),
                "KEY_ROUND_ROBIN" => self.keys = Some(ROUND_ROBIN_KEYS),
                "RANDOM_NANO" => return Ok(Some("keys are taken in turn here (--keys), not by chance")),
                other => {
                    return Err(Wrong::field(
                        name,
                        format!("{other:?} is none of NO_KEY, KEY_ROUND_ROBIN, RANDOM_NANO"),
                    ));
                }
            },
            "partitionsPerTopic" => self.partitions = vec![parsed(name, &value.to_string())?],
            "topics" if *value == Scalar::Integer(1) => {}
            "topics" => return Ok(Some("one topic is measured")),
            "subscriptionsPerTopic"
            | "consumerPerSubscription"
            | "consumerBacklogSizeGB"
            | "backlogDrainRatio" => {
                return Ok(Some("appends are measured, without consumers"));
            }
            "payloadFile" => {
                return Ok(Some("records are numbered; --records FILE sends the lines of a file"));
            }
            "useRandomizedPayloads" | "randomBytesRatio" | "randomizedPayloadPoolSize" => {
                return Ok(Some("records hold a number, then bytes without pattern"));
            }
            "warmupDurationMinutes" => return Ok(Some("each block has a warm-up by a rule of its own")),
            "sampleRateMillis" | "logIntervalMillis" => return Ok(Some("all of a block is one histogram")),
            _ => return Ok(Some("it is not known here")),
        }
        Ok(None)
    }
}

/// A value, as far as a workload can use it.
#[derive(Clone, Debug, PartialEq)]
enum Scalar {
    Nothing,
    Truth(bool),
    Integer(i128),
    Real(f64),
    Text(String),
    /// A list or a table.
    Several,
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Truth(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Real(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
            Self::Several => f.write_str("a list"),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyScalar)
    }
}

struct AnyScalar;

impl<'de> Visitor<'de> for AnyScalar {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Truth(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar::Real(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Nothing)
    }

    fn visit_none<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Nothing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Several)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Scalar, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Several)
    }
}
