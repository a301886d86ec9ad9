//! A text cannot say what no run has said.

use super::*;

const RESULTS: &str = r#"{
    "machine": {"sync_us": {"p50": 172.4}},
    "cells": [
        {"system": "isr", "replicas": 3, "load": {"in_flight": 1}, "processes": true, "ops_per_s": 1200.4,
         "latency_us": {"p50": 935.4}, "interval": {"p50": [900.0, 990.0]}, "rss_bytes": {"replicas": 68820992}},
        {"system": "quorum", "replicas": 3, "load": {"in_flight": 1}, "processes": true, "ops_per_s": 1000.0,
         "latency_us": {"p50": 1012.6}},
        {"system": "quorum", "replicas": 5, "load": {"in_flight": 1}, "processes": true, "ops_per_s": 900.0,
         "latency_us": {"p50": 1500.0}}
    ],
    "noise": [{"p50": 0.034}]
}"#;

/// The text after it was refreshed, beside these results.
fn refreshed(text: &str) -> Result<Refreshed, Vec<(Line, Fault)>> {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("r.json"), RESULTS).unwrap();
    refresh(text, directory.path(), &mut Sources::default())
}

fn says(link: &str) -> String {
    refreshed(link).map_or_else(|faults| faults[0].1.to_string(), |refreshed| refreshed.text)
}

#[test]
fn a_figure_is_shown_with_the_decimals_and_in_the_unit_that_its_author_gave_it() {
    for (shown, pick, wanted) in [
        ("0 us", "cells?system=isr/latency_us.p50", "935 us"),
        ("0.00 ms", "cells?system=isr/latency_us.p50", "0.94 ms"),
        ("0.0 ms", "cells?system=isr/interval.p50.1", "1.0 ms"),
        ("0/s", "cells?system=isr&replicas=3&load.in_flight=1&processes=true/ops_per_s", "1,200/s"),
        ("0.00 times", "cells?system=isr/ops_per_s//cells?system=quorum&replicas=3/ops_per_s", "1.20 times"),
        ("0.0 %", "noise/p50", "3.4 %"),
        ("0 MiB", "cells?system=isr/rss_bytes.replicas", "66 MiB"),
        ("0.1 us", "machine/sync_us.p50", "172.4 us"),
        ("7", "cells?replicas=5/ops_per_s", "900"),
    ] {
        assert_eq!(says(&format!("[{shown}](r.json#{pick})")), format!("[{wanted}](r.json#{pick})"));
    }
}

#[test]
fn a_text_that_is_right_is_left_as_it_is_and_one_that_is_not_is_told_by_line() {
    let right = "Of three [935 us](r.json#cells?system=isr/latency_us.p50), as `5 ms` or\n[that][1].\n\n[1]: r.json\n";
    let kept = refreshed(right).unwrap();
    assert_eq!((kept.text.as_str(), kept.cited, kept.changed), (right, 1, vec![]));
    let wrong = "a\n\n| p50 |\n|--|\n| [934 us][p] |\n\n[p]: r.json#cells?system=isr/latency_us.p50\n";
    let mended = refreshed(wrong).unwrap();
    assert_eq!(mended.changed, [(Line(5), "934 us".to_owned(), "935 us".to_owned())]);
    assert_eq!(mended.text, wrong.replace("934", "935"));
}

#[test]
fn what_names_no_single_figure_is_refused_with_what_to_do() {
    for (link, why) in [
        ("[1 ms](r.json#cells?system=quorum/latency_us.p50)", "2 of `cells`"),
        ("[1 ms](r.json#cells?system=kafka/latency_us.p50)", "0 of `cells`"),
        ("[1 ms](r.json#cells?system=isr/latency_us.p98)", "`latency_us.p98` is no number there"),
        ("[1 ms](r.json#cells)", "names no figure"),
        ("[1 ms](other.json#cells?system=isr/ops_per_s)", "cannot read"),
        ("[fast](r.json#cells?system=isr/ops_per_s)", "`fast` is no figure"),
        ("[1 ms](r.json#cells?system=isr/ops_per_s)", "a figure in numbers cannot be shown in `ms`"),
        ("[2](r.json#cells?system=isr/ops_per_s//cells?system=isr/latency_us.p50)", "can divide only by"),
    ] {
        let said = says(link);
        assert!(said.contains(why), "{link}: {said}");
    }
}

#[test]
fn what_was_printed_is_cited_by_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let printed = "isr-3:2: 5000 seeds\n  faults         22479; 4489 restarts\n  overhead  1.05 times, 7 us more; 4 %\n";
    fs::write(directory.path().join("p.txt"), printed).unwrap();
    let says = |link: &str| match refresh(link, directory.path(), &mut Sources::default()) {
        Ok(refreshed) => refreshed.text,
        Err(faults) => faults[0].1.to_string(),
    };
    for (shown, pick, wanted) in [
        ("0", "isr-3:2:/1", "5,000"),
        ("0", "faults/2", "4,489"),
        ("0.0 times", "overhead/1", "1.1 times"),
        ("0 us", "overhead/2", "7 us"),
        ("0 %", "overhead/3", "4 %"),
    ] {
        assert_eq!(says(&format!("[{shown}](p.txt#{pick})")), format!("[{wanted}](p.txt#{pick})"));
    }
    for (pick, why) in
        [("fau/3", "`fau/3` is no number there"), ("x/1", "0 lines begin"), ("faults", "write it as")]
    {
        assert!(says(&format!("[1](p.txt#{pick})")).contains(why), "{pick}");
    }
}

#[test]
fn figures_that_cite_nothing_are_seen() {
    let text = "In 5 ms, 29,196/s, `7 ms`, n = 3, 2n+1, [8 ms](r.json#a/b) and [9 ms](other.md); 3 sets.\n\n```\n1 ms\n```\n2.5 %\n";
    let seen: Vec<String> = uncited(text).into_iter().map(|(_, amount)| amount).collect();
    assert_eq!(seen, ["5 ms", "29,196/s", "9 ms", "2.5 %"]);
    assert_eq!(uncited(text)[3].0, Line(6));
}
