//! A folder of its own for every test, with a small text and a tiny model in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A model and a batch that train in milliseconds.
pub const TINY: &[&str] = &[
    "model.hidden_size=32",
    "model.num_hidden_layers=1",
    "model.head_dim=16",
    "model.state_size=8",
    "train.length=32",
    "train.batch=2",
    "train.evaluate_bytes=256",
    "train.evaluate_every=4",
    "train.checkpoint_every=4",
];

/// A temporary working folder.
pub struct World {
    folder: TempDir,
}

/// What a command left behind.
#[derive(Debug)]
pub struct Done {
    /// Exit code; none after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl World {
    /// A folder with `text/`, 24 files of a few hundred bytes.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text");
        fs::create_dir(&text).unwrap();
        for file in 0..24 {
            let line =
                |line: usize| format!("let state_{line} = matrix({file}) * {};\n", line * file);
            let content: String = (0..12).map(line).collect();
            fs::write(text.join(format!("{file}.rs")), content).unwrap();
        }
        Self { folder }
    }

    /// A path inside.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file inside.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// `resolvent` with these arguments, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_resolvent"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("BURN_DEVICE")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs `resolvent` to its end.
    pub fn run(&self, arguments: &[&str]) -> Done {
        finished(self.command(arguments).output().unwrap())
    }

    /// Runs `quickstart` on the text here with the tiny model and further arguments.
    pub fn quickstart(&self, arguments: &[&str]) -> Done {
        self.run(&tiny(arguments))
    }

    /// A finished tiny run in `run`.
    pub fn trained(&self) -> PathBuf {
        let done = self.quickstart(&["--steps", "2", "--out", "run"]);
        assert_eq!(done.code, Some(0), "{done:?}");
        self.path("run")
    }
}

/// `quickstart` on the text with the tiny model and further arguments.
pub fn tiny<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec!["quickstart", "--text", "text"];
    for field in TINY {
        all.extend(["--set", field]);
    }
    all.extend(arguments);
    all
}

/// The output as text.
pub fn finished(output: Output) -> Done {
    Done {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Done {
    /// Asserts the exit code and that the last paragraph of standard error names all of `words`.
    #[track_caller]
    pub fn fails(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(!self.err.contains("panicked"), "{self:?}");
        let error = self.err.lines().find(|line| line.starts_with("error: "));
        let error = error.unwrap_or_else(|| panic!("no error line in {self:?}"));
        for word in words {
            assert!(error.contains(word), "no {word:?} in {error:?}");
        }
    }
}

/// The records of a metrics file without their times.
pub fn metrics(run: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let record = |line: &str| {
        let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
        record.as_object_mut().unwrap().remove("seconds");
        record
    };
    text.lines().map(record).collect()
}
