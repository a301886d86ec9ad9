//! A node as a process of its own: spawned, spoken with over its stdin and stdout, signalled, and mourned.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use partition::clock::Clock;
use partition::fault::{DiskFault, Felt};
use partition::journeys::Journeyed;
use partition::transport::Address;
use partition::transport::barred::Barrier;
use partition::world::Tasks;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;

use super::casualty::Casualties;
use super::conversation::{Conversation, Mute};
use super::error::LaunchError;
use super::host::{BIND_LIMIT, Identity, START_LIMIT, STOP_LIMIT};
use super::procfs::{Process, State};
use super::usage::Consumed;
use crate::node::{LongerWay, NodeTotals, PANICKED, Plan, Slowdown};

/// How long a node may take to say what it has done: it answers between two batches.
const USAGE_LIMIT: Duration = Duration::from_secs(5);
/// How long the kernel may take to stop a process that was told to.
const PAUSE_LIMIT: Duration = Duration::from_secs(5);
/// How often it is asked whether it has.
const PAUSE_POLL: Duration = Duration::from_millis(1);

/// What the nodes of one cluster share.
#[derive(Clone, Debug)]
pub(super) struct Nursery {
    /// The `compare` binary.
    pub(super) program: PathBuf,
    pub(super) clock: Clock,
    pub(super) casualties: Casualties,
    /// Waits for children; ends with the cluster.
    pub(super) tasks: Tasks,
}

/// A node in a process.
#[derive(Debug)]
pub(super) struct ProcessHost {
    pub(super) identity: Identity,
    /// The network namespace it runs in, where that is one of its own.
    namespace: Option<String>,
    nursery: Nursery,
    life: Option<Life>,
}

/// One life of a node: a process.
#[derive(Debug)]
struct Life {
    pid: Pid,
    conversation: Conversation<ChildStdin, ChildStdout>,
    fate: Arc<Mutex<Fate>>,
    /// Resolves when it has ended and been waited for.
    ended: oneshot::Receiver<Ended>,
    /// How long an orderly stop may take: longer, the more logs there are to close.
    stops_within: Duration,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ended {
    /// What the operating system says; unknown when it was not asked in time.
    status: Option<ExitStatus>,
    /// The last line on its stderr.
    last_line: Option<String>,
}

/// How the end of a process is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Its end would be a casualty.
    Lives,
    /// Its disk may end it: any other end would be a casualty.
    MayEnd,
    /// It was told to end.
    Doomed,
    /// It has been waited for: its number may belong to somebody else by now.
    Gone,
}

impl ProcessHost {
    pub(super) fn new(identity: Identity, namespace: Option<String>, nursery: Nursery) -> Self {
        Self { identity, namespace, nursery, life: None }
    }

    /// What runs the program; in a namespace too it becomes the program, and keeps its number.
    fn command(&self) -> Command {
        let Some(namespace) = &self.namespace else { return Command::new(&self.nursery.program) };
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(&self.nursery.program);
        command
    }

    pub(super) fn process(&self) -> Option<u32> {
        self.life.as_ref().map(|life| life.pid.as_raw_nonzero().get().unsigned_abs())
    }

    pub(super) async fn bind(&mut self, at: Address) -> Result<(), LaunchError> {
        let Identity { role, node, dir, seed, name } = &self.identity;
        let mut command = self.command();
        command.arg("node").arg("--supervised");
        command.args(["--role", role.name(), "--node-id", &node.to_string(), "--seed", &seed.to_string()]);
        command.args(["--listen", &at.to_string()]).arg("--data-dir").arg(dir);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C is for the parent, which then ends its nodes in order.
        command.process_group(0).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| {
            LaunchError::BadInput(format!("{name}: cannot run {}: {error}", self.nursery.program.display()))
        })?;
        let life = (child.id(), child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(id), Some(stdin), Some(stdout), Some(stderr)) = life else {
            panic!("a child that was just spawned has an id and the pipes it was given");
        };
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw).expect("a process number is positive");
        let fate = Arc::new(Mutex::new(Fate::Lives));
        let (tell, ended) = oneshot::channel();
        let mourner = Mourner {
            name: self.identity.name.clone(),
            casualties: self.nursery.casualties.clone(),
            fate: Arc::clone(&fate),
            tell,
        };
        self.nursery.tasks.spawn(mourner.wait(child, stderr));
        let conversation = Conversation::new(stdin, stdout);
        self.life = Some(Life { pid, conversation, fate, ended, stops_within: STOP_LIMIT });
        let line = self.line("listening", BIND_LIMIT).await?;
        if line == format!("listening {at}") { Ok(()) } else { Err(self.nonsense(&line)) }
    }

    pub(super) async fn start(&mut self, plan: &Plan) -> Result<(), LaunchError> {
        self.tell(&serde_json::to_string(plan).expect("a plan is plain data")).await?;
        let line = self.line("its start", plan.scale.patience(START_LIMIT)).await?;
        if let Some(life) = &mut self.life {
            life.stops_within = plan.scale.patience(STOP_LIMIT);
        }
        if line == "ready" { Ok(()) } else { Err(self.nonsense(&line)) }
    }

    pub(super) async fn usage(&mut self) -> Result<Consumed, LaunchError> {
        if self.life.is_none() {
            return Ok(Consumed::default());
        }
        self.tell("usage").await?;
        let line = self.line("its usage", USAGE_LIMIT).await?;
        let totals: NodeTotals = serde_json::from_str(&line).map_err(|_| self.nonsense(&line))?;
        let process = self.life.as_ref().and_then(|life| Process::look_at(life.pid));
        Ok(Consumed {
            cpu: process.map(|process| process.cpu),
            resident: process.map(|process| process.resident),
            written: totals.written,
            sent: totals.sent,
            syncs: totals.syncs,
            injected: totals.injected,
        })
    }

    pub(super) async fn journeys(&mut self) -> Result<Journeyed, LaunchError> {
        if self.life.is_none() {
            return Ok(Journeyed::default());
        }
        self.tell("journeys").await?;
        let line = self.line("its journeys", USAGE_LIMIT).await?;
        serde_json::from_str(&line).map_err(|_| self.nonsense("journeys of another kind"))
    }

    pub(super) async fn lengthen(&mut self, longer: &[LongerWay]) -> Result<(), LaunchError> {
        let ways = serde_json::to_string(longer).expect("ways are plain data");
        self.carried_out(&format!("lengthen {ways}"), "its longer ways", "lengthened").await
    }

    pub(super) async fn slow(&mut self, down: &Slowdown) -> Result<(), LaunchError> {
        let whom = serde_json::to_string(down).expect("a slowdown is plain data");
        self.carried_out(&format!("slow {whom}"), "its slowdown", "slowed").await
    }

    pub(super) async fn bar(&mut self, barred: &BTreeSet<Barrier>) -> Result<(), LaunchError> {
        let ways = serde_json::to_string(barred).expect("barriers are plain data");
        self.carried_out(&format!("bar {ways}"), "its barriers", "barred").await
    }

    pub(super) async fn trouble(&mut self, fault: &DiskFault) -> Result<(), LaunchError> {
        let what = serde_json::to_string(fault).expect("a fault is plain data");
        self.carried_out(&format!("disk {what}"), "its disk's trouble", "troubled").await
    }

    pub(super) async fn keep(&mut self) -> Result<(), LaunchError> {
        self.carried_out("keep", "what it keeps", "kept").await
    }

    /// How often the faults that it was told of were felt. One that has ended by itself has felt its last one.
    pub(super) async fn felt(&mut self) -> Result<Felt, LaunchError> {
        let Some(life) = &mut self.life else { return Ok(Felt::default()) };
        if life.has_ended() {
            return Ok(Felt(1));
        }
        let clock = self.nursery.clock.clone();
        match life.asked("felt", &clock).await {
            Ok(line) => serde_json::from_str(&line).map_err(|_| self.nonsense(&line)),
            Err(Mute::Late) => Err(self.late("what was felt", USAGE_LIMIT)),
            // It met its last one while it was asked. Its life is kept, for those who ask whether it has ended.
            Err(Mute::Closed)
                if life.may_end() && clock.timeout(STOP_LIMIT, life.is_gone(&clock)).await.is_ok() =>
            {
                Ok(Felt(1))
            }
            Err(Mute::Closed) => Err(self.post_mortem().await),
        }
    }

    /// Whether it has ended by itself.
    pub(super) fn has_ended(&self) -> bool {
        self.life.as_ref().is_some_and(Life::has_ended)
    }

    /// From now on an end in which it says that its disk has failed would be no casualty.
    pub(super) fn may_end(&self) {
        if let Some(life) = &self.life {
            life.become_of(Fate::Lives, Fate::MayEnd);
        }
    }

    pub(super) async fn crash(&mut self) {
        if let Some(life) = self.life.take() {
            life.doom(Signal::KILL);
            let _ = life.ended.await;
        }
    }

    pub(super) async fn stop(&mut self) -> Result<(), LaunchError> {
        let Some(mut life) = self.life.take() else { return Ok(()) };
        life.doom(Signal::TERM);
        // One that is held would not hear of it.
        life.signal(Signal::CONT);
        let limit = life.stops_within;
        if let Ok(ended) = self.nursery.clock.timeout(limit, &mut life.ended).await {
            let in_order = |ended: &Ended| ended.status.is_some_and(|status| status.success());
            return match ended {
                Ok(ended) if !in_order(&ended) => Err(ended.obituary(&self.identity.name)),
                _ => Ok(()),
            };
        }
        life.signal(Signal::KILL);
        let _ = life.ended.await;
        Err(LaunchError::TooSlow { what: format!("an orderly stop of {}", self.identity.name), limit })
    }

    pub(super) async fn pause(&mut self) -> Result<(), LaunchError> {
        let Some(life) = &self.life else { return Ok(()) };
        life.signal(Signal::STOP);
        let stopped = async {
            while Process::look_at(life.pid).is_some_and(|process| process.state != State::Stopped) {
                self.nursery.clock.sleep(PAUSE_POLL).await;
            }
        };
        let waited = self.nursery.clock.timeout(PAUSE_LIMIT, stopped).await;
        let what = || format!("a pause of {}", self.identity.name);
        waited.map_err(|_| LaunchError::TooSlow { what: what(), limit: PAUSE_LIMIT })
    }

    pub(super) fn resume(&self) {
        if let Some(life) = &self.life {
            life.signal(Signal::CONT);
        }
    }

    /// Has it do something, as long as it lives, and hears that it is `done`.
    async fn carried_out(&mut self, order: &str, what: &str, done: &str) -> Result<(), LaunchError> {
        if self.life.is_none() {
            return Ok(());
        }
        self.tell(order).await?;
        let line = self.line(what, USAGE_LIMIT).await?;
        if line == done { Ok(()) } else { Err(self.nonsense(&line)) }
    }

    async fn tell(&mut self, line: &str) -> Result<(), LaunchError> {
        let life = self.life.as_mut().expect("a node is told something only while it lives");
        match life.conversation.say(line).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.post_mortem().await),
        }
    }

    /// What it says next, or to what it was told.
    async fn line(&mut self, what: &str, limit: Duration) -> Result<String, LaunchError> {
        let life = self.life.as_mut().expect("a node is listened to only while it lives");
        match life.conversation.hear(&self.nursery.clock, limit).await {
            Ok(line) => Ok(line),
            Err(Mute::Closed) => Err(self.post_mortem().await),
            Err(Mute::Late) => Err(self.late(what, limit)),
        }
    }

    fn late(&self, what: &str, limit: Duration) -> LaunchError {
        LaunchError::TooSlow { what: format!("{what} of {}", self.identity.name), limit }
    }

    /// Its pipes are closed: waits for its end, and says how that came.
    async fn post_mortem(&mut self) -> LaunchError {
        if let Some(mut life) = self.life.take()
            && self.nursery.clock.timeout(STOP_LIMIT, &mut life.ended).await.is_err()
        {
            life.doom(Signal::KILL);
            let _ = life.ended.await;
        }
        let unknown = "it closed its output".to_owned();
        let unknown = LaunchError::ChildDied { node: self.identity.name.clone(), last_words: unknown };
        self.nursery.casualties.check().err().unwrap_or(unknown)
    }

    fn nonsense(&self, line: &str) -> LaunchError {
        LaunchError::ChildDied {
            node: self.identity.name.clone(),
            last_words: format!("it said {line:?}; is {} this program?", self.nursery.program.display()),
        }
    }
}

impl Life {
    fn doom(&self, signal: Signal) {
        self.become_of(Fate::Lives, Fate::Doomed);
        self.become_of(Fate::MayEnd, Fate::Doomed);
        self.signal(signal);
    }

    fn has_ended(&self) -> bool {
        *self.fate.lock().expect("no holder panics") == Fate::Gone
    }

    /// Whether its end would be no casualty.
    fn may_end(&self) -> bool {
        *self.fate.lock().expect("no holder panics") != Fate::Lives
    }

    /// Resolves when it has ended and been waited for, and leaves it to others to hear how.
    async fn is_gone(&self, clock: &Clock) {
        while !self.has_ended() {
            clock.sleep(PAUSE_POLL).await;
        }
    }

    /// The line that it says to this one.
    async fn asked(&mut self, line: &str, clock: &Clock) -> Result<String, Mute> {
        self.conversation.say(line).await?;
        self.conversation.hear(clock, USAGE_LIMIT).await
    }

    /// What was its fate is another one from now on.
    fn become_of(&self, was: Fate, is: Fate) {
        let mut fate = self.fate.lock().expect("no holder panics");
        if *fate == was {
            *fate = is;
        }
    }

    /// Signals it, unless its number may be somebody else's by now.
    fn signal(&self, signal: Signal) {
        let fate = self.fate.lock().expect("no holder panics");
        if *fate != Fate::Gone {
            let _ = kill_process(self.pid, signal);
        }
    }
}

impl Drop for ProcessHost {
    fn drop(&mut self) {
        if let Some(life) = &self.life {
            life.doom(Signal::KILL);
        }
    }
}

/// Waits for one process to end.
struct Mourner {
    name: String,
    casualties: Casualties,
    fate: Arc<Mutex<Fate>>,
    tell: oneshot::Sender<Ended>,
}

impl Mourner {
    async fn wait(self, mut child: Child, stderr: ChildStderr) {
        let mut lines = BufReader::new(stderr).lines();
        let mut last = None;
        while let Ok(Some(line)) = lines.next_line().await {
            tracing::debug!(node = self.name, "{line}");
            last = Some(line);
        }
        let ended = Ended { status: child.wait().await.ok(), last_line: last };
        let fate = std::mem::replace(&mut *self.fate.lock().expect("no holder panics"), Fate::Gone);
        let is_casualty = match fate {
            Fate::Lives => true,
            Fate::MayEnd => !ended.by_itself(),
            Fate::Doomed | Fate::Gone => false,
        };
        if is_casualty {
            self.casualties.report(ended.obituary(&self.name));
        }
        let _ = self.tell.send(ended);
    }
}

impl Ended {
    /// Whether it ended in an order of its own: told so, or because it could not go on, and not by a signal or a panic.
    fn by_itself(&self) -> bool {
        let code = self.status.and_then(|status| status.code());
        code.is_some_and(|code| code != PANICKED)
    }

    /// What to tell about it. Exit code 2 is a node's word for bad input; one that was killed had no last word.
    fn obituary(&self, name: &str) -> LaunchError {
        let code = self.status.and_then(|status| status.code());
        let how = self.status.map_or_else(|| "its end was not seen".to_owned(), |status| status.to_string());
        let last_words = match (&self.last_line, code) {
            (Some(line), Some(_)) => line.clone(),
            (None, _) | (_, None) => how,
        };
        match code {
            Some(2) => LaunchError::BadInput(format!("{name}: {last_words}")),
            _ => LaunchError::ChildDied { node: name.to_owned(), last_words },
        }
    }
}
