//! The order of the crates and their privileges, as tables: a new crate is one word here.

/// The crates, lowest level first. A crate may use crates of lower levels, never of its own.
///
/// Names are those of the packages without `resolvent-`; the package `resolvent` is `cli`.
const LEVELS: &[&[&str]] = &[
    &["structure", "formats"],
    &["data"],
    &["kernels"],
    &["mixers"],
    &["models"],
    &["learn"],
    &["adapt"],
    &["serve", "agents"],
    &["claims"],
    &["cli", "py"],
];

/// Crates beside the order: they use no crate of ours, and no crate of ours uses them.
const OUTSIDE: &[&str] = &["xtask", "gpu"];

/// Arrows that point downwards but are meant for tests only.
pub const TESTS_ONLY: &[(&str, &str)] = &[
    // Operations are compared with the matrices they apply; they do not compute with them.
    ("kernels", "structure"),
];

/// Who may use a family of outside crates.
pub struct Reserved {
    /// Names of packages; a final `*` stands for any ending.
    pub packages: &'static [&'static str],
    /// The crates that may use them.
    pub users: &'static [&'static str],
}

/// Outside crates that are not for everyone. The first rule that matches a package decides.
const RESERVED: &[Reserved] = &[
    Reserved {
        packages: &["burn-train"],
        users: &["learn"],
    },
    Reserved {
        packages: &[
            "cubecl",
            "cubecl-*",
            "burn-cubecl",
            "burn-cubecl-*",
            "burn-flex",
            "burn-autodiff",
        ],
        users: &["kernels"],
    },
    Reserved {
        packages: &["burn", "burn-*"],
        users: &[
            "kernels", "mixers", "models", "learn", "claims", "adapt", "serve", "cli",
        ],
    },
    Reserved {
        packages: &["cudarc"],
        users: &["gpu"],
    },
];

/// Where a crate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the order, counted from the lowest level.
    Level(usize),
    /// Beside the order.
    Outside,
}

/// The rule that reserves a package for some crates, if there is one.
pub fn reserved(package: &str) -> Option<&'static Reserved> {
    let covers = |rule: &&Reserved| rule.packages.iter().any(|p| matches(p, package));
    RESERVED.iter().find(covers)
}

/// Whether a package name fits a pattern that may end in `*`.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

/// The name of a package in the tables above.
pub fn short_name(package: &str) -> &str {
    if package == "resolvent" {
        return "cli";
    }
    package.strip_prefix("resolvent-").unwrap_or(package)
}

/// Where a package stands, or nothing when the tables do not name it.
pub fn place_of(package: &str) -> Option<Place> {
    let name = short_name(package);
    if OUTSIDE.contains(&name) {
        return Some(Place::Outside);
    }
    let level = LEVELS.iter().position(|level| level.contains(&name))?;
    Some(Place::Level(level))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn tables_when_read_name_every_crate_once() {
        let all: Vec<&str> = LEVELS
            .iter()
            .copied()
            .flatten()
            .chain(OUTSIDE)
            .copied()
            .collect();
        let distinct: HashSet<&str> = all.iter().copied().collect();
        assert_eq!(all.len(), distinct.len());
        for rule in RESERVED {
            assert!(rule.users.iter().all(|user| distinct.contains(user)));
        }
    }
}
