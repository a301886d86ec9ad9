//! A profile of the user's own, as TOML.
//!
//! ```toml
//! name = "metro"                    # as results call it; else the file's name
//!
//! [links]                           # left out: links as they are
//! zones = 2                         # replica i is in zone (i - 1) mod zones; controllers likewise
//! within = { median-us = 60 }       # one way; log-normal with sigma 0.4 unless told otherwise
//! between = { median-us = 900, distribution = "exponential", least-us = 500 }
//!
//! [syncs]                           # left out: syncs as they are
//! median-us = 1500
//! distribution = "bimodal"          # or constant, exponential, log-normal
//! slow-us = 40000                   # bimodal: how long the slow ones take
//! slow-percent = 0.5                # bimodal: how many of them there are
//! # sigma = 0.6                     # log-normal: standard deviation of the logarithm
//! # least-us = 200                  # exponential: the shortest
//! ```

use std::path::Path;
use std::time::Duration;

use partition::latency::Latency;
use serde::Deserialize;

use super::error::ProfileError;
use super::shape::{Shape, exponential};
use super::{Links, Profile};

/// Longer delays than this are outages, which `compare faults` is for.
const MEDIAN_MAX_US: f64 = 1e6;
/// What a log-normal distribution has that does not say.
const SIGMA: f64 = 0.4;
/// What a bimodal one has: one in a hundred takes ten times as long.
const SLOW_PERCENT: f64 = 1.0;
const SLOW_TIMES: f64 = 10.0;
/// More zones than replicas say nothing.
const ZONES_MAX: u32 = 9;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    name: Option<String>,
    links: Option<LinkTable>,
    syncs: Option<Delay>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LinkTable {
    #[serde(default = "one")]
    zones: u32,
    within: Delay,
    between: Option<Delay>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Delay {
    median_us: f64,
    distribution: Option<String>,
    least_us: Option<f64>,
    sigma: Option<f64>,
    slow_us: Option<f64>,
    slow_percent: Option<f64>,
}

fn one() -> u32 {
    1
}

/// The profile that a file describes.
pub(super) fn read(path: &Path) -> Result<Profile, ProfileError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| ProfileError::Unreadable { path: path.to_owned(), why: error.to_string() })?;
    parse(&text, path)
}

/// The same, of a text that `path` holds.
pub(super) fn parse(text: &str, path: &Path) -> Result<Profile, ProfileError> {
    let malformed = |at, why| ProfileError::Malformed { path: path.to_owned(), at, why };
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        malformed(line, error.message().replace('\n', " "))
    })?;
    let stem = path.file_stem().map_or_else(|| "own".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let links = file.links.map(LinkTable::links).transpose().map_err(|why| malformed(None, why))?;
    let syncs = file.syncs.map(|delay| delay.latency("syncs")).transpose();
    let syncs = syncs.map_err(|why| malformed(None, why))?;
    if links.is_none() && syncs.is_none() {
        return Err(malformed(None, "it has neither [links] nor [syncs], so it injects nothing".to_owned()));
    }
    Ok(Profile { name: file.name.unwrap_or(stem), links, syncs })
}

impl LinkTable {
    fn links(self) -> Result<Links, String> {
        if !(1..=ZONES_MAX).contains(&self.zones) {
            return Err(format!("links.zones must be 1 to {ZONES_MAX}, not {}", self.zones));
        }
        if self.zones > 1 && self.between.is_none() {
            return Err(format!("{} zones need links.between", self.zones));
        }
        let between = self.between.unwrap_or_else(|| self.within.clone());
        Ok(Links {
            zones: self.zones,
            within: self.within.latency("links.within")?,
            between: between.latency("links.between")?,
        })
    }
}

impl Delay {
    fn latency(self, of: &str) -> Result<Latency, String> {
        let shape = match &self.distribution {
            Some(text) => text.parse().map_err(|error| format!("{of}.distribution: {error}"))?,
            None => Shape::LogNormal,
        };
        let fits = [
            ("least-us", self.least_us, Shape::Exponential),
            ("sigma", self.sigma, Shape::LogNormal),
            ("slow-us", self.slow_us, Shape::Bimodal),
            ("slow-percent", self.slow_percent, Shape::Bimodal),
        ];
        if let Some((name, ..)) = fits.iter().find(|(_, value, of)| value.is_some() && *of != shape) {
            return Err(format!("{of}.{name} does not belong to that distribution"));
        }
        let micros = |name: &str, value: f64| {
            let fine = (0.0..=MEDIAN_MAX_US).contains(&value);
            let wrong = || format!("{of}.{name} must be 0 to {MEDIAN_MAX_US} microseconds, not {value}");
            if fine { Ok(Duration::from_secs_f64(value / 1e6)) } else { Err(wrong()) }
        };
        let median = micros("median-us", self.median_us)?;
        Ok(match shape {
            Shape::Constant => Latency::Constant(median),
            Shape::Exponential => {
                let least = micros("least-us", self.least_us.unwrap_or(0.0))?;
                if least > median {
                    return Err(format!("{of}.least-us is above its median"));
                }
                exponential(least, median)
            }
            Shape::LogNormal => {
                let sigma_permille = permille(&format!("{of}.sigma"), self.sigma.unwrap_or(SIGMA), 3.0)?;
                Latency::LogNormal { median, sigma_permille }
            }
            Shape::Bimodal => {
                let slow = micros("slow-us", self.slow_us.unwrap_or(self.median_us * SLOW_TIMES))?;
                let percent = self.slow_percent.unwrap_or(SLOW_PERCENT);
                let slow_permille = permille(&format!("{of}.slow-percent"), percent, 50.0)? / 100;
                Latency::Bimodal { usual: median, slow, slow_permille }
            }
        })
    }
}

/// A number of at most `most`, in thousandths.
fn permille(name: &str, value: f64, most: f64) -> Result<u32, String> {
    if !(0.0..=most).contains(&value) {
        return Err(format!("{name} must be 0 to {most}, not {value}"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is small and not negative"
    )]
    Ok((value * 1000.0).round() as u32)
}
