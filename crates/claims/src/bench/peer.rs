//! Starts a script of `oracles/` and reads the number asked for.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

const HOW: &str = "not run: `oracles/setup.sh` makes the peers' environment";

/// The interpreter of the oracles' environment, where `oracles/setup.sh` puts it.
fn interpreter() -> Option<PathBuf> {
    let folder = match std::env::var_os("RESOLVENT_ORACLES") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
            let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
            cache.or_else(home)?.join("resolvent/oracles")
        }
    };
    let python = folder.join("bin/python");
    python.exists().then_some(python)
}

/// Runs the script called `name` and returns its JSON document, or in words why there is none.
pub(super) fn document(oracles: &Path, name: &str, arguments: &[String]) -> Result<Value, String> {
    let script = oracles.join(name);
    if !script.exists() {
        return Err(format!("not run: {} is missing", script.display()));
    }
    let python = interpreter().ok_or(HOW)?;
    let output = Command::new(python)
        .arg(script)
        .args(arguments)
        .output()
        .map_err(|error| format!("not run: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        // Some libraries list everything they know in one line.
        let last = text.lines().last().unwrap_or("no message");
        let last: String = last.chars().take(160).collect();
        return Err(format!("failed: {last}"));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("failed: {error}"))
}

/// The number at `pointer` of a document.
pub(super) fn number(document: &Result<Value, String>, pointer: &str) -> Result<f64, String> {
    let value = document.as_ref().map_err(Clone::clone)?.pointer(pointer);
    let number = value.and_then(Value::as_f64);
    number.ok_or_else(|| format!("failed: no number at {pointer}"))
}

/// The version of a package that the document names.
pub(super) fn version(document: &Result<Value, String>, package: &str) -> String {
    let versions = document.as_ref().ok().and_then(|d| d.get("versions"));
    let version = versions
        .and_then(|v| v.get(package))
        .and_then(Value::as_str);
    format!("{package} {}", version.unwrap_or("?"))
}
