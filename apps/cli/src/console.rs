//! Standard error: lines, progress bars, log messages, none of which garbles the other.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Time between two lines about the work, of one bar or many short ones, where none can be drawn.
const QUIET: Duration = Duration::from_secs(10);
/// Frames per second: training is watched, not played.
const FRAMES: u8 = 8;

/// Standard error, shared by everything that writes to it.
#[derive(Debug, Clone)]
pub struct Console {
    bars: MultiProgress,
    draws: bool,
    /// When the last line about the work was written.
    said: Arc<Mutex<Instant>>,
}

impl Console {
    /// Bars are drawn when standard error is a terminal; otherwise a line is written now and then.
    pub fn new() -> Self {
        let draws = io::stderr().is_terminal();
        let target = match draws {
            true => ProgressDrawTarget::stderr_with_hz(FRAMES),
            false => ProgressDrawTarget::hidden(),
        };
        Self {
            bars: MultiProgress::with_draw_target(target),
            draws,
            said: Arc::new(Mutex::new(Instant::now())),
        }
    }

    /// Whether the last line about the work is long ago, or `at_once`; then the next one counts as written.
    fn takes_turn(&self, at_once: bool) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let takes = at_once || said.elapsed() >= QUIET;
        if takes {
            *said = Instant::now();
        }
        takes
    }

    /// Sends the libraries' warnings here; `RUST_LOG` asks for more.
    pub fn log(&self) {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
        // Fails only when a subscriber is set already, and then there is nothing to do.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_target(false)
            .without_time()
            .with_ansi(self.draws)
            .with_writer(self.clone())
            .try_init();
    }

    /// Writes a line above the bars.
    pub fn say(&self, line: &str) {
        self.bars.suspend(|| {
            // A reader that went away must not stop the work.
            let _ = writeln!(io::stderr(), "{line}");
        });
    }

    /// Removes all bars.
    pub fn clear(&self) {
        // As above: nothing depends on what is drawn.
        let _ = self.bars.clear();
    }

    /// A bar over `total` units; with a `total` of 0 a spinner.
    pub fn bar(&self, label: &str, total: u64, unit: Unit) -> Bar {
        let style = match (total, unit) {
            (0, _) => style("{spinner} {prefix} {elapsed}"),
            (_, Unit::Steps) => style("{prefix} {wide_bar} {pos}/{len}  {msg}  {eta} left"),
            (_, Unit::Bytes) => {
                style("{prefix} {wide_bar} {binary_bytes}/{binary_total_bytes}  {msg}{eta} left")
            }
        };
        let drawn = ProgressBar::new(total).with_style(style);
        let drawn = self.bars.add(drawn.with_prefix(label.to_owned()));
        if total == 0 && self.draws {
            drawn.enable_steady_tick(Duration::from_millis(150));
        }
        let bar = Bar {
            console: self.clone(),
            drawn,
            label: label.to_owned(),
            began: Instant::now(),
            first: 0,
            total,
            spoke: false,
        };
        if total == 0 {
            bar.console.say_plainly(&format!("{label} ..."));
        }
        bar
    }

    fn say_plainly(&self, line: &str) {
        if !self.draws {
            self.say(line);
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates of this file are valid, as a test shows")
        .progress_chars("━╸ ")
}

/// What a bar counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Steps of training.
    Steps,
    /// Bytes of text.
    Bytes,
}

/// A progress bar, or lines now and then where none can be drawn. It disappears when dropped.
#[derive(Debug)]
pub struct Bar {
    console: Console,
    drawn: ProgressBar,
    label: String,
    began: Instant,
    /// Units that were done before the bar began.
    first: u64,
    total: u64,
    spoke: bool,
}

impl Bar {
    /// Begins at `done` units, which count as done by somebody else.
    pub fn starting_at(mut self, done: u64) -> Self {
        self.drawn.set_position(done);
        self.drawn.reset_eta();
        self.first = done;
        self
    }

    /// Shows that `done` units are done; `note` says how it goes.
    pub fn set(&mut self, done: u64, note: &str) {
        self.drawn.set_message(note.to_owned());
        self.drawn.set_position(done);
        let last = done >= self.total && self.spoke;
        if self.console.draws || !self.console.takes_turn(last) {
            return;
        }
        self.spoke = true;
        let note = if note.is_empty() {
            ""
        } else {
            &format!(", {note}")
        };
        let percent = 100 * done / self.total.max(1);
        let left = self.left(done);
        self.console
            .say(&format!("{} {percent} %{note}{left}", self.label));
    }

    /// How long the rest takes at the pace so far; nothing where there is no pace yet.
    fn left(&self, done: u64) -> String {
        let Some(fresh) = done.checked_sub(self.first).filter(|&fresh| fresh > 0) else {
            return String::new();
        };
        let each = self.began.elapsed().as_secs_f64() / fresh as f64;
        let rest = self.total.saturating_sub(done) as f64;
        format!(", about {} left", seconds(each * rest))
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.drawn.finish_and_clear();
        self.console.bars.remove(&self.drawn);
    }
}

/// `45 s` or `3 min 05 s`.
pub fn seconds(seconds: f64) -> String {
    // `as` saturates and turns NaN into 0.
    let whole = seconds.round() as u64;
    match whole / 60 {
        0 => format!("{whole} s"),
        minutes => format!("{minutes} min {:02} s", whole % 60),
    }
}

/// Log messages go above the bars, a line at a time.
impl<'a> MakeWriter<'a> for Console {
    type Writer = LogLine;

    fn make_writer(&'a self) -> LogLine {
        LogLine {
            console: self.clone(),
            text: Vec::new(),
        }
    }
}

/// One log message, written when it is complete.
#[derive(Debug)]
pub struct LogLine {
    console: Console,
    text: Vec<u8>,
}

impl Write for LogLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.text);
        self.console.say(text.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_of_every_kind_when_made_have_valid_templates() {
        let console = Console::new();
        for (total, unit) in [(0, Unit::Bytes), (5, Unit::Bytes), (5, Unit::Steps)] {
            let mut bar = console.bar("work", total, unit);
            bar.set(1, "going well");
        }
    }

    #[test]
    fn left_when_nothing_is_done_promises_nothing() {
        let bar = Console::new().bar("work", 4, Unit::Steps).starting_at(1);
        assert_eq!(bar.left(1), "");
        assert!(bar.left(2).starts_with(", about "));
    }

    #[test]
    fn turns_when_bars_are_short_are_the_consoles() {
        let console = Console::new();
        assert!(!console.takes_turn(false), "just begun");
        let long_ago = Instant::now().checked_sub(QUIET).unwrap();
        *console.said.lock().unwrap() = long_ago;
        // A second bar has the first one's clock.
        assert!(console.clone().takes_turn(false));
        assert!(!console.takes_turn(false), "one of them spoke");
        assert!(console.takes_turn(true));
    }
}
