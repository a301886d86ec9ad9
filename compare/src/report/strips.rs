//! A picture of distributions of times: all values as dots on one logarithmic axis, a strip for each system.

use super::figure::{Panel, line, text, told};
use super::markup::{element, worded};
use super::palette::class;
use super::scale::{Scale, number, seconds};
use crate::system::System;

const WIDTH: f64 = 640.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 590.0;
const TOP: f64 = 28.0;
const STEP: f64 = 15.0;
const BETWEEN: f64 = 9.0;
/// More dots than this cover each other: evenly chosen ones stand for all.
const DOTS_MAX: usize = 40;

/// All values of one system.
#[derive(Clone, Debug)]
pub struct Strip {
    /// Whose.
    pub system: System,
    /// What it is called.
    pub name: &'static str,
    /// Each one, in seconds.
    pub values: Vec<f64>,
}

/// What may be compared.
#[derive(Clone, Debug)]
pub struct Tier {
    /// What they have in common.
    pub name: String,
    /// A strip each.
    pub strips: Vec<Strip>,
}

/// A picture.
#[derive(Clone, Debug)]
pub struct Strips<'a> {
    /// Part of a file name.
    pub name: &'a str,
    /// What is measured, with its unit.
    pub title: &'a str,
    /// For whoever does not see it: what it shows.
    pub alt: String,
    /// From top to bottom.
    pub tiers: &'a [Tier],
}

impl Strips<'_> {
    /// Draws it.
    #[must_use]
    pub fn panel(&self) -> Panel {
        let strips = || self.tiers.iter().flat_map(|tier| &tier.strips);
        let values: Vec<f64> = strips().flat_map(|strip| strip.values.iter().copied()).collect();
        let x = Scale::log(&values, [LEFT, RIGHT]);
        let log = worded("tspan", " (log scale)").class("c");
        let mut drawn = vec![text("h", 4.0, 14.0, self.title).child(log)];
        let height = |tier: &Tier| tier.strips.len() as f64 * STEP + BETWEEN;
        let bottom = TOP + self.tiers.iter().map(height).sum::<f64>();
        for tick in x.ticks(8) {
            drawn.push(line("g", [x.at(tick), TOP], [x.at(tick), bottom]));
            drawn.push(text("t k", x.at(tick), bottom + 14.0, number(tick)));
        }
        let mut y = TOP;
        for tier in self.tiers {
            drawn.push(text("", 4.0, y + STEP * 0.5 + 7.0, tier.name.as_str()));
            for strip in &tier.strips {
                drawn.push(drawn_strip(strip, &x, y + STEP * 0.5 + 3.0));
                y += STEP;
            }
            y += BETWEEN;
            drawn.push(line("g", [4.0, y - BETWEEN * 0.25], [RIGHT, y - BETWEEN * 0.25]));
        }
        Panel { name: self.name.to_owned(), size: [WIDTH, bottom + 22.0], alt: self.alt.clone(), drawn }
    }
}

fn drawn_strip(strip: &Strip, x: &Scale, y: f64) -> super::markup::Element {
    let mut sorted = strip.values.clone();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted[sorted.len() / 2];
    let (least, most) = (sorted[0], sorted[sorted.len() - 1]);
    let words = format!(
        "{}: {} in the middle of {} trials, {} to {}",
        strip.name,
        seconds(middle),
        sorted.len(),
        seconds(least),
        seconds(most)
    );
    let shown = sorted.len().min(DOTS_MAX);
    let chosen =
        (0..shown).map(|at| sorted[if shown == 1 { 0 } else { at * (sorted.len() - 1) / (shown - 1) }]);
    let dot = |value: f64| element("circle").class("d").with("cx", x.at(value)).with("cy", y).with("r", 2.6);
    told(class(strip.system), &words)
        .child(text("n c e", LEFT - 10.0, y + 4.0, strip.name))
        .children(chosen.map(dot))
        .child(line("l", [x.at(middle), y - 6.0], [x.at(middle), y + 6.0]))
        .child(text("t", x.at(most) + 7.0, y + 4.0, seconds(middle)))
}
