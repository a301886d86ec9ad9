//! The table of mutants, as text of at most 100 columns and as JSON.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::hunt::{Hunt, Hunted};
use crate::simulate::text::repeat;
use crate::system::System;
use crate::table::wrapped;

/// Raised when a reader of the file must change.
const SCHEMA_VERSION: u32 = 1;

/// The table, and what it comes to.
#[must_use]
pub fn text(hunt: Hunt, hunted: &[Hunted]) -> String {
    let mut text =
        format!("{:<30} {:>5} {:>5}  {:<34} {:>9}\n", "mutant", "tried", "seed", "caught by", "after");
    for one in hunted {
        row(&mut text, one);
    }
    for system in [System::Isr, System::KOfIsr, System::Quorum] {
        unbroken(&mut text, system, hunted);
    }
    let caught = hunted.iter().filter(|one| one.caught.is_some()).count();
    let _ = writeln!(text, "caught {caught} of {} within {} seeds each", hunted.len(), hunt.budget);
    text
}

fn row(text: &mut String, Hunted { aim, tried, caught, nameless, .. }: &Hunted) {
    let name = aim.mutant.to_string();
    let _ = match caught {
        Some(caught) => {
            let after = format!("{:.3} s", caught.after.as_secs_f64());
            writeln!(text, "{name:<30} {tried:>5} {:>5}  {:<34} {after:>9}", caught.seed, caught.by.name)
        }
        None => writeln!(text, "{name:<30} {tried:>5} {:>5}  NOT CAUGHT", "-"),
    };
    set_in(text, aim.broken);
    if let (None, Some((seed, found))) = (caught, nameless) {
        set_in(text, &format!("seed {seed} ended with {found}"));
        let _ = writeln!(text, "  {}", repeat(&aim.mutated(*seed)));
    }
}

/// The runs with nothing broken.
fn unbroken(text: &mut String, system: System, hunted: &[Hunted]) {
    let of_system: Vec<&Hunted> = hunted.iter().filter(|one| one.aim.mutant.system() == system).collect();
    let runs: u64 = of_system.iter().map(|one| one.sound.runs).sum();
    let failed: usize = of_system.iter().map(|one| one.sound.failed.len()).sum();
    if runs == 0 {
        return;
    }
    let verdict = if failed == 0 { "sound".to_owned() } else { format!("{failed} FAILED") };
    let _ = writeln!(text, "{:<30} {runs:>5} {:>5}  {verdict}", format!("{system}, nothing broken"), "-");
    for one in of_system {
        for (seed, found) in &one.sound.failed {
            set_in(text, &format!("seed {seed} with the faults for {}: {found}", one.aim.mutant));
            let _ = writeln!(text, "  {}", repeat(&one.aim.sound(*seed)));
        }
    }
}

/// Words below a row, set in by two columns as [`wrapped`] sets in what follows.
fn set_in(text: &mut String, words: &str) {
    let lines = wrapped(&format!("- {words}"));
    let _ = writeln!(text, "  {}", lines.trim_start_matches("- "));
}

/// All of it, with the line that repeats each run.
///
/// # Errors
/// As the operating system reports them.
pub fn write_json(out: &mut impl Write, hunt: Hunt, hunted: &[Hunted]) -> io::Result<()> {
    let document = json!({
        "schema_version": SCHEMA_VERSION,
        "budget": hunt.budget,
        "caught": hunted.iter().filter(|one| one.caught.is_some()).count(),
        "mutants": hunted.iter().map(entry).collect::<Vec<_>>(),
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn entry(Hunted { aim, tried, caught, sound, .. }: &Hunted) -> Value {
    let caught = caught.as_ref().map(|caught| {
        json!({
            "seed": caught.seed,
            "by": caught.by.name,
            "what": caught.by.what,
            "after_s": caught.after.as_secs_f64(),
            "replay": repeat(&aim.mutated(caught.seed)),
        })
    });
    let failed: Vec<Value> = sound
        .failed
        .iter()
        .map(|(seed, found)| json!({ "seed": seed, "by": found.name, "what": found.what, "replay": repeat(&aim.sound(*seed)) }))
        .collect();
    json!({
        "mutant": aim.mutant.to_string(),
        "system": aim.mutant.system().to_string(),
        "broken": aim.broken,
        "faults": aim.faults,
        "tried": tried,
        "caught": caught,
        "sound": { "runs": sound.runs, "failed": failed },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::WIDTH;

    #[test]
    fn words_below_a_row_are_set_in_and_no_wider_than_the_rest() {
        let mut text = String::new();
        set_in(&mut text, &"word ".repeat(60));
        assert!(text.lines().count() > 2);
        assert!(text.lines().all(|line| line.starts_with("  word") && line.len() <= WIDTH), "{text}");
    }
}
