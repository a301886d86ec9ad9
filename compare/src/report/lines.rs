//! A picture of lines: points with their intervals, joined, and named where they end.

use super::figure::{Panel, line, text, told};
use super::labels::spread;
use super::markup::{Element, coordinate, element};
use super::palette::{Mark, class, mark};
use super::scale::{Kind, Scale, number};
use crate::stats::Interval;
use crate::system::System;

const SIZE: [f64; 2] = [376.0, 258.0];
/// Where the axes are: left, right, top, bottom.
const LEFT: f64 = 42.0;
const RIGHT: f64 = 278.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 218.0;
/// Lines beside each other at one count.
const DODGE: f64 = 4.0;
/// The height of a line of text.
const LABEL: f64 = 14.0;

/// Points of one system.
#[derive(Clone, Debug)]
pub struct Line {
    /// Whose colour and mark it has.
    pub system: System,
    /// What stands where it ends.
    pub name: String,
    /// From left to right.
    pub points: Vec<Point>,
}

/// One measurement.
#[derive(Clone, Debug)]
pub struct Point {
    /// Where on the horizontal axis.
    pub x: f64,
    /// What was measured.
    pub y: f64,
    /// Where it lies at 95 %.
    pub interval: Option<Interval>,
    /// What was predicted.
    pub predicted: Option<f64>,
    /// Whether something was wrong with it.
    pub is_void: bool,
    /// All that in words.
    pub words: String,
}

/// What is on the horizontal axis.
#[derive(Clone, Debug)]
pub enum Across {
    /// How many of something, each marked.
    Counts(Vec<usize>),
    /// A rate or a time, on a logarithmic scale, with the rates beyond which a system does not keep up.
    Ratios(Vec<(System, f64, String)>),
}

/// A picture.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    /// Part of a file name.
    pub name: &'a str,
    /// What is on the vertical axis, with its unit.
    pub title: &'a str,
    /// What is on the horizontal axis, with its unit.
    pub below: &'a str,
    /// For whoever does not see it: what it shows.
    pub alt: String,
    /// What is on the horizontal axis.
    pub across: Across,
    /// The lines.
    pub lines: &'a [Line],
}

impl Lines<'_> {
    /// Draws it.
    #[must_use]
    pub fn panel(&self) -> Panel {
        let y = Scale::fitting(&self.heights(), [BOTTOM, TOP]);
        let x = self.horizontal();
        let mut drawn = self.axes(&x, &y);
        drawn.extend(self.rules(&x));
        let last = (self.lines.len().saturating_sub(1)) as f64 / 2.0;
        let dodged = |at: usize| match self.across {
            Across::Counts(_) => (at as f64 - last) * DODGE,
            Across::Ratios(_) => 0.0,
        };
        // Floors lie below what stands on them.
        let mut order: Vec<usize> = (0..self.lines.len()).collect();
        order.sort_by_key(|at| !super::palette::is_floor(self.lines[*at].system));
        for at in order {
            drawn.push(self.line(at, dodged(at), &x, &y));
        }
        drawn.extend(self.names(dodged, &x, &y));
        Panel { name: self.name.to_owned(), size: SIZE, alt: self.alt.clone(), drawn }
    }

    fn heights(&self) -> Vec<f64> {
        let points = self.lines.iter().flat_map(|line| &line.points);
        let values = points.flat_map(|point| {
            let ends = point.interval.map(|interval| [interval.low, interval.high]);
            [Some(point.y), point.predicted].into_iter().flatten().chain(ends.into_iter().flatten())
        });
        values.collect()
    }

    fn horizontal(&self) -> Scale {
        match &self.across {
            Across::Counts(counts) => {
                let least = counts.iter().min().copied().unwrap_or(0) as f64;
                let most = counts.iter().max().copied().unwrap_or(1) as f64;
                Scale::linear([least - 0.35, most + 0.35], [LEFT, RIGHT])
            }
            Across::Ratios(knees) => {
                let points = self.lines.iter().flat_map(|line| line.points.iter().map(|point| point.x));
                let values: Vec<f64> = points.chain(knees.iter().map(|(_, rate, _)| *rate)).collect();
                Scale::log(&values, [LEFT, RIGHT])
            }
        }
    }

    fn axes(&self, x: &Scale, y: &Scale) -> Vec<Element> {
        let log = if y.kind() == Kind::Log { " (log scale)" } else { "" };
        let mut drawn =
            vec![text("h", 4.0, 14.0, self.title).child(super::markup::worded("tspan", log).class("c"))];
        for tick in y.ticks(6) {
            let at = y.at(tick);
            drawn.push(line("g", [LEFT, at], [RIGHT, at]));
            drawn.push(text("t e", LEFT - 6.0, at + 4.0, number(tick)));
        }
        drawn.push(line("a", [LEFT, BOTTOM], [RIGHT, BOTTOM]));
        let ticks = match &self.across {
            Across::Counts(counts) => counts.iter().map(|count| *count as f64).collect(),
            Across::Ratios(_) => x.ticks(6),
        };
        for tick in ticks {
            drawn.push(line("a", [x.at(tick), BOTTOM], [x.at(tick), BOTTOM + 4.0]));
            drawn.push(text("t k", x.at(tick), BOTTOM + 17.0, number(tick)));
        }
        let log = if x.kind() == Kind::Log { " (log scale)" } else { "" };
        drawn.push(text("c k", f64::midpoint(LEFT, RIGHT), BOTTOM + 33.0, format!("{}{log}", self.below)));
        drawn
    }

    /// Where systems no longer keep up.
    fn rules(&self, x: &Scale) -> Vec<Element> {
        let Across::Ratios(knees) = &self.across else { return Vec::new() };
        let rule = |(at, (system, rate, words)): (usize, &(System, f64, String))| {
            let place = x.at(*rate);
            told(class(*system), words).child(line("p", [place, TOP], [place, BOTTOM])).child(text(
                "n c e",
                place - 3.0,
                TOP + 10.0 + at as f64 * 12.0,
                "knee",
            ))
        };
        knees.iter().enumerate().map(rule).collect()
    }

    fn line(&self, at: usize, dodged: f64, x: &Scale, y: &Scale) -> Element {
        let Line { system, points, .. } = &self.lines[at];
        let mut group = element("g").class(class(*system));
        let step = |(index, point): (usize, &Point)| {
            let how = if index == 0 { "M" } else { "L" };
            format!("{how}{} {}", coordinate(x.at(point.x) + dodged), coordinate(y.at(point.y)))
        };
        if points.len() > 1 {
            let path: String = points.iter().enumerate().map(step).collect();
            group = group.child(element("path").class("l").with("d", path));
        }
        group.children(points.iter().map(|point| {
            let (place, height) = (x.at(point.x) + dodged, y.at(point.y));
            let mut drawn = told("v", &point.words);
            if let Some(Interval { low, high }) = point.interval {
                drawn = drawn.child(line("w", [place, y.at(low)], [place, y.at(high)]));
            }
            if let Some(predicted) = point.predicted {
                let level = y.at(predicted);
                drawn = drawn.child(line("w", [place - 7.0, level], [place + 7.0, level]));
            }
            let how = if point.is_void { Mark::Outline } else { Mark::Measured };
            drawn.child(mark(*system, how, place, height))
        }))
    }

    fn names(&self, dodged: impl Fn(usize) -> f64, x: &Scale, y: &Scale) -> Vec<Element> {
        let ends: Vec<(usize, &Point)> =
            self.lines.iter().enumerate().filter_map(|(at, line)| Some((at, line.points.last()?))).collect();
        let wanted: Vec<f64> = ends.iter().map(|(_, point)| y.at(point.y)).collect();
        let places = spread(&wanted, LABEL, [TOP - 8.0, BOTTOM + 8.0]);
        let drawn = ends.iter().zip(places).map(|((at, point), place)| {
            let Line { system, name, .. } = &self.lines[*at];
            let end = [x.at(point.x) + dodged(*at) + 5.0, y.at(point.y)];
            element("g").class(class(*system)).child(line("g", end, [RIGHT + 8.0, place])).child(text(
                "n",
                RIGHT + 11.0,
                place + 4.0,
                name.as_str(),
            ))
        });
        drawn.collect()
    }
}
