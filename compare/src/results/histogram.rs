//! Histograms as results hold them: HdrHistogram's format V2, in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};

use super::cell::Figures;

/// As text.
pub(super) fn encoded(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    V2Serializer::new()
        .serialize(histogram, &mut bytes)
        .expect("counts stay below 2^63, and memory takes all that is written");
    STANDARD.encode(bytes)
}

impl Figures {
    /// All latencies, in nanoseconds; none when the text is no histogram (a results file that somebody has edited).
    #[must_use]
    pub fn latencies(&self) -> Option<Histogram<u64>> {
        let bytes = STANDARD.decode(&self.histogram).ok()?;
        Deserializer::new().deserialize(&mut bytes.as_slice()).ok()
    }
}
