//! The page of real runs: those that are kept with the sources.

use std::path::Path;

use super::*;
use crate::results::Results;

/// About what a page may weigh that is sent by mail.
const PAGE_BYTES_MAX: usize = 200_000;

fn kept(path: &str) -> Source {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/results").join(path);
    let results = Results::read(&whole).expect("it is kept to be read");
    Source { name: path.to_owned(), link: path.to_owned(), results }
}

fn headline() -> Vec<Source> {
    vec![kept("2026-11-22-headline/later-results.json")]
}

fn names(files: &[File]) -> Vec<&str> {
    files.iter().map(|file| file.name.as_str()).collect()
}

#[test]
fn the_page_of_a_whole_run_is_one_small_file_that_loads_nothing() {
    let page = html(&headline());
    assert!(page.len() < PAGE_BYTES_MAX, "{} bytes", page.len());
    // Addresses are the raw data's, the page's own and names of XML, and none is fetched.
    for fetched in [" src=", "url(", "@import", "<link", "http://", "https://"] {
        assert!(!page.contains(fetched), "{fetched} in the page");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn the_same_results_give_the_same_bytes() {
    assert_eq!(html(&headline()), html(&headline()));
    assert_eq!(figures(&headline()), figures(&headline()));
}

#[test]
fn the_page_opens_with_the_figures_that_were_measured() {
    let page = html(&headline());
    let answer = &page[..page.find("<nav").unwrap()];
    for figure in ["no difference was detected", "0.727 against 0.756 ms", "0.573 against 0.756 ms", "76%"] {
        assert!(answer.contains(figure), "{figure} is not in {answer}");
    }
}

#[test]
fn each_chart_is_drawn_when_its_figures_are_there_and_else_its_command_is_told() {
    let page = html(&headline());
    let files = figures(&headline());
    let names = names(&files);
    assert!(names.contains(&"replicas-nothing-injected-1-in-flight-p50.svg"), "{names:?}");
    assert!(names.contains(&"cost-nothing-injected-64-in-flight-cpu.svg"), "{names:?}");
    for missing in ["--slow-replicas 0,1,2", "--rate sweep", "compare faults --simulated"] {
        assert!(page.contains(missing), "{missing} is not told");
    }
    assert!(!page.contains("--replicas 1,2,3,4,5,7"), "what is there is not asked for");
}

#[test]
fn every_element_that_is_opened_is_closed() {
    let page = html(&headline());
    let files = figures(&headline());
    let pictures = files.iter().filter(|file| file.name.ends_with(".svg")).map(|file| file.text.as_str());
    for text in pictures.chain([page.as_str()]) {
        for tag in [
            "svg", "g", "text", "title", "div", "section", "figure", "table", "tr", "td", "p", "details",
            "dl", "li",
        ] {
            let opened =
                text.matches(&format!("<{tag} ")).count() + text.matches(&format!("<{tag}>")).count();
            assert_eq!(opened, text.matches(&format!("</{tag}>")).count(), "{tag}");
        }
        let drawn = text.split("<script>").next().unwrap();
        assert!(!drawn.contains("NaN") && !drawn.contains("inf\"") && !drawn.contains("=\"-\""));
    }
}

#[test]
fn every_picture_says_what_it_shows_and_every_table_has_all_its_values() {
    let files = figures(&headline());
    for File { name, text } in &files {
        if name.ends_with(".svg") {
            assert!(text.contains("role=\"img\" aria-label=\"") && text.starts_with("<svg "), "{name}");
        } else if name.ends_with(".csv") {
            let columns =
                |line: &str| line.split('"').step_by(2).map(|part| part.matches(',').count()).sum::<usize>();
            let first = columns(text.lines().next().unwrap());
            assert!(text.lines().count() > 1 && text.lines().all(|line| columns(line) == first), "{name}");
        }
    }
    assert!(names(&files).contains(&"cells.md") && names(&files).contains(&"choice.md"));
}

#[test]
fn a_later_run_replaces_what_it_measured_anew_and_both_are_named() {
    let both = vec![kept("2026-11-22-headline/later-results.json"), kept("2026-11-22-headline/results.json")];
    let page = html(&both);
    assert!(page.contains("32 cells were measured anew"), "the same 32 cells twice");
    assert!(page.contains("0.727 against 0.756 ms"), "the later one counts, whichever is named first");
    assert!(page.contains("2026-11-22-headline/results.json"));
    let mut reversed = both;
    reversed.reverse();
    assert_eq!(html(&reversed), page);
}

#[test]
fn figures_of_another_machine_stay_apart() {
    let mut other = kept("2026-11-22-headline/results.json");
    other.results.machine.cores = 64;
    let page = html(&[kept("2026-11-22-headline/later-results.json"), other]);
    assert!(page.contains("nothing injected, machine 2, 1 in flight") && !page.contains("measured anew"));
}

#[test]
fn a_run_without_cells_says_how_to_measure_them() {
    let mut empty = kept("2026-11-22-headline/results.json");
    empty.results.cells.clear();
    empty.results.comparisons.clear();
    let page = html(&[empty]);
    assert!(page.contains("No answer") && page.contains("compare latency --processes"));
}

#[test]
fn what_a_results_file_says_is_never_markup() {
    let mut evil = kept("2026-11-22-headline/results.json");
    evil.results.command = "compare </code><script>alert(1)</script>".to_owned();
    evil.results.cells[0].error = Some("<img src=x onerror=alert(1)>".to_owned());
    let page = html(&[evil]);
    assert!(!page.contains("<script>alert") && !page.contains("<img"));
    assert!(page.contains("&lt;img src=x"));
}
