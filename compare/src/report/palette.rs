//! One colour and one mark per system, everywhere: told apart by who sees no red or no green, and in print without colour.
//!
//! The colours are variables of the style sheet (`chart.css`), so that light, dark and print have their own; hues are those of
//! Okabe and Ito. A floor has a lighter relative of its system's colour, and a dashed line.

use super::markup::{Element, coordinate, element};
use crate::system::System;

/// How a system is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Filled: measured.
    Measured,
    /// An outline: predicted, or void.
    Outline,
}

/// The class that gives a system its colour.
#[must_use]
pub fn class(system: System) -> &'static str {
    match system {
        System::Isr => "isr",
        System::KOfIsr => "kof",
        System::Quorum => "quorum",
        System::FloorAll => "fall",
        System::FloorMajority => "fmaj",
    }
}

/// What it is called in a picture.
#[must_use]
pub fn label(system: System) -> &'static str {
    match system {
        System::Isr => "isr",
        System::KOfIsr => "k-of-isr",
        System::Quorum => "quorum",
        System::FloorAll => "floor, all",
        System::FloorMajority => "floor, majority",
    }
}

/// What it waits for, for the legend.
#[must_use]
pub fn waits_for(system: System) -> &'static str {
    match system {
        System::Isr => "waits for all in sync",
        System::KOfIsr => "waits for k of those in sync",
        System::Quorum => "waits for a majority",
        System::FloorAll => "no protocol, waits for all",
        System::FloorMajority => "no protocol, waits for a majority",
    }
}

/// Whether it is no system of its own, but what lies under one.
#[must_use]
pub fn is_floor(system: System) -> bool {
    matches!(system, System::FloorAll | System::FloorMajority)
}

/// Its mark around this place.
#[must_use]
pub fn mark(system: System, mark: Mark, x: f64, y: f64) -> Element {
    let class = match mark {
        Mark::Measured => "m",
        Mark::Outline => "o",
    };
    let shape = match system {
        System::Isr => element("circle").with("cx", x).with("cy", y).with("r", 3.6),
        System::Quorum => {
            element("rect").with("x", x - 3.3).with("y", y - 3.3).with("width", 6.6).with("height", 6.6)
        }
        System::KOfIsr => path(&[("M", x, y - 4.6), ("L", x + 4.6, y), ("L", x, y + 4.6), ("L", x - 4.6, y)]),
        System::FloorAll => path(&[("M", x, y - 3.4), ("L", x + 3.4, y + 2.6), ("L", x - 3.4, y + 2.6)]),
        System::FloorMajority => path(&[("M", x, y + 3.4), ("L", x + 3.4, y - 2.6), ("L", x - 3.4, y - 2.6)]),
    };
    shape.class(class)
}

fn path(points: &[(&str, f64, f64)]) -> Element {
    let drawn = points.iter().map(|(how, x, y)| format!("{how}{} {}", coordinate(*x), coordinate(*y)));
    element("path").with("d", drawn.collect::<String>() + "Z")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_systems_share_a_colour_a_name_or_a_mark() {
        let of =
            |text: fn(System) -> String| System::ALL.into_iter().map(text).collect::<BTreeSet<_>>().len();
        assert_eq!(of(|system| class(system).to_owned()), System::ALL.len());
        assert_eq!(of(|system| label(system).to_owned()), System::ALL.len());
        assert_eq!(of(|system| mark(system, Mark::Measured, 0.0, 0.0).to_string()), System::ALL.len());
    }

    #[test]
    fn each_colour_is_chosen_for_light_dark_and_print() {
        let style = include_str!("chart.css");
        for system in System::ALL {
            let variable = format!("--{}:", class(system));
            assert_eq!(style.matches(&variable).count(), 3, "{variable}");
        }
    }
}
