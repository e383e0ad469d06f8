//! Handles signals: the first one stops a sweep with a checkpoint of each run, a second one ends
//! the program at once.
//!
//! [`install`] must be called first. Until a command listens, a signal ends the program. Signals
//! that are ignored when the program starts stay ignored, such as SIGHUP under `nohup`.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, bounded, select};

use super::exit_code::ExitCode;
use crate::cli::Command;
use resweep_core::domain::StopReason;

/// Signals that follow the first within this time count as the same: some programs send theirs both
/// to a process and to its group.
const SAME_SIGNAL: Duration = Duration::from_millis(200);

/// The effect of a signal.
#[derive(Debug)]
enum Reaction {
    /// Ends the program with the exit code of a stop: nothing would be lost.
    End,
    /// The system's default action.
    Default,
    /// None: the parent process decides.
    Nothing,
    /// Requests a stop.
    Ask {
        ask: Sender<StopReason>,
        /// Whether a second signal ends the program at once.
        impatient: bool,
        first: Arc<OnceLock<(StopReason, Instant)>>,
    },
}

static REACTION: Mutex<Reaction> = Mutex::new(Reaction::End);

fn reaction() -> MutexGuard<'static, Reaction> {
    REACTION.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Installs the handlers.
///
/// # Errors
/// When the system refuses.
pub fn install() -> io::Result<()> {
    system::install(react)
}

/// Sets the reaction for a command that does not listen itself.
pub fn prepare_for(command: &Command) {
    *reaction() = match command {
        Command::Run(_) | Command::Work(_) => Reaction::End,
        Command::Sync(args) if args.watch.is_some() => Reaction::End,
        Command::Report(args) if args.watch.is_some() => Reaction::End,
        Command::TrainRun => Reaction::Nothing,
        _ => Reaction::Default,
    };
}

fn react(signal: &'static Signal) {
    match &*reaction() {
        Reaction::End => {
            errln!("stopped by {}", signal.name);
            ExitCode::Stopped.exit_now();
        }
        Reaction::Default => system::die_of(signal),
        Reaction::Nothing => {}
        Reaction::Ask {
            ask,
            impatient,
            first,
        } => {
            let (_, at) = first.get_or_init(|| (signal.name, Instant::now()));
            if *impatient && at.elapsed() > SAME_SIGNAL && signal.insists {
                ExitCode::Stopped.exit_now();
            }
            let _ = ask.try_send(signal.name);
        }
    }
}

/// The receiver for a command that can be stopped.
pub struct Stopping {
    /// Receives one message, at the first signal.
    pub asked: Receiver<StopReason>,
    first: Arc<OnceLock<(StopReason, Instant)>>,
}

impl Stopping {
    /// Starts listening. A second signal ends the process at once.
    pub fn listen() -> Self {
        Self::listen_with(true)
    }

    /// As [`Stopping::listen`], for a batch system, which repeats its signals: the process ends when
    /// its runs are saved.
    pub fn listen_patiently() -> Self {
        Self::listen_with(false)
    }

    fn listen_with(impatient: bool) -> Self {
        let (ask, asked) = bounded(1);
        let first = Arc::default();
        *reaction() = Reaction::Ask {
            ask,
            impatient,
            first: Arc::clone(&first),
        };
        Self { asked, first }
    }

    /// Does `work` on another thread; `None` if a stop is requested before it is done. The work then
    /// continues until the process ends.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn unless_asked<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<Option<T>> {
        let (done, result) = bounded(1);
        let worker = thread::Builder::new().spawn(move || drop(done.send(work())))?;
        let first = select! {
            recv(result) -> result => result.ok(),
            recv(self.asked) -> _ => return Ok(None),
        };
        match (first, worker.join()) {
            (_, Err(panic)) => std::panic::resume_unwind(panic),
            (result, Ok(())) => Ok(result),
        }
    }

    /// The first signal, if any.
    pub fn reason(&self) -> Option<StopReason> {
        self.first.get().map(|(reason, _)| *reason)
    }
}

/// A signal that stops the program.
#[derive(Debug)]
struct Signal {
    #[cfg(unix)]
    number: i32,
    name: StopReason,
    /// Whether a second one ends the program at once. Batch systems repeat the others.
    insists: bool,
}

#[cfg(unix)]
mod system {
    use std::sync::Arc;
    use std::{fs, io, thread};

    use signal_hook::consts::{
        SIGABRT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ,
    };
    use signal_hook::flag;
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    use super::super::isolate;
    use super::{ExitCode, Signal};

    const fn signal(number: i32, name: &'static str, insists: bool) -> Signal {
        Signal {
            number,
            name,
            insists,
        }
    }

    static SIGNALS: [Signal; 7] = [
        signal(SIGHUP, "SIGHUP", true),
        signal(SIGINT, "SIGINT", true),
        signal(SIGQUIT, "SIGQUIT", true),
        signal(SIGTERM, "SIGTERM", true),
        signal(SIGUSR1, "SIGUSR1", false),
        signal(SIGUSR2, "SIGUSR2", false),
        signal(SIGXCPU, "SIGXCPU", false),
    ];

    pub(super) fn install(react: fn(&'static Signal)) -> io::Result<()> {
        let ignored = ignored();
        let handled = SIGNALS.iter().map(|signal| signal.number);
        let handled = handled.filter(|number| ignored & (1 << (number - 1)) == 0);
        let mut received = Signals::new(handled)?;
        // The allocator aborts, after a line about it, where memory is limited (`ulimit -v`). Of a
        // child, `run --isolate` reports the signal.
        if !isolate::is_child() {
            let failure = ExitCode::Failure as i32;
            flag::register_conditional_shutdown(SIGABRT, failure, Arc::new(true.into()))?;
        }
        // A write beyond `ulimit -f` then fails with an error that names the file.
        flag::register(SIGXFSZ, Arc::default())?;
        let thread = thread::Builder::new().name("signals".to_owned());
        thread.spawn(move || {
            for number in received.forever() {
                let signal = SIGNALS.iter().find(|signal| signal.number == number);
                signal.into_iter().for_each(react);
            }
        })?;
        Ok(())
    }

    /// The signals that this process ignores, as a bit mask. Linux only.
    fn ignored() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .unwrap_or(0)
    }

    pub(super) fn die_of(signal: &Signal) {
        // Fails only for signals that cannot be handled.
        let _ = emulate_default_handler(signal.number);
    }
}

/// Without Unix signals the system ends the program, and runs resume from their last checkpoints.
#[cfg(not(unix))]
mod system {
    use super::Signal;

    pub(super) fn install(_: fn(&'static Signal)) -> std::io::Result<()> {
        Ok(())
    }

    pub(super) fn die_of(_: &Signal) {}
}
