//! Standard output and standard error: all output of the program passes through this module.
//!
//! A failed write never panics and stops no work: nothing more is written to that stream, and
//! [`failure`] returns the error at the end of the program. Text is escaped so that it cannot
//! control a terminal; only [`styled`] passes on escape sequences, those of our own styles.
//!
//! A stream that was closed when the program started fails as one on a full disk does.
//!
//! `outln!` and `errln!` print lines, [`json`] prints a document, [`Stream`] is a writer.

use std::env;
use std::ffi::OsString;
use std::fmt::Arguments;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::termios::tcgetwinsize;
use serde::Serialize;

use resweep_core::domain::{is_unprintable, printable_text};

/// Prints a line on standard output.
macro_rules! outln {
    () => { $crate::output::line($crate::output::Stream::Out, format_args!("")) };
    ($($words:tt)*) => {
        $crate::output::line($crate::output::Stream::Out, format_args!($($words)*))
    };
}

/// Prints a line on standard error.
macro_rules! errln {
    ($($words:tt)*) => {
        $crate::output::line($crate::output::Stream::Err, format_args!($($words)*))
    };
}

/// A standard stream of this process. After a failed write, every further write fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

/// Why a stream cannot be written to.
#[derive(Debug, Clone)]
pub struct Failure {
    kind: ErrorKind,
    message: String,
}

impl Failure {
    /// Whether the reader has closed the pipe, as `head` does.
    pub fn is_closed_pipe(&self) -> bool {
        self.kind == ErrorKind::BrokenPipe
    }

    fn error(&self) -> io::Error {
        io::Error::new(self.kind, self.message.clone())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// Whether each stream was closed when the program started (`>&-`). Before `main`, Rust opens
/// `/dev/null` in place of such a stream, and everything written to it would be lost without an
/// error.
static CLOSED: [AtomicBool; 2] = [const { AtomicBool::new(false) }; 2];

/// Looks at the streams as they were given to the program.
#[cfg(unix)]
#[ctor::ctor(unsafe)]
fn note_closed_streams() {
    use rustix::io::fcntl_getfd;
    use rustix::stdio::{stderr, stdout};

    CLOSED[Stream::Out as usize].store(fcntl_getfd(stdout()).is_err(), Ordering::Relaxed);
    CLOSED[Stream::Err as usize].store(fcntl_getfd(stderr()).is_err(), Ordering::Relaxed);
}

/// Whether a stream was closed when the program started.
#[cfg(target_os = "linux")]
pub fn has_closed_stream() -> bool {
    CLOSED.iter().any(|closed| closed.load(Ordering::Relaxed))
}

/// The first failure of each stream.
static FAILURES: [Mutex<Option<Failure>>; 2] = [const { Mutex::new(None) }; 2];

impl Stream {
    fn failure(self) -> MutexGuard<'static, Option<Failure>> {
        let failure = &FAILURES[self as usize];
        failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `work` with the stream; stores the first failure.
    fn attempt<T>(self, work: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> io::Result<T> {
        let mut failure = self.failure();
        if let Some(failure) = &*failure {
            return Err(failure.error());
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "all other code writes through here"
        )]
        let done = match self {
            Stream::Out => work(&mut io::stdout().lock()),
            Stream::Err => work(&mut io::stderr().lock()),
        };
        done.inspect_err(|error| {
            if error.kind() != ErrorKind::Interrupted {
                *failure = Some(Failure {
                    kind: error.kind(),
                    message: error.to_string(),
                });
            }
        })
    }

    /// The width of the terminal in columns; `None` if it is not a terminal.
    pub fn columns(self) -> Option<usize> {
        #[expect(clippy::disallowed_methods, reason = "they are not written to")]
        let size = match self {
            Stream::Out => tcgetwinsize(io::stdout()),
            Stream::Err => tcgetwinsize(io::stderr()),
        };
        let columns = size.ok()?.ws_col;
        (columns > 0).then_some(usize::from(columns))
    }

    /// Whether the stream is a terminal that can move its cursor and show colours. A continuous
    /// integration service (`CI`) may have a terminal, but keeps a plain log.
    pub fn is_interactive(self) -> bool {
        let terminal = match self {
            #[expect(clippy::disallowed_methods, reason = "it is not written to")]
            Stream::Out => io::stdout().is_terminal(),
            #[expect(clippy::disallowed_methods, reason = "it is not written to")]
            Stream::Err => io::stderr().is_terminal(),
        };
        terminal && can_draw(env::var_os("TERM"), env::var_os("CI"))
    }

    fn wants_style(self) -> bool {
        self.is_interactive() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let is_closed = CLOSED[*self as usize].load(Ordering::Relaxed);
        self.attempt(|stream| match is_closed {
            true => Err(io::Error::other("it is closed")),
            false => stream.write(bytes),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt(|stream| stream.flush())
    }
}

/// Whether a terminal can draw, according to the environment.
fn can_draw(term: Option<OsString>, ci: Option<OsString>) -> bool {
    let in_ci = ci.is_some_and(|ci| !ci.is_empty() && ci != "false" && ci != "0");
    let able = match term {
        Some(term) => !term.is_empty() && term != "dumb",
        None => cfg!(windows),
    };
    able && !in_ci
}

/// Prints a line; `outln!` and `errln!` call it.
pub fn line(stream: Stream, words: Arguments<'_>) {
    let mut text = printable_text(&words.to_string());
    text.push('\n');
    write(stream, &text);
}

/// Prints text that includes its line ends.
pub fn text(stream: Stream, text: &str) {
    write(stream, &printable_text(text));
}

/// Prints text with our own styles, which are removed if the stream is not a terminal. Untrusted
/// parts must have been escaped.
pub fn styled(stream: Stream, text: &str) {
    if stream.wants_style() {
        write(stream, text);
    } else {
        write(stream, &anstream::adapter::strip_str(text).to_string());
    }
}

/// Prints a value as a JSON document on standard output.
///
/// # Errors
/// When the value has no JSON form.
pub fn json(value: &impl Serialize) -> serde_json::Result<()> {
    let mut text = escaped_json(&serde_json::to_string_pretty(value)?);
    text.push('\n');
    write(Stream::Out, &text);
    Ok(())
}

/// Escapes characters in JSON that could control a terminal and that `serde_json` does not escape.
pub fn escaped_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_unprintable(c) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Ignores the error, which is stored: the caller cannot handle it.
fn write(mut stream: Stream, text: &str) {
    let _ = stream.write_all(text.as_bytes());
}

/// The reason if some output was lost. Called at the end of the program.
pub fn failure(mut stream: Stream) -> Option<Failure> {
    let _ = stream.flush();
    stream.failure().clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaping_json_keeps_its_value() {
        let text = "a\u{1b}[31m\u{9b}31m\u{202e}\u{feff}ü\"\\\n";
        let escaped = escaped_json(&serde_json::to_string(text).unwrap());
        assert!(!escaped.chars().any(is_unprintable), "{escaped}");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
    }

    #[test]
    fn terminal_draws_unless_dumb_or_in_ci() {
        let draws = |term: Option<&str>, ci: Option<&str>| {
            can_draw(term.map(OsString::from), ci.map(OsString::from))
        };
        assert!(draws(Some("xterm"), None));
        assert!(draws(Some("xterm"), Some("")));
        assert!(draws(Some("xterm"), Some("false")));
        assert!(!draws(Some("xterm"), Some("true")));
        assert!(!draws(Some("xterm"), Some("1")));
        assert!(!draws(Some("dumb"), None));
        assert!(!draws(Some(""), None));
        assert_eq!(draws(None, None), cfg!(windows));
    }
}
