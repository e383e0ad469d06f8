//! Answers options and commands of other programs with what to type here.

use std::ffi::OsString;
use std::path::Path;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::Cli;
use resweep_core::domain::shell_quoted;
use resweep_core::sweep_file;

/// Commands that do not exist, and what to type instead.
const COMMANDS: &[(&str, &str)] = &[
    (
        "clean cleanup prune purge",
        "`resweep gc` removes files that nothing needs, `resweep rm SWEEP` removes a sweep",
    ),
    (
        "delete remove del drop",
        "`resweep rm SWEEP` removes a sweep, `resweep rm SWEEP/RUN` a run",
    ),
    ("version", "`resweep --version` prints it"),
    ("mv move", "write `resweep rename OLD NEW`"),
    ("compare cmp vs", "write `resweep diff A B`"),
    (
        "sweep start exec go fit launch multirun tune optimize optimise search grid agent \
         continue restart repro reproduce",
        "`resweep run FILE` trains a sweep; the same command resumes it",
    ),
    (
        "stop kill abort pause",
        "Ctrl-C stops `resweep run` with a checkpoint of each run; `resweep cancel SWEEP` cancels \
         the jobs on a cluster",
    ),
    (
        "watch follow monitor dashboard ui serve server top html",
        "`resweep report SWEEP --watch` keeps a web page up to date, `resweep status SWEEP` \
         prints how far each run is",
    ),
    (
        "ps info experiments exp runs sweeps trials describe inspect",
        "`resweep list` prints the sweeps, `resweep list SWEEP` the runs of one, `resweep show \
         SWEEP/RUN` one run",
    ),
    (
        "log logs tail history",
        "`resweep show SWEEP/RUN` names the logs of a run, `resweep status SWEEP --attempts` says \
         why each attempt ended",
    ),
    (
        "results result summary summarize best metrics scores latex csv",
        "`resweep table SWEEP` prints the final errors, `resweep export SWEEP` writes every \
         measurement",
    ),
    (
        "eval evaluate test predict",
        "runs are evaluated while they train: `resweep table SWEEP` prints the final errors, \
         `resweep export SWEEP --format checkpoints` writes the networks for PyTorch",
    ),
    (
        "draw figure figures fig chart curves render",
        "write `resweep plot SWEEP`",
    ),
    (
        "download dataset datasets",
        "write `resweep data download cifar10`",
    ),
    (
        "preview view",
        "`resweep data preview FILE` draws training images",
    ),
    (
        "validate check lint estimate config",
        "`resweep plan FILE` checks a sweep file and prints what it would train",
    ),
    ("fsck repair recover fix", "write `resweep doctor`"),
    (
        "new create template example setup",
        "`resweep init NAME` writes a sweep file",
    ),
    ("completion", "write `resweep completions bash`"),
    (
        "tensorboard",
        "write `resweep export SWEEP --format tensorboard --to log`",
    ),
];

/// Options that do not exist: the commands that get this answer (none: all), the names, and what to
/// type instead. The first entry that matches counts.
const OPTIONS: &[(&[&str], &str, &str)] = &[
    (&[""], "v V", "`resweep --version` prints the version"),
    (
        &["plot"],
        "o output output-file file save pdf png svg format dpi",
        "`--out figure.pdf` writes one file; its ending says whether PDF, SVG or PNG",
    ),
    (
        &["plot"],
        "show open view",
        "`resweep report SWEEP --open` shows the figures in a browser",
    ),
    (&["plot"], "dark light", "write `--theme dark`"),
    (
        &["plot"],
        "title x log logx logy log-x log-y loss smooth smoothing ymax y-max xlim ylim facet",
        "the sweep file describes the figure: `[figure]` with `title`, `x`, `x_scale`, `y_scale`, \
         `measure`, `smoothing`, `y_max` or `facet`",
    ),
    (
        &["table"],
        "latex tex csv json md markdown o out output",
        "`--format latex` (or csv, json, md) prints another format; `> FILE` saves it",
    ),
    (
        &["export"],
        "csv json jsonl tensorboard pytorch checkpoints",
        "write `--format csv`, `--format jsonl`, `--format tensorboard` or `--format checkpoints`",
    ),
    (
        &["export"],
        "o out output output-dir dir",
        "`--to DIR` names the folder",
    ),
    (
        &["report"],
        "html o out output",
        "`resweep report SWEEP` writes results/<sweep>/report.html",
    ),
    (
        &["report"],
        "port host serve",
        "the report is a file that needs no server: `--open` shows it, `--watch` updates it",
    ),
    (
        &["init"],
        "images path data-dir root dir d",
        "`--folder PATH` takes your own images, in a folder for each class",
    ),
    (
        &["init"],
        "cifar10 cifar100 synthetic data",
        "write `--dataset cifar10`",
    ),
    (
        &["doctor"],
        "fix repair f",
        "`--save NEW.db` writes what a damaged database still has",
    ),
    (&["rm"], "f force r rf", "`--yes` removes it without asking"),
    (&["gc"], "n", "`--dry-run` lists what it would remove"),
    (
        &["status"],
        "watch w follow f",
        "`resweep report SWEEP --watch` keeps a web page up to date",
    ),
    (
        &["run", "submit", "plan"],
        "n p np parallel num-workers max-workers n-jobs num-jobs max-concurrent-trials \
         max-parallel max-concurrent concurrency cpus cores num-cpus ncpus processes nproc",
        "`-j 4` trains four runs at once",
    ),
    (
        &["run", "submit", "plan"],
        "c f file config config-file config-name config-path cfg sweep sweep-file",
        "the sweep file is no option: `resweep run FILE`",
    ),
    (
        &["run", "submit", "plan"],
        "m multirun grid",
        "every combination of values is trained: `resweep run FILE --depth 8,14 --lr 0.1,0.2`",
    ),
    (
        &["run", "submit", "plan"],
        "num-samples n-trials num-trials max-evals trials search sampler",
        "every combination of [axes] is trained; `--repeats 3` trains three seeds of each",
    ),
    (
        &["run"],
        "timeout time max-time time-limit",
        "Ctrl-C or SIGTERM stops it with a checkpoint of each run: `timeout 600 resweep run FILE`",
    ),
    (
        &["run", "submit", "plan"],
        "name project experiment experiment-name exp-name run-name group",
        "`--set sweep.name=NAME` names the sweep",
    ),
    (
        &["run"],
        "continue resume-from resume-from-checkpoint auto-resume ckpt",
        "the same command resumes; leave it out",
    ),
    (
        &["run"],
        "force overwrite restart reset no-resume from-scratch clean",
        "`--fresh` trains every run again; earlier results stay in the database",
    ),
    (
        &["run"],
        "dry dryrun print simulate what-if",
        "`--dry-run` prints the plan",
    ),
    (
        &["run"],
        "y yes",
        "`resweep run` asks nothing; leave it out",
    ),
    (&["run"], "cpu no-cuda", "write `--device cpu`, the default"),
    (&["run", "submit", "plan"], "b", "write `--batch-size 64`"),
    (&["run", "submit", "plan"], "e", "write `--epochs 10`"),
    (
        &["run", "submit", "plan"],
        "data d",
        "write `--dataset cifar10`; `--path DIR` is the folder of the images",
    ),
    (
        &["run", "submit", "plan"],
        "amp fp16 bf16 half mixed-precision precision compile",
        "resweep trains in float32",
    ),
    (
        &["run", "submit", "plan"],
        "early-stopping early-stop patience",
        "a run trains all its `iterations`",
    ),
    (
        &["run", "submit"],
        "verbose v vv debug log-level loglevel log-dir",
        "`--log debug` writes more into logs/ of the results folder, `--progress plain` prints a \
         line for each event",
    ),
    (
        &["run"],
        "quiet q silent s no-progress",
        "`--progress none` prints no progress",
    ),
    (&["table"], "f", "write `--format latex`"),
    (
        &["status"],
        "format csv",
        "`--json` prints JSON, `resweep export SWEEP` writes CSV",
    ),
    (
        &["export"],
        "parquet excel xlsx",
        "`--format csv`, then in pandas: `pd.read_csv(\"runs.csv\").to_parquet(\"runs.parquet\")`",
    ),
    (
        &["init"],
        "name n",
        "the name has no option: `resweep init NAME`",
    ),
    (
        &["init"],
        "force f overwrite",
        "`resweep init` replaces no file; remove it, or write another name",
    ),
    (
        &["init"],
        "depth shortcut lr epochs iterations batch-size width seeds",
        "change the file that it writes, or train without one: `resweep run --depth 8,14`",
    ),
    (
        &["gc"],
        "y yes f force",
        "`resweep gc` asks nothing; leave it out",
    ),
    (
        &["run", "submit", "plan"],
        "s",
        "the sweep file is no option: `resweep run FILE`",
    ),
    (
        &["run", "submit", "plan"],
        "gpu-ids gpu-id num-gpus n-gpus ngpus gpus-per-trial",
        "`--device cuda:0,1` names the GPUs, `--runs-per-gpu 2` shares each",
    ),
    (
        &["run"],
        "wandb tensorboard mlflow logger",
        "resweep records everything itself; `resweep export SWEEP --format tensorboard` (or csv, \
         jsonl) writes it for other programs",
    ),
    (
        &["run"],
        "save-every save-freq ckpt-every checkpoint-freq save-interval",
        "`--checkpoint-every 60` writes a checkpoint every 60 seconds",
    ),
    (
        &["run"],
        "retry retries max-retries",
        "`--retry-failed` trains failed runs again; `--set sweep.max_attempts=5` sets how often \
         resweep retries by itself",
    ),
    (
        &["run"],
        "test eval evaluate validate",
        "runs are evaluated while they train: `--eval-every 100`",
    ),
    (
        &[],
        "o out output out-dir output-dir outdir save-dir results-dir result-dir work-dir workdir \
         checkpoint-dir storage db",
        "`--results DIR` names the results folder",
    ),
];

/// Options of other programs for the images; their value may be a folder.
const IMAGES: [&str; 10] = [
    "images",
    "path",
    "data",
    "data-dir",
    "data-path",
    "root",
    "dir",
    "d",
    "folder",
    "dataset-dir",
];

/// What to type instead of an option or a command that does not exist, as an error message.
pub fn answer(shown: &clap::Error, args: &[OsString]) -> Option<String> {
    let text = |kind| match shown.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match shown.kind() {
        ErrorKind::InvalidSubcommand => command(text(ContextKind::InvalidSubcommand)?, args),
        ErrorKind::UnknownArgument => option(text(ContextKind::InvalidArg)?, args),
        ErrorKind::InvalidValue => dataset(
            text(ContextKind::InvalidArg)?,
            text(ContextKind::InvalidValue)?,
            args,
        ),
        _ => None,
    }
}

/// Removes clap's tip to pass an unknown option as a value: no value begins with `-`.
pub fn drop_misleading_tips(shown: &mut clap::Error) {
    let Some(ContextValue::StyledStrs(mut tips)) = shown.remove(ContextKind::Suggested) else {
        return;
    };
    tips.retain(|tip| !tip.to_string().contains("as a value"));
    if !tips.is_empty() {
        shown.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
}

fn command(word: &str, args: &[OsString]) -> Option<String> {
    let hint = if word.ends_with(".toml") {
        format!("`resweep run {word}` trains the sweep")
    } else if called(args) == "data" {
        "write `resweep data download cifar10` or `resweep data preview FILE`".to_owned()
    } else {
        let mut known = COMMANDS.iter();
        let (_, hint) = known.find(|(words, _)| lists(words, word))?;
        (*hint).to_owned()
    };
    Some(format!("there is no command `{word}`: {hint}"))
}

/// Whether `word` is one of `words`.
fn lists(words: &str, word: &str) -> bool {
    words.split(' ').any(|one| one == word)
}

/// The answer to `--dataset FOLDER`.
fn dataset(option: &str, value: &str, args: &[OsString]) -> Option<String> {
    let is_dataset = option.starts_with("--dataset ");
    let hint = class_folder(value, &called(args)).filter(|_| is_dataset)?;
    Some(format!("`{value}` is a folder: {hint}"))
}

/// How `command` takes the images of an existing folder.
fn class_folder(value: &str, command: &str) -> Option<String> {
    let folder = shell_quoted(value);
    let hint = match command {
        "init" => format!("write `--folder {folder}`"),
        "run" | "submit" | "plan" => format!("write `--dataset folder --path {folder}`"),
        _ => return None,
    };
    Path::new(value).is_dir().then_some(hint)
}

/// The value of an option that is written as `--name VALUE` or `--name=VALUE`.
fn value_of(written: &str, args: &[OsString]) -> Option<String> {
    let mut after = args
        .iter()
        .skip_while(|arg| !arg.to_string_lossy().starts_with(written));
    let given = after.next()?.to_string_lossy();
    match given.split_once('=') {
        Some((_, value)) => Some(value.to_owned()),
        None => after.next().map(|next| next.to_string_lossy().into_owned()),
    }
}

fn option(written: &str, args: &[OsString]) -> Option<String> {
    let command = called(args);
    if !written.starts_with('-') {
        if command == "init"
            && let Some(hint) = class_folder(written, &command)
        {
            return Some(format!("`{written}` is a folder: {hint}"));
        }
        let at = args.iter().position(|arg| arg == written)?;
        let sweep = args.get(at - 1)?.to_string_lossy();
        if let ("seed", Some(seed)) = (written, args.get(at + 1)) {
            let run = format!("{sweep} seed {}", seed.to_string_lossy());
            let run = shell_quoted(&run);
            return Some(format!("quote the name of a run with spaces: {run}"));
        }
        let run = format!("{sweep}/{written}");
        let hint = format!("`{written}` is one name too many; a run of a sweep is `{run}`");
        return (command == "status").then_some(hint);
    }
    let given = written.split('=').next()?;
    let name = given.trim_start_matches('-').replace('_', "-");
    if name.contains('.') {
        let key = written.trim_start_matches('-');
        let key = key.split('=').next().unwrap_or(key);
        let hint = format!("write `{key}=VALUE`, without `--`");
        return Some(format!("there is no option `{given}`: {hint}"));
    }
    let answers = |(commands, names, _): &&(&[&str], &str, &str)| {
        (commands.is_empty() || commands.contains(&command.as_str())) && lists(names, &name)
    };
    let hint = match gpus(&name, written, args) {
        Some(devices) => format!("write `--device {devices}`"),
        None if IMAGES.contains(&name.as_str())
            && let Some(hint) =
                value_of(written, args).and_then(|value| class_folder(&value, &command)) =>
        {
            hint
        }
        None => match OPTIONS.iter().find(answers) {
            Some((.., hint)) => (*hint).to_owned(),
            None => sweep_file::hint(&name)?,
        },
    };
    Some(format!("there is no option `{given}`: {hint}"))
}

/// The name of the command that is called; empty without one.
fn called(args: &[OsString]) -> String {
    let cli = Cli::command();
    let mut words = args.iter().skip(1).filter_map(|arg| arg.to_str());
    let command = words.find_map(|word| cli.find_subcommand(word));
    command.map_or_else(String::new, |command| command.get_name().to_owned())
}

/// The value of `--device` for `--gpu 1`, `--gpus=2` or `--gpu`.
fn gpus(name: &str, option: &str, args: &[OsString]) -> Option<String> {
    if !matches!(name, "gpu" | "gpus" | "cuda") {
        return None;
    }
    let value = value_of(option, args);
    let numbers = value.filter(|value| value.starts_with(|c: char| c.is_ascii_digit()));
    Some(match (name, numbers) {
        (_, None) => "cuda".to_owned(),
        ("gpus", Some(count)) if let Ok(count @ 1..=64) = count.parse::<u16>() => {
            let all: Vec<String> = (0..count).map(|gpu| gpu.to_string()).collect();
            format!("cuda:{}", all.join(","))
        }
        (_, Some(numbers)) => format!("cuda:{numbers}"),
    })
}
