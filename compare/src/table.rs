//! Results as text of at most 100 columns: one section a load, one row a cell.

mod checks;
mod columns;
pub mod costs;
mod format;
mod glance;
mod injected;
mod kafka;
mod knees;
mod matrix;
mod notes;
pub mod predictions;
mod random;
mod rows;
mod scale;
mod survival;
mod timelines;
mod tuning;

pub use checks::checks;
pub use format::{milliseconds, percent, ratio, thousands, with_interval};
pub use kafka::summaries;
pub use matrix::matrix;
pub use notes::notes;
pub use random::random;
pub use rows::render;
pub use tuning::tuning;

/// No line of output is wider.
pub const WIDTH: usize = 100;

/// Breaks text into lines of at most [`WIDTH`] columns, those after the first set in by two.
#[must_use]
pub fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        let blank = line.trim().is_empty();
        if !blank && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("  {word}"));
        } else {
            if !blank {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words_and_loses_none() {
        let text = "word and another ".repeat(30);
        let lines = wrapped(&text);
        assert!(lines.lines().count() > 3 && lines.lines().all(|line| line.chars().count() <= WIDTH));
        assert!(lines.split_whitespace().eq(text.split_whitespace()));
    }
}
