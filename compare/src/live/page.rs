//! The page: what never changes of it, in the report's colours; the rest comes as events.

use std::collections::BTreeMap;

use serde::Serialize;

use super::board::{HAPPENINGS_KEPT, SECONDS_KEPT};
use super::eye::LOOK_INTERVAL;
use super::hand::{SLOW_DISK, SLOW_LINK};
use super::tours::{TOURS, TourText};
use crate::checker::Watch;
use crate::report;
use crate::report::palette::{class, waits_for};
use crate::system::System;

const STYLE: &str = include_str!("page.css");
const BODY: &str = include_str!("page.html");
/// Draws what events tell.
pub(super) const SCRIPT: &str = include_str!("page.js");
/// Nothing is fetched from elsewhere, and nobody frames it.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; \
                                 img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// What the script begins with.
#[derive(Serialize)]
struct Setup<'a> {
    systems: Vec<SystemText<'a>>,
    tours: [&'static TourText; TOURS.len()],
    /// What is offered to both, in words.
    load: &'a str,
    seconds: usize,
    happenings: usize,
}

#[derive(Serialize)]
struct SystemText<'a> {
    system: System,
    name: &'a str,
    class: &'static str,
    waits: &'static str,
}

/// All of it.
pub(super) fn page(names: &BTreeMap<System, String>, load: &str) -> String {
    let text = |(system, name)| {
        let system: &System = system;
        let name: &String = name;
        SystemText { system: *system, name, class: class(*system), waits: waits_for(*system) }
    };
    let setup = Setup {
        systems: names.iter().map(text).collect(),
        tours: TOURS,
        load,
        seconds: SECONDS_KEPT,
        happenings: HAPPENINGS_KEPT,
    };
    let setup = serde_json::to_string(&setup).expect("what is shown is plain data");
    // Nothing in it ends the element that it stands in.
    let setup = setup.replace('<', "\\u003c");
    let style = format!("{}{STYLE}", report::CHART_STYLE);
    let limits = [
        ("{window}", Watch::WINDOW.to_string()),
        ("{slow_link}", SLOW_LINK.as_millis().to_string()),
        ("{slow_disk}", SLOW_DISK.as_millis().to_string()),
        ("{look}", LOOK_INTERVAL.as_millis().to_string()),
    ];
    let body = limits.iter().fold(BODY.to_owned(), |body, (place, limit)| body.replace(place, limit));
    body.replace("{style}", &style).replace("{setup}", &setup)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_both_systems_and_all_tours_and_asks_nobody_else_for_anything() {
        let names =
            BTreeMap::from([(System::Isr, "isr-3:2".to_owned()), (System::Quorum, "quorum-3".to_owned())]);
        let page = page(&names, "</script>");
        for word in ["isr-3:2", "quorum-3", "hung-follower", "hw-truncation"] {
            assert!(page.contains(word), "{word}");
        }
        assert!(!["{style}", "{setup}", "{window}", "{look}"].iter().any(|place| page.contains(place)));
        assert_eq!(page.matches("</script>").count(), 2, "what is told ends no element");
        for text in [page.as_str(), SCRIPT] {
            assert!(
                !text.contains("https:") && !text.contains("//cdn"),
                "something is fetched from elsewhere"
            );
        }
    }
}
