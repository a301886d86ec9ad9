//! Says on stderr what is being done: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use partition::clock::{Clock, Moment};

use crate::experiment::Setting;
use crate::simulate::{Sweep, Swept};
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

    /// The knees of these clusters are being sought; of none, there is nothing to say.
    pub fn seeking(&mut self, clusters: impl Iterator<Item = Shape>) {
        let clusters: Vec<String> = clusters.map(|shape| shape.to_string()).collect();
        if clusters.is_empty() {
            return;
        }
        let told = format!("seeking the knees of {}", clusters.join(", "));
        match self {
            Self::Bar(bar) => bar.set_message(told),
            Self::Lines { .. } => eprintln!("{told}"),
        }
    }

    /// A block of a cell is being measured.
    pub fn measuring(&mut self, setting: Setting, block: usize) {
        match self {
            Self::Bar(bar) => {
                bar.set_message(format!("{}, {}", setting.shape, setting.load));
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

/// How often a line is printed where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Tells the user how far a sweep is.
#[derive(Debug)]
pub struct SeedProgress {
    shape: Shape,
    total: u64,
    clock: Clock,
    /// On a terminal.
    bar: Option<ProgressBar>,
    told: Moment,
}

impl SeedProgress {
    /// For all seeds of this sweep.
    #[must_use]
    pub fn of(sweep: &Sweep) -> Self {
        let total = sweep.seeds.end - sweep.seeds.start;
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total);
            let style = ProgressStyle::with_template("{wide_msg} {bar:30} {pos}/{len} seeds, {eta} left");
            bar.set_style(style.expect("the template is sound"));
            bar
        });
        Self { shape: sweep.shape, total, clock: Clock::real(), bar, told: Moment::default() }
    }

    /// Another seed was run.
    pub fn tell(&mut self, swept: &Swept) {
        let now = self.clock.now();
        if let Some(bar) = &self.bar {
            bar.set_message(self.line(swept));
            bar.set_position(swept.runs);
        } else if now.since(self.told) >= LINE_EVERY {
            self.told = now;
            eprintln!("{}", self.line(swept));
        }
    }

    /// No more is to come.
    pub fn finish(&self, swept: &Swept) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        eprintln!("{}", self.line(swept));
    }

    fn line(&self, swept: &Swept) -> String {
        let minutes = self.clock.now().since(Moment::default()).as_secs_f64() / 60.0;
        let pace = swept.runs as f64 / minutes.max(f64::MIN_POSITIVE);
        let Swept { runs, failed, .. } = swept;
        format!("{}: {runs} of {} seeds, {pace:.0} a minute, {} failed", self.shape, self.total, failed.len())
    }
}
