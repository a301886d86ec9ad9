//! Finds the figures in a Markdown text.

use std::ops::Range;
use std::path::Path;

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd};

use super::amount::Amount;
use super::{Line, line_of};

/// A link to a figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation<'a> {
    /// Where the shown text is.
    pub at: Range<usize>,
    /// What is shown.
    pub shown: &'a str,
    /// Which results, relative to the text.
    pub file: &'a str,
    /// Which figure of them.
    pub pick: &'a str,
}

/// All links to figures in a text, in order. What they show may be wrong.
#[must_use]
pub fn citations(text: &str) -> Vec<Citation<'_>> {
    let mut found = Vec::new();
    let mut target: Option<(&str, &str)> = None;
    for (event, at) in events(text) {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => target = target_of(text, &dest_url),
            Event::End(TagEnd::Link) => target = None,
            Event::Text(_) => {
                if let Some((file, pick)) = target.take() {
                    found.push(Citation { shown: &text[at.clone()], at, file, pick });
                }
            }
            _ => {}
        }
    }
    found
}

/// Figures with a unit that cite nothing. Settings belong into code, and what is only about right into words.
#[must_use]
pub fn uncited(text: &str) -> Vec<(Line, String)> {
    let mut found = Vec::new();
    let mut linked = false;
    for (event, at) in events(text) {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => linked = target_of(text, &dest_url).is_some(),
            Event::End(TagEnd::Link) => linked = false,
            Event::Text(_) if !linked => {
                let line = line_of(text, at.start);
                found.extend(amounts(&text[at]).map(|amount| (line, amount.to_owned())));
            }
            _ => {}
        }
    }
    found
}

/// The parts of a text that are amounts with a unit.
fn amounts(text: &str) -> impl Iterator<Item = &str> {
    let mut from = 0;
    std::iter::from_fn(move || {
        while from < text.len() {
            let rest = &text[from..];
            let begins = rest.starts_with(|c: char| c.is_ascii_digit());
            if begins && let Some((amount, after)) = Amount::at_start_of(rest) {
                from = text.len() - after.len();
                if amount.has_unit() {
                    return Some(&rest[..rest.len() - after.len()]);
                }
            } else {
                from += rest.chars().next().map_or(1, char::len_utf8);
            }
        }
        None
    })
}

fn events(text: &str) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
    let options = Options::ENABLE_TABLES;
    let mut code = false;
    Parser::new_ext(text, options).into_offset_iter().filter(move |(event, _)| match event {
        Event::Start(Tag::CodeBlock(_)) => {
            code = true;
            false
        }
        Event::End(TagEnd::CodeBlock) => {
            code = false;
            false
        }
        _ => !code,
    })
}

/// The file and the figure that a link is to, if it is to one: as they stand in the text.
fn target_of<'a>(text: &'a str, target: &CowStr<'_>) -> Option<(&'a str, &'a str)> {
    let (file, _) = target.split_once('#')?;
    let of_a_run = Path::new(file).extension().is_some_and(|kind| kind == "json" || kind == "txt");
    let length = of_a_run.then_some(file.len())?;
    // The parser may own it; a text that has it is what its parts are taken from.
    let start = text.find(target.as_ref())?;
    let target = &text[start..start + target.len()];
    Some((&target[..length], &target[length + 1..]))
}
