//! Scales: where on an axis a value stands, which values are marked, and how they are written.

use crate::table::thousands;

/// Values whose largest is more than so many times the smallest are told apart only on a logarithmic scale.
const LINEAR_SPAN_MAX: f64 = 8.0;

/// How distances on an axis relate to values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Equal distances are equal differences; it begins at zero unless it counts things.
    Linear,
    /// Equal distances are equal ratios.
    Log,
}

/// An axis: its values from `low` to `high`, drawn from `from` to `to`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    kind: Kind,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// Linear between these values, as they are.
    #[must_use]
    pub fn linear(values: [f64; 2], range: [f64; 2]) -> Self {
        Self { kind: Kind::Linear, low: values[0], high: values[1], from: range[0], to: range[1] }
    }

    /// Linear from zero to a round number that no value exceeds.
    #[must_use]
    pub fn from_zero(values: &[f64], range: [f64; 2]) -> Self {
        let most = values.iter().copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
        let most = if most > 0.0 { most } else { 1.0 };
        let step = step(most, 5.0);
        Self::linear([0.0, (most / step - 1e-9).ceil() * step], range)
    }

    /// Logarithmic, between round numbers that hold all positive values.
    #[must_use]
    pub fn log(values: &[f64], range: [f64; 2]) -> Self {
        let positive = || values.iter().copied().filter(|value| *value > 0.0 && value.is_finite());
        let (least, most) = (positive().fold(f64::MAX, f64::min), positive().fold(0.0, f64::max));
        let (least, most) = if most > 0.0 { (least, most) } else { (1.0, 10.0) };
        let (low, high) = (round_below(least), round_above(most));
        let high = if high > low { high } else { low * 10.0 };
        Self { kind: Kind::Log, low, high, from: range[0], to: range[1] }
    }

    /// Linear from zero, or logarithmic where values would not be told apart on that and none is zero.
    #[must_use]
    pub fn fitting(values: &[f64], range: [f64; 2]) -> Self {
        let positive = || values.iter().copied().filter(|value| *value > 0.0);
        let (least, most) = (positive().fold(f64::MAX, f64::min), positive().fold(0.0, f64::max));
        let has_zero = values.contains(&0.0);
        if most > least * LINEAR_SPAN_MAX && !has_zero {
            Self::log(values, range)
        } else {
            Self::from_zero(values, range)
        }
    }

    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where a value stands; one that is outside, at the end.
    #[must_use]
    pub fn at(&self, value: f64) -> f64 {
        let value = value.clamp(self.low, self.high);
        let share = match self.kind {
            Kind::Linear => (value - self.low) / (self.high - self.low),
            Kind::Log => (value / self.low).ln() / (self.high / self.low).ln(),
        };
        self.from + share * (self.to - self.from)
    }

    /// Round values to mark, about so many.
    #[must_use]
    pub fn ticks(&self, about: usize) -> Vec<f64> {
        match self.kind {
            Kind::Linear => {
                let step = step(self.high - self.low, about.max(1) as f64);
                let first = (self.low / step - 1e-9).ceil();
                let all = std::iter::successors(Some(first), |count| Some(count + 1.0));
                all.map(|count| count * step).take_while(|value| *value <= self.high + step * 1e-9).collect()
            }
            Kind::Log => {
                let all = |mantissas: &'static [f64]| self.within(mantissas);
                let fits = |ticks: &Vec<f64>| ticks.len() <= about.max(2);
                let finest = Some(all(&[1.0, 2.0, 5.0])).filter(fits);
                finest.or_else(|| Some(all(&[1.0, 3.0])).filter(fits)).unwrap_or_else(|| all(&[1.0]))
            }
        }
    }

    fn within(&self, mantissas: &[f64]) -> Vec<f64> {
        let decades = std::iter::successors(Some(decade(self.low)), |ten| Some(ten * 10.0));
        let decades = decades.take_while(|ten| *ten <= self.high * 1.000_001);
        let all = decades.flat_map(|ten| mantissas.iter().map(move |mantissa| mantissa * ten));
        let (low, high) = (self.low * 0.999_999, self.high * 1.000_001);
        all.filter(|value| (low..=high).contains(value)).collect()
    }
}

/// The power of ten that is not above this.
fn decade(value: f64) -> f64 {
    10.0_f64.powf((value * 1.000_001).log10().floor())
}

/// 1, 2 or 5 times a power of ten, so that about so many steps make the whole.
fn step(whole: f64, about: f64) -> f64 {
    let rough = (whole / about).max(f64::MIN_POSITIVE);
    let ten = decade(rough);
    let mantissa = [1.0, 2.0, 5.0, 10.0].into_iter().find(|mantissa| mantissa * ten >= rough * 0.999_999);
    mantissa.unwrap_or(10.0) * ten
}

fn round_below(value: f64) -> f64 {
    let ten = decade(value);
    [5.0, 2.0, 1.0].into_iter().map(|mantissa| mantissa * ten).find(|round| *round <= value).unwrap_or(ten)
}

fn round_above(value: f64) -> f64 {
    let ten = decade(value);
    let rounds = [1.0, 2.0, 5.0, 10.0].into_iter().map(|mantissa| mantissa * ten);
    rounds.into_iter().find(|round| *round >= value * 0.999_999).unwrap_or(ten * 10.0)
}

/// A number with the digits that count: three of them below a thousand, and thousands apart.
#[must_use]
pub fn number(value: f64) -> String {
    if value.abs() >= 999.5 {
        return thousands(value);
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let ten = decade(value.abs()) / 100.0;
    let rounded = (value / ten).round() * ten;
    // What division leaves behind is no digit.
    ((rounded * 1e9).round() / 1e9).to_string()
}

/// Seconds as a reader wants them: milliseconds where they are few.
#[must_use]
pub fn seconds(value: f64) -> String {
    if value < 0.0995 {
        format!("{:.0} ms", value * 1e3)
    } else {
        format!("{} s", number((value * 100.0).round() / 100.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_scale_begins_at_zero_and_ends_on_a_round_number() {
        let scale = Scale::from_zero(&[3.1, 17.0], [100.0, 0.0]);
        assert_eq!((scale.at(0.0), scale.at(20.0), scale.at(10.0)), (100.0, 0.0, 50.0));
        assert_eq!(scale.ticks(5), [0.0, 5.0, 10.0, 15.0, 20.0]);
        assert_eq!(Scale::from_zero(&[], [0.0, 1.0]).ticks(2), [0.0, 0.5, 1.0]);
    }

    #[test]
    fn equal_ratios_are_equal_distances_on_a_logarithmic_scale() {
        let scale = Scale::log(&[0.31, 42.0], [0.0, 90.0]);
        let steps = [0.2, 2.0, 20.0].map(|value| scale.at(value));
        assert!((steps[1] - steps[0] - (steps[2] - steps[1])).abs() < 1e-9, "{steps:?}");
        assert_eq!(scale.at(0.2), 0.0);
        assert_eq!(
            scale.ticks(9).iter().map(|tick| number(*tick)).collect::<Vec<_>>().join(" "),
            "0.2 0.5 1 2 5 10 20 50"
        );
        assert_eq!(scale.ticks(3).len(), 2, "decades alone where there is no room");
    }

    #[test]
    fn a_scale_is_logarithmic_only_where_values_would_not_be_told_apart() {
        let kind = |values: &[f64]| Scale::fitting(values, [0.0, 1.0]).kind();
        assert_eq!((kind(&[1.0, 8.0]), kind(&[1.0, 8.1])), (Kind::Linear, Kind::Log));
        assert_eq!(kind(&[0.0, 1.0, 8.1]), Kind::Linear, "zero has no place on the other");
    }

    #[test]
    fn what_is_outside_is_drawn_at_the_end_and_never_beyond() {
        let scale = Scale::log(&[1.0, 10.0], [0.0, 50.0]);
        assert_eq!((scale.at(0.0), scale.at(1e9)), (0.0, 50.0));
        let one = Scale::log(&[1.0], [0.0, 50.0]);
        assert!(one.at(1.0).is_finite());
    }

    #[test]
    fn short_spans_are_in_milliseconds() {
        assert_eq!(
            [0.0292, 0.0996, 0.7131, 2.514, 61.0].map(seconds),
            ["29 ms", "0.1 s", "0.71 s", "2.51 s", "61 s"]
        );
    }

    #[test]
    fn numbers_have_three_digits_that_count() {
        let written = [0.0, 0.012_34, 0.5, 1.0, 2.345, 99.96, 123.4, 12_345.0].map(number);
        assert_eq!(written, ["0", "0.0123", "0.5", "1", "2.35", "100", "123", "12,345"]);
    }
}
