//! One situation a file: `scripts/*` are transcripts of what replicas do, command by command.
//!
//! ```text
//! replicas 3 min=2                 three replicas, two must be in sync; clocks at zero, nobody has read anything
//!          [most=5] [lag=fetch]    by an older rule: so many records may be missing, or only the last fetch counts;
//!          [minimum=loose]         what others have appended is committed below the minimum
//!          [truncation=hw|once]    followers cut at their high watermark; or by one lookup of an epoch
//!          [commit=enough]         any `min` of the set commit; node 1 leads, and all have read so
//!          [commit=all]            all of the set do, and the controllers below are there as well
//!          [rate=1000]             who is not in sync fetches so many bytes a second, 100 a record
//!          [broken=NoEpochStart]   a rule is not there, by the name of its mutant
//! decide leader=1 epoch=1 isr=1-2  the controllers decide; all who are up read it, or only those in `to=1-2`
//!        [eligible=3] [passed=3]   who is eligible beside the set; whom an unclean election has passed over
//! reassign 1-2 [to=1-2]            from now on these replicate, and nobody else; all who are up read it, or only those in `to`
//! remove 3                         a replica reads that it is none any more: its log goes, its life goes on
//! append 1 [count=2] [acks=leader] a client appends records at a replica
//! store 1 [2 ...]                  the disks of these replicas store what they were given
//! deliver [from=2] [to=1] [max=1]  delivers what is under way, and what that causes, until nothing is left
//! lose [from=2] [to=1]             loses what is under way; whoever waits for an answer learns that
//! pass 200                         so many milliseconds pass, and everybody looks at the clock
//! crash 1 [keeps=1]                ends a replica; its disk keeps what it has stored, or only so many records of it
//! restart 1, wipe 1                begins a replica's next life, empties its disk
//! consider [read=no] [check=no]    the controllers take the oldest proposal; all read the outcome, unless told not to; or
//!                                  they take it unseen, whoever sent it and whatever it was based on
//! doubt                            the answer to the oldest proposal is lost, and so is the proposal
//! fence 1, unfence 1, leave 1      with `commit`: the controllers miss a broker, hear of it again, are asked to let it go;
//!        [to=2-3]                  all read that, or only these
//! hear [from=2] [to=2-3]           they hear the oldest report of what a member has, or that of one; all read what follows
//! prove 1, trim 1 2                a linearizable read at a replica; a trim
//! status, log 1                    what the replicas are; the records of one, as epoch:values
//! sees 1                           up to where readers of a replica see
//! verdict                          which invariants are violated now, among those who are up
//! ```
//! `UPDATE_GOLDENFILES=1 cargo test -p isr-log --test scripts` writes what happens into the files.

#[allow(unreachable_pub, reason = "tests share it as a module, not as a crate")]
mod harness;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use goldenscript::{Command, Context, Runner};
use harness::{Harness, verdict};
use isr_log::HistoricRules;
use isr_log::metadata::CommitRule;
use isr_log::mutant::Mutant;
use isr_log::replica::{Event, ProposalOutcome};
use isr_log::rules::{LagRule, MinimumRule, TruncationRule};
use partition::ids::{Epoch, NodeId, Offset};
use partition::partition::Acks;

#[derive(Default)]
struct Script {
    harness: Option<Harness>,
}

/// More deliveries than any situation needs: replicas that talk for ever are a fault.
const DELIVERIES_MAX: usize = 200;

impl Script {
    fn harness(&mut self) -> &mut Harness {
        self.harness.as_mut().expect("begin with `replicas`")
    }

    fn deliver(&mut self, from: Option<NodeId>, to: Option<NodeId>, max: usize) {
        let harness = self.harness();
        for _ in 0..max {
            let wanted = harness.wire.iter().position(|sent| {
                from.is_none_or(|from| sent.from == from) && to.is_none_or(|to| sent.to == to)
            });
            let Some(at) = wanted else { return };
            harness.deliver(at);
        }
        assert!(max < DELIVERIES_MAX, "they talk for ever");
    }
}

impl Runner for Script {
    type Command = Command;

    fn run(&mut self, command: &Command, _: &Context) -> Result<String, Box<dyn Error>> {
        let mut args = command.consume_args();
        let key =
            |args: &mut goldenscript::ArgumentConsumer<'_>, key: &str| args.take_key(key).map(str::to_owned);
        let mut output = Vec::new();
        match command.name.as_str() {
            "replicas" => {
                let min = key(&mut args, "min").map_or(Ok(1), |min| min.parse())?;
                let mut rules = HistoricRules::default();
                match (key(&mut args, "lag").as_deref(), key(&mut args, "most")) {
                    (None, None) => {}
                    (Some("fetch"), None) => rules.lag = LagRule::LastFetch,
                    (None, Some(most)) => rules.lag = LagRule::Messages(most.parse()?),
                    (other, _) => return Err(format!("no such lag: {other:?}").into()),
                }
                match key(&mut args, "minimum").as_deref() {
                    None => {}
                    Some("loose") => rules.minimum = MinimumRule::Loose,
                    Some(other) => return Err(format!("no such minimum: {other}").into()),
                }
                rules.truncation = match key(&mut args, "truncation").as_deref() {
                    None => TruncationRule::ByEpoch,
                    Some("once") => TruncationRule::ByEpochOnce,
                    Some("hw") => TruncationRule::ByHighWatermark,
                    Some(other) => return Err(format!("no such truncation: {other}").into()),
                };
                let broken = key(&mut args, "broken");
                let named = |name: String| Mutant::ALL.into_iter().find(|mutant| mutant.to_string() == name);
                let mutant = broken.map(|name| named(name).ok_or("no such rule to break")).transpose()?;
                let rate = key(&mut args, "rate").map(|rate| rate.parse()).transpose()?;
                let replicas = args.next_pos().ok_or("how many?")?.parse()?;
                let mut harness = match key(&mut args, "commit").as_deref() {
                    None => Harness::broken(replicas, min, rules, mutant),
                    Some("enough") => Harness::polled(replicas, min, CommitRule::EnoughInSync, mutant),
                    Some("all") => Harness::polled(replicas, min, CommitRule::AllInSync, mutant),
                    Some(other) => return Err(format!("no such rule: {other}").into()),
                };
                rate.into_iter().for_each(|rate| harness.throttle(rate));
                self.harness = Some(harness);
            }
            "decide" => {
                let leader = key(&mut args, "leader").map(|node| node.parse()).transpose()?;
                let epoch: Epoch = key(&mut args, "epoch").ok_or("which epoch?")?.parse()?;
                let isr = nodes(&key(&mut args, "isr").ok_or("who is in sync?")?)?;
                let to = key(&mut args, "to").map(|to| nodes(&to)).transpose()?;
                let eligible = nodes(&key(&mut args, "eligible").unwrap_or_default())?;
                let passed_over = nodes(&key(&mut args, "passed").unwrap_or_default())?;
                let harness = self.harness();
                harness.decide(leader, epoch, &isr);
                harness.decide_also(&eligible, &passed_over);
                for node in to.unwrap_or_else(|| harness.up()) {
                    harness.read_decision(node);
                }
            }
            "reassign" => {
                let to = key(&mut args, "to").map(|to| nodes(&to)).transpose()?;
                let replicas = nodes(args.next_pos().ok_or("to whom?")?)?;
                let harness = self.harness();
                harness.reassign(&replicas);
                for node in to.unwrap_or_else(|| harness.up()) {
                    harness.read_decision(node);
                }
            }
            "remove" => {
                let node = args.next_pos().ok_or("which?")?.parse()?;
                self.harness().remove(node);
            }
            "read" => {
                while let Some(node) = args.next_pos() {
                    let node = node.parse()?;
                    self.harness().read_decision(node);
                }
            }
            "append" => {
                let count: u32 = key(&mut args, "count").map_or(Ok(1), |count| count.parse())?;
                let acks = match key(&mut args, "acks").as_deref() {
                    None => Acks::Committed,
                    Some("leader") => Acks::Leader,
                    Some(other) => return Err(format!("no such acks: {other}").into()),
                };
                let node: NodeId = args.next_pos().ok_or("where?")?.parse()?;
                for _ in 0..count {
                    match self.harness().append(node, acks) {
                        Ok(end) => self.harness().trace.push(format!("{node} places {}", end.0 - 1)),
                        Err(refusal) => self.harness().trace.push(format!("{node} refuses: {refusal}")),
                    }
                }
            }
            "store" => {
                while let Some(node) = args.next_pos() {
                    let node = node.parse()?;
                    self.harness().store(node);
                }
            }
            "deliver" | "lose" => {
                let from = key(&mut args, "from").map(|node| node.parse()).transpose()?;
                let to: Option<NodeId> = key(&mut args, "to").map(|node| node.parse()).transpose()?;
                let max = key(&mut args, "max").map_or(Ok(DELIVERIES_MAX), |max| max.parse())?;
                if command.name == "deliver" {
                    self.deliver(from, to, max);
                } else {
                    let harness = self.harness();
                    for at in (0..harness.wire.len()).rev() {
                        let sent = &harness.wire[at];
                        let wanted =
                            from.is_none_or(|from| sent.from == from) && to.is_none_or(|to| sent.to == to);
                        if wanted {
                            harness.trace.push(format!("lost: {} to {}", sent.from, sent.to));
                            harness.lose(at);
                        }
                    }
                }
            }
            "pass" => {
                let ms = args.next_pos().ok_or("how long?")?.parse()?;
                self.harness().pass(Duration::from_millis(ms));
            }
            "crash" | "restart" | "wipe" => {
                let keeps = key(&mut args, "keeps").map(|keeps| keeps.parse()).transpose()?;
                let node: NodeId = args.next_pos().ok_or("which?")?.parse()?;
                match command.name.as_str() {
                    "crash" if let Some(keeps) = keeps => self.harness().crash_to(node, keeps),
                    "crash" => self.harness().crash(node),
                    "restart" => self.harness().restart(node),
                    _ => self.harness().wipe(node),
                }
            }
            "consider" => {
                let read = key(&mut args, "read").is_none();
                let checks = key(&mut args, "check").is_none();
                let harness = self.harness();
                let considered = if checks { harness.consider() } else { harness.believe() };
                let (from, proposal, outcome) = considered.ok_or("nothing was proposed")?;
                harness.trace.push(format!("controllers: {outcome:?}, now {}", harness.state.version));
                harness.step(from, Event::Proposed(proposal, outcome));
                if read && outcome == ProposalOutcome::Overtaken {
                    harness.up().into_iter().for_each(|node| harness.read_decision(node));
                }
            }
            "fence" | "unfence" | "leave" | "hear" => {
                let to = key(&mut args, "to").map(|to| nodes(&to)).transpose()?;
                let from = key(&mut args, "from").map(|node| node.parse()).transpose()?;
                let node = args.next_pos().map(|node| node.parse()).transpose()?;
                let harness = self.harness();
                match (command.name.as_str(), node) {
                    ("fence", Some(node)) => harness.fence(node),
                    ("unfence", Some(node)) => harness.unfence(node),
                    ("leave", Some(node)) => harness.leave(node),
                    ("hear", None) => {
                        if !harness.hear(from) {
                            return Err("nobody has said anything".into());
                        }
                    }
                    (other, _) => return Err(format!("{other} whom?").into()),
                }
                for node in to.unwrap_or_else(|| harness.up()) {
                    harness.read_decision(node);
                }
            }
            "doubt" => {
                let (from, proposal) = self.harness().proposals.pop_front().ok_or("nothing was proposed")?;
                self.harness().step(from, Event::Proposed(proposal, ProposalOutcome::Unknown));
            }
            "prove" => {
                let node = args.next_pos().ok_or("where?")?.parse()?;
                self.harness().step(node, Event::Prove);
            }
            "trim" => {
                let node = args.next_pos().ok_or("where?")?.parse()?;
                let to: Offset = args.next_pos().ok_or("to where?")?.parse()?;
                self.harness().trim(node, to);
            }
            "status" => {
                for (id, node) in &self.harness().nodes {
                    let (hw, end) = (node.replica.high_watermark(), node.log.end());
                    let role = if node.up {
                        format!("{:?}", node.replica.role()).to_lowercase()
                    } else {
                        "down".into()
                    };
                    output.push(format!(
                        "{id}: {role}, durable {}, end {end}, high watermark {hw}",
                        node.log.durable
                    ));
                }
            }
            "log" => {
                let node: NodeId = args.next_pos().ok_or("whose?")?.parse()?;
                let records = &self.harness().nodes[&node].log.records;
                let records: Vec<_> = records.iter().map(|r| format!("e{}:{}", r.epoch, r.value)).collect();
                output.push(if records.is_empty() { "empty".to_owned() } else { records.join(" ") });
            }
            "sees" => {
                let node: NodeId = args.next_pos().ok_or("whose?")?.parse()?;
                output.push(match self.harness().nodes[&node].replica.visible_to() {
                    Some(to) => format!("{node} shows readers what lies below {to}"),
                    None => format!("{node} does not know yet what readers may see"),
                });
            }
            "verdict" => {
                output.extend(verdict::violations(self.harness()));
                if output.is_empty() {
                    output.push("nothing is violated".to_owned());
                }
            }
            other => return Err(format!("no such command: {other}").into()),
        }
        args.reject_next()?;
        let mut lines = std::mem::take(&mut self.harness().trace);
        lines.append(&mut output);
        Ok(lines.iter().map(|line| format!("{line}\n")).collect())
    }
}

fn nodes(list: &str) -> Result<Vec<NodeId>, Box<dyn Error>> {
    Ok(list.split('-').filter(|node| !node.is_empty()).map(str::parse).collect::<Result<_, _>>()?)
}

fn scripts() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts")
}

macro_rules! situations {
    ($($name:ident)*) => {
        $(#[test] fn $name() {
            let path = scripts().join(stringify!($name));
            goldenscript::run(&mut Script::default(), path).unwrap_or_else(|error| panic!("{error}"));
        })*

        /// Whoever adds a script adds it here too.
        #[test]
        fn no_script_is_left_out() {
            let named = [$(stringify!($name)),*];
            for script in std::fs::read_dir(scripts()).expect("the scripts") {
                let name = script.expect("an entry").file_name().into_string().expect("plain names");
                assert!(named.contains(&name.as_str()), "not run: {name}");
            }
        }
    };
}

situations! {
    c10_too_few_in_sync
    c12_shrink_by_time_lag
    c13_lag_by_last_fetch
    c13_lag_by_messages
    c14_elect_from_the_in_sync_set
    c15_replicate_with_parked_fetches
    fetch_ahead_while_syncing
    grow_on_catch_up
    h01_a_leader_does_not_resume
    h02_a_wiped_replica
    h12_report_when_a_sync_ends
    h14_a_proposal_of_unknown_outcome
    h16_a_confirmation_of_an_earlier_leadership
    h16_proof_of_leadership
    h16_who_is_eligible_is_asked_too
    h17_a_read_asks_as_many_as_commit
    h17_a_shrink_that_does_not_wait
    h17_a_shrink_waits_until_enough_have_it
    h17_a_wiped_member_counts_as_dead
    h17_a_zombie_gets_no_answer
    h17_asked_one_too_few
    h17_figure_8
    h17_who_has_most_is_elected
    reassign_away_from_a_follower
    reassign_away_from_the_leader
    reassign_to_a_newcomer
    reassign_with_a_throttle
    s01_truncate_by_epoch
    s02_a_power_cut_of_both
    s03_three_epochs_at_one_offset
    s04_fetch_of_another_epoch
    s05_a_zombie_leader
    s06_stale_high_watermark
    s07_growth_whose_answer_is_late
    s08_a_fetch_of_a_former_life
    s09_removed_and_added_again
    s11_logs_are_compared
    s11_one_of_two_disks_has_lied
    s13_alone_below_the_minimum
    s14_an_unclean_election
    s15_a_new_leader_does_not_know_what_is_committed
    s21_rejected_after_the_append
    s23_a_joiner_holds_the_high_watermark
    trim_everywhere
}
