//! A history in the words of Jepsen's kafka workload, so that an outside checker can judge it.
//!
//! One operation map a line, as in Jepsen's `history.edn`; the partition is key 0:
//!
//! ```clojure
//! {:index 0, :time 10, :type :invoke, :process 0, :f :send, :value [[:send 0 7]]}
//! {:index 1, :time 90, :type :ok, :process 0, :f :send, :value [[:send 0 [0 7]]]}
//! ```
//! A Jepsen process does one thing at a time and ends with its first unknown outcome, so each client here becomes as many
//! processes as it takes. A read that does not go on where its process stood is preceded by two `:assign`: an
//! assignment forgets a place only when it is empty.
//!
//! Left out, since the workload has no word for them: tails, trims, uncommitted reads, and the protocol's own records.
//! Appends acknowledged below committed are of unknown outcome there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use partition::ids::Offset;

use super::History;
use super::number::{ClientId, Event, EventNumber};
use super::operation::{Action, Append, Operation, Outcome, Read, Seen, View};

/// One line, but for its index.
struct Line {
    event: Event,
    process: u32,
    kind: &'static str,
    function: &'static str,
    value: String,
}

/// One Jepsen process.
#[derive(Clone, Copy, Debug)]
struct Process {
    number: u32,
    /// When its last operation returned.
    free_after: EventNumber,
    /// Where it would read on.
    stands: Option<Offset>,
}

/// The processes of each client that are not used up.
#[derive(Debug, Default)]
struct Processes {
    next: u32,
    of: BTreeMap<ClientId, Vec<Process>>,
}

impl Processes {
    /// Takes a process of this client that is free by then: one that stands there, if there is one.
    fn take(&mut self, client: ClientId, by: EventNumber, stands: Option<Offset>) -> Process {
        let own = self.of.entry(client).or_default();
        let free = |process: &Process| process.free_after < by;
        let fits = |process: &Process| free(process) && process.stands == stands;
        if let Some(at) = own.iter().position(fits).or_else(|| own.iter().position(free)) {
            return own.swap_remove(at);
        }
        let number = self.next;
        self.next += 1;
        Process { number, free_after: by, stands: None }
    }

    fn put_back(&mut self, client: ClientId, process: Process) {
        self.of.entry(client).or_default().push(process);
    }
}

impl History {
    /// Writes the history as Jepsen EDN. Hand it something buffered.
    ///
    /// # Errors
    /// When `to` cannot be written.
    pub fn write_edn(&self, mut to: impl Write) -> io::Result<()> {
        let mut processes = Processes::default();
        let mut lines = Vec::new();
        for operation in self.operations() {
            match &operation.action {
                Action::Append(append) => send(operation, append, &mut processes, &mut lines),
                Action::Read(read) if read.view != View::Uncommitted => {
                    poll(operation, read, &mut processes, &mut lines);
                }
                Action::Read(_) | Action::Tail(_) | Action::Trim(_) => {}
            }
        }
        // Stable: what was put before an invocation stays before it.
        lines.sort_by_key(|line| line.event.number);
        for (index, line) in lines.iter().enumerate() {
            let Line { event, process, kind, function, value } = line;
            writeln!(
                to,
                "{{:index {index}, :time {}, :type :{kind}, :process {process}, :f :{function}, :value {value}}}",
                event.at.0
            )?;
        }
        Ok(())
    }
}

fn send(operation: &Operation, append: &Append, processes: &mut Processes, lines: &mut Vec<Line>) {
    let process = processes.take(operation.client, operation.invoked.number, None);
    let line = |event, kind, value| Line { event, process: process.number, kind, function: "send", value };
    let asked = sends(append, None);
    lines.push(line(operation.invoked, "invoke", asked.clone()));
    let Some(returned) = operation.returned else { return };
    let told = match (append.committed_at(), append.outcome) {
        (Some(base), _) => line(returned, "ok", sends(append, Some(base))),
        (None, Outcome::Failed) => line(returned, "fail", asked),
        (None, _) => line(returned, "info", asked),
    };
    let goes_on = told.kind != "info";
    lines.push(told);
    if goes_on {
        processes.put_back(operation.client, Process { free_after: returned.number, ..process });
    }
}

/// A transaction of sends: with their offsets, once these are known.
fn sends(append: &Append, base: Option<Offset>) -> String {
    let sends = append.values.iter().zip(0_u64..).map(|(value, position)| match base {
        Some(base) => format!("[:send 0 [{} {value}]]", base.0 + position),
        None => format!("[:send 0 {value}]"),
    });
    format!("[{}]", sends.collect::<Vec<_>>().join(" "))
}

fn poll(operation: &Operation, read: &Read, processes: &mut Processes, lines: &mut Vec<Line>) {
    let process = processes.take(operation.client, operation.invoked.number, read.from);
    let mut add = |event, kind, function, value| {
        lines.push(Line { event, process: process.number, kind, function, value });
    };
    if read.from.is_some() && read.from != process.stands {
        for assigned in ["[]", "[0]"] {
            add(operation.invoked, "invoke", "assign", assigned.to_owned());
            add(operation.invoked, "ok", "assign", assigned.to_owned());
        }
    }
    add(operation.invoked, "invoke", "poll", "[[:poll]]".to_owned());
    let Some(returned) = operation.returned else { return };
    let stands = match &read.seen {
        Some(seen) => {
            add(returned, "ok", "poll", polled(seen));
            seen.end().or(read.from).or(process.stands)
        }
        None => {
            add(returned, "fail", "poll", "[[:poll]]".to_owned());
            read.from.or(process.stands)
        }
    };
    processes.put_back(operation.client, Process { free_after: returned.number, stands, ..process });
}

fn polled(seen: &Seen) -> String {
    let mut pairs = String::new();
    for (offset, value) in seen.records.iter().filter_map(|record| Some((record.offset, record.value?))) {
        let gap = if pairs.is_empty() { "" } else { " " };
        write!(pairs, "{gap}[{offset} {value}]").expect("a string takes all");
    }
    if pairs.is_empty() { "[[:poll {}]]".to_owned() } else { format!("[[:poll {{0 [{pairs}]}}]]") }
}
