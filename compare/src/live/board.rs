//! What is known at the moment: written by whoever sees something, read by browsers, scrapers and tours.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use partition::clock::Clock;
use partition::ids::{Epoch, Offset};
use serde::Serialize;
use tokio::sync::{Notify, broadcast};

use super::light;
use super::pulse::{Pulse, Totals};
use super::seen::{Condition, Happening, Light, NodeSeen, Says, Second, SystemSeen, name_of};
use super::settings::{SYSTEMS, Settings};
use super::tours::TourSeen;
use crate::system::{Member, System};

/// Seconds that are kept for whoever opens the page: the last five minutes.
pub(super) const SECONDS_KEPT: usize = 300;
/// Happenings that are kept: some hours of an attentive visitor.
pub(super) const HAPPENINGS_KEPT: usize = 200;
/// Epochs whose beginning is remembered: a replica that was away for longer is not told of as truncated.
const EPOCHS_KEPT: usize = 64;
/// Messages that a browser may lag behind, some ten seconds; then it is told everything anew.
const MESSAGES_KEPT: usize = 64;

/// What is known. Shared by all.
#[derive(Debug)]
pub(super) struct Board {
    clock: Clock,
    known: Mutex<Known>,
    told: broadcast::Sender<Arc<Message>>,
    /// Something has changed.
    changed: Notify,
}

#[derive(Debug)]
struct Known {
    sides: BTreeMap<System, OneKnown>,
    happenings: VecDeque<Happening>,
    next: u64,
    tour: Option<TourSeen>,
}

/// What is known of one system.
#[derive(Debug)]
struct OneKnown {
    seen: SystemSeen,
    seconds: VecDeque<Second>,
    pulse: Pulse,
    waiting: u64,
    /// Where the newest epochs begin.
    begins: BTreeMap<Epoch, Offset>,
}

/// A message to browsers: the name of the event, and its data as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) name: &'static str,
    pub(super) data: String,
}

impl Message {
    fn of(name: &'static str, data: &impl Serialize) -> Self {
        Self { name, data: serde_json::to_string(data).expect("what is shown is plain data") }
    }
}

/// Everything, for whoever opens the page.
#[derive(Serialize)]
struct Everything<'a> {
    systems: Vec<&'a SystemSeen>,
    seconds: BTreeMap<System, &'a VecDeque<Second>>,
    happenings: &'a VecDeque<Happening>,
    tour: &'a Option<TourSeen>,
}

/// How it stands now.
#[derive(Serialize)]
struct Now<'a> {
    systems: Vec<&'a SystemSeen>,
    tour: &'a Option<TourSeen>,
}

impl Board {
    pub(super) fn new(clock: &Clock, settings: &Settings) -> Arc<Self> {
        let side = |system: System| {
            let seen = SystemSeen {
                system,
                name: settings.name(system),
                leader: None,
                epoch: Default::default(),
                members: Vec::new(),
                replicas: Vec::new(),
                controllers: Vec::new(),
                light: Light::default(),
            };
            (
                system,
                OneKnown {
                    seen,
                    seconds: VecDeque::new(),
                    pulse: Pulse::default(),
                    waiting: 0,
                    begins: BTreeMap::new(),
                },
            )
        };
        let sides = SYSTEMS.into_iter().map(side).collect();
        let known = Known { sides, happenings: VecDeque::new(), next: 1, tour: None };
        let told = broadcast::Sender::new(MESSAGES_KEPT);
        Arc::new(Self { clock: clock.clone(), known: Mutex::new(known), told, changed: Notify::new() })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("no holder panics")
    }

    fn tell(&self, message: Message) {
        // Nobody may be listening.
        let _ = self.told.send(Arc::new(message));
    }

    /// The nodes of a system, before anything is known of them.
    pub(super) fn enlist(&self, system: System, members: impl IntoIterator<Item = Member>) {
        let mut known = self.known();
        let seen = &mut known.side(system).seen;
        for member in members {
            let node = NodeSeen {
                name: name_of(member),
                condition: Condition::default(),
                answers: false,
                says: None,
            };
            match member {
                Member::Replica(_) => seen.replicas.push(node),
                Member::Controller(_) => seen.controllers.push(node),
                Member::Client(_) => {}
            }
        }
    }

    /// What was done to a node.
    pub(super) fn condition(&self, system: System, member: Member, condition: Condition) {
        let mut known = self.known();
        let seen = &mut known.side(system).seen;
        let name = name_of(member);
        let all = seen.replicas.iter_mut().chain(&mut seen.controllers);
        all.filter(|node| node.name == name).for_each(|node| node.condition = condition);
        self.tell_now(&known);
    }

    /// What replicas say, and who leads by that.
    pub(super) fn look(&self, system: System, look: impl FnOnce(&mut SystemSeen)) {
        let mut known = self.known();
        let side = known.side(system);
        let before = side.seen.clone();
        look(&mut side.seen);
        if side.seen != before {
            self.tell_now(&known);
        }
    }

    fn tell_now(&self, known: &Known) {
        let now = Now { systems: known.systems(), tour: &known.tour };
        self.tell(Message::of("now", &now));
        self.changed.notify_waiters();
    }

    /// Counts an append, and how many are on their way.
    pub(super) fn count(&self, system: System, waiting: usize, count: impl FnOnce(&mut Pulse)) {
        let mut known = self.known();
        let side = known.side(system);
        side.waiting = waiting as u64;
        count(&mut side.pulse);
    }

    /// A second has passed.
    pub(super) fn second(&self) {
        let at_ms = self.clock.wall_ms();
        let mut known = self.known();
        let mut seconds = BTreeMap::new();
        for (system, side) in &mut known.sides {
            let second = side.pulse.second(at_ms, side.waiting);
            push(&mut side.seconds, second, SECONDS_KEPT);
            seconds.insert(*system, second);
        }
        drop(known);
        self.tell(Message::of("second", &seconds));
        self.changed.notify_waiters();
    }

    /// Something happened.
    pub(super) fn happened(&self, system: System, member: Member, what: &str, more: String) {
        let mut known = self.known();
        let number = known.next;
        known.next += 1;
        let (whom, what) = (name_of(member), what.to_owned());
        let happening = Happening { number, at_ms: self.clock.wall_ms(), system, whom, what, more };
        push(&mut known.happenings, happening.clone(), HAPPENINGS_KEPT);
        drop(known);
        self.tell(Message::of("happened", &happening));
        self.changed.notify_waiters();
    }

    /// How the tour stands.
    pub(super) fn tour(&self, tour: Option<TourSeen>) {
        let mut known = self.known();
        known.tour = tour;
        self.tell_now(&known);
    }

    /// How a system stands.
    pub(super) fn seen(&self, system: System) -> SystemSeen {
        self.known().side(system).seen.clone()
    }

    /// What its appends came to since the start.
    pub(super) fn totals(&self, system: System) -> Totals {
        self.known().side(system).pulse.totals().clone()
    }

    /// A reader was shown a batch of this epoch at this place.
    pub(super) fn read(&self, system: System, epoch: Epoch, at: Offset) {
        let mut known = self.known();
        let begins = &mut known.side(system).begins;
        if begins.last_key_value().is_none_or(|(newest, _)| *newest < epoch) {
            begins.insert(epoch, at);
            if begins.len() > EPOCHS_KEPT {
                begins.pop_first();
            }
        }
    }

    /// Where the newest epochs begin, as far as was read.
    pub(super) fn begins(&self, system: System) -> BTreeMap<Epoch, Offset> {
        self.known().side(system).begins.clone()
    }

    /// From now on its longest silence is measured anew.
    pub(super) fn listen(&self, system: System) {
        let now = self.clock.now();
        self.known().side(system).pulse.listen(now);
    }

    /// The longest time without an acknowledgement since then.
    pub(super) fn silence(&self, system: System) -> Duration {
        let now = self.clock.now();
        self.known().side(system).pulse.silence(now)
    }

    /// Whether the checker found anything, in either.
    pub(super) fn is_broken(&self) -> bool {
        self.known().sides.values().any(|side| side.seen.light.colour == light::BROKEN)
    }

    /// Resolves with what `look` finds, as soon as it finds something.
    pub(super) async fn until<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(found) = look() {
                return found;
            }
            changed.await;
        }
    }

    /// Everything now, and what is told from then on.
    pub(super) fn watch(&self) -> (Message, broadcast::Receiver<Arc<Message>>) {
        let known = self.known();
        let told = self.told.subscribe();
        let everything = Everything {
            systems: known.systems(),
            seconds: known.sides.iter().map(|(system, side)| (*system, &side.seconds)).collect(),
            happenings: &known.happenings,
            tour: &known.tour,
        };
        (Message::of("everything", &everything), told)
    }

    /// How many browsers watch.
    pub(super) fn watchers(&self) -> usize {
        self.told.receiver_count()
    }

    /// What a replica said last.
    pub(super) fn says(&self, system: System, member: Member) -> Option<Says> {
        let name = name_of(member);
        let known = self.known();
        let replicas = &known.sides[&system].seen.replicas;
        replicas.iter().find(|node| node.name == name)?.says.clone()
    }
}

impl Known {
    fn side(&mut self, system: System) -> &mut OneKnown {
        self.sides.get_mut(&system).expect("both systems are on the board")
    }

    fn systems(&self) -> Vec<&SystemSeen> {
        SYSTEMS.iter().map(|system| &self.sides[system].seen).collect()
    }
}

/// One more, and the oldest goes when there are too many.
fn push<T>(queue: &mut VecDeque<T>, one: T, most: usize) {
    if queue.len() == most {
        queue.pop_front();
    }
    queue.push_back(one);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::settings::tests::settings;
    use partition::ids::NodeId;

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_is_bounded_and_a_newcomer_is_told_all_of_it() {
        let board = Board::new(&Clock::simulated(), &settings());
        for _ in 0..2 * SECONDS_KEPT {
            board.second();
            board.happened(System::Isr, Member::Replica(NodeId(1)), "killed", String::new());
        }
        let (message, _) = board.watch();
        let told: serde_json::Value = serde_json::from_str(&message.data).unwrap();
        assert_eq!(told["seconds"]["isr"].as_array().unwrap().len(), SECONDS_KEPT);
        assert_eq!(told["happenings"].as_array().unwrap().len(), HAPPENINGS_KEPT);
        assert_eq!(told["happenings"][HAPPENINGS_KEPT - 1]["number"], 2 * SECONDS_KEPT as u64);
        assert_eq!(told["systems"][0]["name"], "isr-3:2");
    }

    #[tokio::test(start_paused = true)]
    async fn who_watches_hears_of_each_change_once() {
        let board = Board::new(&Clock::simulated(), &settings());
        board.enlist(System::Quorum, [Member::Replica(NodeId(1))]);
        let (_, mut told) = board.watch();
        board.look(System::Quorum, |seen| seen.leader = Some(NodeId(1)));
        board.look(System::Quorum, |seen| seen.leader = Some(NodeId(1)));
        assert_eq!(told.try_recv().unwrap().name, "now");
        assert!(told.try_recv().is_err(), "nothing changed");
        let found = board.until(|| board.seen(System::Quorum).leader).await;
        assert_eq!(found, NodeId(1));
    }
}
