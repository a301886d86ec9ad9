//! A picture of bars: a value from zero for each setting, in groups that may be compared.

use super::figure::{Panel, line, text, told};
use super::markup::element;
use super::palette::class;
use super::scale::{Scale, number};
use crate::system::System;

const WIDTH: f64 = 376.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 322.0;
const TOP: f64 = 24.0;
const BAR: f64 = 13.0;
const STEP: f64 = 18.0;
const HEAD: f64 = 19.0;

/// One setting.
#[derive(Clone, Debug)]
pub struct Bar {
    /// Whose colour it has.
    pub system: System,
    /// What stands beside it.
    pub name: String,
    /// How long it is.
    pub value: f64,
    /// What of that is told apart, at its end.
    pub part: f64,
    /// All that in words.
    pub words: String,
}

/// Settings that may be compared.
#[derive(Clone, Debug)]
pub struct Group {
    /// What they have in common.
    pub title: String,
    /// Each of them.
    pub bars: Vec<Bar>,
}

/// A picture.
#[derive(Clone, Debug)]
pub struct Bars<'a> {
    /// Part of a file name.
    pub name: &'a str,
    /// What is measured, with its unit.
    pub title: &'a str,
    /// For whoever does not see it: what it shows.
    pub alt: String,
    /// The bars.
    pub groups: &'a [Group],
}

impl Bars<'_> {
    /// Draws it.
    #[must_use]
    pub fn panel(&self) -> Panel {
        let values: Vec<f64> =
            self.groups.iter().flat_map(|group| group.bars.iter().map(|bar| bar.value)).collect();
        let x = Scale::from_zero(&values, [LEFT, RIGHT]);
        let mut drawn = vec![text("h", 4.0, 14.0, self.title)];
        let mut y = TOP;
        for group in self.groups {
            drawn.push(text("c", 4.0, y + 14.0, group.title.as_str()));
            y += HEAD;
            let top = y - 2.0;
            for bar in &group.bars {
                let (end, part) = (x.at(bar.value), x.at(bar.value - bar.part));
                let piece = |class: &str, from: f64, to: f64| {
                    let width = (to - from).max(0.5);
                    element("rect")
                        .class(class)
                        .with("x", from)
                        .with("y", y)
                        .with("width", width)
                        .with("height", BAR)
                };
                let mut shown = told(class(bar.system), &bar.words)
                    .child(text("n e", LEFT - 6.0, y + 11.0, bar.name.as_str()))
                    .child(piece("b", LEFT, part));
                if bar.part > 0.0 {
                    shown = shown.child(piece("b2", part, end));
                }
                drawn.push(shown.child(text("t", end + 5.0, y + 11.0, number(bar.value))));
                y += STEP;
            }
            drawn.push(line("a", [LEFT, top], [LEFT, y - STEP + BAR + 2.0]));
            y += 4.0;
        }
        Panel { name: self.name.to_owned(), size: [WIDTH, y + 6.0], alt: self.alt.clone(), drawn }
    }
}
