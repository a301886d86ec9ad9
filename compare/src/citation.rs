//! Figures in a text, each tied to the results that it is from.
//!
//! ```text
//!   [0.94 ms](results/latency.json#cells?system=isr&replicas=3&load.in_flight=1/latency_us.p50)
//!    shown    file                 of which list, which one                     which figure
//!
//!   [1.18 times](results/latency.json#cells?system=isr/ops_per_s//cells?system=quorum/ops_per_s)
//!    shown                            one figure                 over another
//! ```
//! What was printed and not kept otherwise is cited by the one line that begins so, and by which of the numbers behind that:
//!
//! ```text
//!   [22,479](results/isr-5000.txt#faults/1)        of a line "  faults         22479; 4489 restarts of replicas"
//! ```
//! A figure is a link, so that a reader can go and look; and so that a text cannot say what no run has said. It is shown with as
//! many decimals as its author gave it, in the unit that he gave it. The two parts that decide which one is meant have to leave
//! exactly one.
//!
//! **Left out:** figures in pictures and in code, which are not looked at; sums, and anything else that takes more than one
//! division: it is put into the results by the run, or is not said.

mod amount;
mod pick;
mod printed;
mod text;

pub use amount::{Amount, NotAnAmount};
pub use pick::{NotFound, Pick};
pub use text::{Citation, citations, uncited};

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use pick::Found;

/// What is wrong with a figure.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The file is not there, or is no results file.
    #[error("cannot read {}: {why}; commit it, or cite another", path.display())]
    Unreadable {
        /// Of the results.
        path: PathBuf,
        /// The system's or the parser's word.
        why: String,
    },
    /// The link names no single figure.
    #[error("{0}")]
    NotFound(#[from] NotFound),
    /// The link's text is no figure.
    #[error("{0}")]
    NotAnAmount(#[from] NotAnAmount),
}

/// What was read so far, so that each file is read once.
#[derive(Debug, Default)]
pub struct Sources(BTreeMap<PathBuf, Source>);

/// What a run has left.
#[derive(Debug)]
enum Source {
    /// results.json, or any other object.
    Results(Value),
    /// What it printed.
    Printed(String),
}

impl Source {
    fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        if path.extension().is_some_and(|extension| extension == "json") {
            serde_json::from_str(&text).map(Self::Results).map_err(|error| error.to_string())
        } else {
            Ok(Self::Printed(text))
        }
    }

    fn find(&self, pick: &str) -> Result<Found, NotFound> {
        match self {
            Self::Results(results) => pick.parse::<Pick>()?.of(results),
            Self::Printed(text) => printed::find(text, pick),
        }
    }
}

impl Sources {
    /// What a citation in a text of this directory has to show.
    ///
    /// # Errors
    /// [`Fault`], when it names no figure.
    pub fn shown(&mut self, directory: &Path, citation: &Citation<'_>) -> Result<String, Fault> {
        let amount: Amount = citation.shown.parse()?;
        let path = directory.join(citation.file);
        if !self.0.contains_key(&path) {
            let read = Source::read(&path).map_err(|why| Fault::Unreadable { path: path.clone(), why })?;
            self.0.insert(path.clone(), read);
        }
        Ok(amount.showing(self.0[&path].find(citation.pick)?)?)
    }
}

/// A text with its figures as the results have them, and what was not so before: which line, what it said, what it says now.
#[derive(Debug)]
pub struct Refreshed {
    /// The whole text.
    pub text: String,
    /// How many figures it cites.
    pub cited: usize,
    /// What has changed.
    pub changed: Vec<(Line, String, String)>,
}

/// A line of a text, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line(pub usize);

/// Looks all figures of a text up. Links are relative to the text's directory.
///
/// # Errors
/// The lines at fault, and why.
pub fn refresh(text: &str, directory: &Path, sources: &mut Sources) -> Result<Refreshed, Vec<(Line, Fault)>> {
    let (mut new, mut from) = (String::with_capacity(text.len()), 0);
    let (mut changed, mut faults) = (Vec::new(), Vec::new());
    let found = citations(text);
    for citation in &found {
        let line = line_of(text, citation.at.start);
        match sources.shown(directory, citation) {
            Ok(shown) => {
                new.push_str(&text[from..citation.at.start]);
                new.push_str(&shown);
                from = citation.at.end;
                if shown != citation.shown {
                    changed.push((line, citation.shown.to_owned(), shown));
                }
            }
            Err(fault) => faults.push((line, fault)),
        }
    }
    new.push_str(&text[from..]);
    if faults.is_empty() { Ok(Refreshed { text: new, cited: found.len(), changed }) } else { Err(faults) }
}

/// On which line a byte of the text is.
#[must_use]
pub fn line_of(text: &str, at: usize) -> Line {
    Line(text[..at].matches('\n').count() + 1)
}

#[cfg(test)]
mod tests;
