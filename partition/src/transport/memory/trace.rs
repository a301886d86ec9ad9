//! What happened on the network, as lines of text: the bytes that two runs of one seed are compared by.

use std::fmt::{self, Write};

use crate::clock::Moment;

/// A run that writes more than this has no end: it is stopped rather than let fill the memory.
const TRACE_BYTES_MAX: usize = 1 << 30;

#[derive(Debug, Default)]
pub(super) struct Trace {
    lines: String,
}

impl Trace {
    pub(super) fn line(&mut self, at: Moment, text: fmt::Arguments<'_>) {
        assert!(self.lines.len() < TRACE_BYTES_MAX, "a simulated run without end");
        writeln!(self.lines, "{} {text}", at.0).expect("writing to a string does not fail");
    }

    pub(super) fn lines(&self) -> &str {
        &self.lines
    }
}
