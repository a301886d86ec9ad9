//! An inspection as text of at most 100 columns: what is there, what an opening would do, what is damaged.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use partition::log::Durability;
use partition::log::inspect::{Closing, IndexState, LogReport, Origin, SegmentReport};

use super::Inspection;
use super::records::time;
use crate::table::{WIDTH, thousands};

/// More producers than these are only counted here; the JSON has them all.
const PRODUCERS_SHOWN: usize = 20;
/// More epochs than these are shortened to the first and the last few.
const EPOCHS_SHOWN: usize = 12;

/// Whether a verdict is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// It is: a terminal reads this, and nobody asked for none.
    Colours,
    /// It is not.
    Plain,
}

impl Paint {
    fn verdict(self, sound: Verdict) -> String {
        let (text, colour) = match sound {
            Verdict::Sound => ("sound", 32),
            Verdict::Damaged => ("DAMAGED", 31),
        };
        match self {
            Self::Colours => format!("\x1b[1;{colour}m{text}\x1b[0m"),
            Self::Plain => text.to_owned(),
        }
    }
}

#[derive(Clone, Copy)]
enum Verdict {
    Sound,
    Damaged,
}

impl Verdict {
    fn of(report: &LogReport) -> Self {
        if report.is_sound() { Self::Sound } else { Self::Damaged }
    }
}

/// What the directory is, and how its logs are.
///
/// # Errors
/// As the operating system reports them.
pub fn write_text(out: &mut impl Write, inspection: &Inspection) -> io::Result<()> {
    let logs = inspection.logs.len();
    let damaged = inspection.logs.iter().filter(|log| !log.is_sound()).count();
    let dir = inspection.dir.display();
    let verdict = if damaged == 0 { "none is damaged".to_owned() } else { format!("{damaged} damaged") };
    let summary = match logs {
        1 => format!("{dir} is {}", inspection.kind.name()),
        _ => format!("{dir} is {} of {logs} logs, {verdict}", inspection.kind.name()),
    };
    paragraph(out, "", &summary)
}

/// All that is known of one log but its records.
///
/// # Errors
/// As the operating system reports them.
pub fn write_log(out: &mut impl Write, report: &LogReport, paint: Paint) -> io::Result<()> {
    writeln!(out, "\n{}: {}", report.dir.display(), paint.verdict(Verdict::of(report)))?;
    let sum = |of: fn(&SegmentReport) -> u64| thousands(report.segments.iter().map(of).sum::<u64>() as f64);
    field(
        out,
        "holds",
        &format!(
            "offsets {}..{} in {}, {} of them control; {} records, {} bytes",
            report.start,
            report.end,
            counted(report.segments.iter().map(|segment| segment.batches).sum(), "batch", "batches"),
            sum(|segment| segment.control_batches),
            sum(|segment| segment.records),
            sum(|segment| segment.batch_bytes.0),
        ),
    )?;
    field(out, "state", &state(report))?;
    field(out, "closing", &closing(report))?;
    field(out, "epochs", &epochs(report))?;
    if report.cuts.is_empty() && report.is_sound() {
        field(out, "opening", "cuts nothing")?;
    }
    for cut in &report.cuts {
        let what = if cut.position.0 == 0 { "drops" } else { "cuts" };
        let bytes = thousands(cut.bytes.0 as f64);
        let place = format!("{what} {} from byte {} on ({bytes} bytes): {}", cut.file, cut.position, cut.why);
        field(out, "opening", &place)?;
    }
    segments(out, report)?;
    producers(out, report)?;
    for remark in &report.remarks {
        paragraph(out, "  ", &format!("note: {remark}"))?;
    }
    for finding in &report.findings {
        let position = finding.position.map(|at| format!(" at byte {at}")).unwrap_or_default();
        let offset = finding.offset.map(|at| format!(", offset {at}")).unwrap_or_default();
        writeln!(out, "\n  {} {}{position}{offset}", paint.verdict(Verdict::Damaged), finding.file)?;
        paragraph(out, "    ", &finding.what)?;
        paragraph(out, "    ", &format!("now: {}", finding.now))?;
    }
    Ok(())
}

fn state(report: &LogReport) -> String {
    match &report.origin {
        Origin::Ours { generation, run, durability } => {
            let kept = match durability {
                Durability::Synced => "synced",
                Durability::Cached => "cached",
            };
            let opened = counted(*run, "time", "times");
            format!("truncation generation {generation}, opened {opened}, kept {kept}")
        }
        Origin::Foreign => "none: another program's log, such as Kafka's".to_owned(),
        Origin::Stateless => "none, or unreadable".to_owned(),
    }
}

fn closing(report: &LogReport) -> String {
    let point = match report.recovery_point {
        Some(to) => format!("all below {to} is known to be synced"),
        None => "no recovery point is known".to_owned(),
    };
    match report.closing {
        Closing::Clean { end } => format!("closed in order, at {end}"),
        Closing::Stale { run } => format!("not closed; a marker of run {run} proves nothing; {point}"),
        Closing::Unclean if report.origin == Origin::Foreign => "unknown".to_owned(),
        Closing::Unclean => format!("not closed: it is open, or its process ended without; {point}"),
    }
}

fn epochs(report: &LogReport) -> String {
    let all = &report.epochs;
    let shown = |entries: &[partition::log::epochs::EpochStart]| {
        let entries = entries.iter().map(|entry| format!("{} from {}", entry.epoch, entry.start));
        entries.collect::<Vec<_>>().join(", ")
    };
    if all.is_empty() {
        return "none".to_owned();
    }
    if all.len() <= EPOCHS_SHOWN {
        return shown(all);
    }
    let half = EPOCHS_SHOWN / 2;
    format!("{}, ({} more), {}", shown(&all[..half]), all.len() - 2 * half, shown(&all[all.len() - half..]))
}

fn segments(out: &mut impl Write, report: &LogReport) -> io::Result<()> {
    let mut table =
        plain(["segment", "end", "batches", "bytes", "set aside", "first time", "newest time", "index"]);
    for segment in &report.segments {
        table.add_row([
            segment.base.to_string(),
            segment.end.to_string(),
            segment.batches.to_string(),
            thousands(segment.batch_bytes.0 as f64),
            thousands(segment.file_bytes.0.saturating_sub(segment.batch_bytes.0) as f64),
            seconds(segment.first_timestamp_ms),
            seconds(segment.last_timestamp_ms),
            indexes(segment),
        ]);
    }
    rows(out, &mut table, &[0, 1, 2, 3, 4])
}

/// To the second: a table has no room for more, and the records show it.
fn seconds(ms: Option<i64>) -> String {
    match ms {
        None => "-".to_owned(),
        Some(ms) if ms < 0 => "no time".to_owned(),
        Some(ms) => crate::results::rfc3339(ms),
    }
}

fn indexes(segment: &SegmentReport) -> String {
    let states: Vec<&IndexState> = segment.indexes.iter().map(|index| &index.state).collect();
    if states.is_empty() {
        return "-".to_owned();
    }
    let bad = states.iter().find(|state| ***state != IndexState::Sound);
    match bad {
        Some(IndexState::Missing) => "missing".to_owned(),
        Some(_) => "wrong".to_owned(),
        None => counted(segment.indexes[0].entries as u64, "entry", "entries"),
    }
}

fn producers(out: &mut impl Write, report: &LogReport) -> io::Result<()> {
    if report.producers.is_empty() {
        return Ok(());
    }
    let mut table =
        plain(["producer", "epoch", "last sequence", "last offset", "batches", "records", "newest time"]);
    for sent in report.producers.iter().take(PRODUCERS_SHOWN) {
        table.add_row([
            sent.id.to_string(),
            sent.epoch.to_string(),
            sent.last_sequence.to_string(),
            sent.last_offset.to_string(),
            sent.batches.to_string(),
            sent.records.to_string(),
            time(sent.last_timestamp_ms),
        ]);
    }
    rows(out, &mut table, &[0, 1, 2, 3, 4, 5])?;
    let more = report.producers.len().saturating_sub(PRODUCERS_SHOWN) as u64 + report.producers_left_out;
    if more > 0 {
        paragraph(
            out,
            "  ",
            &format!("and {} more; --json lists them", counted(more, "producer", "producers")),
        )?;
    }
    Ok(())
}

fn plain<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).force_no_tty();
    table.set_header(header);
    table
}

fn rows(out: &mut impl Write, table: &mut Table, numbers: &[usize]) -> io::Result<()> {
    for column in numbers {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    writeln!(out)?;
    for line in table.lines() {
        writeln!(out, "  {}", line.trim_end())?;
    }
    Ok(())
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(count as f64), if count == 1 { one } else { many })
}

fn field(out: &mut impl Write, name: &str, text: &str) -> io::Result<()> {
    let mut lines = broken(text, WIDTH - 12).into_iter();
    writeln!(out, "  {name:<8}  {}", lines.next().unwrap_or_default())?;
    lines.try_for_each(|line| writeln!(out, "{:12}{line}", ""))
}

fn paragraph(out: &mut impl Write, margin: &str, text: &str) -> io::Result<()> {
    let lines = broken(text, WIDTH - margin.len());
    lines.into_iter().try_for_each(|line| writeln!(out, "{margin}{line}"))
}

/// Breaks text between words; a word that is too long stays whole.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
