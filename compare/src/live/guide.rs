//! Leads through a tour: a step when the visitor asks for it, what it led to, and everything as it was at the end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use partition::clock::Clock;
use partition::ids::NodeId;
use serde::Deserialize;
use tokio::sync::{Notify, mpsc};

use super::board::Board;
use super::deed::amends;
use super::seen::{Says, SystemSeen, member_named};
use super::side::Side;
use super::tours::{self, StepState, TourSeen};
use crate::system::{Member, System};

/// Orders that wait: more would be for steps that nobody has seen.
const ORDERS_MAX: usize = 4;

/// What a visitor asks of the guide.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(super) enum TourOrder {
    /// Begin this one; another one that is on ends.
    Begin {
        /// Its name.
        tour: String,
    },
    /// The next step.
    Next,
    /// Make all well, and end.
    End,
}

/// Where the guide is asked. Clones ask the same one.
#[derive(Clone, Debug)]
pub(super) struct TourOrders(mpsc::Sender<TourOrder>);

impl TourOrders {
    pub(super) fn channel() -> (Self, mpsc::Receiver<TourOrder>) {
        let (orders, inbox) = mpsc::channel(ORDERS_MAX);
        (Self(orders), inbox)
    }

    pub(super) fn ask(&self, order: TourOrder) -> Result<(), String> {
        if let TourOrder::Begin { tour } = &order
            && tours::named(tour).is_none()
        {
            return Err(format!("there is no tour {tour:?}"));
        }
        self.0.try_send(order).map_err(|_| "the guide is busy: wait a little".to_owned())
    }
}

/// The guide.
#[derive(Debug)]
pub(super) struct Guide {
    board: Arc<Board>,
    sides: BTreeMap<System, Arc<Side>>,
    clock: Clock,
}

impl Guide {
    pub(super) fn new(board: &Arc<Board>, sides: &BTreeMap<System, Arc<Side>>, clock: &Clock) -> Self {
        Self { board: Arc::clone(board), sides: sides.clone(), clock: clock.clone() }
    }

    /// Guides until dropped.
    pub(super) async fn guide(self, mut inbox: mpsc::Receiver<TourOrder>) {
        let mut begin = None;
        loop {
            let tour = match begin.take() {
                Some(tour) => tour,
                None => match inbox.recv().await {
                    Some(TourOrder::Begin { tour }) => tour,
                    Some(TourOrder::Next | TourOrder::End) => continue,
                    None => return,
                },
            };
            begin = self.lead(&tour, &mut inbox).await;
            self.amend().await;
            self.board.tour(None);
        }
    }

    /// Leads through one; returns which is to begin next, if the visitor asked for one.
    async fn lead(&self, tour: &str, inbox: &mut mpsc::Receiver<TourOrder>) -> Option<String> {
        let text = tours::named(tour)?;
        self.amend().await;
        let (go, waits) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let seen = TourSeen::of(text);
        let mut podium =
            Podium { guide: self, seen, go: Arc::clone(&go), waits: Arc::clone(&waits), at: None };
        let play = async {
            if let Err(why) = tours::play(text, &mut podium).await {
                podium.end_step(StepState::Stuck, why);
            }
            podium.ended();
            std::future::pending::<()>().await;
        };
        let mut play = std::pin::pin!(play);
        loop {
            tokio::select! {
                biased;
                order = inbox.recv() => match order {
                    Some(TourOrder::Begin { tour }) => return Some(tour),
                    Some(TourOrder::Next) => if waits.swap(false, Ordering::SeqCst) { go.notify_one() },
                    Some(TourOrder::End) | None => return None,
                },
                () = &mut play => {}
            }
        }
    }

    /// Undoes all that was done to any node, controllers first: replicas ask them.
    async fn amend(&self) {
        for (system, side) in &self.sides {
            let SystemSeen { replicas, controllers, .. } = self.board.seen(*system);
            for node in controllers.into_iter().chain(replicas) {
                let Some(member) = member_named(&node.name) else { continue };
                for deed in amends(node.condition) {
                    if let Err(why) = side.orders.ask(member, deed).await {
                        tracing::warn!(node = node.name, %why, "it is not made well");
                    }
                }
            }
        }
    }
}

/// Where a tour's steps are told and taken.
#[derive(Debug)]
pub(super) struct Podium<'a> {
    guide: &'a Guide,
    seen: TourSeen,
    go: Arc<Notify>,
    /// Whether the visitor's next order is for the next step.
    waits: Arc<AtomicBool>,
    at: Option<usize>,
}

impl Podium<'_> {
    /// The next step begins: the first at once, others when the visitor asks for it.
    pub(super) async fn step(&mut self) {
        let at = self.at.map_or(0, |at| at + 1);
        if at > 0 {
            self.seen.steps[at].state = StepState::Next;
            self.show();
            self.waits.store(true, Ordering::SeqCst);
            self.go.notified().await;
        }
        self.at = Some(at);
        self.seen.steps[at].state = StepState::Doing;
        self.show();
    }

    /// What the step led to.
    pub(super) fn observed(&mut self, words: impl Into<String>) {
        self.end_step(StepState::Done, words.into());
    }

    fn end_step(&mut self, state: StepState, words: String) {
        if let Some(step) = self.at.and_then(|at| self.seen.steps.get_mut(at)) {
            (step.state, step.observed) = (state, Some(words));
        }
        self.show();
    }

    fn ended(&mut self) {
        self.seen.ended = true;
        self.show();
    }

    fn show(&self) {
        self.guide.board.tour(Some(self.seen.clone()));
    }

    /// Both systems, in the order in which they stand on the page.
    pub(super) fn sides(&self) -> Vec<Arc<Side>> {
        self.guide.sides.values().cloned().collect()
    }

    pub(super) fn board(&self) -> &Board {
        &self.guide.board
    }

    pub(super) async fn rest(&self, span: Duration) {
        self.guide.clock.sleep(span).await;
    }

    /// What `look` finds of this system, as soon as it finds something.
    ///
    /// # Errors
    /// In words, when it finds nothing for so long.
    pub(super) async fn awaits<T>(
        &self,
        side: &Side,
        limit: Duration,
        what: &str,
        mut look: impl FnMut(&SystemSeen) -> Option<T>,
    ) -> Result<T, String> {
        let board = self.board();
        let found = board.until(|| look(&board.seen(side.system)));
        let found = self.guide.clock.timeout(limit, found).await;
        found.map_err(|_| format!("{}: {what} did not come within {} s", side.name, limit.as_secs()))
    }

    /// Who leads, once all copies count.
    pub(super) async fn whole(&self, side: &Side) -> Result<NodeId, String> {
        let whole = |seen: &SystemSeen| {
            let all =
                seen.members.len() == seen.replicas.len() && seen.replicas.iter().all(|one| one.answers);
            seen.leader.filter(|_| all)
        };
        self.awaits(side, WHOLE_WITHIN, "a leader with all copies", whole).await
    }

    /// What a replica says of itself.
    pub(super) fn says(&self, side: &Side, node: NodeId) -> Option<Says> {
        self.board().says(side.system, Member::Replica(node))
    }
}

/// How long a system may take to be whole before a tour: a start, and all that was missed.
const WHOLE_WITHIN: Duration = Duration::from_secs(30);
