//! What `replica.lag.time.max.ms` trades, as a table.

use std::fmt::Write;

use super::wrapped;
use crate::results::{Results, TuningPoint};

const TITLE: &str = "What replica.lag.time.max.ms trades, three replicas and min-ISR 2, in virtual time: how long nothing is \
                     acknowledged when a follower hangs (median, longest), and how often one that only pauses for so long is \
                     put out of the set.";

/// The table; nothing where it was not measured.
#[must_use]
pub fn tuning(results: &Results) -> String {
    let Some(first) = results.tuning.first() else { return String::new() };
    let mut text = format!("{}\n{:>12} {:>9} {:>9}", wrapped(TITLE), "setting", "stall", "longest");
    for pause in &first.pauses {
        let _ = write!(text, " {:>12}", format!("pause {}", millis(Some(pause.pause_ms))));
    }
    text.push('\n');
    for point in &results.tuning {
        text.push_str(&line(point));
    }
    text
}

fn line(point: &TuningPoint) -> String {
    let TuningPoint { lag_max_ms, stall_ms, pauses } = point;
    let mut line =
        format!("{:>12} {:>9} {:>9}", millis(Some(*lag_max_ms)), millis(stall_ms.p50), millis(stall_ms.max));
    for pause in pauses {
        let _ = write!(line, " {:>12}", format!("{} of {}", pause.evicted, pause.count));
    }
    line.push('\n');
    line
}

fn millis(millis: Option<f64>) -> String {
    match millis {
        None => "?".to_owned(),
        Some(short) if short < 1e3 => format!("{short:.0} ms"),
        Some(long) => format!("{:.2} s", long / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::PausePoint;
    use crate::results::tests::results;

    #[test]
    fn each_setting_is_a_line_with_a_column_for_each_pause() {
        let mut results = results(Vec::new());
        assert_eq!(tuning(&results), "");
        let pauses = vec![PausePoint { pause_ms: 200.0, count: 15, evicted: 0 }];
        results.tuning = vec![TuningPoint { lag_max_ms: 1000.0, stall_ms: Default::default(), pauses }];
        let text = tuning(&results);
        let lines: Vec<&str> = text.lines().rev().take(2).collect();
        assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["1.00", "s", "?", "?", "0", "of", "15"]);
        assert!(lines[1].ends_with("pause 200 ms"), "{text}");
    }
}
