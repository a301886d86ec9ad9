//! What a reader is told about a profile: what was injected, and where.

use super::{Links, Profile};

impl Profile {
    /// What was injected, in words.
    #[must_use]
    pub fn told(&self) -> String {
        let links = self.links.map(|links| links.told());
        let syncs = self.syncs.map(|syncs| {
            format!("each sync takes a drawn time, {syncs}, or the real one where that is longer")
        });
        let parts: Vec<String> = links.into_iter().chain(syncs).collect();
        if parts.is_empty() { "nothing".to_owned() } else { parts.join("; ") }
    }
}

impl Links {
    fn told(&self) -> String {
        let Self { zones, within, between } = self;
        let clients = "clients are in the zone of whomever they ask";
        if *zones == 1 {
            return format!("each frame takes {within} one way, in one zone");
        }
        format!(
            "each frame takes {between} one way between {zones} zones and {within} within one; replica i is in zone \
             (i - 1) mod {zones}, controllers likewise, and {clients}"
        )
    }
}
