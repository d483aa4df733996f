//! The check that no dependency runs against the order of the workspace crates.

mod order;

use std::collections::HashSet;

use serde::Deserialize;

use crate::error::XtaskError;
use crate::layers::order::{Place, TESTS_ONLY, place_of, reserved, short_name};

/// The part of `cargo metadata --no-deps` that the check reads.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// A workspace crate.
#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

/// An entry of a crate's dependency tables, under its real name.
#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// Absent for ordinary dependencies, else `dev` or `build`.
    kind: Option<String>,
}

impl Dependency {
    fn is_for_tests(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }

    /// The table of the manifest it stands in.
    fn table(&self) -> String {
        match &self.kind {
            None => "dependencies".to_owned(),
            Some(kind) => format!("{kind}-dependencies"),
        }
    }
}

/// Holds the output of `cargo metadata` against the declared order.
///
/// Returns one line that says how much was checked.
///
/// # Errors
/// [`XtaskError::Layers`] with every offending arrow, [`XtaskError::Metadata`] when the text is
/// not what cargo prints.
pub fn check(metadata: &str) -> Result<String, XtaskError> {
    let metadata: Metadata = serde_json::from_str(metadata)?;
    let members: HashSet<&str> = metadata.packages.iter().map(|p| p.name.as_str()).collect();
    let mut problems = Vec::new();
    let mut arrows = 0;
    for package in &metadata.packages {
        if place_of(&package.name).is_none() {
            problems.push(format!(
                "{} has no place in the order: add it to LEVELS in xtask/src/layers/order.rs",
                package.name
            ));
            continue;
        }
        for dependency in &package.dependencies {
            let problem = if members.contains(dependency.name.as_str()) {
                arrows += 1;
                check_arrow(&package.name, dependency)
            } else {
                check_reserved(&package.name, dependency)
            };
            let reason = problem.map(|problem| {
                let (from, to) = (&package.name, &dependency.name);
                format!("{from} -> {to} ({}): {problem}", dependency.table())
            });
            problems.extend(reason);
        }
    }
    if !problems.is_empty() {
        return Err(XtaskError::Layers(problems));
    }
    let crates = metadata.packages.len();
    Ok(format!(
        "layers: {crates} crates, {arrows} arrows, all downwards"
    ))
}

/// What is wrong with an arrow between two workspace crates.
fn check_arrow(from: &str, dependency: &Dependency) -> Option<String> {
    let (user, used) = (short_name(from), short_name(&dependency.name));
    let (above, below) = match (place_of(from)?, place_of(&dependency.name)) {
        // The used crate is reported on its own account.
        (_, None) => return None,
        (Place::Level(above), Some(Place::Level(below))) => (above, below),
        (Place::Outside, _) => {
            return Some(format!(
                "{user} stands outside the layers and may use no crate of them"
            ));
        }
        (_, Some(Place::Outside)) => {
            return Some(format!(
                "{used} stands outside the layers and no crate may use it"
            ));
        }
    };
    if above == below {
        return Some(format!(
            "{user} and {used} stand side by side on level {above} and may not know each other"
        ));
    }
    if above < below {
        return Some(format!(
            "{user} stands on level {above}, {used} above it on level {below}; \
             arrows point downwards only"
        ));
    }
    if TESTS_ONLY.contains(&(user, used)) && !dependency.is_for_tests() {
        return Some(format!(
            "{user} may use {used} in its tests only: make it a dev-dependency"
        ));
    }
    None
}

/// What is wrong with the use of a crate from outside the workspace.
fn check_reserved(from: &str, dependency: &Dependency) -> Option<String> {
    let rule = reserved(&dependency.name)?;
    let user = short_name(from);
    if rule.users.contains(&user) {
        return None;
    }
    Some(format!(
        "{user} may not use {}; only {} may",
        dependency.name,
        rule.users.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Metadata of a workspace of crates with arrows `(from, to, kind)`.
    fn metadata(packages: &[&str], arrows: &[(&str, &str, Option<&str>)]) -> String {
        let packages: Vec<_> = packages
            .iter()
            .map(|name| {
                let dependencies: Vec<_> = arrows
                    .iter()
                    .filter(|(from, _, _)| from == name)
                    .map(|(_, to, kind)| serde_json::json!({ "name": to, "kind": kind }))
                    .collect();
                serde_json::json!({ "name": name, "dependencies": dependencies })
            })
            .collect();
        serde_json::json!({ "packages": packages, "version": 1 }).to_string()
    }

    /// The problems that a workspace with one arrow has.
    fn problems(from: &str, to: &str, kind: Option<&str>) -> Vec<String> {
        let outside = !to.starts_with("resolvent") && to != "xtask";
        let packages = if outside { vec![from] } else { vec![from, to] };
        match check(&metadata(&packages, &[(from, to, kind)])) {
            Ok(_) => Vec::new(),
            Err(XtaskError::Layers(problems)) => problems,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn arrow_when_downward_is_accepted() {
        for (from, to) in [
            ("resolvent-data", "resolvent-formats"),
            ("resolvent-mixers", "resolvent-structure"),
            ("resolvent-models", "resolvent-kernels"),
            ("resolvent", "resolvent-claims"),
            ("resolvent-claims", "resolvent-serve"),
        ] {
            assert_eq!(problems(from, to, None), Vec::<String>::new());
        }
    }

    #[test]
    fn arrow_when_upward_is_named() {
        assert_eq!(
            problems("resolvent-data", "resolvent-mixers", Some("dev")),
            [
                "resolvent-data -> resolvent-mixers (dev-dependencies): data stands on level 1, \
                 mixers above it on level 3; arrows point downwards only"
            ]
        );
    }

    #[test]
    fn arrow_when_sideways_is_refused() {
        for (from, to) in [
            ("resolvent-formats", "resolvent-structure"),
            ("resolvent-serve", "resolvent-agents"),
            ("resolvent", "resolvent-py"),
        ] {
            let problems = problems(from, to, None);
            assert!(problems[0].contains("side by side"), "{problems:?}");
        }
    }

    #[test]
    fn arrow_when_for_tests_only_is_refused_elsewhere() {
        let (from, to) = ("resolvent-kernels", "resolvent-structure");
        assert!(problems(from, to, Some("dev")).is_empty());
        assert!(problems(from, to, None)[0].contains("make it a dev-dependency"));
        assert!(problems(from, to, Some("build"))[0].contains("(build-dependencies)"));
    }

    #[test]
    fn arrow_when_touching_outside_crates_is_refused() {
        assert!(problems("xtask", "resolvent-data", None)[0].contains("may use no crate"));
        assert!(problems("resolvent-gpu", "resolvent-formats", None)[0].contains("outside"));
        assert!(problems("resolvent", "xtask", None)[0].contains("no crate may use it"));
        assert!(problems("resolvent-claims", "resolvent-gpu", None)[0].contains("outside"));
    }

    #[test]
    fn reserved_crate_when_used_elsewhere_is_refused() {
        let refused = [
            ("resolvent-data", "burn"),
            ("resolvent-structure", "burn-tensor"),
            ("resolvent-agents", "burn"),
            ("xtask", "burn"),
            ("resolvent-models", "burn-train"),
            ("resolvent-mixers", "burn-flex"),
            ("resolvent-learn", "burn-autodiff"),
            ("resolvent", "cubecl"),
            ("resolvent-gpu", "cubecl-cuda"),
            ("resolvent-models", "burn-cubecl-fusion"),
            ("resolvent-kernels", "cudarc"),
        ];
        for (from, to) in refused {
            let found = problems(from, to, None);
            assert_eq!(found.len(), 1, "{from} -> {to}");
            assert!(found[0].starts_with(&format!("{from} -> {to} (dependencies): ")));
        }
    }

    #[test]
    fn reserved_crate_when_used_by_its_owner_is_accepted() {
        let accepted = [
            ("resolvent-kernels", "burn"),
            ("resolvent-kernels", "burn-autodiff"),
            ("resolvent-kernels", "cubecl"),
            ("resolvent-learn", "burn-train"),
            ("resolvent-learn", "burn-store"),
            ("resolvent-serve", "burn"),
            ("resolvent", "burn"),
            ("resolvent-gpu", "cudarc"),
            ("resolvent-structure", "faer"),
            ("resolvent-structure", "burnish"),
        ];
        for (from, to) in accepted {
            assert_eq!(problems(from, to, None), Vec::<String>::new());
        }
    }

    #[test]
    fn crate_when_unknown_is_asked_for_a_place() {
        let found = problems("resolvent-models", "resolvent-wings", None);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("resolvent-wings has no place in the order"));
    }

    #[test]
    fn report_when_several_arrows_are_wrong_lists_all() {
        let packages = ["resolvent-data", "resolvent-learn"];
        let arrows = [
            ("resolvent-data", "resolvent-learn", None),
            ("resolvent-data", "burn", None),
        ];
        let error = check(&metadata(&packages, &arrows)).unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("2 of the dependencies"), "{message}");
        assert_eq!(message.lines().count(), 3);
    }

    #[test]
    fn metadata_when_not_json_is_refused() {
        assert!(matches!(check("{"), Err(XtaskError::Metadata(_))));
    }
}
