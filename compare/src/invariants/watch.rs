//! The watch: told who starts and ends and what clients hear, it looks at what has changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use isr_log::metadata::PartitionState;
use isr_log::probe::ControllerProbe;
use partition::clock::Moment;
use partition::ids::{Checksum, Epoch, Generation, NodeId, Offset, RecordCount};
use partition::log::Durability;
use partition::probe::{Electorate, Probe, Snapshot};

use super::acked::Acked;
use super::commit::{self, Ledger};
use super::controllers::{Controllers, Decided};
use super::coverage::Coverage;
use super::identity::Identities;
use super::name::{Breach, Violation};
use super::sight::{Loss, Place, Sight};
use super::voters::Voters;
use super::{candidacy, enough, in_sync, majority, order, restart};

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What stored means.
    pub durability: Durability,
    /// How many replicas there are.
    pub replicas: usize,
    /// How many of them may lose their power under `Cached`, and with it what they had not synced, before what is committed
    /// may be lost.
    pub powers: usize,
}

/// Whether a watch is told what clients ask to give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trims {
    /// By [`Watch::trimming`], always before it is asked.
    Told,
    /// No.
    Untold,
}

/// Watches one partition's replicas, and the controllers where there are any.
#[derive(Debug)]
pub struct Watch {
    setting: Setting,
    sights: Vec<Sight>,
    controllers: Controllers,
    ledger: Ledger,
    identities: Identities,
    acked: Acked,
    /// The furthest end that clients were told is committed.
    floor: Offset,
    /// The furthest place below which clients have asked to give up all.
    trimmed_to: Offset,
    trims: Trims,
    /// The leader that was found to have all that was acknowledged so far.
    complete: Option<Reign>,
    guarantee: Guarantee,
    /// Who has lost its power under `Cached`, or its disk.
    powerless: BTreeSet<NodeId>,
    voters: Voters,
    /// Which of the sights have changed in this look.
    turned: Vec<usize>,
    coverage: Coverage,
}

/// One leader, with one log.
type Reign = (NodeId, u32, Epoch, Generation);

/// What a look at a replica has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    TheSame,
    Another,
}

/// What became of a replica's log since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LogWas {
    Opened,
    Continued,
    /// Or begun anew.
    Cut,
}

/// Whether what is committed can be lost by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guarantee {
    Holds,
    /// More have lost their power under `Cached` than it survives.
    Void,
}

impl Watch {
    /// Nothing has started yet.
    #[must_use]
    pub fn new(setting: Setting) -> Self {
        Self {
            setting,
            sights: Vec::new(),
            controllers: Controllers::default(),
            ledger: Ledger::default(),
            identities: Identities::default(),
            acked: Acked::default(),
            floor: Offset::ZERO,
            trimmed_to: Offset::ZERO,
            trims: Trims::Untold,
            complete: None,
            guarantee: Guarantee::Holds,
            powerless: BTreeSet::new(),
            voters: Voters::default(),
            turned: Vec::new(),
            coverage: Coverage::default(),
        }
    }

    /// A replica's process has started; the probe sees this life of it.
    pub fn started(&mut self, node: NodeId, probe: Arc<dyn Probe>) {
        let sight = self.sight(node);
        sight.started(probe);
        self.coverage.restarts += usize::from(sight.starts > 1);
    }

    /// A replica's process has ended.
    ///
    /// # Errors
    /// [`Violation`] when with it goes what clients were told is safe.
    pub fn ended(&mut self, now: Moment, node: NodeId, loss: Loss) -> Result<(), Violation> {
        let durability = self.setting.durability;
        self.sight(node).ended(loss, durability);
        if loss >= Loss::Power && durability == Durability::Cached {
            self.powerless.insert(node);
            if self.powerless.len() > self.setting.powers {
                self.guarantee = Guarantee::Void;
            }
        }
        self.durable(Offset::ZERO).map_err(at(now))
    }

    /// A fault has changed what lies on a replica's disk: once this life of it ends, nothing is expected of it.
    pub fn damaged(&mut self, node: NodeId) {
        self.sight(node).damaged();
    }

    /// A controller's process has started.
    pub fn controller_started(&mut self, node: NodeId, probe: ControllerProbe) {
        self.controllers.started(node, probe);
    }

    /// A controller's process has ended.
    pub fn controller_ended(&mut self, node: NodeId) {
        self.controllers.ended(node);
    }

    /// A client was told that its batch is committed, and where it lies. `checksum` is the batch's, as the client made it.
    ///
    /// # Errors
    /// [`Violation`] when the leader of the newest epoch does not have it, or no disk.
    pub fn acked(
        &mut self,
        now: Moment,
        base: Offset,
        count: RecordCount,
        checksum: Checksum,
    ) -> Result<(), Violation> {
        // What has changed before the client heard of it is seen first.
        self.step(now)?;
        self.acked.note(base, checksum);
        self.coverage.acknowledged = self.acked.len();
        self.floor = self.floor.max(base.plus(count));
        let complete = self.newest_leader().filter(|_| self.guarantee == Guarantee::Holds);
        let complete = complete.map_or(Ok(()), |leader| self.acked.is_with_leader(leader, base));
        complete.and_then(|()| self.durable(base)).map_err(at(now))
    }

    /// Whether more have lost their power under `Cached` than what is committed survives: clients may miss it then.
    #[must_use]
    pub fn is_void(&self) -> bool {
        self.guarantee == Guarantee::Void
    }

    /// From now on each trim is told before it is asked, by [`Watch::trimming`]: a log that starts later is a finding.
    pub fn trims_are_told(&mut self) {
        self.trims = Trims::Told;
    }

    /// A client is about to ask that all below this is given up.
    pub fn trimming(&mut self, to: Offset) {
        self.trimmed_to = self.trimmed_to.max(to);
    }

    /// How far clients were told that it is committed: what a linearizable read that begins now has to reach.
    #[must_use]
    pub fn floor(&self) -> Offset {
        self.floor
    }

    /// A linearizable read, or tail, has ended there; the floor is that of the moment when it began.
    ///
    /// # Errors
    /// [`Violation`] when it does not reach the floor.
    pub fn read_reached(&self, now: Moment, floor: Offset, tail: Offset) -> Result<(), Violation> {
        if self.is_void() {
            return Ok(());
        }
        majority::reaches(floor, tail).map_err(at(now))
    }

    /// Looks at what has changed since the last look.
    ///
    /// # Errors
    /// The first [`Violation`] that is found.
    pub fn step(&mut self, now: Moment) -> Result<(), Violation> {
        self.look(now).map_err(at(now))
    }

    /// What the controllers have decided last of the partition; none where there are no controllers.
    #[must_use]
    pub fn decided(&self) -> Option<&PartitionState> {
        self.controllers.state().map(|state| &**state)
    }

    /// What was met so far.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        Coverage { elections: self.identities.elections(), ..self.coverage }
    }

    fn look(&mut self, now: Moment) -> Result<(), Breach> {
        let decided = self.controllers.look(&mut self.coverage)?;
        if decided == Decided::Newer
            && let Some(state) = self.controllers.state()
        {
            for sight in &mut self.sights {
                sight.assigned(Place::of(state, sight.node), state.version);
            }
        }
        self.turned.clear();
        for at in 0..self.sights.len() {
            if let Some(probe) = self.sights[at].changed()
                && self.observe(at, &*probe)? == Seen::Another
            {
                self.turned.push(at);
            }
        }
        let anything = decided == Decided::Newer || !self.turned.is_empty();
        if anything { self.compare(now) } else { Ok(()) }
    }

    /// Takes in what a replica has turned into.
    fn observe(&mut self, at: usize, probe: &dyn Probe) -> Result<Seen, Breach> {
        let sight = &mut self.sights[at];
        let Some(now) = probe.snapshot() else {
            sight.closed();
            return Ok(Seen::Another);
        };
        let (from, log) = match &sight.now {
            Some(old) if *old == now => return Ok(Seen::TheSame),
            Some(old) if old.generation == now.generation => {
                (sight.log.end().max(now.log_start), LogWas::Continued)
            }
            Some(_) => (now.log_start, LogWas::Cut),
            None => (now.log_start, LogWas::Opened),
        };
        // Nothing new at the end: the log need not be asked.
        let marks = if from >= now.log_end { Some(Vec::new()) } else { probe.batches(from) };
        let Some(marks) = marks else {
            // The disk does not answer now: the whole change is seen later.
            sight.look_again();
            return Ok(Seen::TheSame);
        };
        match log {
            LogWas::Opened => {
                restart::survived(sight, &now, &marks)?;
                sight.opened(now, marks);
            }
            LogWas::Cut => {
                self.coverage.truncations += 1;
                sight.log.reread(now.log_start, now.first, marks);
                sight.confirmed_to = now.log_start;
                sight.turned(now);
            }
            LogWas::Continued => {
                if sight.log.start() != now.log_start {
                    sight.log.trim(now.log_start, now.first);
                }
                sight.log.extend(marks);
                sight.turned(now);
            }
        }
        self.judge(at, from, log)?;
        Ok(Seen::Another)
    }

    /// What one replica's change may have broken by itself.
    fn judge(&mut self, at: usize, from: Offset, log: LogWas) -> Result<(), Breach> {
        let (earlier, rest) = self.sights.split_at_mut(at);
        let (sight, later) = rest.split_first_mut().expect("the one that has changed");
        let now = sight.now.as_ref().expect("it was just seen");
        order::ordered(now)?;
        if self.trims == Trims::Told {
            order::trimmed_on_request(now, self.trimmed_to)?;
        }
        if let Some(before) = &sight.before {
            order::monotone(before, now)?;
        }
        if let Some(leader) = sight.leads() {
            self.coverage.moves += self.voters.are(leader.epoch, &leader.electorate);
            self.identities.led(now.epoch, (sight.node, sight.starts))?;
        }
        self.coverage.short_advances += usize::from(advanced_short(sight.before.as_ref(), now, self.setting));
        self.identities.note(sight, from)?;
        if self.guarantee == Guarantee::Holds {
            commit::confirm(&mut self.ledger, sight, earlier.iter().chain(&*later))?;
            commit::apply(&mut self.ledger, sight)?;
        }
        match log {
            LogWas::Continued => Ok(()),
            LogWas::Opened | LogWas::Cut => self.durable(Offset::ZERO),
        }
    }

    /// What the replicas are beside each other, and beside what the controllers have decided.
    fn compare(&mut self, now: Moment) -> Result<(), Breach> {
        for turned in &self.turned {
            let sight = &mut self.sights[*turned];
            sight.reached.note(now, &sight.log);
        }
        if self.turned.iter().any(|turned| candidacy::newly_stands(&self.sights[*turned]).is_some()) {
            self.sights.iter_mut().for_each(|sight| sight.reached.forget(now));
        }
        if self.guarantee == Guarantee::Void {
            return Ok(());
        }
        self.sights.iter_mut().for_each(|sight| sight.log.agree(&self.ledger));
        for turned in self.turned.iter().map(|at| &self.sights[*at]) {
            in_sync::led(&self.sights, turned)?;
            enough::led(&self.sights, turned)?;
            majority::led(&self.sights, turned, &self.ledger)?;
            // How many would have to elect it is known as long as nobody has changed who votes.
            if !self.voters.have_changed() {
                candidacy::not_behind(turned, &self.sights, self.setting.replicas)?;
            }
        }
        let state = self.decided();
        in_sync::hold(&self.sights, state, &self.ledger)?;
        enough::hold(&self.sights, state, &self.ledger)?;
        self.controllers.exclude_crashed(&self.sights)?;
        let reign = self.newest_leader().and_then(reign_of);
        if reign != self.complete {
            if let Some(leader) = self.newest_leader() {
                self.acked.is_with_leader(leader, Offset::ZERO)?;
            }
            self.complete = reign;
        }
        Ok(())
    }

    fn durable(&self, from: Offset) -> Result<(), Breach> {
        match self.setting.durability {
            Durability::Synced => self.acked.is_durable(&self.sights, from),
            Durability::Cached => Ok(()),
        }
    }

    /// The leader of the newest epoch that ever had one, if it runs and leads.
    fn newest_leader(&self) -> Option<&Sight> {
        let newest = self.identities.newest()?;
        self.sights.iter().find(|sight| sight.leads().is_some_and(|now| now.epoch == newest))
    }

    fn sight(&mut self, node: NodeId) -> &mut Sight {
        let at = match self.sights.iter().position(|sight| sight.node == node) {
            Some(at) => at,
            None => {
                self.sights.push(Sight::of(node));
                self.sights.len() - 1
            }
        };
        &mut self.sights[at]
    }
}

fn reign_of(leader: &Sight) -> Option<Reign> {
    let now = leader.now.as_ref()?;
    Some((leader.node, leader.starts, now.epoch, now.generation))
}

fn advanced_short(before: Option<&Snapshot>, now: &Snapshot, setting: Setting) -> bool {
    let Electorate::InSync(set) = &now.electorate else { return false };
    let moved = before.is_some_and(|before| now.high_watermark > before.high_watermark);
    moved && set.members.len() < setting.replicas
}

fn at(at: Moment) -> impl Fn(Breach) -> Violation {
    move |Breach { name, what }| Violation { name, what, at }
}
