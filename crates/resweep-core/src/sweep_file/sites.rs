//! The site file, `clusters.toml`: what resweep has to know about a cluster. Its mistakes are
//! reported as those of a sweep file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::diagnostics::error::{Mistakes, SweepFileError};
use super::diagnostics::problem::{Form, Problem, Problems};
use super::diagnostics::source::{SourceId, Sources};
use super::diagnostics::suggest;
use super::file::{decode, not_utf8, read_file};
use super::parse::syntax;
use super::parse::tree::{Entry, Node, Table, Value};
use crate::domain::{DeviceRequest, expand_path, is_unprintable};

/// The sites of a file, in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct Sites(pub Vec<Site>);

/// A cluster, or another place that starts processes.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    pub name: String,
    pub engine: SiteEngine,
    /// The program on the nodes; `None`: a copy of this one in the folder.
    pub program: Option<PathBuf>,
    /// A folder that every node sees; `None`: `resweep.cluster` in the results folder.
    pub folder: Option<PathBuf>,
    pub device: Option<DeviceRequest>,
    /// The estimated length of a task. `None`: by the number of slots; zero: one run each.
    pub pack: Option<Duration>,
    /// Tasks that run at once at most.
    pub at_once: Option<usize>,
    /// How long before the time limit a task saves its runs.
    pub grace: Duration,
    /// Lines of the job script before the program starts.
    pub setup: Vec<String>,
}

/// What starts the tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SiteEngine {
    /// A job array of Slurm, with these options of `sbatch`: `--partition=gpu`.
    Slurm { options: Vec<String> },
    /// A command line in which `{work}`, `{folder}`, `{tasks}` and `{last}` are filled in.
    Command { command: String },
}

/// Before the time limit; Slurm may send the signal up to a minute early.
const GRACE: Duration = Duration::from_secs(120);

/// A key of a site, for messages.
struct Spec {
    name: &'static str,
    /// A right line.
    example: &'static str,
    meaning: &'static str,
}

const fn spec(name: &'static str, example: &'static str, meaning: &'static str) -> Spec {
    Spec {
        name,
        example,
        meaning,
    }
}

const KEYS: [Spec; 10] = [
    spec("engine", "engine = \"slurm\"", "`slurm` or `command`"),
    spec(
        "command",
        "command = \"hq submit --array 0-{last} {work}\"",
        "the line that starts the tasks",
    ),
    spec(
        "program",
        "program = \"/home/me/resweep\"",
        "resweep on the nodes",
    ),
    spec(
        "folder",
        "folder = \"/scratch/me/resweep\"",
        "a folder that every node sees",
    ),
    spec("device", "device = \"auto\"", "as `--device`"),
    spec(
        "pack",
        "pack = \"45m\"",
        "the estimated length of a task; \"0\": one run each",
    ),
    spec("at_once", "at_once = 40", "tasks that run at once at most"),
    spec(
        "grace",
        "grace = 120",
        "seconds before the time limit at which a task saves its runs",
    ),
    spec(
        "setup",
        "setup = [\"module load cuda\"]",
        "lines of the job script before the program",
    ),
    spec(
        "sbatch",
        "[mycluster.sbatch]",
        "options of sbatch, one a line",
    ),
];

/// Options of sbatch that resweep sets itself, and why.
const OURS: [(&str, &str); 12] = [
    ("array", "resweep makes one task for each element"),
    ("job-name", "resweep finds its jobs by their names"),
    ("output", "each task has its log in the submission's folder"),
    ("error", "each task has its log in the submission's folder"),
    ("open-mode", "a task that starts again appends to its log"),
    (
        "signal",
        "`grace` says how long before the limit a task saves its runs",
    ),
    ("requeue", "a task asks for it by itself"),
    ("no-requeue", "a task that is out of time starts again"),
    (
        "export",
        "tasks do not inherit the environment; put what they need into `setup`",
    ),
    ("parsable", "resweep reads the job's number"),
    ("wrap", "resweep writes the job script"),
    ("chdir", "tasks do not depend on the working directory"),
];

impl Sites {
    /// Reads and checks the site file at `path`.
    ///
    /// # Errors
    /// The file cannot be read, or every mistake in it.
    pub fn load(path: &Path) -> Result<Self, SweepFileError> {
        let (text, not_utf8_from) = decode(read_file(path)?);
        let mut problems = Problems::default();
        if let Some(start) = not_utf8_from {
            problems.push(not_utf8(start));
        }
        let sources = Sources::new(&path.to_string_lossy(), text, &[], String::new());
        let root = syntax::document(&sources, SourceId::File, &mut problems);
        let sites = root.entries.iter();
        let sites: Vec<Site> = sites
            .filter_map(|entry| site(entry, &mut problems))
            .collect();
        if problems.is_empty() {
            return Ok(Self(sites));
        }
        Err(SweepFileError::Invalid(Box::new(Mistakes {
            what: format!("the site file `{}`", path.display()),
            problems: problems.into_sorted(&sources),
            sources,
        })))
    }

    /// The site of this name.
    ///
    /// # Errors
    /// What there is instead.
    pub fn find(&self, name: &str) -> Result<&Site, String> {
        let found = self.0.iter().find(|site| site.name == name);
        let names: Vec<&str> = self.0.iter().map(|site| site.name.as_str()).collect();
        found.ok_or_else(|| match names.as_slice() {
            [] => format!("it has no site yet; write a line `[{name}]`"),
            names => suggest::advice(name, names),
        })
    }
}

fn site(entry: &Entry, problems: &mut Problems) -> Option<Site> {
    let Value::Table(table) = &entry.node.value else {
        let message = format!("`{}` stands outside of a site", entry.key);
        let problem = Problem::new(entry.key_at, message).label("not the table of a site");
        problems.push(problem.help("write a line with the site's name before it: `[mycluster]`"));
        return None;
    };
    check_name(entry, problems);
    let mut reader = Reader {
        site: &entry.key,
        table,
        problems,
    };
    reader.refuse_unknown();
    let engine = reader.engine(entry);
    let (program, folder) = (reader.path("program"), reader.path("folder"));
    let (device, pack) = (reader.device(), reader.duration("pack"));
    let at_once = reader.integer("at_once", 1, 100_000);
    let grace = reader.integer("grace", 10, 86_400);
    let setup = reader.lines("setup");
    Some(Site {
        name: entry.key.clone(),
        engine: engine?,
        program,
        folder,
        device,
        pack,
        at_once: at_once.map(|tasks| tasks as usize),
        grace: grace.map_or(GRACE, Duration::from_secs),
        setup,
    })
}

/// The name is typed behind `--on`.
fn check_name(entry: &Entry, problems: &mut Problems) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name = &entry.key;
    if name.is_empty() || name.starts_with('-') || !name.chars().all(allowed) || name.len() > 64 {
        let message = "a site's name has letters, digits, `-`, `_` and `.`, at most 64";
        problems.push(Problem::new(entry.key_at, message).label("not such a name"));
    }
}

struct Reader<'a> {
    site: &'a str,
    table: &'a Table,
    problems: &'a mut Problems,
}

impl<'a> Reader<'a> {
    fn refuse_unknown(&mut self) {
        let known: Vec<&str> = KEYS.iter().map(|spec| spec.name).collect();
        for entry in &self.table.entries {
            if known.contains(&entry.key.as_str()) {
                continue;
            }
            let message = format!("unknown key `{}` in [{}]", entry.key, self.site);
            let problem = Problem::new(entry.key_at, message).label("not a key of a site");
            let help = match suggest::closest(&entry.key, known.iter().copied()) {
                None if is_option(&entry.node) => format!(
                    "an option of sbatch stands below a line `[{}.sbatch]`; keys of a site: {}",
                    self.site,
                    known.join(", ")
                ),
                _ => suggest::advice(&entry.key, &known),
            };
            self.problems.push(problem.help(help));
        }
    }

    fn node(&self, key: &str) -> Option<&'a Node> {
        self.table.get(key).map(|entry| &entry.node)
    }

    fn refuse(&mut self, key: &str, node: &Node, message: String, label: &str) {
        let spec = KEYS.iter().find(|spec| spec.name == key);
        let help = spec.map(|spec| format!("write `{}`: {}", spec.example, spec.meaning));
        let problem = Problem::new(node.at, message).label(label).maybe_help(help);
        self.problems.push(problem);
    }

    fn wrong_type(&mut self, key: &str, node: &Node, expected: &str) {
        let found = node.value.type_name();
        let message = format!("`{key}` must be {expected}, found {found}");
        self.refuse(key, node, message, &format!("expected {expected}"));
    }

    /// Text in one line.
    fn text(&mut self, key: &str) -> Option<&'a str> {
        let node = self.node(key)?;
        match &node.value {
            Value::String(text) if text.trim().is_empty() => {
                self.refuse(key, node, format!("`{key}` is empty"), "");
                None
            }
            Value::String(text) if text.chars().any(is_unprintable) => {
                self.refuse(key, node, format!("`{key}` is not one line of text"), "");
                None
            }
            Value::String(text) => Some(text),
            _ => {
                self.wrong_type(key, node, "text in quotes");
                None
            }
        }
    }

    fn engine(&mut self, site: &Entry) -> Option<SiteEngine> {
        let Some(node) = self.node("engine") else {
            let message = format!("[{}] does not say what starts its tasks", self.site);
            let problem = Problem::new(site.key_at, message).label("`engine` is missing");
            self.problems
                .push(problem.help("write `engine = \"slurm\"`, or `engine = \"command\"`"));
            return None;
        };
        match self.text("engine")? {
            "slurm" => self.slurm(),
            "command" => self.command(node),
            other => {
                let message = format!("`engine` cannot be {other:?}");
                self.refuse("engine", node, message, "expected \"slurm\" or \"command\"");
                None
            }
        }
    }

    fn command(&mut self, engine: &Node) -> Option<SiteEngine> {
        if let Some(sbatch) = self.table.get("sbatch") {
            let problem = Problem::new(sbatch.key_at, "only Slurm has options of sbatch");
            let problem = problem.label("not for `engine = \"command\"`");
            self.problems
                .push(problem.help("put options into `command`, or write `engine = \"slurm\"`"));
        }
        let Some(node) = self.node("command") else {
            let problem = Problem::new(engine.at, "`command` is missing");
            self.problems
                .push(problem.help(format!("write `{}`", KEYS[1].example)));
            return None;
        };
        let command = self.text("command")?.to_owned();
        if !command.contains("{work}") {
            let message = "`command` does not start the tasks".to_owned();
            self.refuse("command", node, message, "it has no `{work}`");
        }
        Some(SiteEngine::Command { command })
    }

    fn slurm(&mut self) -> Option<SiteEngine> {
        if let Some(command) = self.table.get("command") {
            let problem = Problem::new(command.key_at, "`command` is not for Slurm");
            let problem = problem.label("not for `engine = \"slurm\"`");
            self.problems
                .push(problem.help("remove it, or write `engine = \"command\"`"));
        }
        let Some(sbatch) = self.table.get("sbatch") else {
            return Some(SiteEngine::Slurm {
                options: Vec::new(),
            });
        };
        let Value::Table(table) = &sbatch.node.value else {
            self.wrong_type("sbatch", &sbatch.node, "a table");
            return None;
        };
        let options = table
            .entries
            .iter()
            .filter_map(|entry| self.option(entry))
            .collect();
        Some(SiteEngine::Slurm { options })
    }

    fn option(&mut self, entry: &Entry) -> Option<String> {
        let name = entry.key.trim_start_matches('-');
        if let Some((_, why)) = OURS
            .iter()
            .find(|(ours, _)| *ours == name.replace('_', "-"))
        {
            let message = format!("resweep sets `{name}` itself");
            let problem = Problem::new(entry.key_at, message).label("remove it");
            self.problems.push(problem.help(*why));
            return None;
        }
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name != entry.key || name.len() < 2 || !name.chars().all(is_name) {
            let message = format!("`{}` is not the name of an option of sbatch", entry.key);
            let problem = Problem::new(entry.key_at, message).label("not such a name");
            self.problems
                .push(problem.help("write the long name without hyphens: `partition = \"gpu\"`"));
            return None;
        }
        match &entry.node.value {
            Value::Boolean(true) => Some(format!("--{name}")),
            Value::Integer(number) => Some(format!("--{name}={number}")),
            Value::String(text) if !text.chars().any(|c| is_unprintable(c) || c == '#') => {
                Some(format!("--{name}={}", quoted(text)))
            }
            value => {
                let what = format!("`{name}` cannot be {}", value.type_name());
                let problem = Problem::new(entry.node.at, what).label("expected text or a number");
                let help = "write `name = \"text\"`, `name = 4`, or `name = true` for an option without a value";
                self.problems.push(problem.help(help));
                None
            }
        }
    }

    fn path(&mut self, key: &str) -> Option<PathBuf> {
        let text = self.text(key)?;
        let node = self.node(key)?;
        match expand_path(text) {
            Ok(path) => Some(path),
            Err(error) => {
                self.refuse(key, node, error.to_string(), "");
                None
            }
        }
    }

    fn device(&mut self) -> Option<DeviceRequest> {
        let (text, node) = (self.text("device")?, self.node("device")?);
        match text.parse() {
            Ok(request) => Some(request),
            Err(error) => {
                self.refuse("device", node, format!("{error}"), "");
                None
            }
        }
    }

    fn duration(&mut self, key: &str) -> Option<Duration> {
        let node = self.node(key)?;
        if let Value::Integer(_) = node.value {
            let problem = Problem::new(node.at, format!("`{key}` must be text"));
            let problem = problem.label("a number without a unit").form(Form::Quoted);
            self.problems
                .push(problem.help(format!("write `{}`", KEYS[5].example)));
            return None;
        }
        let text = self.text(key)?;
        let parsed = parse_duration(text);
        if parsed.is_none() {
            let message = format!("`{key}` cannot be {text:?}");
            self.refuse(key, node, message, "expected a time such as \"45m\"");
        }
        parsed
    }

    fn integer(&mut self, key: &str, min: u64, max: u64) -> Option<u64> {
        let node = self.node(key)?;
        let Value::Integer(number) = node.value else {
            self.wrong_type(key, node, "an integer");
            return None;
        };
        match u64::try_from(number) {
            Ok(number) if (min..=max).contains(&number) => Some(number),
            _ => {
                let message = format!("`{key}` is out of range");
                let label = format!("must be from {min} to {max}");
                self.refuse(key, node, message, &label);
                None
            }
        }
    }

    fn lines(&mut self, key: &str) -> Vec<String> {
        let Some(node) = self.node(key) else {
            return Vec::new();
        };
        let Value::Array(elements) = &node.value else {
            self.wrong_type(key, node, "a list of lines");
            return Vec::new();
        };
        let mut lines = Vec::new();
        for element in elements {
            match &element.value {
                Value::String(text) if !text.contains(['\n', '\r', '\0']) => {
                    lines.push(text.clone());
                }
                _ => self.refuse(key, element, format!("`{key}` has lines of text"), ""),
            }
        }
        lines
    }
}

/// Whether a value could be one of an option.
fn is_option(node: &Node) -> bool {
    matches!(
        node.value,
        Value::String(_) | Value::Integer(_) | Value::Boolean(_)
    )
}

/// As sbatch reads it in a script: in quotes where it has spaces.
fn quoted(text: &str) -> String {
    if text.contains([' ', '\'', '"']) {
        format!("\"{}\"", text.replace('"', "\\\""))
    } else {
        text.to_owned()
    }
}

/// `0`, `90s`, `45m`, `1.5h` or `2d`.
fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[number.len()..] {
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    let number: f64 = number.trim().parse().ok()?;
    let seconds = number * unit;
    (0.0..=366.0 * 86_400.0)
        .contains(&seconds)
        .then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Sites, SweepFileError> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("clusters.toml");
        std::fs::write(&path, text).expect("a file");
        Sites::load(&path)
    }

    #[test]
    fn a_site_is_read_with_its_defaults() {
        let sites = load("[a]\nengine = \"slurm\"\n[a.sbatch]\npartition = \"gpu\"\ncpus-per-task = 4\nexclusive = true\ncomment = \"two words\"\n").unwrap();
        let site = sites.find("a").unwrap();
        let SiteEngine::Slurm { options } = &site.engine else {
            panic!("Slurm");
        };
        assert_eq!(
            options,
            &[
                "--partition=gpu",
                "--cpus-per-task=4",
                "--exclusive",
                "--comment=\"two words\""
            ]
        );
        assert_eq!((site.grace, site.pack, site.at_once), (GRACE, None, None));
        assert_eq!(
            sites.find("mycluster").unwrap_err(),
            "allowed here: `a`".to_owned()
        );
    }

    #[test]
    fn times_have_units() {
        for (text, seconds) in [("0", 0), ("90s", 90), ("45m", 2700), ("1.5h", 5400)] {
            assert_eq!(parse_duration(text), Some(Duration::from_secs(seconds)));
        }
        for text in ["45", "m", "-1h", "1w", "", "400d", "nan h"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn every_mistake_names_its_line_and_the_right_form() {
        let text = "engine = \"slurm\"\n\n[lab]\nengine = \"slrum\"\npack = 45\ngrase = 100\npartition = \"gpu\"\n\n\
            [big]\nengine = \"slurm\"\nat_once = 0\nsetup = \"module load x\"\n[big.sbatch]\narray = \"0-3\"\ntime = [4]\n\n\
            [hq]\nengine = \"command\"\ncommand = \"hq submit\"\n\n[pbs]\n";
        let error = load(text).unwrap_err();
        let drawn = error.render(false);
        for part in [
            "`engine` stands outside of a site",
            "`engine` cannot be \"slrum\"",
            "expected \"slurm\" or",
            "write `pack = \"45m\"`",
            "did you mean `grace`?",
            "an option of sbatch stands below a line `[lab.sbatch]`",
            "`at_once` is out of range",
            "write `setup = [\"module load cuda\"]`",
            "resweep sets `array` itself",
            "resweep makes one task for each element",
            "`time` cannot be a list",
            "it has no `{work}`",
            "[pbs] does not say what starts its tasks",
            "cannot use the site file",
        ] {
            assert!(drawn.contains(part), "{part}\n{drawn}");
        }
    }
}
