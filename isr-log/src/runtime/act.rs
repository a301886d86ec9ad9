//! What a replica's task does: carries out commands, and takes clients' calls.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::FutureExt;
use partition::clock::Moment;
use partition::error::{AppendError, ReadError, Refusal};
use partition::ids::{ByteSize, Epoch, NodeId, Offset, Timestamp};
use partition::log::{CacheRead, LogError, SequenceCheck};
use partition::partition::{Fetched, Isolation, Read, Role, Tail};
use partition::record::{BatchBuilder, ControlKind};
use partition::transport::codec;

use super::pending::Waiting;
use super::reads::{Proof, WaitingRead};
use super::{Happened, ReplicaTask};
use crate::controller::broker::AlterError;
use crate::controller::command::{AlterInSync, LogReport};
use crate::controller::rejection::Rejection;
use crate::message::{Confirm, ConfirmReply, Fetch, FetchRefusal, FetchReply, News};
use crate::mutant::Mutant;
use crate::partition::{Answer, ClientCall, PeerCall, PendingAppend};
use crate::replica::{Command, Event, FetchId, Proposal, ProposalOutcome, Round};

/// What proof of leadership may take beyond the wait for data that a read allows.
const PROOF_TIME: std::time::Duration = std::time::Duration::from_secs(1);

impl ReplicaTask {
    pub(super) fn carry_out(&mut self, command: Command) {
        match command {
            Command::Serve { fetch, from, max_bytes, news } => self.serve(fetch, from, max_bytes, news),
            Command::Answer(fetch, reply) => {
                let beside = match reply {
                    // Whoever starts anew must know what producers sent before, to refuse it when it comes again (H-10).
                    FetchReply::StartAt(_) => codec::encode(self.log.producers_at_start()),
                    FetchReply::Records(_) | FetchReply::Diverged(_) | FetchReply::Refused(_) => Bytes::new(),
                };
                self.answer(fetch, reply, beside);
            }
            Command::SendFetch(leader, fetch) => self.send_fetch(leader, fetch),
            Command::SendReport(leader, report) => self.network.report(leader, &self.partition, report),
            Command::AppendFetched => self.append_fetched(),
            Command::Truncate(to) => {
                tracing::info!(partition = %self.partition, %to, end = %self.log.end(), "cutting a tail that its leader lacks");
                let cut = self.log.truncate(to);
                self.must(cut);
                // The one that was kept is of an older generation now (H-04), and would be none after a crash.
                self.keep_watermark();
            }
            Command::RestartAt(start) => {
                tracing::info!(partition = %self.partition, %start, "starting anew where the leader's log begins");
                let producers = self.told_producers();
                let restarted = self.log.restart_with(start, self.log.ordinals().end, producers);
                self.must(restarted);
            }
            Command::Trim(to) => {
                let trimmed = self.log.trim(to);
                self.must(trimmed);
            }
            Command::BeginEpoch(epoch) => self.begin_epoch(epoch),
            Command::ReportLog(epoch, end) => {
                tracing::info!(partition = %self.partition, %epoch, ?end, "telling the controllers what is here");
                let (partition, incarnation) = (self.partition.clone(), self.replica.life());
                self.link.report_log(LogReport { partition, broker: self.node, incarnation, epoch, end });
            }
            Command::Propose(proposal) => self.propose(proposal),
            Command::Commit(to) => {
                self.state.pending.committed(to);
                self.serve_waiting_reads();
            }
            Command::Fail(doubt) => self.state.pending.fail(&doubt),
            Command::Resign => {
                self.state.trimmed_to = Offset::ZERO;
                self.window.journeys.resigned();
                self.state.reads.resign(self.replica.leader());
            }
            Command::Ask(round, member, confirm) => self.ask(round, member, confirm),
            Command::Proved(round) => self.proved(round),
            Command::Lost { from, to } => {
                tracing::error!(partition = %self.partition, %from, %to, "committed records are lost: the leader lacks them");
                self.lost.fetch_add(to.0 - from.0, Ordering::Relaxed);
            }
            Command::TrimmedEverywhere(start) => {
                self.state.trimmed_to = start;
                self.state.reads.trimmed(start);
            }
        }
    }

    /// A log that does not do what the replica has decided cannot go on.
    fn must(&mut self, done: Result<(), LogError>) {
        if let Err(error) = done {
            self.fail(error.to_string());
        }
    }

    /// A batch that readers skip. When the log has no room for it, it is tried again.
    fn begin_epoch(&mut self, epoch: Epoch) {
        let batch = BatchBuilder::control(self.world.clock.wall_ms(), ControlKind::Blank, &[]);
        match self.log.append(&batch, epoch) {
            Ok(_) => {
                self.state.events.push_back(Event::Appended);
                self.serve_waiting_reads();
            }
            Err(LogError::Poisoned(what)) => self.fail(what),
            Err(error) => {
                tracing::warn!(partition = %self.partition, %error, "the first batch of an epoch was not appended");
            }
        }
    }

    fn answer(&mut self, fetch: FetchId, reply: FetchReply, body: Bytes) {
        if let Some(held) = self.state.held.remove(&fetch) {
            let _ = held.send((reply, body));
        }
    }

    fn serve(&mut self, fetch: FetchId, from: Offset, max_bytes: ByteSize, news: News) {
        let until = self.log.end();
        let records = FetchReply::Records(news);
        match self.reader.read_cached(from, until, max_bytes) {
            Ok(CacheRead::Hit(batches)) => self.answer(fetch, records, batches.bytes().clone()),
            Ok(CacheRead::Miss) => {
                let Some(held) = self.state.held.remove(&fetch) else { return };
                let (reader, own) = (self.reader.clone(), self.own.clone());
                // A leader never cuts: if the log is cut before it is read, another one leads, and what lies there then is not
                // what this answer speaks of. The follower, still in the old epoch, could not tell.
                let generation = self.log.generation();
                self.world.tasks.spawn(async move {
                    match reader.read_of(generation, from, until, max_bytes).await {
                        Ok(Some(batches)) => drop(held.send((records, batches.bytes().clone()))),
                        Ok(None) => {
                            drop(held.send((FetchReply::Refused(FetchRefusal::NotLeader), Bytes::new())));
                        }
                        Err(error) => drop(own.send(PeerCall::Unreadable(error)).await),
                    }
                });
            }
            Err(error) => {
                self.state.held.remove(&fetch);
                self.unreadable(&error);
            }
        }
    }

    /// A fetch could not be read. When the disk is to blame, this replica stops: it must not go on to find its followers slow
    /// that cannot get what it has, and to remove them until it is in sync alone (KAFKA-7837).
    pub(super) fn unreadable(&mut self, error: &LogError) {
        tracing::warn!(partition = %self.partition, %error, "a fetch could not be read");
        match error {
            LogError::Disk(_) | LogError::Damaged { .. } | LogError::Poisoned(_) => {
                self.fail(error.to_string())
            }
            // Trimmed or cut meanwhile: the follower asks again, and is told.
            LogError::OutOfRange { .. }
            | LogError::Overloaded
            | LogError::NoSpace(_)
            | LogError::TooLarge(_)
            | LogError::Gap { .. }
            | LogError::Batch(_) => {}
        }
    }

    fn send_fetch(&mut self, leader: NodeId, fetch: Fetch) {
        let epoch = fetch.report.epoch;
        let answer = self.network.fetch(leader, &self.partition, fetch);
        self.state.fetching = Some(answer.map(move |outcome| (epoch, outcome)).boxed());
    }

    fn propose(&mut self, proposal: Proposal) {
        tracing::info!(partition = %self.partition, members = ?proposal.members.keys(), "proposing an in-sync set");
        let change = AlterInSync {
            partition: self.partition.clone(),
            leader: self.node,
            epoch: proposal.epoch,
            version: proposal.version,
            in_sync: proposal.members.clone(),
        };
        let altered = self.link.alter_in_sync(change);
        let own = self.own.clone();
        self.world.tasks.spawn(async move {
            let outcome = match altered.await {
                // A newer state is on its way; only reading it settles the matter.
                Ok(())
                | Err(AlterError::Refused(Rejection::NotLeader { .. } | Rejection::StaleVersion { .. })) => {
                    ProposalOutcome::Overtaken
                }
                Err(AlterError::Refused(_) | AlterError::NotProposed(_)) => ProposalOutcome::Refused,
                Err(AlterError::Unknown(_)) => ProposalOutcome::Unknown,
            };
            let _ = own.send(PeerCall::Proposed(proposal, outcome)).await;
        });
    }

    fn ask(&mut self, round: Round, member: NodeId, confirm: Confirm) {
        let asked = self.network.confirm(member, &self.partition, confirm);
        let own = self.own.clone();
        self.world.tasks.spawn(async move {
            if let Ok(ConfirmReply::Follows(life)) = asked.await {
                let _ = own.send(PeerCall::Confirmed(round, member, life)).await;
            }
        });
    }

    pub(super) fn client(&mut self, call: ClientCall) {
        match call {
            ClientCall::Append(append) => self.append(append),
            ClientCall::Read(read, deadline, answer) => {
                let waiting = WaitingRead { read, deadline, answer };
                match read.isolation {
                    Isolation::Uncommitted | Isolation::Committed => self.read(waiting),
                    Isolation::Linearizable => {
                        let deadline = deadline.after(PROOF_TIME);
                        self.prove(Proof::Read(WaitingRead { deadline, ..waiting }));
                    }
                }
            }
            ClientCall::Tail(deadline, answer) => self.prove(Proof::Tail(deadline, answer)),
            ClientCall::Trim(to, deadline, answer) => self.trim(to, deadline, answer),
            ClientCall::Status(answer) => drop(answer.send(Ok(self.status()))),
        }
    }

    fn append(&mut self, append: PendingAppend) {
        let PendingAppend { batch, acks, handed_in, deadline, answer } = append;
        let epoch = match self.replica.admit(acks) {
            Ok(epoch) => epoch,
            Err(refusal) => return drop(answer.send(Err(refusal.into()))),
        };
        let check = batch.producer().map(|stamp| self.log.producers().check(stamp, batch.record_count()));
        let (placement, end) = match check {
            Some(SequenceCheck::Duplicate { placement, end }) => {
                if self.mutated.breaks(Mutant::AnswerDuplicateAtOnce) {
                    let waiting = Waiting { end, placement, deadline, answer };
                    return self.state.pending.acknowledge_now(waiting);
                }
                (placement, end)
            }
            Some(SequenceCheck::Refused(refusal)) => return drop(answer.send(Err(refusal.into()))),
            Some(SequenceCheck::Next) | None => match self.log.append(&batch, epoch) {
                Ok(placement) => {
                    self.state.turn.appended = Happened::Yes;
                    self.note_placed(handed_in);
                    (placement, placement.base.plus(batch.record_count()))
                }
                Err(error) => return drop(answer.send(Err(refusal(error, self.batch_bytes_max)))),
            },
        };
        self.state.pending.push(acks, Waiting { end, placement, deadline, answer });
        if self.mutated.breaks(Mutant::AcknowledgePlaced) {
            self.state.pending.committed(end);
        }
        // A duplicate may be committed, or stored, long since.
        if end <= self.replica.high_watermark() {
            self.state.pending.committed(self.replica.high_watermark());
        }
        if end <= self.log.stored() {
            self.state.pending.stored(self.log.stored());
        }
    }

    fn trim(&mut self, to: Offset, deadline: Moment, answer: Answer<Result<Offset, ReadError>>) {
        let high_watermark = self.replica.high_watermark();
        let error = if self.replica.next_proof().is_none() {
            Some(ReadError::NotLeader { leader: self.replica.leader() })
        } else if self.replica.visible_to().is_none() {
            Some(ReadError::NotAvailable)
        } else if to > high_watermark {
            Some(ReadError::OutOfRange { asked: to, start: self.log.start(), end: high_watermark })
        } else {
            None
        };
        match error {
            Some(error) => drop(answer.send(Err(error))),
            None if to <= self.state.trimmed_to => drop(answer.send(Ok(self.state.trimmed_to))),
            None => {
                self.state.reads.await_trim(to, deadline, answer);
                self.step(Event::Trim(to));
            }
        }
    }

    /// As leader, gives up what need not be kept, as far as it is committed; the members follow.
    pub(super) fn retain(&mut self) {
        if self.replica.next_proof().is_none() || self.replica.visible_to().is_none() {
            return;
        }
        let now = Timestamp(self.world.clock.wall_ms());
        if let Some(to) = self.log.retention_due(now, self.replica.high_watermark()) {
            tracing::info!(partition = %self.partition, %to, "giving up what need not be kept");
            self.step(Event::Trim(to));
        }
    }

    fn prove(&mut self, proof: Proof) {
        match self.replica.next_proof() {
            Some(_) if self.mutated.breaks(Mutant::ReadWithoutProof) => self.answer_proved(proof),
            Some(_) if self.replica.may_read_alone(self.world.clock.boot_now()) => self.answer_proved(proof),
            Some(round) => {
                self.state.reads.await_proof(round, proof);
                self.step(Event::Prove);
            }
            None => proof.fail(ReadError::NotLeader { leader: self.replica.leader() }),
        }
    }

    fn proved(&mut self, round: Round) {
        for proof in self.state.reads.take_proved(round) {
            self.answer_proved(proof);
        }
    }

    fn answer_proved(&mut self, proof: Proof) {
        let (offset, epoch) = (self.replica.high_watermark(), self.status().epoch);
        match proof {
            Proof::Tail(_, answer) => drop(answer.send(Ok(Tail { offset, epoch }))),
            Proof::Read(waiting) => self.read(waiting),
        }
    }

    pub(super) fn serve_waiting_reads(&mut self) {
        for waiting in self.state.reads.take_ready(self.log.end(), self.replica.visible_to()) {
            self.read(waiting);
        }
    }

    /// Answers a read, or lets it wait for data.
    fn read(&mut self, waiting: WaitingRead) {
        let Read { from, max_bytes, isolation, .. } = waiting.read;
        // What a reader is told must not come back.
        let (log_start, log_end) = (self.log.durable_start(), self.log.end());
        let high_watermark = self.replica.high_watermark();
        let until = match isolation {
            Isolation::Uncommitted => log_end,
            Isolation::Committed | Isolation::Linearizable => match self.replica.visible_to() {
                Some(visible) => visible,
                None => return drop(waiting.answer.send(Err(ReadError::NotAvailable))),
            },
        };
        if from > log_end && self.replica.role() != Role::Leader {
            // The leader may have it, and this replica soon.
            return drop(waiting.answer.send(Err(ReadError::NotAvailable)));
        }
        if (log_start..self.log.start()).contains(&from) {
            // Given up; once the disk says so, the reader is told where the log begins.
            return drop(waiting.answer.send(Err(ReadError::NotAvailable)));
        }
        // A follower may hear late that what it has is committed, so up to the log end one may wait.
        if from < log_start || from > log_end {
            let error = ReadError::OutOfRange { asked: from, start: log_start, end: until };
            return drop(waiting.answer.send(Err(error)));
        }
        if from >= until {
            if waiting.deadline <= self.world.clock.now() {
                return self.answer_empty(waiting);
            }
            return self.state.reads.await_data(waiting);
        }
        let fetched = move |batches| Fetched { batches, log_start, high_watermark };
        match self.reader.read_cached(from, until, max_bytes) {
            Ok(CacheRead::Hit(batches)) => drop(waiting.answer.send(Ok(fetched(batches)))),
            Ok(CacheRead::Miss) => {
                let reader = self.reader.clone();
                self.world.tasks.spawn(async move {
                    let read = reader.read(from, until, max_bytes).await;
                    let _ = waiting.answer.send(read.map(fetched).map_err(read_error));
                });
            }
            Err(error) => drop(waiting.answer.send(Err(read_error(error)))),
        }
    }

    pub(super) fn answer_empty(&self, waiting: WaitingRead) {
        let _ =
            waiting.answer.send(Ok(Fetched::empty(self.log.durable_start(), self.replica.high_watermark())));
    }
}

/// Why the log did not take an append, as its client is told: nothing was appended.
fn refusal(error: LogError, limit: ByteSize) -> AppendError {
    let refusal = match error {
        LogError::Overloaded => Refusal::Overloaded,
        LogError::NoSpace(_) => Refusal::NoSpace,
        LogError::TooLarge(size) => Refusal::TooLarge { size, limit },
        LogError::Batch(error) => Refusal::Corrupt(error.to_string()),
        LogError::Poisoned(what) | LogError::Disk(what) => Refusal::Stopped(what),
        LogError::Gap { .. } | LogError::OutOfRange { .. } | LogError::Damaged { .. } => {
            Refusal::Stopped(error.to_string())
        }
    };
    refusal.into()
}

fn read_error(error: LogError) -> ReadError {
    match error {
        LogError::OutOfRange { asked, start, end } => ReadError::OutOfRange { asked, start, end },
        LogError::Damaged { at, what } => ReadError::Damaged { at, what },
        LogError::Poisoned(_)
        | LogError::Overloaded
        | LogError::NoSpace(_)
        | LogError::TooLarge(_)
        | LogError::Gap { .. }
        | LogError::Batch(_)
        | LogError::Disk(_) => ReadError::Stopped(error.to_string()),
    }
}
