//! Defines the command line. Types only; `commands` executes them.

#![allow(rustdoc::invalid_html_tags, reason = "the comments are also the help")]

mod sweep_args;

use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use strum::{IntoStaticStr, VariantNames};

use crate::progress::Mode;
use resweep_core::domain::{DeviceRequest, Palette, Theme, expand_path};

pub use sweep_args::SweepArgs;

/// Trains sweeps of plain and residual networks and draws the figures of "Deep Residual Learning".
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    pub results: ResultsArgs,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  resweep init my-sweep                      write a sweep file to start from
  resweep plan experiments/quickstart.toml   show runs, time and memory
  resweep run experiments/quickstart.toml    train, and draw the figure
  resweep run experiments/fig6.toml -j 4 --set sweep.repeats=3
  resweep status                             list the sweeps in results/
  resweep plot experiments/fig6.toml         draw again, also while it runs
  resweep table experiments/fig6.toml        print final errors and verdicts
  resweep data download cifar10              download into data/cifar10

Exit codes:
  0  every run of the sweep is finished or has diverged
  1  a run failed, or did not start because of --max-fails
  2  invalid command line or sweep file
  3  any other error: data, results folder, device
  4  plot: an [[expect]] of the sweep file is not met
130  stopped by a signal such as Ctrl-C; the same command resumes";

const RUN_EXAMPLES: &str = "\
Examples:
  resweep run --depth 8,14 --shortcut none,A            train without a file
  resweep run my.toml                                   train one run per core
  resweep run my.toml --depth 20,56 --lr 0.05           other values
  resweep run my.toml --set sweep.repeats=3             three seeds
  resweep run my.toml --retry-failed --max-fails 2      retry failed runs
  resweep run my.toml --fresh                           train everything again
  resweep run my.toml --progress json | tee run.jsonl   events for a script";

const INIT_EXAMPLES: &str = "\
Examples:
  resweep init                             my-sweep.toml, on built-in images
  resweep init flowers --folder pictures   flowers.toml, on your own images
  resweep init deep --dataset cifar10      deep.toml, on CIFAR-10";

const PLAN_EXAMPLES: &str = "\
Examples:
  resweep plan my.toml --set train.iterations=2000   cost of a shorter sweep
  resweep plan my.toml --json                        JSON for a script";

const STATUS_EXAMPLES: &str = "\
Examples:
  resweep status                         list all sweeps
  resweep status quickstart              list its runs, with their errors
  resweep show quickstart/plain-56       show one run: settings, curves, files
  resweep status quickstart --attempts   list every attempt, and why it ended";

const DIFF_EXAMPLES: &str = "\
Examples:
  resweep diff monday tuesday               compare two sweeps
  resweep diff tiny/plain-8 tiny/ResNet-8   compare two runs";

const RM_EXAMPLES: &str = "\
Examples:
  resweep rm old-sweep         list what it removes, and ask
  resweep rm old-sweep --yes   do not ask
  resweep rm tiny/plain-8      remove one run; the sweep trains it again

Runs that other sweeps have are kept.";

const PLOT_EXAMPLES: &str = "\
Examples:
  resweep plot my.toml                       draw, also while the sweep runs
  resweep plot my-sweep --results copied     draw without sweep file and images
  resweep plot my.toml --theme dark          write figure-dark.png, for slides
  resweep plot my.toml --palette okabe-ito   use colour-blind safe colours
  resweep plot my.toml --out figure.pdf      write one file for a paper
  resweep plot first second                  draw both sweeps in one figure";
const TABLE_EXAMPLES: &str = "\
Examples:
  resweep table my.toml                         print Markdown
  resweep table my.toml --format csv > my.csv   write CSV for a spreadsheet
  resweep table first second --format latex     print one LaTeX table of both";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  resweep doctor                   check database, checkpoints and disk
  resweep doctor --save saved.db   recover what a damaged database still has

Exit codes: 0 no problem, 1 a problem was found, 3 cannot check";

const GC_EXAMPLES: &str = "\
Examples:
  resweep gc --dry-run   list the files and their size
  resweep gc             remove files that no run needs
  resweep gc --all       also remove checkpoints of finished runs";

const EXPORT_EXAMPLES: &str = "\
Examples:
  resweep export my.toml                                 CSV tables
  resweep export my.toml --format tensorboard --to log   for TensorBoard
  resweep export my.toml --format checkpoints            networks for PyTorch";

const VERIFY_EXAMPLES: &str = "\
Examples:
  resweep verify results/fig6/figure.png            compare with the database
  resweep verify fig6.png --results other/results   with another folder

Exit codes: 0 the same bytes, 1 different bytes, 3 cannot compare";

const SUBMIT_EXAMPLES: &str = "\
Examples:
  resweep submit my.toml --on mycluster --dry-run   show tasks and job script
  resweep submit my.toml --on mycluster             submit what is left
  resweep sync --watch 60                           fetch results until the end
  resweep run my.toml --on mycluster                submit and fetch results";

const REPORT_EXAMPLES: &str = "\
Examples:
  resweep report --open            list all sweeps in results/index.html
  resweep report my.toml --open    write the report and open it
  resweep report my.toml --watch   update it while the sweep runs
  resweep run my.toml --report     train, and update the report";

/// The commands of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train the unfinished runs of a sweep, resuming from checkpoints, and draw its figures
    #[command(after_help = RUN_EXAMPLES, aliases = ["train", "resume"])]
    Run(RunArgs),
    /// Write a sweep file to start from
    #[command(after_help = INIT_EXAMPLES)]
    Init(InitArgs),
    /// Show what `run` would train, with estimated time and memory
    #[command(after_help = PLAN_EXAMPLES)]
    Plan(PlanArgs),
    /// List the sweeps in the results folder, or the runs of one sweep, or one run
    #[command(after_help = STATUS_EXAMPLES, visible_aliases = ["list", "show"], alias = "ls")]
    Status(StatusArgs),
    /// Check the database and the checkpoints; save what a damaged database still has
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(DoctorArgs),
    /// Remove checkpoints and files that nothing needs any more
    #[command(after_help = GC_EXAMPLES)]
    Gc(GcArgs),
    /// Compare two sweeps, or two runs: settings and errors that differ
    #[command(after_help = DIFF_EXAMPLES)]
    Diff(DiffArgs),
    /// Remove a sweep, or the results of a run; asks first
    #[command(after_help = RM_EXAMPLES)]
    Rm(RmArgs),
    /// Rename a sweep
    Rename(RenameArgs),
    /// Draw the figures of a sweep from the results so far
    Plot(PlotArgs),
    /// Print the table of a sweep: final errors, the paper's numbers, and verdicts on its claims
    #[command(after_help = TABLE_EXAMPLES)]
    Table(TableArgs),
    /// Draw a figure again from the database and compare it byte for byte
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Write one HTML file with everything about a sweep; without a sweep, a page that lists all
    #[command(after_help = REPORT_EXAMPLES)]
    Report(ReportArgs),
    /// Export the results of a sweep: CSV, JSON Lines, TensorBoard, PyTorch
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(ExportArgs),
    /// Download CIFAR, or preview training images
    #[command(subcommand)]
    Data(DataCommand),
    /// Submit the pending runs of a sweep to a cluster
    #[command(after_help = SUBMIT_EXAMPLES)]
    Submit(SubmitArgs),
    /// Fetch results from clusters and draw the figures
    Sync(SyncArgs),
    /// Cancel the jobs of a sweep and keep their checkpoints
    Cancel(CancelArgs),
    /// Train the runs of a task; started by a cluster
    #[command(hide = true)]
    Work(WorkArgs),
    /// Train one run; started by `run --isolate`
    #[command(hide = true)]
    TrainRun,
    /// Print a shell completion script
    Completions { shell: clap_complete::Shell },
}

/// The default results folder.
pub const RESULTS: &str = "results";

/// The results folder.
#[derive(Debug, Clone, Args)]
pub struct ResultsArgs {
    /// Results folder: database, checkpoints, figures
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = RESULTS,
        env = "RESWEEP_RESULTS",
        value_parser = path()
    )]
    pub results: PathBuf,
}

/// The number of runs to train at once; `None` for one per core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerCount(pub Option<usize>);

impl FromStr for WorkerCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self(None));
        }
        match text.parse::<u16>() {
            Ok(count @ 1..) => Ok(Self(Some(usize::from(count)))),
            _ => Err(format!(
                "expected a number from 1 to {}, or `auto` for one per core",
                u16::MAX
            )),
        }
    }
}

/// How runs share the machine.
#[derive(Debug, Clone, Args)]
pub struct WorkerArgs {
    /// Number of runs to train at once; auto is one per core
    #[arg(
        short = 'j',
        long,
        visible_alias = "jobs",
        value_name = "N",
        default_value = "auto"
    )]
    pub workers: WorkerCount,
    /// Threads per run; a sweep is fastest with one
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: u16,
    /// Devices to train on: cpu, cuda, cuda:0,1, cuda:all or cuda:all,cpu; auto uses every GPU, or
    /// the CPU if no GPU works
    #[arg(long, value_name = "DEVICES", default_value = "cpu")]
    pub device: DeviceRequest,
    /// Number of runs that share a GPU
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub runs_per_gpu: u16,
    /// Resume from the last checkpoints, which is the default
    #[arg(long, hide = true, conflicts_with = "fresh")]
    pub resume: bool,
    /// Also train runs that have failed
    #[arg(long)]
    pub retry_failed: bool,
    /// Train every run again from the start; earlier results stay in the database
    #[arg(long)]
    pub fresh: bool,
}

/// `resweep run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub sweep: SweepArgs,
    #[command(flatten)]
    pub results: ResultsArgs,
    #[command(flatten)]
    pub workers: WorkerArgs,
    /// Start no more runs after this many failures
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_fails: Option<u32>,
    /// Seconds between checkpoints of each run
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = seconds)]
    pub checkpoint_every: f64,
    /// Train each run in its own process, so that a crash ends only that run
    #[arg(long)]
    pub isolate: bool,
    /// Take over the runs of another process after it has not responded for this many seconds, 3 or
    /// more; a dead process on this machine is noticed at once
    #[arg(long, value_name = "SECONDS", default_value_t = 120.0, value_parser = lease)]
    pub lease: f64,
    /// Detail of the log of each attempt, in logs/ of the results folder
    #[arg(long = "log", value_enum, value_name = "LEVEL", default_value_t = LogLevel::Info)]
    pub log_level: LogLevel,
    /// How to show progress
    #[arg(long, value_enum, default_value_t = Mode::Auto)]
    pub progress: Mode,
    /// Also write results/<sweep>/report.html and update it while training
    #[arg(long)]
    pub report: bool,
    /// Show the plan and exit
    #[arg(long)]
    pub dry_run: bool,
    /// Train on this cluster of clusters.toml and fetch the results until all are there
    #[arg(long, value_name = "CLUSTER")]
    pub on: Option<String>,
}

/// `resweep submit`.
#[derive(Debug, Clone, Args)]
pub struct SubmitArgs {
    #[command(flatten)]
    pub sweep: SweepArgs,
    #[command(flatten)]
    pub results: ResultsArgs,
    #[command(flatten)]
    pub workers: WorkerArgs,
    /// The cluster, a table of ./clusters.toml or ~/.config/resweep/clusters.toml
    #[arg(long, value_name = "CLUSTER")]
    pub on: String,
    /// Seconds between checkpoints of each run
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = seconds)]
    pub checkpoint_every: f64,
    /// Train each run in its own process, so that a crash ends only that run
    #[arg(long)]
    pub isolate: bool,
    /// Show the tasks, their estimated times and the job script, and exit
    #[arg(long)]
    pub dry_run: bool,
}

/// `resweep sync`.
#[derive(Debug, Clone, Args)]
pub struct SyncArgs {
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Repeat every this many seconds (at least 60) until no run is left on a cluster [default: 60]
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "60",
        value_parser = watch_pause
    )]
    pub watch: Option<f64>,
}

/// `resweep cancel`.
#[derive(Debug, Clone, Args)]
pub struct CancelArgs {
    /// The name of the sweep
    pub name: String,
    #[command(flatten)]
    pub results: ResultsArgs,
}

/// `resweep work`.
#[derive(Debug, Clone, Args)]
pub struct WorkArgs {
    /// The folder of the submission
    #[arg(value_parser = path())]
    pub folder: PathBuf,
    /// The results folder, if the submission is inside it; no link in it is followed
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub results: Option<PathBuf>,
    /// The task, from 0 [default: from the environment, such as SLURM_ARRAY_TASK_ID]
    #[arg(long, value_name = "N")]
    pub task: Option<usize>,
}

/// The least severe messages that go into a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// A path, with `~` and variables expanded: the shell does not expand them after `=`, nor in the
/// values of its variables.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(path_of)
}

/// See [`path`].
fn path_of(written: OsString) -> Result<PathBuf, String> {
    match written.to_str() {
        Some("") => Err("a path cannot be empty".to_owned()),
        Some(text) => expand_path(text).map_err(|error| error.to_string()),
        None => Ok(PathBuf::from(written)),
    }
}

/// A number of seconds from 0 to a year.
fn seconds(text: &str) -> Result<f64, String> {
    let year = 366.0 * 86_400.0;
    let parsed = text.parse().ok();
    let in_range = parsed.filter(|seconds| (0.0..=year).contains(seconds));
    in_range.ok_or_else(|| "expected a number of seconds".to_owned())
}

/// The shortest lease. Processes beat three times in it, and each beat is a commit.
const LEASE_MIN_S: f64 = 3.0;

/// A number of seconds from [`LEASE_MIN_S`] to a year.
fn lease(text: &str) -> Result<f64, String> {
    match seconds(text) {
        Ok(seconds) if seconds < LEASE_MIN_S => Err(format!(
            "a process shows that it lives once a second, so the shortest lease is \
             {LEASE_MIN_S} seconds: `--lease {LEASE_MIN_S}`"
        )),
        parsed => parsed,
    }
}

/// A number of seconds from a minute to a day: each time costs the controller of a cluster a request.
fn watch_pause(text: &str) -> Result<f64, String> {
    let parsed = text.parse().ok();
    let in_range = parsed.filter(|seconds| (60.0..=86_400.0).contains(seconds));
    in_range.ok_or_else(|| "expected a number of seconds, 60 at least".to_owned())
}

/// A number of seconds from 1 to a day.
fn pause(text: &str) -> Result<f64, String> {
    let parsed = text.parse().ok();
    let in_range = parsed.filter(|seconds| (1.0..=86_400.0).contains(seconds));
    in_range.ok_or_else(|| "expected a number of seconds, 1 at least".to_owned())
}

/// `resweep init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The sweep's name; the file is NAME.toml
    #[arg(default_value = "my-sweep", value_name = "NAME", value_parser = path())]
    pub file: PathBuf,
    /// The images
    #[arg(long, value_enum, default_value_t = StarterDataset::Synthetic)]
    pub dataset: StarterDataset,
    /// Your own images, in folders train/<class>/ and test/<class>/
    #[arg(long, value_name = "PATH", value_parser = path(), conflicts_with = "dataset")]
    pub folder: Option<PathBuf>,
}

/// The data sets that need no folder of the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StarterDataset {
    /// Images that the program draws
    Synthetic,
    /// Downloaded by `resweep data download cifar10`
    Cifar10,
    /// Downloaded by `resweep data download cifar100`
    Cifar100,
}

/// `resweep plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub sweep: SweepArgs,
    #[command(flatten)]
    pub results: ResultsArgs,
    #[command(flatten)]
    pub workers: WorkerArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `resweep status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Sweep, or run: its label, SWEEP/LABEL or the beginning of its id; without it, all sweeps are listed
    pub name: Option<String>,
    #[command(flatten)]
    pub results: ResultsArgs,
    /// List every attempt of each run, and why it ended
    #[arg(long, requires = "name")]
    pub attempts: bool,
    /// List every run of a large sweep
    #[arg(long, requires = "name")]
    pub all: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `resweep doctor`, which changes nothing in the results folder.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Write everything that can still be read into this new database file
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub save: Option<PathBuf>,
}

/// `resweep gc`.
#[derive(Debug, Args)]
pub struct GcArgs {
    #[command(flatten)]
    pub results: ResultsArgs,
    /// List what would be removed and exit
    #[arg(long)]
    pub dry_run: bool,
    /// Also remove the checkpoints of finished runs; longer runs can then no longer resume from them
    #[arg(long)]
    pub all: bool,
}

/// `resweep diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// A sweep; or a run, by its label, SWEEP/LABEL or the beginning of its id
    pub a: String,
    /// What to compare it with
    pub b: String,
    #[command(flatten)]
    pub results: ResultsArgs,
}

/// `resweep rm`.
#[derive(Debug, Args)]
pub struct RmArgs {
    /// A sweep; or a run, by its label, SWEEP/LABEL or the beginning of its id
    pub name: String,
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// `resweep rename`.
#[derive(Debug, Args)]
pub struct RenameArgs {
    /// The sweep's name
    pub from: String,
    /// Its new name
    pub to: String,
    #[command(flatten)]
    pub results: ResultsArgs,
}

/// `resweep plot`.
#[derive(Debug, Args)]
#[command(after_help = PLOT_EXAMPLES)]
pub struct PlotArgs {
    #[command(flatten)]
    pub sweep: SweepArgs,
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Use this theme instead of the figure's own, and write figure-dark.png
    #[arg(long, value_parser = words::<Theme>())]
    pub theme: Option<Theme>,
    /// Use these colours instead of the figure's own, and write figure-okabe-ito.png
    #[arg(long, value_parser = words::<Palette>())]
    pub palette: Option<Palette>,
    /// Draw only the figure of this name
    #[arg(long, value_name = "NAME")]
    pub figure: Option<String>,
    /// Write one figure to this file, as PNG, SVG or PDF by its ending
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub out: Option<PathBuf>,
}

/// Accepts the names of an enum's variants.
fn words<T>() -> impl TypedValueParser<Value = T>
where
    T: VariantNames + FromStr<Err: Error + Send + Sync> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(T::VARIANTS).try_map(|word| word.parse::<T>())
}

/// `resweep table`.
#[derive(Debug, Args)]
pub struct TableArgs {
    #[command(flatten)]
    pub sweep: SweepArgs,
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Output format
    #[arg(long, value_enum, default_value_t = TableFormat::Md)]
    pub format: TableFormat,
}

/// The formats of `resweep table`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// Markdown
    Md,
    /// One line per configuration
    Csv,
    /// All results, for a script
    Json,
    /// A table for a paper, with the package booktabs
    Latex,
}

/// `resweep verify`, which needs neither the sweep file nor the images.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// PNG figures that `run` or `plot` wrote, or names of sweeps
    #[arg(required = true, value_name = "FIGURE", value_parser = path())]
    pub figures: Vec<PathBuf>,
    #[command(flatten)]
    pub results: ResultsArgs,
}

/// `resweep report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    #[command(flatten)]
    pub sweep: SweepArgs,
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Open the report in the browser
    #[arg(long)]
    pub open: bool,
    /// Write the report again every SECONDS until the sweep ends [default: 10]
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "10",
        value_parser = pause
    )]
    pub watch: Option<f64>,
}

/// `resweep export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    pub sweep: SweepArgs,
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Output format
    #[arg(long, value_enum, default_value_t = ExportFormat::Csv)]
    pub format: ExportFormat,
    /// Output folder [default: <results>/<sweep>/<format>]
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub to: Option<PathBuf>,
}

/// The formats of `resweep export`; docs/export.md describes the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, IntoStaticStr)]
#[strum(serialize_all = "lowercase", const_into_str)]
pub enum ExportFormat {
    /// Tables of runs and measurements
    Csv,
    /// The same tables as JSON Lines
    Jsonl,
    /// One event file per run
    Tensorboard,
    /// Networks of finished runs as safetensors, for PyTorch
    Checkpoints,
}

/// `resweep data`.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Download, verify and unpack CIFAR; resumes an interrupted download
    Download {
        #[arg(value_enum)]
        dataset: Downloadable,
        /// Output folder [default: data/cifar10 or data/cifar100]
        #[arg(long, value_name = "DIR", value_parser = path())]
        to: Option<PathBuf>,
        /// Mirror, archive or folder to use instead of the official site
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Draw training images as the networks of a sweep see them
    Preview {
        #[command(flatten)]
        sweep: SweepArgs,
        #[command(flatten)]
        results: ResultsArgs,
        /// Images per class
        #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=100))]
        columns: u16,
    },
}

/// Data sets that have an archive to download.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Downloadable {
    Cifar10,
    Cifar100,
}
