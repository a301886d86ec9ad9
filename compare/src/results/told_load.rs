//! How files tell of a load: those that were written before there were schedules do not say which kind it is.

use serde::Deserialize;

use super::cell::Load;
use crate::workload::{Arrivals, Percent};

/// What a file may say of a load.
#[derive(Debug, Deserialize)]
pub(super) struct ToldLoad {
    in_flight: Option<u32>,
    rate: Option<u32>,
    arrivals: Option<Arrivals>,
    knee_percent: Option<Percent>,
}

impl TryFrom<ToldLoad> for Load {
    type Error = &'static str;

    fn try_from(told: ToldLoad) -> Result<Self, Self::Error> {
        let ToldLoad { in_flight, rate, arrivals, knee_percent } = told;
        match (in_flight, rate.zip(arrivals)) {
            (Some(in_flight), None) => Ok(Self::Closed { in_flight }),
            (None, Some((rate, arrivals))) => Ok(Self::Open { rate, arrivals, knee_percent }),
            _ => Err("a load is in_flight, or rate and arrivals"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_of_an_older_file_is_read_and_half_a_load_is_not() {
        let read = |text: &str| serde_json::from_str::<Load>(text).ok();
        assert_eq!(read(r#"{"in_flight": 64}"#), Some(Load::Closed { in_flight: 64 }));
        assert_eq!(read(r#"{"kind": "closed", "in_flight": 1}"#), Some(Load::ONE));
        let open = read(r#"{"kind": "open", "rate": 9, "arrivals": "poisson"}"#);
        assert_eq!(open, Some(Load::Open { rate: 9, arrivals: Arrivals::Poisson, knee_percent: None }));
        assert_eq!((read(r#"{"rate": 9}"#), read("{}")), (None, None));
    }
}
