//! Starts both systems and the server, lets them work until the user ends it, and stops all in order.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{self, LocalBoxFuture};
use partition::clock::ExactTimer;
use partition::cluster::Cluster;
use partition::transport::barred::{BarredTransport, Barriers};
use partition::world::World;
use tokio::net::TcpListener;

use super::board::Board;
use super::door::Door;
use super::drive::Drive;
use super::eye::Eye;
use super::guide::{Guide, TourOrders};
use super::hand::{Hand, Orders};
use super::server::Server;
use super::settings::{SYSTEMS, Settings};
use super::side::Side;
use super::sly::Sly;
use crate::checker::Watch;
use crate::data_dir::DataDir;
use crate::experiment::Interrupts;
use crate::history::{Gaps, Recorder, Retention};
use crate::system::{LaunchError, Running, System, client_world, launch_yielding};

/// The strips have a point for each.
const SECOND: Duration = Duration::from_secs(1);

/// Runs it until the user ends it; `ready` is told the address of the page.
///
/// # Errors
/// [`LaunchError::BadInput`] when it cannot be started as asked, others when a node died of itself.
pub async fn run(settings: &Settings, ready: impl FnOnce(&str)) -> Result<Ending, LaunchError> {
    let mut interrupts = Interrupts::listen();
    let bad = |why: String| LaunchError::BadInput(why);
    let listener = TcpListener::bind(settings.listen).await;
    let listener = listener.map_err(|error| bad(format!("cannot listen at {}: {error}", settings.listen)))?;
    let own = listener.local_addr().map_err(|error| bad(error.to_string()))?;
    let dir = settings.data_dir.as_deref().map_or_else(DataDir::temporary, DataDir::open);
    let dir = dir.map_err(|error| bad(error.to_string()))?;
    let program =
        std::env::current_exe().map_err(|error| bad(format!("cannot find this program: {error}")))?;
    if !own.ip().is_loopback() {
        eprintln!("note: whoever reaches {own} can kill these clusters");
    }
    eprintln!("starting both systems with {} replicas each", settings.replicas);
    let launched = SYSTEMS.map(|system| launch(&program, settings, system, dir.path()));
    let Ok(launched) = interrupts.unless(future::try_join_all(launched)).await else {
        return Ok(Ending::Sound);
    };
    let stage = Stage::set(settings, launched?).map_err(|error| bad(error.to_string()))?;
    ready(&format!("http://{own}/"));
    let board = Arc::clone(&stage.board);
    let door = Door::of(listener, &stage.world.clock);
    let stopped = stage.play(&mut interrupts, door, own).await;
    for error in stopped {
        match error {
            // The user has it end, and it has ended; what was broken before need not end in order.
            LaunchError::TooSlow { .. } | LaunchError::BadInput(_) => eprintln!("note: {error}"),
            LaunchError::ChildDied { .. } => return Err(error),
        }
    }
    Ok(if board.is_broken() { Ending::Broken } else { Ending::Sound })
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Nothing contradicted the promise.
    Sound,
    /// A client was told something that contradicts it.
    Broken,
}

async fn launch(
    program: &Path,
    settings: &Settings,
    system: System,
    dir: &Path,
) -> Result<Running, LaunchError> {
    let (shape, profile) = (settings.shape(system), &settings.profile);
    launch_yielding(program, shape, dir, settings.seed, Settings::TIMES, profile).await
}

/// All that works, before it does.
struct Stage {
    board: Arc<Board>,
    world: World,
    hands: Vec<(Hand, tokio::sync::mpsc::Receiver<super::hand::Order>)>,
    eyes: Vec<Eye>,
    drives: Vec<(Drive, ExactTimer)>,
    sides: BTreeMap<System, Arc<Side>>,
    load: String,
}

impl Stage {
    fn set(settings: &Settings, launched: Vec<Running>) -> io::Result<Self> {
        let world = client_world();
        let board = Board::new(&world.clock, settings);
        let (mut hands, mut eyes, mut drives, mut sides) =
            (Vec::new(), Vec::new(), Vec::new(), BTreeMap::new());
        for running in launched {
            let system = running.shape().system;
            board.enlist(system, running.members());
            let replicas = running.replicas().into_iter().map(|node| (node, running.replica(node))).collect();
            eyes.push(Eye { system, replicas, board: Arc::clone(&board), clock: world.clock.clone() });
            let recorder = Recorder::new(world.clock.clone(), Watch::new(Retention::Trims, Gaps::Never));
            let (orders, inbox) = Orders::channel();
            let (name, sly) = (settings.name(system), Sly::of(&running, &recorder));
            sides.insert(system, Arc::new(Side { system, name, orders, sly }));
            let barriers = Barriers::default();
            let client = client_world();
            let network = Arc::new(BarredTransport::over(Arc::clone(&client.network), barriers.clone()));
            let client = World { network, ..client };
            let drive = Drive {
                system,
                pace: settings.pace,
                partition: running.connect(&client),
                world: client,
                recorder,
                board: Arc::clone(&board),
                read_back: AtomicU64::new(0),
            };
            drives.push((drive, world.clock.exact_timer()?));
            hands.push((Hand::new(system, running, &board, barriers), inbox));
        }
        Ok(Self { board, world, hands, eyes, drives, sides, load: settings.load() })
    }

    /// Plays until the user ends it, and says what went wrong when all were stopped.
    async fn play(
        self,
        interrupts: &mut Interrupts,
        door: Door,
        own: std::net::SocketAddr,
    ) -> Vec<LaunchError> {
        let Self { board, world, mut hands, eyes, drives, sides, load } = self;
        let (tours, tour_inbox) = TourOrders::channel();
        let guide = Guide::new(&board, &sides, &world.clock);
        let server = Server::new(&board, &sides, tours, own, load);
        let clock = world.clock.clone();
        let ticks = async {
            let mut due = clock.now();
            loop {
                due = due.after(SECOND);
                clock.sleep_until(due).await;
                board.second();
            }
        };
        let mut works: Vec<LocalBoxFuture<'_, ()>> = vec![
            ticks.boxed_local(),
            guide.guide(tour_inbox).boxed_local(),
            server.serve(door).boxed_local(),
        ];
        works.extend(hands.iter_mut().map(|(hand, inbox)| hand.work(inbox).boxed_local()));
        works.extend(eyes.into_iter().map(|eye| eye.look().boxed_local()));
        works.extend(drives.into_iter().map(|(drive, timer)| drive.work(timer).boxed_local()));
        // None of them ends by itself.
        let _ = interrupts.unless(future::select_all(works)).await;
        let stopped = hands.into_iter().map(|(hand, _)| hand.shutdown());
        future::join_all(stopped).await.into_iter().filter_map(Result::err).collect()
    }
}
