//! What is wrong with a run: each finding by the name of what it breaks.

use std::fmt;
use std::sync::{Arc, Mutex};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The invariant or anomaly, by its name.
    pub name: String,
    /// What was seen.
    pub what: String,
}

impl Finding {
    pub(crate) fn new(name: &str, what: impl fmt::Display) -> Self {
        Self { name: name.to_owned(), what: what.to_string() }
    }

    /// A finding whose text begins with its name and a colon.
    pub(crate) fn named(text: &str) -> Self {
        match text.split_once(':') {
            Some((name, what)) => Self::new(name.trim(), what.trim()),
            None => Self::new("failure", text),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.what)
    }
}

/// What was found so far. Clones speak of the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings(Arc<Mutex<Vec<Finding>>>);

impl Findings {
    pub(crate) fn note(&self, finding: Finding) {
        self.0.lock().expect("no holder panics").push(finding);
    }

    pub(crate) fn take(&self) -> Vec<Finding> {
        std::mem::take(&mut self.0.lock().expect("no holder panics"))
    }
}
