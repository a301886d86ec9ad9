//! Figures, and whether they are within their limits here.

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

/// Prints a figure, and whether it is what it should be.
pub fn say(what: &str, value: f64, unit: &str, limit: Limit) {
    let (holds, text) = match limit {
        Limit::AtMost(most) => (value <= most, format!("at most {most}")),
        Limit::AtLeast(least) => (value >= least, format!("at least {least}")),
    };
    let verdict = if holds { "holds" } else { "does not hold here" };
    println!("{what}: {value:.2} {unit} ({text}: {verdict})");
}

/// The middle one.
///
/// # Panics
/// When there is none.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = values.collect();
    all.sort_unstable_by(f64::total_cmp);
    all[all.len() / 2]
}
