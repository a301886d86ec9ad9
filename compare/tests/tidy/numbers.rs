//! Each claim (C), scenario (S, R) and hazard (H) has a test that is named by its number, so that none is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use super::{Source, sources};

/// Whose tests may carry a number.
#[derive(Clone, Copy)]
enum Home {
    /// The log, the client and the judge stand under both protocols: theirs count for each.
    Shared,
    /// Replication by an in-sync set.
    InSync,
    /// Replication by majority.
    Majority,
}

impl Home {
    fn holds(self, path: &str) -> bool {
        let shared = path.starts_with("partition/") || path.starts_with("compare/");
        match self {
            Self::Shared => true,
            Self::InSync => shared || path.starts_with("isr-log/"),
            Self::Majority => shared || path.starts_with("quorum-log/"),
        }
    }
}

/// All that must have a test.
fn asked() -> Vec<(String, Home)> {
    let range = |letter: char, from: u32, to: u32, home| {
        (from..=to).map(move |number| (format!("{letter}{number:02}"), home))
    };
    let more = [("s10b".to_owned(), Home::InSync), ("s20b".to_owned(), Home::InSync)];
    range('c', 1, 1, Home::Shared)
        .chain(range('c', 2, 3, Home::Majority))
        .chain(range('c', 4, 22, Home::InSync))
        .chain(range('c', 23, 25, Home::Shared))
        .chain(range('s', 1, 26, Home::InSync))
        .chain(more)
        .chain(range('h', 1, 2, Home::InSync))
        .chain(range('h', 3, 9, Home::Shared))
        .chain(range('h', 10, 17, Home::InSync))
        .chain(range('r', 1, 13, Home::Majority))
        .collect()
}

/// The numbers in a test's name: `s22_c09_a_retry...` carries two.
fn numbers(name: &str) -> impl Iterator<Item = &str> {
    let is_number = |word: &&str| {
        let mut chars = word.chars();
        let letter = chars.next().is_some_and(|letter| "chsr".contains(letter));
        let digits = chars.by_ref().take(2).filter(char::is_ascii_digit).count();
        letter && digits == 2 && matches!(chars.as_str(), "" | "b")
    };
    name.split('_').filter(is_number)
}

/// The names of a file's tests: functions with a `test` attribute, scripts, and cases that each crate runs.
fn tests_of(source: &Source) -> Vec<String> {
    let (mut names, mut is_test) = (Vec::new(), false);
    for (_, line) in source.code() {
        let line = line.trim();
        let is_list =
            matches!(source.path.as_str(), "isr-log/tests/scripts.rs" | "partition/src/conformance.rs");
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        }
        let function = line.split_once("fn ").and_then(|(_, rest)| rest.split(['(', '<']).next());
        if let Some(name) = function {
            if is_test {
                names.push(name.to_owned());
            }
            is_test = false;
        } else if is_list {
            let name = line.trim_end_matches(',').rsplit("::").next().unwrap_or_default();
            names.extend(name.split(' ').map(str::to_owned));
        }
    }
    names
}

#[test]
fn every_claim_scenario_and_hazard_has_a_test_named_by_its_number() {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources() {
        for name in tests_of(&source) {
            for number in numbers(&name) {
                found.entry(number.to_owned()).or_default().insert(source.path.clone());
            }
        }
    }
    assert!(found.values().map(BTreeSet::len).sum::<usize>() > 80, "the tests have moved: {found:?}");
    let has = |number: &str, home: Home| {
        found.get(number).is_some_and(|paths| paths.iter().any(|path| home.holds(path)))
    };
    let mut wrong = Vec::new();
    for (number, home) in asked() {
        if !has(&number, home) {
            wrong.push(format!("{number} has no test that is named by it"));
        }
    }
    super::assert_none("numbers", &wrong);
}

#[test]
fn numbers_are_read_out_of_names() {
    let of = |name| numbers(name).collect::<Vec<_>>();
    assert_eq!(of("s22_c09_a_retry_makes_a_duplicate"), ["s22", "c09"]);
    assert_eq!(of("s10b_a_leader_whose_log_was_cut"), ["s10b"]);
    assert_eq!(of("rfc3339_ms_has_60_seconds"), Vec::<&str>::new());
    let text =
        "#[test]\nfn h01_one() {}\nfn h02_helper() {}\n    #[tokio::test]\n    async fn h03_other() {}\n";
    let source = Source { path: "partition/src/a.rs".to_owned(), text: text.to_owned() };
    assert_eq!(tests_of(&source), ["h01_one", "h03_other"]);
}
