//! A picture of what went on in time: a lane for each system, on one clock and one scale, with a fault drawn across it.

use super::figure::{Panel, line, text, told};
use super::markup::{Element, coordinate, element};
use super::palette::class;
use super::scale::{Scale, number, seconds};
use crate::system::System;

const WIDTH: f64 = 640.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 626.0;
const TOP: f64 = 26.0;
/// A lane's head, for the names of events, and its values.
const HEAD: f64 = 15.0;
const LANE: f64 = 44.0;
const BETWEEN: f64 = 8.0;
/// The least distance between two names in one lane.
const APART: f64 = 56.0;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When, in seconds.
    pub at: f64,
    /// What, and to whom.
    pub words: String,
}

/// One system.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// Whose colour it has.
    pub system: System,
    /// What it is called.
    pub name: &'static str,
    /// Seconds from the beginning, and the value from then to the next.
    pub values: Vec<(f64, f64)>,
    /// When the fault began.
    pub begins: Option<Event>,
    /// When it ended.
    pub ends: Option<Event>,
    /// What the cluster did about it.
    pub follows: Vec<Event>,
}

/// A picture.
#[derive(Clone, Debug)]
pub struct Trace<'a> {
    /// Part of a file name.
    pub name: &'a str,
    /// What is measured.
    pub title: &'a str,
    /// For whoever does not see it: what it shows.
    pub alt: String,
    /// From top to bottom.
    pub lanes: &'a [Lane],
}

impl Trace<'_> {
    /// Draws it.
    #[must_use]
    pub fn panel(&self) -> Panel {
        let values = || self.lanes.iter().flat_map(|lane| lane.values.iter());
        let last = values().map(|(at, _)| *at).fold(0.1, f64::max);
        let x = Scale::linear([0.0, last], [LEFT, RIGHT]);
        let most: Vec<f64> = values().map(|(_, value)| *value).collect();
        let mut drawn = vec![text("h", 4.0, 14.0, self.title)];
        let mut top = TOP;
        for lane in self.lanes {
            let y = Scale::from_zero(&most, [top + HEAD + LANE, top + HEAD]);
            drawn.push(lane.drawn(&x, &y, top));
            top += HEAD + LANE + BETWEEN;
        }
        for tick in x.ticks(10) {
            drawn.push(line("a", [x.at(tick), top - BETWEEN], [x.at(tick), top - BETWEEN + 4.0]));
            drawn.push(text("t k", x.at(tick), top + 9.0, number(tick)));
        }
        drawn.push(text(
            "c k",
            f64::midpoint(LEFT, RIGHT),
            top + 25.0,
            "seconds from the beginning of the load",
        ));
        Panel { name: self.name.to_owned(), size: [WIDTH, top + 32.0], alt: self.alt.clone(), drawn }
    }
}

impl Lane {
    fn drawn(&self, x: &Scale, y: &Scale, top: f64) -> Element {
        let (roof, floor) = (top + HEAD, top + HEAD + LANE);
        let mut group = element("g").class(class(self.system));
        if let Some(begins) = &self.begins {
            let from = x.at(begins.at);
            let until = self.ends.as_ref().map_or(RIGHT, |ends| x.at(ends.at));
            let mut words = format!("{}: {} at {}", self.name, begins.words, seconds(begins.at));
            if let Some(ends) = &self.ends {
                words += &format!(", {} at {}", ends.words, seconds(ends.at));
            }
            let shade = element("rect").class("s").with("x", from).with("y", roof).with("height", LANE);
            let shade = shade.with("width", (until - from).max(1.0));
            group = group.child(told("v", &words).child(shade).child(line(
                "f",
                [from, top + 3.0],
                [from, floor],
            )));
        }
        group = group
            .child(text("n e", LEFT - 24.0, f64::midpoint(roof, floor) + 4.0, self.name))
            .child(text("t e", LEFT - 5.0, roof + 8.0, number(y.ticks(5).last().copied().unwrap_or(0.0))))
            .child(text("t e", LEFT - 5.0, floor, "0"))
            .child(element("path").class("d").with("d", self.steps(x, y, floor)))
            .child(line("a", [LEFT, floor], [RIGHT, floor]));
        group.children(self.names(x, top, floor))
    }

    /// The outline of all values, each as wide as it lasted.
    fn steps(&self, x: &Scale, y: &Scale, floor: f64) -> String {
        let mut path = format!("M{} {}", coordinate(LEFT), coordinate(floor));
        for (index, (_, value)) in self.values.iter().enumerate() {
            let until = self.values.get(index + 1).map_or(RIGHT, |(until, _)| x.at(*until));
            path += &format!("V{}H{}", coordinate(y.at(*value)), coordinate(until));
        }
        path + &format!("V{}Z", coordinate(floor))
    }

    /// Names of events over the lane, as far as they do not cover each other: the fault's first, then what the cluster did.
    fn names(&self, x: &Scale, top: f64, floor: f64) -> Vec<Element> {
        let mut taken: Vec<f64> = Vec::new();
        let mut named = Vec::new();
        let fault = self.begins.iter().map(|event| (event, "x"));
        let ends = self.ends.iter().map(|event| (event, "c"));
        for (event, class) in fault.chain(ends).chain(self.follows.iter().map(|event| (event, "c"))) {
            let place = x.at(event.at);
            let name = event.words.split(" (").next().unwrap_or_default();
            let mut mark = told("v", &format!("{}: {} at {}", self.name, event.words, seconds(event.at)));
            mark = mark.child(line("p", [place, top + HEAD], [place, floor]));
            if taken.iter().all(|other| (other - place).abs() >= APART) {
                taken.push(place);
                mark = mark.child(text(class, place + 3.0, top + 11.0, name));
            }
            named.push(mark);
        }
        named
    }
}
