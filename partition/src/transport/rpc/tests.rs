//! Calls are answered, lost or never sent, and the caller hears which.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{self, BoxFuture};
use futures_util::{FutureExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;
use crate::ids::NodeId;
use crate::simulation;
use crate::transport::{Address, Answer, Reply, Request, Service};
use crate::world::World;

const LONG: Duration = Duration::from_secs(20);

fn request(text: &str) -> Request {
    Request {
        channel: Channel::Client,
        partition: PartitionId::new("test", 0).unwrap(),
        message: Bytes::copy_from_slice(text.as_bytes()),
        body: Bytes::from(vec![7; 100_000]),
    }
}

fn any_port() -> Address {
    Address(SocketAddr::from(([127, 0, 0, 1], 0)))
}

/// Answers what it is told to: `echo`, nothing (`hush`), or the end of the connection (`close`). Tells what it was asked.
#[derive(Debug)]
struct Obedient {
    asked: mpsc::UnboundedSender<Bytes>,
}

impl Service for Obedient {
    fn call(&self, request: Request) -> BoxFuture<'static, Answer> {
        self.asked.send(request.message.clone()).unwrap();
        match &request.message[..] {
            b"hush" => future::pending().boxed(),
            b"close" => future::ready(Answer::Close).boxed(),
            _ => future::ready(Answer::Reply(Reply { message: request.message, body: request.body })).boxed(),
        }
    }
}

async fn obedient(world: &World) -> (Serving, mpsc::UnboundedReceiver<Bytes>) {
    let (asked, questions) = mpsc::unbounded_channel();
    let listener = world.network.listen(any_port()).await.unwrap();
    (serve(world, listener, Arc::new(Obedient { asked })), questions)
}

/// Answers in an order of its own: only when four are there, the newest first.
#[derive(Debug, Default)]
struct Backwards {
    held: Arc<Mutex<Vec<tokio::sync::oneshot::Sender<()>>>>,
}

impl Service for Backwards {
    fn call(&self, request: Request) -> BoxFuture<'static, Answer> {
        let (go, gone) = tokio::sync::oneshot::channel();
        let mut held = self.held.lock().unwrap();
        held.push(go);
        if held.len() == 4 {
            for go in held.drain(..).rev() {
                go.send(()).unwrap();
            }
        }
        async move {
            gone.await.unwrap();
            Answer::Reply(Reply { message: request.message, body: request.body })
        }
        .boxed()
    }
}

#[tokio::test]
async fn each_caller_gets_his_own_reply_in_whatever_order_they_come() {
    let world = World::of_client();
    let listener = world.network.listen(any_port()).await.unwrap();
    let serving = serve(&world, listener, Arc::new(Backwards::default()));
    let peer = Peer::new(&world, serving.address());
    let calls: Vec<_> = (0..64).map(|n| peer.call(request(&n.to_string()), LONG)).collect();
    for (n, reply) in future::join_all(calls).await.into_iter().enumerate() {
        let reply = reply.unwrap();
        assert_eq!(reply.message, n.to_string());
        assert_eq!(reply.body.len(), 100_000);
    }
}

#[tokio::test]
async fn requests_are_called_in_the_order_of_calls() {
    let world = World::of_client();
    let (serving, questions) = obedient(&world).await;
    let peer = Peer::new(&world, serving.address());
    let calls: Vec<_> = (0..200).map(|n| peer.call(request(&n.to_string()), LONG)).collect();
    drop(calls);
    let asked: Vec<_> = stream_of(questions).take(200).collect().await;
    assert_eq!(asked, (0..200).map(|n| Bytes::from(n.to_string())).collect::<Vec<_>>());
}

fn stream_of(mut from: mpsc::UnboundedReceiver<Bytes>) -> impl futures_util::Stream<Item = Bytes> + Unpin {
    futures_util::stream::poll_fn(move |cx| from.poll_recv(cx))
}

#[tokio::test]
async fn a_lost_connection_leaves_in_doubt_what_was_sent_and_nothing_else() {
    let world = World::of_client();
    let (serving, mut questions) = obedient(&world).await;
    let peer = Peer::new(&world, serving.address());
    let hushed = peer.call(request("hush"), LONG);
    questions.recv().await.unwrap();
    let closing = peer.call(request("close"), LONG);
    assert!(matches!(hushed.await, Err(CallError::Lost(_))));
    assert!(matches!(closing.await, Err(CallError::Lost(_))));
    assert_eq!(peer.losses(), 1);
    assert!(matches!(peer.send(request("first")), Err(CallError::Unsent(_))), "the loss was not told");
    assert_eq!(peer.call(request("again"), LONG).await.unwrap().message, "again");
    peer.send(request("unanswered")).unwrap();
    assert_eq!(stream_of(questions).skip(2).next().await.unwrap(), "unanswered");
}

#[tokio::test]
async fn what_finds_nobody_was_not_sent() {
    let world = World::of_client();
    let port = TcpListener::bind(any_port().0).await.unwrap().local_addr().unwrap();
    let peer = Peer::new(&world, Address(port));
    let calls = [peer.call(request("a"), LONG), peer.call(request("b"), LONG)];
    for outcome in future::join_all(calls).await {
        assert!(matches!(outcome, Err(CallError::Unsent(_))), "{outcome:?}");
    }
    let listener = world.network.listen(Address(port)).await.unwrap();
    let _serving = serve(&world, listener, Arc::new(Backwards::default()));
    let calls: Vec<_> = (0..4).map(|_| peer.call(request("c"), LONG)).collect();
    assert!(future::join_all(calls).await.iter().all(Result::is_ok), "it does not connect again");
}

#[test]
fn what_is_taken_back_before_there_is_a_connection_is_never_sent() {
    simulation::run(1, async |simulation| {
        let (server, client) = (simulation.world(NodeId(1)), simulation.world(NodeId(2)));
        let (serving, questions) = obedient(&server).await;
        let peer = Peer::new(&client, serving.address());
        simulation.fault(&"cut 2>1".parse().unwrap());
        let early = request("early");
        let partition = early.partition.clone();
        let early = peer.call(early, LONG);
        let of_another = PartitionId::new("test", 1).unwrap();
        let of_another = peer.call(Request { partition: of_another, ..request("of another") }, LONG);
        peer.withdraw(&partition).await;
        assert!(matches!(early.now_or_never(), Some(Err(CallError::Unsent(_)))), "it is told by then");
        simulation.network().heal_all();
        let retried = async { while peer.call(request("later"), LONG).await.is_err() {} };
        let (_, ()) = future::join(of_another, retried).await;

        let written = peer.call(request("hush"), LONG);
        peer.call(request("behind it"), LONG).await.unwrap();
        peer.withdraw(&partition).await;
        assert!(written.now_or_never().is_none(), "what was written is in doubt as before");
        let mut asked: Vec<_> = stream_of(questions).take(3).collect().await;
        asked.retain(|question| question != "of another");
        assert_eq!(asked[..2], ["later", "hush"]);
    });
}

#[tokio::test]
async fn a_used_port_is_named_in_the_error() {
    let world = World::of_client();
    let listener = world.network.listen(any_port()).await.unwrap();
    let error = world.network.listen(listener.address()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&listener.address().to_string()), "{error}");
}

#[tokio::test]
async fn hostile_bytes_close_their_own_connection_and_no_other() {
    let world = World::of_client();
    let (serving, _questions) = obedient(&world).await;
    let peer = Peer::new(&world, serving.address());
    peer.call(request("before"), LONG).await.unwrap();
    let too_long = [0xff; 8].to_vec();
    let head_beyond_frame = [0, 0, 0, 8, 0, 0, 0, 200, 1, 2, 3, 4].to_vec();
    let no_envelope = [&[0, 0, 0, 24, 0, 0, 0, 20][..], &[0xff; 20][..]].concat();
    for hostile in [too_long, head_beyond_frame, no_envelope] {
        let mut stream = TcpStream::connect(serving.address().0).await.unwrap();
        stream.write_all(&hostile).await.unwrap();
        let mut answer = Vec::new();
        // Closed, or reset because bytes were left unread.
        let _ = stream.read_to_end(&mut answer).await;
        assert_eq!(answer, []);
    }
    assert_eq!(peer.call(request("after"), LONG).await.unwrap().message, "after");
    assert_eq!(peer.losses(), 0);
}

#[tokio::test]
async fn a_stop_lets_answers_out_and_frees_the_port() {
    let world = World::of_client();
    let (serving, mut questions) = obedient(&world).await;
    let address = serving.address();
    let peer = Peer::new(&world, address);
    let answered = peer.call(request("one"), LONG);
    let unanswered = peer.call(request("hush"), LONG);
    questions.recv().await.unwrap();
    questions.recv().await.unwrap();
    serving.stop().await;
    assert_eq!(answered.await.unwrap().message, "one");
    assert!(matches!(unanswered.await, Err(CallError::Lost(_))));
    world.network.listen(address).await.unwrap();
}

#[test]
fn a_call_ends_at_its_deadline_and_its_late_reply_disturbs_nobody() {
    simulation::run(1, async |simulation| {
        let (server, client) = (simulation.world(NodeId(1)), simulation.world(NodeId(2)));
        let (serving, _questions) = obedient(&server).await;
        let peer = Peer::new(&client, serving.address());
        peer.call(request("first"), LONG).await.unwrap();
        simulation.fault(&"cut 1>2".parse().unwrap());
        let started = client.clock.now();
        let long = peer.call(request("long"), LONG);
        let short = peer.call(request("short"), Duration::from_millis(50)).await;
        assert_eq!(short.unwrap_err(), CallError::Timeout);
        let took = client.clock.now().since(started);
        assert!(took < Duration::from_millis(60), "{took:?}");
        // Nothing was heard since the call: the connection is given up, and with it what it carried.
        assert!(matches!(long.await, Err(CallError::Lost(_))));
        simulation.network().heal_all();
        assert_eq!(peer.call(request("next"), LONG).await.unwrap().message, "next");
    });
}

#[test]
fn a_connection_that_answers_others_outlives_a_timeout() {
    simulation::run(1, async |simulation| {
        let (server, client) = (simulation.world(NodeId(1)), simulation.world(NodeId(2)));
        let (serving, _questions) = obedient(&server).await;
        let peer = Peer::new(&client, serving.address());
        let hushed = peer.call(request("hush"), Duration::from_millis(50));
        peer.call(request("heard"), LONG).await.unwrap();
        assert_eq!(hushed.await.unwrap_err(), CallError::Timeout);
        assert_eq!(peer.losses(), 0);
    });
}

#[test]
fn a_connection_with_too_much_in_flight_is_not_read_until_something_is_answered() {
    #[derive(Debug, Default)]
    struct Holding {
        held: Arc<Mutex<Vec<tokio::sync::oneshot::Sender<()>>>>,
    }

    impl Service for Holding {
        fn call(&self, _request: Request) -> BoxFuture<'static, Answer> {
            let (go, gone) = tokio::sync::oneshot::channel();
            self.held.lock().unwrap().push(go);
            gone.map(|_| Answer::Silence).boxed()
        }
    }

    simulation::run(1, async |simulation| {
        let (server, client) = (simulation.world(NodeId(1)), simulation.world(NodeId(2)));
        let service = Holding::default();
        let held = Arc::clone(&service.held);
        let listener = server.network.listen(Address::simulated(NodeId(1))).await.unwrap();
        let _serving = serve(&server, listener, Arc::new(service));
        let peer = Peer::new(&client, Address::simulated(NodeId(1)));
        let small = Request { body: Bytes::new(), ..request("one of many") };
        for _ in 0..10_000 {
            peer.send(small.clone()).unwrap();
        }
        client.clock.sleep(Duration::from_secs(1)).await;
        assert_eq!(held.lock().unwrap().len(), 4096);
        held.lock().unwrap().drain(..1000).for_each(|go| go.send(()).unwrap());
        client.clock.sleep(Duration::from_secs(1)).await;
        assert_eq!(held.lock().unwrap().len(), 4096);
    });
}
