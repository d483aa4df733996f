//! Published GPU kernels beside ours at the lengths of `bench lengths`, timed in a process of their
//! own on the same device while ours waits.

use super::Row;
use super::lengths::Subject;
use super::memory::mib;
use super::peer::document;
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

/// What `oracles/gpu_peer_bench.py --json` prints.
#[derive(Debug, Deserialize)]
struct Found {
    versions: serde_json::Map<String, Value>,
    rows: Vec<Measured>,
    failures: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Measured {
    mode: String,
    len: usize,
    median_ms: f64,
    bytes_beyond_inputs: u64,
}

/// One peer of one operation at all lengths, or why there is none.
pub(super) struct GpuPeer {
    /// As the script calls it.
    name: &'static str,
    found: Result<Found, String>,
}

impl GpuPeer {
    /// Times the peer called `name`.
    pub(super) fn timed(
        name: &'static str,
        subject: &Subject,
        lengths: &[usize],
        oracles: &Path,
    ) -> Self {
        let lengths: Vec<String> = lengths.iter().map(usize::to_string).collect();
        let flags = ["--peers", name, "--ops", subject.name, "--groups", "1"];
        let mut arguments: Vec<String> = flags.map(str::to_owned).to_vec();
        arguments.extend(["--json".to_owned(), "--lens".to_owned(), lengths.join(",")]);
        let found = document(oracles, "gpu_peer_bench.py", &arguments);
        let found = found.and_then(|found| {
            serde_json::from_value(found).map_err(|error| format!("failed: {error}"))
        });
        Self { name, found }
    }

    /// Whether there is anything of it; if not, every row says the same.
    pub(super) fn has_run(&self) -> bool {
        self.found
            .as_ref()
            .is_ok_and(|found| !found.rows.is_empty())
    }

    /// A row of ours once more, in milliseconds or MiB, with this peer beside it.
    pub(super) fn beside(&self, ours: &Row, length: usize, backward: bool) -> Row {
        let mode = if backward { "both" } else { "forward" };
        let value = self.measured(length, mode).map(|peer| match ours.unit {
            "ms" => peer.median_ms,
            _ => mib(peer.bytes_beyond_inputs),
        });
        let mut row = Row::new(ours.bench, ours.case.clone(), ours.unit, ours.ours);
        row.limit = ours.limit;
        row.curve = ours.curve;
        row.against_time(&self.label(), value)
    }

    fn measured(&self, length: usize, mode: &str) -> Result<&Measured, String> {
        let found = self.found.as_ref().map_err(Clone::clone)?;
        let mut rows = found.rows.iter();
        let row = rows.find(|row| row.len == length && row.mode == mode);
        row.ok_or_else(|| match found.failures.first() {
            Some(failure) => format!("failed: {failure}"),
            None => format!("failed: no row of {mode} at length {length}"),
        })
    }

    /// The script's name and the versions of what it ran.
    fn label(&self) -> String {
        let Ok(found) = &self.found else {
            return self.name.to_owned();
        };
        let package = self.name.split('_').next().unwrap_or(self.name);
        let known = found.versions.iter();
        let known = known.filter_map(|(name, version)| Some((name, version.as_str()?)));
        let wanted = known.filter(|(name, _)| {
            name.starts_with(package) || ["torch", "triton"].contains(&name.as_str())
        });
        let versions: Vec<String> = wanted.map(|(name, v)| format!("{name} {v}")).collect();
        format!("{} ({})", self.name, versions.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::{GpuPeer, Row};

    fn peer(document: serde_json::Value) -> GpuPeer {
        GpuPeer {
            name: "mamba_ssm",
            found: serde_json::from_value(document).map_err(|error| error.to_string()),
        }
    }

    #[test]
    fn beside_when_measured_has_the_peers_time_and_memory() {
        let document = serde_json::json!({
            "device": "a card",
            "versions": {"torch": "2.11", "fla": "0.6.0", "mamba_ssm": "2.3.2"},
            "rows": [{"mode": "both", "len": 1024, "median_ms": 4.0, "bytes_beyond_inputs": 3 << 20}],
            "failures": ["mamba_ssm ssd both 2048: out of memory"],
        });
        let peer = peer(document);
        let row = peer.beside(&Row::new("lengths", String::new(), "ms", 2.0), 1024, true);
        assert_eq!((row.peer, row.ratio), (Some(4.0), Some(2.0)));
        assert_eq!(row.peer_name, "mamba_ssm (torch 2.11, mamba_ssm 2.3.2)");
        let memory = Row::new("lengths", String::new(), "MiB", 6.0);
        assert_eq!(peer.beside(&memory, 1024, true).ratio, Some(0.5));
        let missing = peer.beside(&memory, 2048, true);
        assert_eq!(missing.ratio, None);
        assert!(missing.peer_name.contains("out of memory"));
    }

    #[test]
    fn beside_when_nothing_ran_says_why() {
        let peer = peer(serde_json::json!("no Python here"));
        let row = peer.beside(&Row::new("lengths", String::new(), "ms", 2.0), 1024, true);
        assert_eq!(row.peer, None);
        assert!(!row.peer_name.is_empty());
        assert!(!peer.has_run());
    }
}
