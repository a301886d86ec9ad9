//! Which figure of what a run has printed is meant.

use super::amount::Amount;
use super::pick::{Found, NotFound};

/// `faults/2` is the second number behind `faults` on the one line that begins so.
pub(super) fn find(text: &str, pick: &str) -> Result<Found, NotFound> {
    let wrong = || NotFound::PrintedSyntax(pick.to_owned());
    let (begins, which) = pick.rsplit_once('/').ok_or_else(wrong)?;
    let which: usize = which.parse().ok().filter(|which| *which > 0).ok_or_else(wrong)?;
    let begins = begins.replace('+', " ");
    let behind = |line: &'_ str| line.trim_start().strip_prefix(begins.as_str()).map(str::to_owned);
    let lines: Vec<String> = text.lines().filter_map(behind).collect();
    let [line] = &lines[..] else { return Err(NotFound::Lines { count: lines.len(), begins }) };
    numbers(line).nth(which - 1).ok_or_else(|| NotFound::Path(pick.to_owned()))
}

/// All numbers of a line that stand for themselves: not those of names such as `isr-3`.
fn numbers(line: &str) -> impl Iterator<Item = Found> {
    let mut from = 0;
    std::iter::from_fn(move || {
        while let Some(next) = line[from..].chars().next() {
            let at = from;
            let alone = !line[..at].ends_with(|c: char| c.is_alphanumeric() || "-_.:".contains(c));
            if alone && let Some((found, rest)) = Amount::printed(&line[at..]) {
                from = line.len() - rest.len();
                return Some(found);
            }
            from += next.len_utf8();
        }
        None
    })
}
