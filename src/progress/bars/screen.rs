//! A terminal on which bars stay whole when its width changes.
//!
//! indicatif fills each line with spaces up to the last column, and moves the cursor up by the rows
//! that the bars had when they were drawn. When a terminal is resized, most rewrap their lines: full
//! lines break into several rows, and the cursor no longer reaches the first bar. [`Screen`] ends
//! lines with a line break instead, and counts their rows at the present width.

use std::io;
use std::sync::{Mutex, MutexGuard};

use console::{Term, measure_text_width};
use indicatif::TermLike;

/// Passes indicatif's output on to a terminal.
#[derive(Debug)]
pub struct Screen<T = Term> {
    terminal: T,
    /// Whether the terminal rewraps lines when it is resized.
    rewraps: bool,
    drawn: Mutex<Drawn>,
}

/// The newest draw.
#[derive(Debug, Default)]
struct Drawn {
    /// The width of each line in columns, in order.
    lines: Vec<usize>,
    /// The width of the terminal.
    columns: usize,
    /// Whether the next text only fills the line to the last column.
    fills: bool,
    /// Whether it is on the terminal, and the next call begins another draw.
    is_whole: bool,
    /// Whether the lines of the draw before have been cleared, because the width had changed.
    is_cleared: bool,
}

impl Screen {
    /// Standard error.
    pub fn stderr() -> Screen {
        Screen::on(
            Term::buffered_stderr(),
            rewraps(|name| std::env::var(name).ok()),
        )
    }
}

impl<T> Screen<T> {
    fn on(terminal: T, rewraps: bool) -> Screen<T> {
        Screen {
            terminal,
            rewraps,
            drawn: Mutex::default(),
        }
    }

    /// Clears the last `rows` and moves to the first of them. Row by row: where the whole screen is
    /// cleared at once, tmux keeps what was on it in its history.
    fn clear(&self, rows: usize) -> io::Result<()>
    where
        T: TermLike,
    {
        self.terminal.move_cursor_up(rows.saturating_sub(1))?;
        for row in 0..rows {
            if row > 0 {
                self.terminal.move_cursor_down(1)?;
            }
            self.terminal.clear_line()?;
        }
        self.terminal.move_cursor_up(rows.saturating_sub(1))
    }

    fn drawn(&self) -> MutexGuard<'_, Drawn> {
        let drawn = self.drawn.lock();
        drawn.unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Whether the terminal rewraps lines when it is resized. Nearly all do; xterm, the Linux console
/// and GNU Screen cut them off.
fn rewraps(variable: impl Fn(&str) -> Option<String>) -> bool {
    let is_set = |name| variable(name).is_some();
    let cuts_off =
        is_set("XTERM_VERSION") || is_set("STY") || variable("TERM").as_deref() == Some("linux");
    is_set("TMUX") || !cuts_off
}

/// The rows of a line.
fn rows(width: usize, columns: usize) -> usize {
    width.div_ceil(columns.max(1)).max(1)
}

/// The rows of the last of `lines` at another width, which had `before` rows at the first.
fn rows_now(lines: &[usize], before: usize, (was, is): (usize, usize)) -> usize {
    let (mut left, mut now) = (before, 0);
    for &width in lines.iter().rev() {
        if left == 0 {
            break;
        }
        left = left.saturating_sub(rows(width, was));
        now += rows(width, is);
    }
    now + left
}

impl<T: TermLike> TermLike for Screen<T> {
    fn width(&self) -> u16 {
        self.terminal.width()
    }

    fn height(&self) -> u16 {
        self.terminal.height()
    }

    /// Moves from the last line of the bars to the first. After a change of the width, clears them.
    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        let columns = usize::from(self.width());
        let mut drawn = self.drawn();
        if drawn.is_cleared {
            return Ok(());
        }
        let begins = std::mem::take(&mut drawn.is_whole);
        let before = match begins {
            true => std::mem::take(&mut drawn.lines),
            false => Vec::new(),
        };
        if before.is_empty() || !self.rewraps || columns == drawn.columns {
            return self.terminal.move_cursor_up(n);
        }
        drawn.is_cleared = true;
        let rows = rows_now(&before, n + 1, (drawn.columns, columns));
        self.clear(rows)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        match self.drawn().is_cleared {
            true => Ok(()),
            false => self.terminal.move_cursor_down(n),
        }
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.terminal.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.terminal.move_cursor_left(n)
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.terminal.write_line(line)
    }

    /// indicatif writes each line, then what fills it.
    fn write_str(&self, text: &str) -> io::Result<()> {
        if text == "\r" {
            return self.terminal.write_str(text);
        }
        let columns = usize::from(self.width());
        let mut drawn = self.drawn();
        if drawn.fills {
            drawn.fills = false;
            return Ok(());
        }
        if !drawn.lines.is_empty() {
            self.terminal.write_str("\r\n")?;
        }
        // Terminals differ in whether spaces at the end of a line are wrapped.
        let text = text.trim_end_matches(' ');
        drawn.lines.push(measure_text_width(text));
        drawn.columns = columns;
        drawn.fills = true;
        self.terminal.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        match self.drawn().is_cleared {
            true => Ok(()),
            false => self.terminal.clear_line(),
        }
    }

    fn flush(&self) -> io::Result<()> {
        let mut drawn = self.drawn();
        drawn.is_cleared = false;
        drawn.is_whole = true;
        self.terminal.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

    use super::*;

    /// A terminal that rewraps its lines as tmux does.
    #[derive(Debug, Clone)]
    struct Rewrapping(Arc<Mutex<Content>>);

    #[derive(Debug, Default)]
    struct Row {
        cells: Vec<char>,
        /// Whether the next row is of the same line.
        continues: bool,
    }

    #[derive(Debug)]
    struct Content {
        columns: usize,
        rows: Vec<Row>,
        row: usize,
        column: usize,
    }

    impl Content {
        fn resize(&mut self, columns: usize) {
            self.columns = columns;
            let rows = std::mem::replace(&mut self.rows, vec![Row::default()]);
            let (row, column) = (self.row, self.column);
            let mut cursor = (0, 0);
            (self.row, self.column) = (0, 0);
            for (index, old) in rows.iter().enumerate() {
                for (at, &c) in old.cells.iter().enumerate() {
                    if (index, at) == (row, column) {
                        cursor = (self.row, self.column);
                    }
                    self.put(c);
                }
                if index == row && column >= old.cells.len() {
                    cursor = (self.row, self.column);
                }
                if !old.continues && index + 1 < rows.len() {
                    self.write("\r\n");
                }
            }
            (self.row, self.column) = cursor;
        }

        fn write(&mut self, text: &str) {
            match text {
                "\r" => self.column = 0,
                "\r\n" => self.down(),
                text => text.chars().for_each(|c| self.put(c)),
            }
        }

        /// Behind the last column, the next character begins a row.
        fn put(&mut self, c: char) {
            if self.column == self.columns {
                self.rows[self.row].continues = true;
                self.down();
            }
            let cells = &mut self.rows[self.row].cells;
            cells.resize(cells.len().max(self.column + 1), ' ');
            cells[self.column] = c;
            self.column += 1;
        }

        fn down(&mut self) {
            self.row += 1;
            self.column = 0;
            if self.row == self.rows.len() {
                self.rows.push(Row::default());
            }
        }

        fn clear_row(&mut self) {
            self.rows[self.row] = Row::default();
            self.column = 0;
        }
    }

    impl Rewrapping {
        fn content(&self) -> MutexGuard<'_, Content> {
            self.0.lock().expect("no panic")
        }
    }

    impl TermLike for Rewrapping {
        fn width(&self) -> u16 {
            self.content().columns as u16
        }
        fn height(&self) -> u16 {
            50
        }
        fn move_cursor_up(&self, n: usize) -> io::Result<()> {
            let mut content = self.content();
            content.row = content.row.saturating_sub(n);
            Ok(())
        }
        fn move_cursor_down(&self, n: usize) -> io::Result<()> {
            let mut content = self.content();
            content.row = (content.row + n).min(content.rows.len() - 1);
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, line: &str) -> io::Result<()> {
            self.write_str(line)?;
            self.write_str("\r\n")
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.content().write(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            self.content().clear_row();
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is on the terminal after bars were drawn at each of `widths`, and at the end cleared.
    fn left_over(widths: &[usize]) -> (Vec<String>, Vec<String>) {
        let terminal = Rewrapping(Arc::new(Mutex::new(Content {
            columns: widths[0],
            rows: vec![Row::default()],
            row: 0,
            column: 0,
        })));
        let screen = Screen::on(terminal.clone(), true);
        let target = ProgressDrawTarget::term_like(Box::new(screen));
        let multi = MultiProgress::with_draw_target(target);
        let style = ProgressStyle::with_template("{bar:20} {wide_msg}").expect("a template");
        let bar = || multi.add(ProgressBar::new(100).with_style(style.clone()));
        let bars: Vec<ProgressBar> = (0..4).map(|_| bar()).collect();
        for (step, columns) in widths.iter().enumerate() {
            terminal.content().resize(*columns);
            for bar in &bars {
                bar.set_message("m".repeat(columns - 22));
                bar.tick();
            }
            multi.println(format!("line {step}")).expect("a line");
            bars[1].tick();
        }
        let lines = || -> Vec<String> {
            let content = terminal.content();
            let rows = content.rows.iter().map(|row| row.cells.iter().collect());
            let lines = rows.map(|row: String| row.trim_end().to_owned());
            lines.filter(|line| !line.is_empty()).collect()
        };
        let drawn = lines();
        bars.iter().for_each(ProgressBar::finish_and_clear);
        (drawn, lines())
    }

    #[test]
    fn bars_leave_nothing_behind_when_the_terminal_is_resized() {
        for widths in [
            &[140, 60][..],
            &[60, 140],
            &[140, 100, 60, 59, 200],
            &[80, 80],
        ] {
            let (drawn, left) = left_over(widths);
            let lines: Vec<String> = (0..widths.len()).map(|n| format!("line {n}")).collect();
            assert_eq!(left, lines, "at {widths:?}");
            let bars = drawn.iter().filter(|line| line.contains('m')).count();
            assert!(
                bars >= 4 && drawn.len() - bars == widths.len(),
                "{drawn:#?}"
            );
        }
    }

    #[test]
    fn terminals_that_cut_lines_off_are_known() {
        let with = |set: &'static [(&str, &str)]| {
            rewraps(|name| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(with(&[("TERM", "xterm-256color")]));
        assert!(!with(&[("TERM", "xterm"), ("XTERM_VERSION", "XTerm(390)")]));
        assert!(!with(&[("TERM", "linux")]));
        assert!(with(&[
            ("TERM", "screen"),
            ("TMUX", "/tmp/x"),
            ("STY", "1")
        ]));
        assert!(!with(&[("TERM", "screen"), ("STY", "1")]));
    }
}
