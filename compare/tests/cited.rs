//! What our texts say is what the committed results say.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::fs;
use std::path::{Path, PathBuf};

use compare::citation::{Sources, refresh, uncited};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

#[test]
fn each_figure_of_a_text_is_as_its_results_have_it() {
    let mut sources = Sources::default();
    for (name, at_least) in [("README.md", 10), ("docs/trade-offs.md", 50)] {
        let path = root().join(name);
        let refreshed = refresh(&fs::read_to_string(&path).unwrap(), path.parent().unwrap(), &mut sources);
        let refreshed = refreshed.unwrap_or_else(|faults| panic!("{name}: {faults:#?}"));
        assert_eq!(refreshed.changed, [], "{name}: `compare cite {name}` mends it");
        assert!(refreshed.cited >= at_least, "{name} cites {} figures", refreshed.cited);
    }
}

#[test]
fn the_write_up_has_no_figure_that_cites_nothing() {
    let text = fs::read_to_string(root().join("docs/trade-offs.md")).unwrap();
    assert_eq!(uncited(&text), []);
}
