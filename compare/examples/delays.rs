//! Whether injected delays are as long as they were drawn, on real sockets and files: `cargo run --example delays --
//! three-zones+cloud-disk`. Not a test, for a busy machine would fail it.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use compare::profile::Profile;
use partition::clock::Clock;
use partition::latency::Latency;
use partition::log::disk::{DelayedDisk, Disk, OpenMode, RealDisk, SlowSyncs};
use partition::transport::delayed::{DelayedTransport, WayTo, Ways};
use partition::transport::tcp::TcpTransport;
use partition::transport::{Address, Frame, Link, Transport};
use partition::world::{Random, Tasks};

/// Enough for a median to some per cent.
const TIMES: u32 = 300;

fn main() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "three-zones+cloud-disk".to_owned());
    let profile: Profile = name.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("{}: {}", profile.name, profile.told());
    if let Some(links) = profile.links {
        let measured = runtime.block_on(round_trips(links.between))?;
        tell("round trip between zones", measured, drawn(links.between, 2));
    }
    if let Some(latency) = profile.syncs {
        let dir = std::env::temp_dir().join(format!("delays-{}", std::process::id()));
        std::fs::create_dir(&dir)?;
        let measured = syncs(latency, &dir);
        std::fs::remove_dir_all(&dir)?;
        tell("sync", measured?, drawn(latency, 1));
    }
    Ok(())
}

fn tell(what: &str, mut measured: Vec<Duration>, mut drawn: Vec<Duration>) {
    measured.sort();
    drawn.sort();
    for percent in [50, 90, 99] {
        let at = |sorted: &[Duration]| sorted[(sorted.len() - 1) * percent / 100].as_secs_f64() * 1e3;
        let (is, should) = (at(&measured), at(&drawn));
        println!("{what}, p{percent}: {is:.3} ms, drawn {should:.3} ms, {:+.3} ms", is - should);
    }
}

/// Sums of so many draws, as a model of what is measured.
fn drawn(latency: Latency, of: u32) -> Vec<Duration> {
    let random = Random::seeded(1);
    let sum = |_| (0..of).map(|_| random.with(|random| latency.draw(random))).sum();
    (0..100 * TIMES).map(sum).collect()
}

/// Of a frame and its echo over one delayed connection.
async fn round_trips(one_way: Latency) -> Result<Vec<Duration>, Box<dyn Error>> {
    let (clock, tasks) = (Clock::real(), Tasks::default());
    let free = Address(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let mut listener = TcpTransport.listen(free).await?;
    let at = listener.address();
    tasks.spawn(async move {
        let Ok(Link { mut sink, mut stream }) = listener.accept().await else { return };
        while let Ok(Some(frame)) = stream.next().await {
            sink.feed(frame);
            if sink.flush().await.is_err() {
                return;
            }
        }
    });
    let ways = Ways::new(BTreeMap::from([(at, WayTo { one_way, seed: 1 })]));
    let delayed = DelayedTransport::over(Arc::new(TcpTransport), ways, &clock, &tasks);
    let Link { mut sink, mut stream } = delayed.connect(at).await?;
    let mut measured = Vec::new();
    for _ in 0..TIMES {
        let sent = clock.now();
        sink.feed(Frame { head: Bytes::from_static(b"there and back"), body: Bytes::new() });
        sink.flush().await?;
        stream.next().await?.ok_or("the echo has gone")?;
        measured.push(clock.now().since(sent));
    }
    Ok(measured)
}

fn syncs(latency: Latency, dir: &Path) -> std::io::Result<Vec<Duration>> {
    let clock = Clock::real();
    let disk = DelayedDisk::over(Arc::new(RealDisk), SlowSyncs::new(latency, 1, &clock));
    let file = disk.open(&dir.join("file"), OpenMode::New)?;
    let one = |number: u32| {
        file.write_at(&[0; 1024], partition::ids::ByteSize(u64::from(number) * 1024))?;
        let start = clock.now();
        file.sync()?;
        Ok(clock.now().since(start))
    };
    (0..TIMES).map(one).collect()
}
