//! `compare inspect` as a user runs it: what it says, how it ends, and that it changes nothing.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use partition::ids::{ByteSize, Epoch, ProducerEpoch, ProducerId, Sequence};
use partition::log::{Log, LogConfig, LogEvent};
use partition::record::{Batch, BatchBuilder, Compression, Header, ProducerStamp};
use partition::world::World;
use tokio::sync::mpsc;

/// A node's directory with one log in it.
struct Node {
    root: tempfile::TempDir,
}

/// That log, open.
struct Open {
    log: Log,
    events: mpsc::UnboundedReceiver<LogEvent>,
    /// Its threads end with it.
    _world: World,
}

impl Node {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("n1")
    }

    fn log_dir(&self) -> PathBuf {
        self.dir().join("orders-0")
    }

    /// A writer's thread lets go of the checkpoint store last, and flushes it then; until that its file is locked.
    fn wait_until_let_go(&self) {
        let store = fs::File::open(self.dir().join("meta/checkpoints/db")).unwrap();
        while store.try_lock().is_err() {
            std::thread::yield_now();
        }
    }

    async fn open(&self) -> Open {
        let world = World::real(&self.dir().join("meta/checkpoints"), NonZeroUsize::MIN).unwrap();
        let (sender, events) = mpsc::unbounded_channel();
        let config = LogConfig { segment_bytes: ByteSize::kib(4), ..LogConfig::default() };
        let log = Log::open(&world, &self.log_dir(), config, sender).await.unwrap();
        Open { log, events, _world: world }
    }

    fn inspect(&self, options: &[&str], dir: &Path) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_compare"));
        command.arg("inspect").args(options).arg(dir).current_dir(self.root.path());
        command.output().unwrap()
    }
}

impl Open {
    async fn append(&mut self, batch: &Batch) {
        self.log.append(batch, Epoch(3)).unwrap();
        while self.log.stored() < self.log.end() {
            let event = self.events.recv().await.unwrap();
            self.log.observe(event);
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn plain(text: &str) -> Batch {
    let mut builder = BatchBuilder::new(1_700_000_000_000);
    let header = Header { key: "trace".to_owned(), value: None };
    builder.push(1_700_000_000_005, Some(b"key"), Some(text.as_bytes()), &[header]);
    builder.build()
}

fn stamped(sequence: u32) -> Batch {
    let stamp = ProducerStamp { id: ProducerId(7), epoch: ProducerEpoch(1), sequence: Sequence(sequence) };
    let mut builder = BatchBuilder::new(1_700_000_000_000).stamped(stamp);
    builder.push_value(b"one of several\x1b[2J").push_value("x".repeat(400).as_bytes());
    builder.build()
}

/// One literal, as Snappy packs what is not worth packing.
fn packed() -> Batch {
    let mut builder = BatchBuilder::new(1_700_000_000_000);
    builder.push_value(b"packed");
    builder.build_packed(Compression::Snappy, |bytes| {
        let length = u8::try_from(bytes.len()).unwrap();
        [&[length, (length - 1) << 2], bytes].concat()
    })
}

/// A node whose log has several segments and was closed in order.
fn closed() -> Node {
    let node = Node::new();
    runtime().block_on(async {
        let mut open = node.open().await;
        open.append(&plain("first")).await;
        open.append(&packed()).await;
        for batch in 0..12 {
            open.append(&stamped(2 * batch)).await;
        }
        open.log.close().await.unwrap();
    });
    node.wait_until_let_go();
    node
}

/// All files below a directory: bytes and time of their last change.
fn snapshot(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let changed = fs::metadata(&path).unwrap().modified().unwrap();
        if path.is_dir() {
            found.extend(snapshot(&path));
            found.insert(path, (Vec::new(), changed));
        } else {
            found.insert(path.clone(), (fs::read(&path).unwrap(), changed));
        }
    }
    found
}

fn text(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    for line in text.lines() {
        let place = line.starts_with('/');
        assert!(place || line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
        assert!(line.chars().all(|c| !c.is_control()), "a record reached the terminal raw: {line:?}");
    }
    text
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

#[test]
fn each_kind_of_directory_is_shown_and_left_as_it_was() {
    let node = closed();
    let before = snapshot(node.root.path());
    let kinds = [
        (node.log_dir(), "a partition's directory"),
        (node.dir(), "a node's directory"),
        (node.root.path().to_owned(), "a cluster's directory"),
    ];
    for (dir, kind) in kinds {
        for options in [&[][..], &["--deep"], &["--deep", "--records"]] {
            let output = node.inspect(options, &dir);
            let text = text(&output);
            assert_eq!(code(&output), 0, "{text}{}", String::from_utf8_lossy(&output.stderr));
            assert!(text.contains(kind) && text.contains("orders-0: sound"), "{text}");
            assert!(text.contains("closed in order, at 26") && text.contains("offsets 0..26"), "{text}");
            assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    assert_eq!(snapshot(node.root.path()), before, "something was changed");
}

#[test]
fn records_are_printed_escaped_and_unpacked() {
    let node = closed();
    let text = text(&node.inspect(&["--records"], &node.log_dir()));
    let line = |part: &str| text.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{text}"));
    assert!(line("\"first\"").contains("2023-11-14T22:13:20.005Z  \"key\" ="), "{text}");
    assert!(text.contains("\"trace\": null"), "{text}");
    assert!(line("snappy").contains("offsets 1 to 1"), "{text}");
    assert!(text.contains("\"packed\""), "{text}");
    assert!(text.contains("producer 7, epoch 1, sequences 22 to 23"), "{text}");
    assert!(text.contains("\\x1b[2J") && text.contains("(400 bytes)"), "{text}");
}

#[test]
fn the_json_says_what_the_text_says() {
    let node = closed();
    let place = node.root.path().join("found.json");
    let file = place.to_str().unwrap();
    assert_eq!(code(&node.inspect(&["--records", "--json", file], &node.dir())), 0);
    let found: serde_json::Value = serde_json::from_slice(&fs::read(&place).unwrap()).unwrap();
    assert_eq!(
        (&found["schema_version"], &found["kind"], &found["sound"]),
        (&1.into(), &"node".into(), &true.into())
    );
    let log = &found["logs"][0];
    assert_eq!((&log["end"], &log["closing"]["clean"]["end"]), (&26.into(), &26.into()));
    assert_eq!(log["epochs"][0]["epoch"], 3);
    assert_eq!(log["producers"][0]["last_sequence"], 23);
    assert_eq!(log["recovery_point"], 26, "the checkpoint store was not read");
    assert_eq!(log["batches"].as_array().unwrap().len(), 14);
    assert_eq!(log["batches"][0]["records"][0]["value"], "first");
    let inside = node.log_dir().join("found.json");
    let refused = node.inspect(&["--json", inside.to_str().unwrap()], &node.log_dir());
    assert_eq!(code(&refused), 2);
    assert!(!inside.exists());
}

#[test]
fn damage_is_named_with_file_and_position_and_what_to_do_and_ends_with_1() {
    let node = closed();
    let segment = node.log_dir().join("00000000000000000000.log");
    let mut bytes = fs::read(&segment).unwrap();
    let second = plain("first").bytes().len();
    *bytes.get_mut(second + 65).unwrap() ^= 1;
    fs::write(&segment, bytes).unwrap();
    let before = snapshot(node.root.path());
    let output = node.inspect(&["--deep"], &node.dir());
    let text = text(&output);
    assert_eq!(code(&output), 1, "{text}");
    let finding = format!("DAMAGED 00000000000000000000.log at byte {second}, offset 1");
    assert!(text.contains(&finding) && text.contains("now: offsets below 1 are sound here"), "{text}");
    assert_eq!(snapshot(node.root.path()), before);
}

#[test]
fn what_is_no_log_directory_ends_with_2_and_one_line() {
    let node = Node::new();
    fs::write(node.root.path().join("thesis.txt"), "years of work").unwrap();
    for dir in [".", "thesis.txt", "nowhere"] {
        let output = node.inspect(&[], Path::new(dir));
        let said = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!((code(&output), said.lines().count(), output.stdout.len()), (2, 1, 0), "{said}");
        assert!(said.starts_with("error: ") && said.contains(dir), "{said}");
    }
}

#[test]
fn a_log_in_use_is_shown_sound_at_any_moment_and_not_disturbed() {
    let node = Node::new();
    let stop = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let writer = threads.spawn(|| {
            runtime().block_on(async {
                let mut open = node.open().await;
                let mut sequence = 0;
                while !stop.load(Ordering::Relaxed) {
                    open.append(&stamped(sequence)).await;
                    sequence += 2;
                    if sequence % 100 == 0 {
                        let end = open.log.end();
                        open.log.trim(partition::ids::Offset(end.0 - 20)).unwrap();
                    }
                }
                let end = open.log.end();
                open.log.close().await.unwrap();
                end
            })
        });
        while !node.log_dir().join("00000000000000000000.log").exists() {
            std::thread::yield_now();
        }
        for _ in 0..8 {
            let output = node.inspect(&["--deep"], &node.log_dir());
            let text = text(&output);
            assert_eq!(code(&output), 0, "{text}{}", String::from_utf8_lossy(&output.stderr));
            assert!(text.contains("not closed: it is open"), "{text}");
        }
        stop.store(true, Ordering::Relaxed);
        let end = writer.join().unwrap();
        let text = text(&node.inspect(&["--deep"], &node.log_dir()));
        assert!(text.contains(&format!("closed in order, at {end}")), "{text}");
    });
}
