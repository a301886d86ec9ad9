//! The named profiles, and where their figures come from.

use std::time::Duration;

use partition::latency::Latency;

use super::error::ProfileError;
use super::shape::{Scatter, Shape};
use super::{Links, Profile};

/// A place between whose nodes frames travel. Medians are one way: half of the round trips that were published.
struct LinkProfile {
    name: &'static str,
    zones: u32,
    within: Duration,
    between: Duration,
    /// Unless another is asked for.
    shape: Shape,
    scatter: Scatter,
}

/// A disk.
struct DiskProfile {
    name: &'static str,
    sync: Duration,
    shape: Shape,
    scatter: Scatter,
}

/// One way within a zone: 0.1 to 0.2 ms a round trip between two instances of one availability zone
/// (bitsand.cloud/posts/cross-az-latencies measures AWS; Azure's proximity groups and GCP's zones are alike).
const WITHIN_ZONE: Duration = Duration::from_micros(75);

const LINKS: [LinkProfile; 3] = [
    LinkProfile {
        name: "one-zone",
        zones: 1,
        within: WITHIN_ZONE,
        between: WITHIN_ZONE,
        shape: Shape::LogNormal,
        scatter: Scatter { sigma_permille: 400, slow_times: 10, slow_permille: 10 },
    },
    // Round trips between zones of a region: 0.3 to 1.5 ms by pair (flashgrid.io "Latencies between AWS availability
    // zones", 2023, all pairs of all regions; Azure and GCP promise under 2 ms). The middle: 0.8 ms.
    LinkProfile {
        name: "three-zones",
        zones: 3,
        within: WITHIN_ZONE,
        between: Duration::from_micros(400),
        shape: Shape::LogNormal,
        scatter: Scatter { sigma_permille: 300, slow_times: 10, slow_permille: 10 },
    },
    // Round trips between regions one ocean or one continent apart: 60 to 80 ms (cloudping.co: us-east-1 to us-west-2
    // and to eu-west-1). Long lines scatter little, for most of it is the speed of light.
    LinkProfile {
        name: "three-regions",
        zones: 3,
        within: WITHIN_ZONE,
        between: Duration::from_micros(35_000),
        shape: Shape::LogNormal,
        scatter: Scatter { sigma_permille: 50, slow_times: 3, slow_permille: 10 },
    },
];

const DISKS: [DiskProfile; 3] = [
    // A data centre's drive with capacitors: 12 to 58 us (smalldatum.blogspot.com, 2026-01, "SSDs, power loss
    // protection and fsync latency": Intel D7-P5520, Samsung PM9A3). Below what a virtual disk takes, as often as not.
    DiskProfile {
        name: "nvme",
        sync: Duration::from_micros(40),
        shape: Shape::LogNormal,
        scatter: Scatter { sigma_permille: 300, slow_times: 20, slow_permille: 10 },
    },
    // Network block storage: "single-digit milliseconds" (AWS on gp3), 0.5 to 2 ms in most measurements of gp3,
    // Premium SSD and Persistent Disk; bursts and throttling make the tail.
    DiskProfile {
        name: "cloud-disk",
        sync: Duration::from_micros(1_000),
        shape: Shape::LogNormal,
        scatter: Scatter { sigma_permille: 500, slow_times: 20, slow_permille: 10 },
    },
    // Without capacitors a flush goes to the cells: 0.9 to 5 ms (the same measurements as for nvme: Samsung 990 Pro,
    // Crucial T500), and now and then waits for the drive to collect garbage.
    DiskProfile {
        name: "consumer-ssd",
        sync: Duration::from_micros(2_000),
        shape: Shape::Bimodal,
        scatter: Scatter { sigma_permille: 500, slow_times: 10, slow_permille: 10 },
    },
];

/// `LINK`, `LINK+DISK` or `DISK`, each with a shape behind a colon if its usual one is not wanted.
pub(super) fn parse(text: &str) -> Result<Profile, ProfileError> {
    let unknown = || ProfileError::Unknown(text.to_owned());
    let mut profile = Profile { name: text.to_owned(), links: None, syncs: None };
    let mut parts = text.split('+');
    let first = parts.next().ok_or_else(unknown)?;
    let second = parts.next();
    if parts.next().is_some() {
        return Err(unknown());
    }
    if first != "natural" {
        profile.links = links(first)?;
        if profile.links.is_none() {
            profile.syncs = Some(disk(first)?.filter(|_| second.is_none()).ok_or_else(unknown)?);
        }
    }
    if let Some(second) = second.filter(|second| *second != "natural") {
        profile.syncs = Some(disk(second)?.ok_or_else(unknown)?);
    }
    Ok(profile)
}

fn links(text: &str) -> Result<Option<Links>, ProfileError> {
    let (name, shape) = shaped(text)?;
    let Some(known) = LINKS.into_iter().find(|known| known.name == name) else { return Ok(None) };
    let shape = shape.unwrap_or(known.shape);
    let around = |median| shape.around(median, known.scatter);
    Ok(Some(Links { zones: known.zones, within: around(known.within), between: around(known.between) }))
}

fn disk(text: &str) -> Result<Option<Latency>, ProfileError> {
    let (name, shape) = shaped(text)?;
    let known = DISKS.into_iter().find(|known| known.name == name);
    Ok(known.map(|known| shape.unwrap_or(known.shape).around(known.sync, known.scatter)))
}

fn shaped(text: &str) -> Result<(&str, Option<Shape>), ProfileError> {
    match text.split_once(':') {
        Some((name, shape)) => Ok((name, Some(shape.parse()?))),
        None => Ok((text, None)),
    }
}
