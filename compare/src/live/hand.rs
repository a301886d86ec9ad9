//! What does deeds to the nodes of one system, one after another, and remembers what it did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use partition::clock::Clock;
use partition::cluster::Cluster;
use partition::fault::DiskFault;
use partition::transport::barred::Barriers;
use tokio::sync::{mpsc, oneshot};

use super::board::Board;
use super::deed::{Deed, amends};
use super::seen::{Condition, Standing, member_named};
use crate::system::{Cut, LaunchError, LongerLinks, Member, Running, System};

/// Deeds that wait; a visitor who clicks faster is told so.
pub(super) const ORDERS_MAX: usize = 16;
/// How much longer each frame takes on a slow link, each way.
pub(super) const SLOW_LINK: Duration = Duration::from_millis(50);
/// How much longer each sync takes on a slow disk.
pub(super) const SLOW_DISK: Duration = Duration::from_millis(40);
/// How soon a node that died of itself is missed.
const MISSED_WITHIN: Duration = Duration::from_secs(1);
/// The clients of the load, as cuts know them.
const LOAD: Member = Member::Client(LOAD_NUMBER);
const LOAD_NUMBER: u32 = 1;

/// A deed that somebody asked for.
#[derive(Debug)]
pub(super) struct Order {
    member: Member,
    deed: Deed,
    answer: oneshot::Sender<Result<(), String>>,
}

/// Where deeds are asked for. Clones ask the same hand.
#[derive(Clone, Debug)]
pub(super) struct Orders(mpsc::Sender<Order>);

impl Orders {
    pub(super) fn channel() -> (Self, mpsc::Receiver<Order>) {
        let (orders, inbox) = mpsc::channel(ORDERS_MAX);
        (Self(orders), inbox)
    }

    /// Has it done; resolves when it is.
    ///
    /// # Errors
    /// In words, when it makes no sense or was not done.
    pub(super) async fn ask(&self, member: Member, deed: Deed) -> Result<(), String> {
        let (answer, answered) = oneshot::channel();
        let order = Order { member, deed, answer };
        self.0.try_send(order).map_err(|_| "too much is to be done already: wait a little".to_owned())?;
        answered.await.unwrap_or_else(|_| Err("the page is being closed".to_owned()))
    }
}

/// Who is cut off from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severed {
    FromAll,
    FromNodes,
}

/// What does deeds.
#[derive(Debug)]
pub(super) struct Hand {
    system: System,
    running: Running,
    board: Arc<Board>,
    /// In the way of the load's clients.
    barriers: Barriers,
    conditions: BTreeMap<Member, Condition>,
    severed: BTreeMap<Member, Severed>,
}

impl Hand {
    pub(super) fn new(system: System, running: Running, board: &Arc<Board>, barriers: Barriers) -> Self {
        let conditions = running.members().into_iter().map(|member| (member, Condition::default())).collect();
        Self { system, running, board: Arc::clone(board), barriers, conditions, severed: BTreeMap::new() }
    }

    /// Does what is asked for, until dropped; and says so when a node dies of itself.
    pub(super) async fn work(&mut self, inbox: &mut mpsc::Receiver<Order>) {
        let clock = Clock::real();
        let mut died = Some(self.running.casualty());
        loop {
            let casualty = async {
                match &mut died {
                    Some(died) => died.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                error = casualty => {
                    // Only the first has its last words told; the others are missed when they are looked for.
                    died = None;
                    self.mourn(&error).await;
                }
                () = clock.sleep(MISSED_WITHIN) => self.look_for_the_dead().await,
                order = inbox.recv() => {
                    let Some(Order { member, deed, answer }) = order else { return };
                    // Whoever asked may have gone.
                    let _ = answer.send(self.order(member, deed).await);
                }
            }
        }
    }

    async fn mourn(&mut self, error: &LaunchError) {
        let LaunchError::ChildDied { node, last_words } = error else { return };
        let name = node.rsplit('/').next().unwrap_or_default();
        let Some(member) = member_named(name) else { return };
        self.bury(member, last_words.clone()).await;
    }

    async fn bury(&mut self, member: Member, last_words: String) {
        self.end(member).await;
        self.stands(member, Condition { standing: Standing::Down, ..self.condition(member) });
        self.board.happened(self.system, member, "died", last_words);
    }

    async fn look_for_the_dead(&mut self) {
        for member in self.running.members() {
            if self.condition(member).standing == Standing::Up && self.running.is_gone(member) {
                self.bury(member, "its process has ended".to_owned()).await;
            }
        }
    }

    fn condition(&self, member: Member) -> Condition {
        self.conditions.get(&member).copied().unwrap_or_default()
    }

    fn stands(&mut self, member: Member, condition: Condition) {
        self.conditions.insert(member, condition);
        self.board.condition(self.system, member, condition);
    }

    async fn order(&mut self, member: Member, deed: Deed) -> Result<(), String> {
        let Some(now) = self.conditions.get(&member).copied() else {
            return Err(format!("{} has no {member}", self.running.shape()));
        };
        deed.check(member, now).map_err(|senseless| senseless.to_string())?;
        let done = self.act(member, deed, now).await;
        if done.is_err() && self.running.is_gone(member) {
            self.bury(member, "its process has ended".to_owned()).await;
        }
        let more = done.map_err(|error| error.to_string())?;
        self.stands(member, deed.after(now));
        self.board.happened(self.system, member, deed.done(), more);
        if matches!(deed, Deed::Restart | Deed::Resume) {
            // It may have been told nothing while it was away.
            self.tell(member).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Does it, and says what is worth saying about how.
    async fn act(&mut self, member: Member, deed: Deed, now: Condition) -> Result<String, LaunchError> {
        match (deed, member) {
            (Deed::Kill, Member::Replica(node)) if now.standing == Standing::Up => {
                self.running.keep(node).await?;
                self.end(member).await;
            }
            (Deed::Kill, Member::Replica(_)) => {
                self.end(member).await;
                return Ok("it stood still, so it took along what it had not synced".to_owned());
            }
            (Deed::Kill, _) => self.end(member).await,
            (Deed::PowerCut, _) => {
                self.end(member).await;
                return Ok("what it had not synced is gone".to_owned());
            }
            (Deed::Restart, _) => {
                if let (Member::Replica(node), Standing::Up) = (member, now.standing) {
                    // To be started again takes no machine's power.
                    self.running.keep(node).await?;
                }
                self.end(member).await;
                self.stands(member, Condition { standing: Standing::Starting, ..now });
                match member {
                    Member::Replica(node) => self.running.restart(node).await,
                    Member::Controller(node) => self.running.restart_controller(node).await,
                    Member::Client(_) => {}
                }
                if self.running.is_gone(member) {
                    return Err(LaunchError::ChildDied {
                        node: member.to_string(),
                        last_words: "it ended as soon as it was started; restart it again".to_owned(),
                    });
                }
            }
            (Deed::Pause, Member::Replica(node)) => self.running.pause(node).await,
            (Deed::Resume, Member::Replica(node)) => self.running.resume(node).await,
            (Deed::CutOff, _) => self.sever(member, Some(Severed::FromAll)).await,
            (Deed::CutFromNodes, _) => {
                self.sever(member, Some(Severed::FromNodes)).await;
                return Ok("from the other nodes; clients still reach it".to_owned());
            }
            (Deed::Heal, _) => self.sever(member, None).await,
            (Deed::SlowLink, Member::Replica(_)) => {
                self.slow(member, deed.after(now)).await;
                return Ok(format!("{} ms more each way", SLOW_LINK.as_millis()));
            }
            (Deed::QuickLink, Member::Replica(_)) => self.slow(member, deed.after(now)).await,
            (Deed::SlowDisk, Member::Replica(_)) => {
                self.trouble(member, SLOW_DISK).await?;
                return Ok(format!("{} ms more for each sync", SLOW_DISK.as_millis()));
            }
            (Deed::QuickDisk, Member::Replica(_)) => self.trouble(member, Duration::ZERO).await?,
            (Deed::Pause | Deed::Resume | Deed::SlowLink | Deed::QuickLink, _)
            | (Deed::SlowDisk | Deed::QuickDisk, _) => {}
        }
        Ok(String::new())
    }

    async fn end(&mut self, member: Member) {
        match member {
            Member::Replica(node) => self.running.crash(node).await,
            Member::Controller(node) => self.running.crash_controller(node).await,
            Member::Client(_) => {}
        }
    }

    /// Cuts it off, or heals it, and tells all who can hear.
    async fn sever(&mut self, member: Member, how: Option<Severed>) {
        match how {
            Some(how) => self.severed.insert(member, how),
            None => self.severed.remove(&member),
        };
        let cuts = self.cuts();
        self.barriers.set(&self.running.barriers_of(LOAD_NUMBER, &cuts));
        let awake = self.awake();
        let away = self.running.members().into_iter().filter(|other| !awake.contains(other)).collect();
        // One that has died meanwhile is told when it is started again.
        if let Err(error) = self.running.cut(&cuts, &away).await {
            tracing::warn!(%error, "somebody is not told of a cut");
        }
    }

    fn cuts(&self) -> BTreeSet<Cut> {
        let all = self.running.members();
        let pairs = self.severed.iter().flat_map(|(one, how)| {
            let clients = (*how == Severed::FromAll).then_some(LOAD);
            let others = all.iter().copied().chain(clients).filter(move |other| other != one);
            others.map(move |other| (*one, other))
        });
        pairs.flat_map(|(one, other)| [Cut { from: one, to: other }, Cut { from: other, to: one }]).collect()
    }

    /// Those that hear what they are told: one that stands still would not answer.
    fn awake(&self) -> Vec<Member> {
        let up = self.conditions.iter().filter(|(_, condition)| condition.standing == Standing::Up);
        up.map(|(member, _)| *member).collect()
    }

    async fn slow(&mut self, member: Member, then: Condition) {
        self.conditions.insert(member, then);
        let links = self.slow_links();
        self.running.lengthen_for_clients(LOAD_NUMBER, &links);
        for other in self.awake() {
            if let Err(error) = self.running.lengthen_at(other, &links).await {
                tracing::warn!(%other, %error, "it is not told of a slow link");
            }
        }
    }

    /// All links of those whose links are slow, both ways; one between two of them is no slower than either.
    fn slow_links(&self) -> LongerLinks {
        let slow = self.conditions.iter().filter(|(_, condition)| condition.slow_link);
        let pairs = slow.flat_map(|(one, _)| {
            let others = self.running.members().into_iter().chain([LOAD]).filter(move |other| other != one);
            others.flat_map(move |other| [(*one, other), (other, *one)])
        });
        pairs.map(|pair| (pair, SLOW_LINK)).collect()
    }

    async fn trouble(&mut self, member: Member, by: Duration) -> Result<(), LaunchError> {
        match member {
            // One that stands still is told when it goes on.
            Member::Replica(node) if self.condition(member).standing == Standing::Up => {
                self.running.trouble(node, &DiskFault::SlowSync { by }).await
            }
            _ => Ok(()),
        }
    }

    /// Tells one that was away all that holds now.
    async fn tell(&mut self, member: Member) -> Result<(), LaunchError> {
        let (links, now) = (self.slow_links(), self.condition(member));
        self.running.cut_at(member).await?;
        self.running.lengthen_at(member, &links).await?;
        self.trouble(member, if now.slow_disk { SLOW_DISK } else { Duration::ZERO }).await
    }

    /// Lets all go on that are held, so that they can stop in order; then stops all.
    ///
    /// # Errors
    /// [`LaunchError`] when one had died of itself, or had to be killed.
    pub(super) async fn shutdown(mut self) -> Result<(), LaunchError> {
        for (member, condition) in self.conditions.clone() {
            for deed in amends(condition) {
                if matches!(deed, Deed::Resume | Deed::Heal) {
                    // What does not work now is of no interest any more.
                    let _ = self.act(member, deed, self.condition(member)).await;
                    self.conditions.insert(member, deed.after(self.condition(member)));
                }
            }
        }
        self.running.shutdown().await
    }
}
