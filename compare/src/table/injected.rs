//! What was done to clusters on purpose, and whether it was what was asked for.

use crate::profile::SLOW_TIMES;
use crate::results::{Cell, InjectedCheck, Results};
use crate::table::format::percent;

/// A line for each profile, and one for what hinders replicas.
pub(super) fn notes(results: &Results) -> Vec<String> {
    let mut notes: Vec<String> = results
        .profiles
        .iter()
        .map(|profile| {
            let (name, told) = (&profile.name, profile.told());
            format!("Injected ({name}): {told}.{}", check(results, name))
        })
        .collect();
    notes.extend(slow(results));
    notes.extend(hang(results));
    notes
}

/// What timers added to delays, and how often the real disk was slower than the profile's.
fn check(results: &Results, profile: &str) -> String {
    let of = |cell: &&Cell| cell.profile == profile;
    let checks: Vec<InjectedCheck> =
        results.cells.iter().filter(of).filter_map(|cell| cell.injected).collect();
    let frames: u64 = checks.iter().map(|check| check.frames).sum();
    let late: f64 = checks.iter().map(|check| check.late_us * check.frames as f64).sum();
    let (syncs, overrun) =
        checks.iter().fold((0, 0), |(syncs, over), check| (syncs + check.syncs, over + check.overrun));
    let mut told = String::new();
    if frames > 0 {
        told += &format!(" Timers made each frame {:.0} us later, on average.", late / frames as f64);
    }
    if syncs > 0 {
        let share = overrun as f64 / syncs as f64;
        told += &format!(" {} of syncs took this disk longer than was drawn.", percent(share));
        if share > 0.1 {
            told += " So its own times are in the figures: the profile does not dominate.";
        }
    }
    told
}

fn slow(results: &Results) -> Option<String> {
    let most = results.cells.iter().map(|cell| cell.slow_replicas).max().filter(|count| *count > 0)?;
    let who = if most == 1 { "one follower" } else { "followers" };
    Some(format!(
        "Slow: the links of {who} (at most {most}, the highest numbers that did not lead) take {SLOW_TIMES} times as long."
    ))
}

fn hang(results: &Results) -> Option<String> {
    let hang = results.cells.iter().find_map(|cell| cell.hang.as_ref())?;
    Some(format!("In each block {hang}, from a third of the block on (SIGSTOP, then SIGCONT)."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{cell, results};
    use crate::system::System;

    #[test]
    fn what_was_injected_is_told_with_its_error() {
        let mut delayed = cell(System::Isr, 3, 1, 900.0);
        delayed.profile = "one-zone+nvme".to_owned();
        delayed.injected = Some(InjectedCheck { frames: 10, late_us: 41.0, syncs: 100, overrun: 60 });
        delayed.slow_replicas = 1;
        delayed.hang = Some("the leader hangs for 1 s".to_owned());
        let mut results = results(vec![delayed]);
        results.profiles.push("one-zone+nvme".parse().unwrap());
        let text = notes(&results).join("\n");
        assert!(text.starts_with("Injected (one-zone+nvme): each frame takes 0.075 ms"), "{text}");
        assert!(text.contains("each frame 41 us later") && text.contains("60% of syncs"), "{text}");
        assert!(text.contains("does not dominate") && text.contains("10 times as long"), "{text}");
        assert!(text.contains("In each block the leader hangs for 1 s"), "{text}");
    }

    #[test]
    fn of_a_natural_run_nothing_is_said() {
        assert!(notes(&results(vec![cell(System::Isr, 3, 1, 900.0)])).is_empty());
    }
}
