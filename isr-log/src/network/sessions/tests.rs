//! Fetches of many partitions in one request: who hangs, who is unknown, and what nonsense gets.

use partition::ids::{Epoch, Offset};
use partition::simulation::{self, Simulation};

use super::*;
use crate::message::shared::{SharedAnswer, unpack};
use crate::message::{FetchNumber, News};
use crate::metadata::{Incarnation, Version};
use crate::partition::{PeerCall, ReplicaHandle};

const FOLLOWER: NodeId = NodeId(2);
const WAIT: Duration = Duration::from_millis(500);

/// A leader's broker whose replicas are the test itself.
struct Scene {
    sessions: Sessions,
    registry: Registry,
    clock: Clock,
}

type Calls = mpsc::Receiver<PeerCall>;

impl Scene {
    fn new(simulation: &Simulation) -> Self {
        let world = simulation.world(NodeId(1));
        Self { sessions: Sessions::new(&world), registry: Registry::default(), clock: world.clock }
    }

    fn open(&self, partition: &str) -> Calls {
        let (clients, _) = mpsc::channel(1);
        let (peers, calls) = mpsc::channel(64);
        let (id, clock) = (id(partition), self.clock.clone());
        self.registry.put(ReplicaHandle { partition: id, clock, clients, peers, lost: Arc::default() });
        calls
    }

    fn ask(
        &self,
        session: u64,
        standing: Standing,
        items: Vec<(PartitionId, Item)>,
    ) -> BoxFuture<'static, Option<Vec<(Tag, FetchReply, Bytes)>>> {
        let session = Session(session);
        let fetch = SharedFetch { node: FOLLOWER, session, standing, items, max_wait: WAIT };
        let answer = self.sessions.take(&self.registry, fetch);
        async move {
            let Answer::Reply(reply) = answer.await else { panic!("it is answered") };
            match codec::decode::<SharedReply>(&reply.message).unwrap() {
                SharedReply::Answers(answers) => {
                    let answers: Vec<SharedAnswer> = answers;
                    Some(unpack(answers, reply.body).unwrap())
                }
                SharedReply::UnknownSession => None,
            }
        }
        .boxed()
    }
}

fn id(partition: &str) -> PartitionId {
    partition.parse().unwrap()
}

fn report() -> Report {
    let (incarnation, since) = (Incarnation(Offset(7)), Version(1));
    let (epoch, fetch) = (Epoch(1), FetchNumber(1));
    let (durable_to, log_start) = (Offset(0), Offset(0));
    Report { node: FOLLOWER, incarnation, since, epoch, fetch, durable_to, log_start }
}

fn fetch(tag: u64, partition: &str) -> (PartitionId, Item) {
    let fetch = Fetch {
        report: report(),
        fetch_from: Offset(0),
        last_epoch: None,
        max_bytes: ByteSize::mib(1),
        max_wait: WAIT,
    };
    (id(partition), Item::Fetch(Tag(tag), fetch))
}

async fn answer_to(calls: &mut Calls, body: &'static [u8]) {
    let Some(PeerCall::Fetch(_, answer)) = calls.recv().await else { panic!("a fetch is expected") };
    answer.send((FetchReply::Records(News::default()), Bytes::from_static(body))).unwrap();
}

fn tags(answers: Option<Vec<(Tag, FetchReply, Bytes)>>) -> Vec<u64> {
    answers.expect("the session is known").iter().map(|(tag, _, _)| tag.0).collect()
}

#[test]
fn a_replica_that_hangs_holds_up_no_other_in_the_same_request() {
    simulation::run(1, async |simulation| {
        let scene = Scene::new(&simulation);
        let (mut hung, mut well) = (scene.open("hung-0"), scene.open("well-0"));
        let began = scene.clock.now();
        let asked = scene.ask(5, Standing::Opens, vec![fetch(1, "hung-0"), fetch(2, "well-0")]);
        answer_to(&mut well, b"records").await;
        let answers = asked.await.unwrap();
        assert_eq!(answers, [(Tag(2), FetchReply::Records(News::default()), Bytes::from_static(b"records"))]);
        assert!(scene.clock.now().since(began) < WAIT / 10, "nobody waited for the one that hangs");

        // The other goes on in the same session, and the one that hangs is answered when it comes round, not asked again.
        let asked = scene.ask(5, Standing::Continues, vec![fetch(3, "well-0")]);
        answer_to(&mut well, b"more").await;
        assert_eq!(tags(asked.await), [3]);
        let asked = scene.ask(5, Standing::Continues, Vec::new());
        answer_to(&mut hung, b"at last").await;
        assert_eq!(tags(asked.await), [1]);
    });
}

#[test]
fn what_is_ready_together_goes_together_and_a_request_waits_no_longer_than_it_says() {
    simulation::run(2, async |simulation| {
        let scene = Scene::new(&simulation);
        let (mut one, mut other) = (scene.open("t-1"), scene.open("t-2"));
        let asked = scene.ask(5, Standing::Opens, vec![fetch(1, "t-1"), fetch(2, "t-2")]);
        answer_to(&mut one, b"1").await;
        answer_to(&mut other, b"2").await;
        assert_eq!(tags(asked.await), [1, 2]);
        let began = scene.clock.now();
        assert_eq!(tags(scene.ask(5, Standing::Continues, vec![fetch(3, "t-1")]).await), [0; 0]);
        assert!(scene.clock.now().since(began) >= WAIT);
    });
}

#[test]
fn more_requests_than_are_kept_are_answered_at_once_so_that_new_fetches_can_come() {
    simulation::run(3, async |simulation| {
        let scene = Scene::new(&simulation);
        let _calls = scene.open("t-1");
        let began = scene.clock.now();
        let first = scene.ask(5, Standing::Opens, vec![fetch(1, "t-1")]);
        let others: Vec<_> = (0..KEPT).map(|_| scene.ask(5, Standing::Continues, Vec::new())).collect();
        assert_eq!(tags(first.await), [0; 0]);
        assert!(scene.clock.now().since(began) < WAIT / 10);
        drop(others);
    });
}

#[test]
fn a_session_that_is_not_known_or_was_replaced_is_told_so() {
    simulation::run(4, async |simulation| {
        let scene = Scene::new(&simulation);
        let mut calls = scene.open("t-1");
        assert_eq!(scene.ask(5, Standing::Continues, vec![fetch(1, "t-1")]).await, None);
        assert!(calls.try_recv().is_err(), "its fetch reached nobody");
        let older = scene.ask(5, Standing::Opens, vec![fetch(1, "t-1")]);
        let newer = scene.ask(6, Standing::Opens, vec![fetch(1, "t-1")]);
        assert_eq!(older.await, None, "what it held was given up");
        let _ = calls.recv().await;
        answer_to(&mut calls, b"new").await;
        assert_eq!(tags(newer.await), [1]);
    });
}

#[test]
fn partitions_that_are_not_here_are_refused_and_nonsense_closes_the_connection() {
    simulation::run(5, async |simulation| {
        let scene = Scene::new(&simulation);
        let items = vec![(id("none-0"), Item::Report(report())), fetch(9, "none-1"), fetch(9, "none-1")];
        let answers = scene.ask(5, Standing::Opens, items).await.unwrap();
        let refused = FetchReply::Refused(FetchRefusal::NoSuchPartition);
        assert_eq!(answers, [(Tag(9), refused, Bytes::new()), (Tag(9), refused, Bytes::new())]);
        take_reports(&scene.registry, vec![(id("none-0"), report())]);

        let Scene { sessions, registry, .. } = scene;
        let service = super::super::ReplicaService { partitions: Arc::new(registry), sessions };
        let mut nonsense: Vec<Bytes> = (0..64).map(|length| Bytes::from(vec![0xff; length])).collect();
        // A request that claims to hold more items than it has bytes.
        nonsense
            .push(Bytes::from_static(&[0, 2, 5, 0, 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]));
        for message in nonsense {
            let (channel, partition) = (partition::transport::Channel::Replica, id("any-0"));
            let request = partition::transport::Request { channel, partition, message, body: Bytes::new() };
            let answer = partition::transport::Service::call(&service, request).await;
            assert!(matches!(answer, Answer::Close), "{answer:?}");
        }
    });
}
