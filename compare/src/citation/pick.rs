//! Which figure of a results file is meant.

use std::str::FromStr;

use serde_json::Value;

/// One figure, or one over another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    figure: Figure,
    over: Option<Figure>,
}

/// `list?key=value&key=value/path.to.figure`
#[derive(Clone, Debug, PartialEq, Eq)]
struct Figure {
    list: String,
    conditions: Vec<(String, String)>,
    path: String,
}

/// Why there is no figure, or more than one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// Not of the form above.
    #[error("`{0}` names no figure: write it as cells?system=isr&replicas=3/latency_us.p50")]
    Syntax(String),
    /// Not exactly one.
    #[error("{count} of `{list}` are as `{conditions}` asks, and one was wanted: say more, or less, of it")]
    Count {
        /// How many there are.
        count: usize,
        /// Of which list.
        list: String,
        /// What they had to be.
        conditions: String,
    },
    /// Not of the form of what was printed.
    #[error(
        "`{0}` names no printed figure: write it as faults/1, the first number behind that word, with + for spaces"
    )]
    PrintedSyntax(String),
    /// Not exactly one line.
    #[error("{count} lines begin with `{begins}`, and one was wanted: say more of it")]
    Lines {
        /// How many there are.
        count: usize,
        /// As they had to begin.
        begins: String,
    },
    /// It is not there, or not a number.
    #[error("`{0}` is no number there")]
    Path(String),
    /// They cannot be divided.
    #[error("`{0}` over `{1}`: one can divide only by another figure of the same kind that is not 0")]
    Ratio(String, String),
}

/// A figure, as measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    /// How much.
    pub(super) number: f64,
    /// Of what.
    pub(super) measure: Measure,
}

/// What a figure counts, as its field's name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Things, or a share of them.
    Number,
    /// `_us`
    Microseconds,
    /// `_ms`
    Milliseconds,
    /// `seconds`
    Seconds,
    /// `_bytes`
    Bytes,
}

impl Measure {
    fn of(path: &str) -> Self {
        let ends = |suffix: &str| {
            path.split('.').any(|name| name.ends_with(suffix) && !name.ends_with(&format!("per{suffix}")))
        };
        match () {
            // Intervals are of the figures of the same names.
            () if ends("_us") || path.contains("interval.p") => Self::Microseconds,
            () if ends("_ms") => Self::Milliseconds,
            () if ends("seconds") => Self::Seconds,
            () if ends("_bytes") => Self::Bytes,
            () => Self::Number,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Number => "numbers",
            Self::Microseconds => "microseconds",
            Self::Milliseconds => "milliseconds",
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
        }
    }
}

impl FromStr for Pick {
    type Err = NotFound;

    fn from_str(text: &str) -> Result<Self, NotFound> {
        match text.split_once("//") {
            Some((figure, over)) => Ok(Self { figure: figure.parse()?, over: Some(over.parse()?) }),
            None => Ok(Self { figure: text.parse()?, over: None }),
        }
    }
}

impl FromStr for Figure {
    type Err = NotFound;

    fn from_str(text: &str) -> Result<Self, NotFound> {
        let wrong = || NotFound::Syntax(text.to_owned());
        // A command that is a condition has slashes of its own; a path has none.
        let (from, path) = text.rsplit_once('/').ok_or_else(wrong)?;
        let (list, conditions) = from.split_once('?').unwrap_or((from, ""));
        let conditions = conditions
            .split('&')
            .filter(|condition| !condition.is_empty())
            .map(|condition| condition.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(wrong)?;
        if list.is_empty() || path.is_empty() {
            return Err(wrong());
        }
        Ok(Self { list: list.to_owned(), conditions, path: path.to_owned() })
    }
}

impl Pick {
    /// It, in these results.
    pub(super) fn of(&self, results: &Value) -> Result<Found, NotFound> {
        let found = self.figure.of(results)?;
        let Some(over) = &self.over else { return Ok(found) };
        let under = over.of(results)?;
        if found.measure != under.measure || under.number == 0.0 {
            return Err(NotFound::Ratio(self.figure.path.clone(), over.path.clone()));
        }
        Ok(Found { number: found.number / under.number, measure: Measure::Number })
    }
}

impl Figure {
    fn of(&self, results: &Value) -> Result<Found, NotFound> {
        let from = at(results, &self.list);
        let candidates: Vec<&Value> = match from {
            Some(Value::Array(list)) => list.iter().filter(|one| self.is_meant(one)).collect(),
            Some(one @ Value::Object(_)) if self.conditions.is_empty() => vec![one],
            _ => Vec::new(),
        };
        let [one] = candidates[..] else {
            let conditions: Vec<String> =
                self.conditions.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let (count, list) = (candidates.len(), self.list.clone());
            return Err(NotFound::Count { count, list, conditions: conditions.join("&") });
        };
        let number = at(one, &self.path).and_then(Value::as_f64);
        let number = number.ok_or_else(|| NotFound::Path(self.path.clone()))?;
        Ok(Found { number, measure: Measure::of(&format!("{}.{}", self.list, self.path)) })
    }

    fn is_meant(&self, one: &Value) -> bool {
        self.conditions.iter().all(|(key, wanted)| match at(one, key) {
            Some(Value::String(text)) => text == wanted,
            Some(value @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => {
                *wanted == value.to_string().as_str()
            }
            Some(Value::Array(_) | Value::Object(_)) | None => false,
        })
    }
}

/// What is at a path of names and places, such as `interval.p50.0`.
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, name| match value {
        Value::Array(list) => list.get(name.parse::<usize>().ok()?),
        other => other.get(name),
    })
}
