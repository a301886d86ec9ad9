//! A figure as a text shows it: a number with so many decimals, in a unit.

use std::fmt::Write;
use std::str::FromStr;

use super::pick::{Found, Measure};

/// How a figure is shown. The number itself is what the results say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    decimals: usize,
    unit: Unit,
}

/// Units that are shown, by their sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// Of anything.
    One,
    Percent,
    Times,
    Microseconds,
    Milliseconds,
    Seconds,
    PerSecond,
    MegabytesPerSecond,
    Bytes,
    Kibibytes,
    Mebibytes,
}

const UNITS: [(&str, Unit); 10] = [
    (" %", Unit::Percent),
    (" times", Unit::Times),
    (" us", Unit::Microseconds),
    (" ms", Unit::Milliseconds),
    (" MB/s", Unit::MegabytesPerSecond),
    (" MiB", Unit::Mebibytes),
    (" KiB", Unit::Kibibytes),
    (" bytes", Unit::Bytes),
    (" s", Unit::Seconds),
    ("/s", Unit::PerSecond),
];

/// What is no figure.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAmount {
    /// The link's text.
    #[error("`{0}` is no figure: write one such as 0.94 ms, 29,196/s, 18 %, 1.2 times or 42")]
    Text(String),
    /// Two that do not go together.
    #[error("a figure in {measured} cannot be shown in `{shown}`")]
    Unit {
        /// What the results have.
        measured: &'static str,
        /// What the text wants.
        shown: String,
    },
}

impl FromStr for Amount {
    type Err = NotAnAmount;

    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        match Self::at_start_of(text) {
            Some((amount, "")) => Ok(amount),
            _ => Err(NotAnAmount::Text(text.to_owned())),
        }
    }
}

impl Amount {
    /// The amount that a text begins with, and the rest of the text.
    pub(super) fn at_start_of(text: &str) -> Option<(Self, &str)> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != ',' && c != '.').unwrap_or(text.len());
        let number = text[..end].trim_end_matches([',', '.']);
        let rest = &text[number.len()..];
        let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
        let groups: Vec<&str> = whole.split(',').collect();
        let grouped = groups.len() == 1 || groups[1..].iter().all(|group| group.len() == 3);
        if groups[0].is_empty() || !grouped || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let begins = |sign: &str| {
            let after = rest.strip_prefix(sign)?;
            let ends = !after.starts_with(|c: char| c.is_alphanumeric());
            ends.then_some(after)
        };
        let unit = UNITS.iter().find_map(|(sign, unit)| Some((*unit, begins(sign)?)));
        let (unit, rest) = unit.unwrap_or((Unit::One, rest));
        Some((Self { decimals: decimals.len(), unit }, rest))
    }

    /// The number with its unit that a text begins with, as found there.
    pub(super) fn printed(text: &str) -> Option<(Found, &str)> {
        let (amount, rest) = Self::at_start_of(text)?;
        let number = text[..text.len() - rest.len()].strip_suffix(amount.unit.sign())?.replace(',', "");
        let number: f64 = number.parse().ok()?;
        let (scale, measure) = match amount.unit {
            Unit::One | Unit::Times | Unit::PerSecond | Unit::MegabytesPerSecond => (1.0, Measure::Number),
            Unit::Percent => (0.01, Measure::Number),
            Unit::Microseconds => (1.0, Measure::Microseconds),
            Unit::Milliseconds => (1.0, Measure::Milliseconds),
            Unit::Seconds => (1.0, Measure::Seconds),
            Unit::Bytes => (1.0, Measure::Bytes),
            Unit::Kibibytes => (1024.0, Measure::Bytes),
            Unit::Mebibytes => (1024.0 * 1024.0, Measure::Bytes),
        };
        Some((Found { number: number * scale, measure }, rest))
    }

    /// Whether it says of what it is: a number alone may be anything.
    pub(super) fn has_unit(self) -> bool {
        self.unit != Unit::One
    }

    /// This figure as it is shown.
    pub(super) fn showing(self, found: Found) -> Result<String, NotAnAmount> {
        let factor = self.unit.per(found.measure).ok_or_else(|| NotAnAmount::Unit {
            measured: found.measure.name(),
            shown: self.unit.sign().trim().to_owned(),
        })?;
        Ok(format!("{}{}", grouped(found.number * factor, self.decimals), self.unit.sign()))
    }
}

impl Unit {
    fn sign(self) -> &'static str {
        UNITS.iter().find(|(_, unit)| *unit == self).map_or("", |(sign, _)| sign)
    }

    /// How many of this unit make one of what was measured.
    fn per(self, measure: Measure) -> Option<f64> {
        match (measure, self) {
            (Measure::Number, Self::Percent) => Some(100.0),
            (Measure::Number, Self::One | Self::Times | Self::PerSecond | Self::MegabytesPerSecond)
            | (Measure::Microseconds, Self::Microseconds)
            | (Measure::Milliseconds, Self::Milliseconds)
            | (Measure::Seconds, Self::Seconds)
            | (Measure::Bytes, Self::Bytes) => Some(1.0),
            (Measure::Microseconds, Self::Milliseconds) | (Measure::Milliseconds, Self::Seconds) => {
                Some(1e-3)
            }
            (Measure::Microseconds, Self::Seconds) => Some(1e-6),
            (Measure::Milliseconds, Self::Microseconds) | (Measure::Seconds, Self::Milliseconds) => Some(1e3),
            (Measure::Seconds, Self::Microseconds) => Some(1e6),
            (Measure::Bytes, Self::Kibibytes) => Some(1.0 / 1024.0),
            (Measure::Bytes, Self::Mebibytes) => Some(1.0 / (1024.0 * 1024.0)),
            _ => None,
        }
    }
}

/// With a comma between thousands.
fn grouped(number: f64, decimals: usize) -> String {
    let plain = format!("{number:.decimals$}");
    let (whole, rest) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let mut shown = String::new();
    for (place, digit) in whole.char_indices() {
        let left = whole.len() - place;
        if place > 0 && left % 3 == 0 && !shown.ends_with('-') {
            shown.push(',');
        }
        shown.push(digit);
    }
    let _ = write!(shown, "{rest}");
    shown
}
