//! Answers the other replicas: hands what they ask to openraft, in the order in which it came.

use std::fmt;
use std::future::Future;
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use openraft::raft::TransferLeaderRequest;
use openraft::{Snapshot, SnapshotMeta};
use partition::transport::{Answer, Reply, Request, codec};
use tokio::task::coop;

use crate::message::{AppendHead, AppendVerdict, MessageError, ReplicaReply, ReplicaRequest, unpack_append};
use crate::mutant::{Mutant, Mutated};
use crate::operator::Operator;
use crate::raft::{LogId, Raft};
use crate::runtime::Home;
use crate::store::kept::KeptVoters;

/// The replica's end of the others' connections.
pub(crate) struct ReplicaService {
    home: Home,
    raft: Raft,
    operator: Operator,
    mutated: Mutated,
}

impl ReplicaService {
    pub(crate) fn new(home: Home, raft: Raft, operator: Operator, mutated: Mutated) -> Self {
        Self { home, raft, operator, mutated }
    }

    /// Takes one request.
    pub(crate) fn call(&self, request: Request) -> BoxFuture<'static, Answer> {
        match self.home.enter(|| self.submit(request)) {
            Ok(answer) => self.home.scope(answer).boxed(),
            Err(error) => {
                // The leader sends it again on a new connection; what is damaged every time never gets in.
                tracing::warn!(%error, "a replica's message is damaged");
                future::ready(Answer::Close).boxed()
            }
        }
    }

    /// Takes one of many heartbeats that came together. No answer: raft has ended.
    pub(crate) fn heartbeat(&self, head: AppendHead) -> BoxFuture<'static, Option<AppendVerdict>> {
        let taken = self.home.enter(|| {
            let entries = unpack_append(head, bytes::Bytes::new()).expect("there is no batch to be damaged");
            let raft = self.raft.clone();
            submitted(Box::pin(async move { raft.append_entries(entries).await }))
        });
        self.home.scope(taken).map(|taken| taken.ok().map(AppendVerdict::from)).boxed()
    }

    fn submit(&self, request: Request) -> Result<BoxFuture<'static, Answer>, MessageError> {
        let raft = self.raft.clone();
        Ok(match codec::decode(&request.message)? {
            ReplicaRequest::Append(head) => {
                let entries = unpack_append(head, request.body)?;
                let taken = async move { raft.append_entries(entries).await };
                reply(
                    submitted(Box::pin(taken))
                        .map(|taken| taken.map(|verdict| ReplicaReply::Append(verdict.into()))),
                )
            }
            ReplicaRequest::Vote(candidacy) => reply(async move {
                raft.vote(candidacy.into()).await.map(|ballot| ReplicaReply::Vote(ballot.into()))
            }),
            ReplicaRequest::PreVote(candidacy) => {
                let always = self.mutated.breaks(Mutant::GrantEveryPreVote);
                reply(async move {
                    raft.pre_vote(candidacy.into()).await.map(|mut response| {
                        response.vote_granted |= always;
                        ReplicaReply::Vote(response.into())
                    })
                })
            }
            ReplicaRequest::Begin { vote, beginning, voters } => {
                let last_membership = KeptVoters::stored(voters.as_ref());
                let meta = SnapshotMeta { last_log_id: beginning.start.before(), last_membership };
                reply(async move {
                    let installed =
                        raft.install_full_snapshot(vote.into(), Snapshot { meta, snapshot: beginning });
                    installed.await.map(|response| ReplicaReply::Begin(response.vote.into()))
                })
            }
            ReplicaRequest::Operate { operation, timeout } => {
                let outcome = self.operator.perform(operation, timeout);
                reply(outcome.map(|outcome| Ok::<_, MessageError>(ReplicaReply::Operated(outcome))))
            }
            ReplicaRequest::Heartbeats(_) => return Err(MessageError::Misled),
            ReplicaRequest::TakeOver { from, to, last } => {
                let request = TransferLeaderRequest::new(from.into(), to, last.map(LogId::from));
                reply(async move {
                    let heard = raft.handle_transfer_leader(request).await?;
                    if let Err(error) = heard {
                        tracing::info!(%error, "not taking over");
                    }
                    Ok::<_, openraft::errors::Fatal<crate::raft::Types>>(ReplicaReply::TakeOver)
                })
            }
        })
    }
}

impl fmt::Debug for ReplicaService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplicaService")
    }
}

fn reply<E: fmt::Display>(
    answer: impl Future<Output = Result<ReplicaReply, E>> + Send + 'static,
) -> BoxFuture<'static, Answer> {
    let answer = answer.map(|answer| {
        let reply = answer.unwrap_or_else(|error| ReplicaReply::Stopped(error.to_string()));
        Answer::Reply(Reply { message: codec::encode(&reply), body: bytes::Bytes::new() })
    });
    answer.boxed()
}

/// Makes a call of openraft happen now: its message is in the queue when this returns, in the order of the calls.
///
/// openraft's calls send their message when they are first polled, and wait for the answer after that. Nobody is woken
/// by this poll; whoever awaits the result polls again. Should the queue be full, the message waits in line for room,
/// and so the order is kept. A task's budget must not make the poll return early.
pub(crate) fn submitted<F>(mut call: F) -> future::Either<coop::Unconstrained<F>, future::Ready<F::Output>>
where
    F: Future + Unpin,
{
    let mut once = Context::from_waker(Waker::noop());
    let mut first = std::pin::pin!(coop::unconstrained(&mut call));
    if let Poll::Ready(done) = first.as_mut().poll(&mut once) {
        return future::Either::Right(future::ready(done));
    }
    future::Either::Left(coop::unconstrained(call))
}
