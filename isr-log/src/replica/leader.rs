//! A replica that takes appends: it parks fetches, counts what is reported, commits, and proposes who is in sync.

mod enough;
mod replicas;

use std::collections::{BTreeMap, BTreeSet};

use partition::clock::Moment;
use partition::error::{Doubt, Refusal};
use partition::ids::{Epoch, NodeId, Offset};
use partition::partition::Acks;

use super::in_sync::{InSync, Proposal, ProposalOutcome};
use super::progress::{Parked, Progress};
use super::proof::{Proofs, Round};
use super::truncation::{Continuation, compare};
use super::{Command, Event, FetchId, JOINER_BARRED, Moved, NEWS_DELAY, PROPOSAL_RETRY, Step, watermark};
use crate::message::{Confirm, Fetch, FetchRefusal, FetchReply, News, Report};
use crate::metadata::{CommitRule, Incarnation, PartitionState, Recovery};
use crate::mutant::Mutant;
use crate::rules::MinimumRule;

/// A leader in one epoch.
#[derive(Clone, Debug, Hash)]
pub(super) struct Leader {
    node: NodeId,
    epoch: Epoch,
    /// The log end when it was elected. Only what lies at or beyond it is surely newer than every older leader (S-06).
    start: Offset,
    in_sync: InSync,
    /// After an unclean election it first proposes itself alone; until that is recorded nobody may join.
    recovery: Recovery,
    /// Where enough in sync suffice: when it tries again to place the batch that begins its epoch, while it has none of it.
    begins_at: Option<Moment>,
    /// All other replicas, in and out of the set.
    followers: BTreeMap<NodeId, Progress>,
    /// When the set is next searched for members that lag: each `lag_max / 2`, as Kafka's `isr-expiration`.
    next_check: Moment,
    proofs: Proofs,
    /// A round that is complete but for the high watermark, which has not reached `start` yet.
    proved: Option<Round>,
    /// What the members are told to give up. This log follows when all of them have, so that whoever leads next begins
    /// no lower than a reader here has seen.
    trim_to: Offset,
    /// Where the log is known to start, or later, on every member.
    trimmed_to: Offset,
}

impl Leader {
    /// Begins the epoch. Fetch states of earlier epochs are gone, so nobody counts before he has fetched anew (S-09).
    pub(super) fn elected(step: &mut Step<'_>, state: &PartitionState) -> Self {
        let in_sync = InSync::recorded(state);
        let followers = state.spec.replicas.iter().filter(|replica| **replica != step.node);
        let followers = followers
            .map(|replica| {
                let caught_up_at = in_sync.members().contains_key(replica).then_some(step.now);
                (*replica, Progress::of(state.replica_since(*replica), caught_up_at))
            })
            .collect();
        let mut leader = Self {
            node: step.node,
            epoch: state.epoch,
            start: step.log.end,
            in_sync,
            recovery: state.recovery,
            begins_at: None,
            followers,
            next_check: step.now.after(step.rules.lag_max / 2),
            proofs: Proofs::of(state.epoch),
            proved: None,
            trim_to: step.log.start,
            trimmed_to: Offset::ZERO,
        };
        leader.begin_epoch(step);
        leader.recover(step);
        leader.advance(step);
        leader.note_trims(step);
        leader
    }

    /// Ends the epoch: who waits here is told to look elsewhere.
    pub(super) fn resign(self, step: &mut Step<'_>) {
        for parked in self.followers.values().filter_map(|progress| progress.parked) {
            step.put(Command::Answer(parked.id, FetchReply::Refused(FetchRefusal::NotLeader)));
        }
        step.put(Command::Fail(Doubt::LeaderChanged));
        step.put(Command::Resign);
    }

    /// A later version of the same epoch: the set has changed.
    pub(super) fn read(&mut self, step: &mut Step<'_>, state: &PartitionState) {
        for (node, progress) in &mut self.followers {
            if self.in_sync.members().contains_key(node) && !state.in_sync.contains_key(node) {
                progress.barred_until = Some(step.now);
            }
        }
        self.take_on(step, state);
        self.in_sync.read(state);
        self.recovery = state.recovery;
        if self.in_sync.is_short() {
            step.put(Command::Fail(Doubt::NotEnoughReplicasAfterAppend));
        }
        self.advance(step);
        self.note_trims(step);
        if let Some(round) = self.proofs.restart(self.others(), step.now) {
            self.ask(step, round, self.others());
        }
        self.prove(step);
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) fn in_sync(&self) -> &InSync {
        &self.in_sync
    }

    pub(super) fn start(&self) -> Offset {
        self.start
    }

    pub(super) fn next_proof(&self) -> Round {
        self.proofs.next()
    }

    pub(super) fn admit(&self, acks: Acks) -> Result<Epoch, Refusal> {
        if acks == Acks::Committed && self.in_sync.is_short() {
            let (in_sync, min_isr) = (self.in_sync.members().len(), self.in_sync.min());
            return Err(Refusal::NotEnoughReplicas { in_sync, min_isr });
        }
        Ok(self.epoch)
    }

    pub(super) fn wakes_at(&self) -> Moment {
        let waits = self.followers.values().filter_map(|progress| {
            let parked = progress.parked?;
            let news = progress.untold_since().map(|since| since.after(NEWS_DELAY));
            Some(news.map_or(parked.until, |news| news.min(parked.until)))
        });
        let again = self.in_sync.again_at().into_iter().chain(self.proofs.wakes_at()).chain(self.begins_at);
        waits.chain(again).fold(self.next_check, Moment::min)
    }

    pub(super) fn step(&mut self, step: &mut Step<'_>, event: Event) {
        match event {
            Event::Appended => {
                self.begins_at = None;
                self.serve_new(step);
            }
            Event::Stored => self.advance(step),
            Event::Trim(to) => {
                self.trim_to = self.trim_to.max(to);
                self.tell_all(step);
                self.note_trims(step);
            }
            Event::Trimmed => self.note_trims(step),
            Event::Fetch(id, fetch) => self.fetch(step, id, &fetch),
            Event::Report(report) => self.report(step, &report),
            Event::Proposed(proposal, outcome) => self.proposed(step, &proposal, outcome),
            Event::Prove => {
                self.proofs.want();
                self.prove(step);
            }
            Event::Confirmed(round, node, life) => {
                if self.in_sync.candidates().any(|member| member == (node, life)) {
                    self.proofs.confirmed(round, node, life);
                    self.prove(step);
                }
            }
            Event::Tick => self.tick(step),
            // What an earlier role of this replica had asked for.
            Event::Fetched(..) | Event::FetchFailed(_) | Event::Decided(_) | Event::Leased(_) => {}
        }
    }

    fn fetch(&mut self, step: &mut Step<'_>, id: FetchId, fetch: &Fetch) {
        if let Some(refusal) = self.refusal(&fetch.report, step) {
            step.put(Command::Answer(id, FetchReply::Refused(refusal)));
            return;
        }
        let news = self.news(step);
        let progress = self.followers.get_mut(&fetch.report.node).expect("a replica, or it was refused");
        if let Some(older) = progress.unpark(news) {
            step.put(Command::Answer(older.id, FetchReply::Refused(FetchRefusal::Superseded)));
        }
        let reply = match compare(step.rules.truncation(), step.log, fetch.fetch_from, fetch.last_epoch) {
            Continuation::Prefix => None,
            Continuation::Diverged(end) => Some(FetchReply::Diverged(end)),
            Continuation::Elsewhere(start) => Some(FetchReply::StartAt(start)),
        };
        if let Some(reply) = reply {
            progress.unhear();
            step.put(Command::Answer(id, reply));
            return;
        }
        progress.hear_fetch(step.now, fetch, step.log.end);
        let (from, max_bytes) = (fetch.fetch_from, fetch.max_bytes);
        progress.parked = Some(Parked { id, from, max_bytes, until: step.now.after(fetch.max_wait) });
        self.heard(step, fetch.report.node);
        self.serve(step, fetch.report.node);
    }

    fn report(&mut self, step: &mut Step<'_>, report: &Report) {
        if self.refusal(report, step).is_some() {
            return;
        }
        let progress = self.followers.get_mut(&report.node).expect("a replica, or it was refused");
        if step.rules.mutated.breaks(Mutant::ReportWithoutFetch) {
            progress.hear_uncompared(step.now, report, step.log.end);
        } else {
            progress.hear_report(step.now, report, step.log.end);
        }
        self.heard(step, report.node);
    }

    /// Who may speak: a replica, in this epoch (S-04), in a life that no later one has replaced (H-02).
    fn refusal(&self, report: &Report, step: &Step<'_>) -> Option<FetchRefusal> {
        let current = self.epoch;
        let fences = !step.rules.mutated.breaks(Mutant::AnyLeaderEpoch);
        if fences && report.epoch < current {
            return Some(FetchRefusal::Fenced { current });
        }
        if fences && report.epoch > current {
            return Some(FetchRefusal::UnknownEpoch { current });
        }
        let Some(progress) = self.followers.get(&report.node) else {
            return Some(FetchRefusal::NotAReplica);
        };
        if report.since != progress.since() {
            return Some(FetchRefusal::NotAReplica);
        }
        let recorded = self.in_sync.members().get(&report.node);
        let outlived = recorded.is_some_and(|life| report.incarnation < *life);
        (outlived || progress.outlived(report.incarnation)).then_some(FetchRefusal::StaleIncarnation)
    }

    /// A follower has said something that may count.
    fn heard(&mut self, step: &mut Step<'_>, node: NodeId) {
        self.grow(step, node);
        self.advance(step);
        self.note_trims(step);
    }

    fn advance(&mut self, step: &mut Step<'_>) {
        let (current, log, rules) = (*step.high_watermark, step.log, step.rules);
        let to = match self.in_sync.rule() {
            CommitRule::AllInSync => {
                watermark::advance(current, log, &self.in_sync, &self.followers, step.now, rules)
            }
            CommitRule::EnoughInSync => {
                let leader = (self.node, self.start);
                watermark::advance_by_enough(current, leader, log, &self.in_sync, &self.followers, rules)
            }
        };
        if step.commit(to) == Moved::Yes {
            let news = self.news(step);
            for progress in self.followers.values_mut() {
                progress.note_news(step.now, news);
            }
            self.prove(step);
        }
    }

    /// Proposes a follower that has reached what is committed and where this epoch began (S-06), in this epoch (S-09).
    fn grow(&mut self, step: &mut Step<'_>, node: NodeId) {
        let progress = &self.followers[&node];
        let Some(heard) = progress.heard() else { return };
        let life = heard.incarnation;
        let is_member = self.in_sync.members().get(&node) == Some(&life);
        let start = if step.rules.mutated.breaks(Mutant::NoEpochStart) { Offset::ZERO } else { self.start };
        let has_enough = match self.in_sync.rule() {
            CommitRule::AllInSync => heard.durable >= start.max(*step.high_watermark),
            CommitRule::EnoughInSync => self.may_join(step, node),
        };
        let has_enough = has_enough && heard.log_start >= step.log.start;
        let waits = self.in_sync.is_changing() || self.recovery == Recovery::Pending;
        if is_member || !has_enough || waits || progress.barred_until.is_some_and(|until| step.now < until) {
            return;
        }
        let proposal = self.in_sync.grow(node, life, step.now.after(PROPOSAL_RETRY));
        step.put(Command::Propose(proposal));
    }

    /// Says that it has begun anew: it goes on from what it has, alone.
    fn recover(&mut self, step: &mut Step<'_>) {
        if self.recovery == Recovery::Pending && !self.in_sync.is_changing() {
            let proposal = self.in_sync.settle(step.now.after(PROPOSAL_RETRY));
            step.put(Command::Propose(proposal));
        }
    }

    /// Proposes to go on without those who have not been caught up for `lag_max` (C12).
    fn shrink(&mut self, step: &mut Step<'_>) {
        if self.in_sync.is_changing() {
            return;
        }
        let lags = |node: &NodeId, life: &Incarnation| {
            self.followers.get(node).is_some_and(|progress| {
                let replaced = progress.heard().is_some_and(|heard| heard.incarnation != *life);
                replaced || progress.lags(step.now, step.log.end, step.rules.lag_max, step.rules.historic.lag)
            })
        };
        let members = self.in_sync.members().iter();
        let leavers: BTreeSet<NodeId> =
            members.filter(|(node, life)| lags(node, life)).map(|(node, _)| *node).collect();
        let leavers = match self.in_sync.rule() {
            CommitRule::EnoughInSync if !step.rules.mutated.breaks(Mutant::ShrinkUnheld) => {
                self.dispensable(step, leavers)
            }
            CommitRule::AllInSync | CommitRule::EnoughInSync => leavers,
        };
        if !leavers.is_empty() {
            let proposal = self.in_sync.shrink(leavers, step.now.after(PROPOSAL_RETRY));
            step.put(Command::Propose(proposal));
        }
    }

    fn proposed(&mut self, step: &mut Step<'_>, proposal: &Proposal, outcome: ProposalOutcome) {
        if !self.in_sync.is_on_its_way(proposal) {
            return;
        }
        let forgets = step.rules.mutated.breaks(Mutant::ForgetProposal);
        match outcome {
            _ if forgets => drop(self.in_sync.refused()),
            ProposalOutcome::Refused => {
                match self.in_sync.refused().and_then(|node| self.followers.get_mut(&node)) {
                    Some(joiner) => joiner.barred_until = Some(step.now.after(JOINER_BARRED)),
                    None => self.next_check = self.next_check.min(step.now.after(PROPOSAL_RETRY)),
                }
                self.advance(step);
            }
            // Until a later version is read the maximal set holds (H-14).
            ProposalOutcome::Overtaken | ProposalOutcome::Unknown => {}
        }
    }

    fn tick(&mut self, step: &mut Step<'_>) {
        if self.in_sync.again_at().is_some_and(|again_at| again_at <= step.now) {
            let proposal = self.in_sync.again(step.now.after(PROPOSAL_RETRY));
            step.put(Command::Propose(proposal));
        }
        if self.begins_at.is_some_and(|at| at <= step.now) {
            self.begin_epoch(step);
        }
        if self.next_check <= step.now {
            self.next_check = step.now.after(step.rules.lag_max / 2);
            self.recover(step);
            self.shrink(step);
        }
        if let Some((round, silent)) = self.proofs.again(step.now) {
            self.ask(step, round, silent);
        }
        // A joiner that stopped is not waited for any longer.
        self.advance(step);
        let news = self.news(step);
        for progress in self.followers.values_mut() {
            let told_late = progress.untold_since().is_some_and(|since| since.after(NEWS_DELAY) <= step.now);
            let waited = progress.parked.is_some_and(|parked| parked.until <= step.now);
            if (told_late || waited)
                && let Some(Parked { id, from, max_bytes, .. }) = progress.unpark(news)
            {
                step.put(Command::Serve { fetch: id, from, max_bytes, news });
            }
        }
    }

    /// Answers a parked fetch if there are records for it, or if it does not want to wait.
    fn serve(&mut self, step: &mut Step<'_>, node: NodeId) {
        let news = self.news(step);
        let progress = self.followers.get_mut(&node).expect("a replica");
        progress.note_news(step.now, news);
        let ready = |parked: Parked| parked.from < step.log.end || parked.until <= step.now;
        if progress.parked.is_some_and(ready)
            && let Some(Parked { id, from, max_bytes, .. }) = progress.unpark(news)
        {
            step.put(Command::Serve { fetch: id, from, max_bytes, news });
        }
    }

    fn serve_new(&mut self, step: &mut Step<'_>) {
        let nodes: Vec<NodeId> = self.followers.keys().copied().collect();
        for node in nodes {
            self.serve(step, node);
        }
    }

    /// Answers every parked fetch: there is news that somebody waits for.
    fn tell_all(&mut self, step: &mut Step<'_>) {
        let news = self.news(step);
        for progress in self.followers.values_mut() {
            if let Some(Parked { id, from, max_bytes, .. }) = progress.unpark(news) {
                step.put(Command::Serve { fetch: id, from, max_bytes, news });
            }
        }
    }

    /// Follows with its own log what all others have given up. While the set is short of its minimum nothing is: who is
    /// only eligible may lead next.
    fn note_trims(&mut self, step: &mut Step<'_>) {
        if self.in_sync.is_short() && step.rules.historic.minimum == MinimumRule::Strict {
            return;
        }
        let others = self.in_sync.maximal().filter(|(member, _)| *member != self.node);
        let starts = others.map(|(member, life)| {
            let heard = self.followers.get(&member).and_then(Progress::heard);
            heard.filter(|heard| heard.incarnation == life).map_or(Offset::ZERO, |heard| heard.log_start)
        });
        let by_others = starts.fold(self.trim_to, Offset::min);
        if by_others > step.log.start {
            step.put(Command::Trim(by_others));
        }
        let everywhere = by_others.min(step.log.durable_start);
        if everywhere > self.trimmed_to {
            self.trimmed_to = everywhere;
            step.put(Command::TrimmedEverywhere(everywhere));
        }
    }

    /// What followers are told with each answer.
    fn news(&self, step: &Step<'_>) -> News {
        News { high_watermark: *step.high_watermark, log_start: self.trim_to }
    }

    /// Carries proofs on: ends a round that is complete, and begins the next one if a read wants it.
    fn prove(&mut self, step: &mut Step<'_>) {
        while let Some(round) = self.complete_proof().or_else(|| self.begin_proof(step)) {
            self.proved = Some(round);
        }
        if *step.high_watermark >= self.start
            && let Some(round) = self.proved.take()
        {
            step.put(Command::Proved(round));
        }
    }

    /// Begins a round; returns it when there is nobody to ask.
    fn begin_proof(&mut self, step: &mut Step<'_>) -> Option<Round> {
        let others = self.others();
        let round = self.proofs.begin(others.clone(), step.now)?;
        self.ask(step, round, others);
        self.complete_proof()
    }

    /// Ends the round under way if nobody's word is missing; returns it.
    fn complete_proof(&mut self) -> Option<Round> {
        match self.in_sync.rule() {
            CommitRule::AllInSync => self.proofs.complete(),
            CommitRule::EnoughInSync => {
                let (node, in_sync) = (self.node, &self.in_sync);
                self.proofs.complete_with(|confirmed| enough::confirm(node, in_sync, confirmed))
            }
        }
    }

    fn ask(&self, step: &mut Step<'_>, round: Round, members: impl IntoIterator<Item = NodeId>) {
        for member in members {
            step.put(Command::Ask(round, member, Confirm { leader: self.node, epoch: self.epoch }));
        }
    }

    /// All who may be elected by now, but this leader (H-16).
    fn others(&self) -> BTreeSet<NodeId> {
        self.in_sync.candidates().map(|(node, _)| node).filter(|node| *node != self.node).collect()
    }
}
