//! Names, shapes and files of profiles.

use std::time::Duration;

use super::*;

fn micros(count: u64) -> Duration {
    Duration::from_micros(count)
}

fn parse(text: &str) -> Result<Profile, ProfileError> {
    file::parse(text, Path::new("dir/own.toml"))
}

fn refused(text: &str) -> String {
    let error = parse(text).unwrap_err().to_string();
    assert!(!error.contains('\n'), "not one line: {error}");
    error
}

#[test]
fn a_link_and_a_disk_are_named_together_or_alone() {
    let both: Profile = "three-zones+nvme".parse().unwrap();
    assert_eq!(both.name, "three-zones+nvme");
    assert_eq!(both.links.unwrap().between.median(), micros(400));
    assert_eq!(both.syncs.unwrap().median(), micros(40));
    let link: Profile = "one-zone".parse().unwrap();
    assert!(link.links.is_some() && link.syncs.is_none());
    for disk in ["cloud-disk", "natural+cloud-disk"] {
        let disk: Profile = disk.parse().unwrap();
        assert!(disk.links.is_none() && disk.syncs.is_some());
    }
    assert!("natural".parse::<Profile>().unwrap().is_natural());
}

#[test]
fn each_name_takes_each_shape_and_keeps_its_median() {
    for shape in ["constant", "exponential", "log-normal", "bimodal"] {
        let profile: Profile = format!("three-regions:{shape}+consumer-ssd:{shape}").parse().unwrap();
        let near = |latency: Latency, us: u64| latency.median().abs_diff(micros(us)) < micros(2);
        assert!(near(profile.links.unwrap().between, 35_000), "{shape}");
        assert!(near(profile.syncs.unwrap(), 2_000), "{shape}");
    }
}

#[test]
fn what_is_no_profile_is_refused_in_one_line() {
    for wrong in
        ["", "four-zones", "three-zones+one-zone", "nvme+three-zones", "nvme+nvme", "one-zone+nvme+nvme"]
    {
        let error = wrong.parse::<Profile>().unwrap_err().to_string();
        assert!(error.contains("three-zones") && !error.contains('\n'), "{wrong:?}: {error}");
    }
    let error = "one-zone:gaussian".parse::<Profile>().unwrap_err().to_string();
    assert!(error.contains("\"gaussian\" (constant"), "{error}");
    let error = "no/such.toml".parse::<Profile>().unwrap_err().to_string();
    assert!(error.starts_with("cannot read the profile no/such.toml"), "{error}");
}

#[test]
fn replicas_are_spread_over_zones() {
    let links = "three-zones".parse::<Profile>().unwrap().links.unwrap();
    assert_eq!(links.one_way(1, 4), links.within);
    assert_eq!(links.one_way(1, 2), links.between);
    assert_eq!(links.one_way(5, 3), links.between);
}

/// The TOML that a page of a module shows.
pub(crate) fn shown_on(page: &str) -> String {
    page.lines()
        .skip_while(|line| *line != "//! ```toml")
        .skip(1)
        .take_while(|line| *line != "//! ```")
        .flat_map(|line| [line.trim_start_matches("//!"), "\n"])
        .collect()
}

#[test]
fn a_file_says_what_its_page_says() {
    let own = parse(&shown_on(include_str!("file.rs"))).unwrap();
    assert_eq!(own.name, "metro");
    let links = own.links.unwrap();
    assert_eq!(
        (links.zones, links.within),
        (2, Latency::LogNormal { median: micros(60), sigma_permille: 400 })
    );
    assert!(matches!(links.between, Latency::Exponential { least, .. } if least == micros(500)));
    assert!(links.between.median().abs_diff(micros(900)) < micros(1));
    let syncs = Latency::Bimodal { usual: micros(1500), slow: micros(40_000), slow_permille: 5 };
    assert_eq!(own.syncs, Some(syncs));
}

#[test]
fn what_a_file_says_wrong_is_told_in_one_line() {
    let told = refused("name = \"x\"\n[links]\nwithn = { median-us = 3 }\n");
    assert!(told.starts_with("profile dir/own.toml, line 3: unknown field `withn`"), "{told}");
    assert!(refused("name = ").contains("line 1"));
    assert!(refused("name = \"x\"").contains("injects nothing"));
    assert!(refused("[syncs]\nmedian-us = -1").contains("syncs.median-us must be 0 to"));
    assert!(refused("[syncs]\nmedian-us = 1\nsigma = 9").contains("syncs.sigma must be 0 to 3"));
    assert!(refused("[syncs]\nmedian-us = 1\nleast-us = 9").contains("syncs.least-us does not belong"));
    assert!(refused("[links]\nzones = 3\nwithin = { median-us = 5 }").contains("3 zones need links.between"));
    let told = refused("[syncs]\nmedian-us = 1\ndistribution = \"cauchy\"");
    assert!(told.contains("syncs.distribution: no such distribution: \"cauchy\""), "{told}");
}

#[test]
fn what_is_injected_is_told_with_its_figures() {
    let told = "three-zones:constant+nvme".parse::<Profile>().unwrap().told();
    assert!(
        told.starts_with("each frame takes 0.4 ms (constant) one way between 3 zones and 0.075 ms"),
        "{told}"
    );
    assert!(told.contains("each sync takes a drawn time, 0.04 ms (log-normal, sigma 0.3)"), "{told}");
}
