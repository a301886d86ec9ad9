//! Says on stderr what is being done: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use crate::experiment::Setting;
use crate::system::Shape;

/// Tells the user how far a measurement is.
#[derive(Debug)]
pub enum Progress {
    /// On a terminal.
    Bar(ProgressBar),
    /// In a file or a pipe: a line for each cluster started and each round of blocks.
    Lines {
        /// The round that was told last.
        round: Option<usize>,
    },
}

impl Progress {
    /// For so many blocks.
    #[must_use]
    pub fn of_blocks(total: usize) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines { round: None };
        }
        let bar = ProgressBar::new(total as u64);
        let style = ProgressStyle::with_template("{wide_msg} {bar:30} {pos}/{len} blocks, {eta} left");
        bar.set_style(style.expect("the template is sound"));
        Self::Bar(bar)
    }

    /// Clusters are being started.
    pub fn starting(&mut self, shapes: &[Shape]) {
        let names: Vec<String> = shapes.iter().map(Shape::to_string).collect();
        match self {
            Self::Bar(bar) => bar.set_message(format!("starting {} clusters", shapes.len())),
            Self::Lines { round } => {
                *round = None;
                eprintln!("starting {}", names.join(", "));
            }
        }
    }

    /// A block of a cell is being measured.
    pub fn measuring(&mut self, setting: Setting, block: usize) {
        match self {
            Self::Bar(bar) => {
                bar.set_message(format!("{}, {} in flight", setting.shape, setting.in_flight));
                bar.inc(1);
            }
            Self::Lines { round } if *round != Some(block) => {
                *round = Some(block);
                eprintln!("measuring block {} of each cell", block + 1);
            }
            Self::Lines { .. } => {}
        }
    }

    /// No more is to come.
    pub fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
