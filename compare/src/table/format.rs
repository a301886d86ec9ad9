//! Numbers as a reader wants them: three digits that count, never more.

use crate::stats::Comparison;

/// Three digits that count, for numbers that are not negative.
fn digits(value: f64) -> String {
    let decimals = match value {
        v if v < 0.9995 => 3,
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

/// Microseconds as milliseconds.
#[must_use]
pub fn milliseconds(us: f64) -> String {
    digits(us / 1e3)
}

/// A ratio, to a hundredth below ten.
#[must_use]
pub fn ratio(value: f64) -> String {
    if value < 1.0 { format!("{value:.2}") } else { digits(value) }
}

/// A ratio and its interval; `=` behind it when the interval spans 1: no difference detected.
#[must_use]
pub fn with_interval(comparison: &Comparison) -> String {
    let (low, high) = (ratio(comparison.interval.low), ratio(comparison.interval.high));
    let mark = if comparison.interval.contains(1.0) { "=" } else { "" };
    format!("{} {low}–{high}{mark}", ratio(comparison.ratio))
}

/// A share as a percentage; a whole one from 10 % on.
#[must_use]
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    if value < 9.95 { format!("{value:.1}%") } else { format!("{value:.0}%") }
}

/// A number with its thousands apart.
#[must_use]
pub fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Interval;

    #[test]
    fn numbers_have_three_digits_that_count() {
        assert_eq!([312.4, 1_314.0, 12_345.0, 123_456.0].map(milliseconds), ["0.312", "1.31", "12.3", "123"]);
        assert_eq!([999.6, 9_996.0].map(milliseconds), ["1.00", "10.0"]);
        assert_eq!([0.0, 999.0, 1_000.0, 1_234_567.0].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0512, 0.997, 1.004, 12.34].map(ratio), ["0.05", "1.00", "1.00", "12.3"]);
        assert_eq!([0.004, 0.0996, 0.5].map(percent), ["0.4%", "10%", "50%"]);
    }

    #[test]
    fn a_ratio_whose_interval_spans_one_says_so() {
        let comparison = |ratio, low, high| Comparison { ratio, interval: Interval { low, high } };
        assert_eq!(with_interval(&comparison(1.312, 1.28, 1.349)), "1.31 1.28–1.35");
        assert_eq!(with_interval(&comparison(1.02, 0.97, 1.04)), "1.02 0.97–1.04=");
    }
}
