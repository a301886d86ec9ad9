//! The architecture as a test: who may name whom, what may not be where, and how a file begins.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

#[path = "tidy/numbers.rs"]
mod numbers;
#[path = "tidy/sequences.rs"]
mod sequences;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A file longer than this holds more than one idea.
const FILE_LINES_MAX: usize = 500;

const CRATES: [&str; 5] = ["partition", "isr-log", "quorum-log", "compare", "benches"];

struct Source {
    /// Relative to the workspace, with `/`.
    path: String,
    text: String,
}

impl Source {
    fn is_below(&self, prefix: &str) -> bool {
        self.path.starts_with(prefix)
    }

    /// The lines that are code, with their numbers: neither comments nor documentation.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate();
        lines.filter(|(_, line)| !line.trim_start().starts_with("//")).map(|(at, line)| (at + 1, line))
    }
}

fn workspace() -> PathBuf {
    let compare = Path::new(env!("CARGO_MANIFEST_DIR"));
    compare.parent().expect("compare lies in the workspace").to_owned()
}

fn sources() -> Vec<Source> {
    let root = workspace();
    let mut found = Vec::new();
    for member in CRATES {
        collect(&root.join(member), &root, &mut found);
    }
    assert!(found.len() > 40, "only {} sources were found: this test looks in the wrong place", found.len());
    found
}

fn collect(dir: &Path, root: &Path, found: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, root, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            found.push(Source { path: name, text: fs::read_to_string(&path).unwrap() });
        }
    }
}

/// What a crate's manifest asks for, whatever the table.
fn dependencies(member: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(workspace().join(member).join("Cargo.toml")).unwrap();
    let mut named = BTreeSet::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with('[') {
            inside = line.contains("dependencies");
        } else if inside && let Some((name, _)) = line.split_once(['.', ' ', '=']) {
            named.insert(name.to_owned());
        }
    }
    named
}

fn assert_none(what: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{what}:\n  {}", findings.join("\n  "));
}

fn mentions(sources: &[Source], within: impl Fn(&Source) -> bool, words: &[&str]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| within(source)) {
        for (at, line) in source.code() {
            if let Some(word) = words.iter().find(|word| line.contains(*word)) {
                findings.push(format!("{}:{at} names `{word}`", source.path));
            }
        }
    }
    findings
}

#[test]
fn dependencies_point_one_way() {
    let forbidden = [
        ("partition", vec!["isr-log", "quorum-log", "compare", "openraft"]),
        ("isr-log", vec!["quorum-log", "compare", "openraft", "sled", "bincode"]),
        ("quorum-log", vec!["isr-log", "compare", "sled", "bincode"]),
        ("compare", vec!["openraft", "sled", "bincode"]),
        ("benches", vec!["compare", "openraft"]),
    ];
    for (member, never) in forbidden {
        let named = dependencies(member);
        assert!(!named.is_empty(), "no dependencies were read from {member}/Cargo.toml");
        for absent in never {
            assert!(!named.contains(absent), "{member} must not depend on {absent}");
        }
    }
}

#[test]
fn each_replaceable_package_is_named_behind_one_door() {
    let sources = sources();
    let openraft = mentions(&sources, |source| !source.is_below("quorum-log/"), &["openraft::", "openraft_"]);
    let not_tidy = |source: &Source| source.path != "compare/tests/tidy.rs";
    let openraft: Vec<String> = openraft.into_iter().filter(|finding| !finding.contains("tidy.rs")).collect();
    assert_none("openraft is named outside quorum-log", &openraft);
    let bincode = |source: &Source| source.path != "partition/src/transport/codec.rs" && not_tidy(source);
    assert_none("bincode is named outside its codec", &mentions(&sources, bincode, &["bincode::"]));
    let sled = |source: &Source| source.path != "partition/src/meta/sled_checkpoints.rs" && not_tidy(source);
    assert_none("sled is named outside the checkpoint store", &mentions(&sources, sled, &["sled::"]));
}

/// What is synced in a directory is lost with it when its own name is not durable: .ci/power-cut-by-fuse found that of votes and
/// logs.
#[test]
fn what_nodes_keep_lies_in_directories_with_durable_names() {
    let made_for_a_look = ["partition/src/log/disk/real.rs", "partition/src/meta/copied.rs"];
    let nodes = |source: &Source| {
        let own = ["partition/src/", "isr-log/src/", "quorum-log/src/", "compare/src/node/"];
        own.iter().any(|prefix| source.is_below(prefix)) && !made_for_a_look.contains(&source.path.as_str())
    };
    let found = mentions(&sources(), nodes, &["fs::create_dir"]);
    assert_none("a directory is made by another door than Disk::create_dir", &found);
}

#[test]
fn what_decides_is_pure() {
    let pure = |source: &Source| {
        let controller = ["image", "command", "sessions", "election"];
        let pure_controller =
            controller.iter().any(|name| source.is_below(&format!("isr-log/src/controller/{name}")));
        source.is_below("isr-log/src/replica/")
            || pure_controller
            || source.path == "isr-log/src/metadata.rs"
            || source.path == "quorum-log/src/watermark.rs"
            || ["producer/gather", "producer/verdict", "producer/window", "consumer/policy"]
                .iter()
                .any(|name| source.path == format!("partition/src/client/{name}.rs"))
    };
    let impure = [
        "tokio",
        "std::fs",
        "std::io",
        "std::net",
        "std::thread",
        "std::time::Instant",
        "SystemTime",
        "HashMap",
        "HashSet",
        "World",
        "Clock",
        "rand::",
        "async ",
        ".await",
        "println!",
    ];
    let sources = sources();
    assert!(sources.iter().filter(|source| pure(source)).count() >= 8, "the pure files have moved");
    assert_none(
        "time, chance, I/O or a hash-ordered map where only decisions belong",
        &mentions(&sources, pure, &impure),
    );
}

#[test]
fn the_two_protocols_are_twins() {
    let files = |member: &str| -> BTreeSet<String> {
        let dir = workspace().join(member).join("src");
        let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.map(|name| name.trim_end_matches(".rs").to_owned()).collect()
    };
    let shared = [
        "lib",
        "config",
        "message",
        "mutant",
        "probe",
        "replica",
        "store",
        "network",
        "runtime",
        "partition",
        "cluster",
    ];
    for member in ["isr-log", "quorum-log"] {
        let present = files(member);
        for name in shared {
            assert!(present.contains(name), "{member}/src has no {name}: its twin has");
        }
        let front = fs::read_to_string(workspace().join(member).join("src/lib.rs")).unwrap();
        assert!(
            front.contains("A record is committed when"),
            "{member} does not open with the twins' sentence"
        );
        assert!(front.contains("Left out"), "{member}'s front page does not say what is left out");
    }
}

#[test]
fn each_file_says_what_it_is_and_holds_one_idea() {
    let sources = sources();
    let mut findings = Vec::new();
    for source in &sources {
        if !source.text.starts_with("//! ") {
            findings.push(format!("{} does not begin with a line that says what it is", source.path));
        }
        let lines = source.text.lines().count();
        if lines > FILE_LINES_MAX {
            findings.push(format!("{} has {lines} lines, at most {FILE_LINES_MAX}", source.path));
        }
        let name = source.path.rsplit('/').next().unwrap();
        if ["util.rs", "utils.rs", "common.rs", "helpers.rs", "misc.rs"].contains(&name) {
            findings.push(format!("{} is named after nothing", source.path));
        }
    }
    assert_none("files", &findings);
}

#[test]
fn nothing_is_left_unfinished_or_switched_off() {
    let words = ["todo!(", "unimplemented!(", "#[ignore", "FIXME", "TODO", "XXX"];
    let findings = mentions(&sources(), |source| source.path != "compare/tests/tidy.rs", &words);
    assert_none("unfinished", &findings);
}
