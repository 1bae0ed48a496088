//! Frames: the difference to what is on screen, inside one synchronized update (DEC 2026), in one write.
//!
//! A frame in which nothing changed writes nothing. After the first frame the screen is never cleared, except when its size
//! changed or a redraw was asked for, and then inside the same update. It knows nothing of what is drawn.

use super::TermError;
use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::{Frame, Terminal};
use std::fs::File;
use std::io::{self, Write};

/// Begins a synchronized update: terminals that know it show nothing until its end.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// What has been written so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames that wrote something.
    pub frames: u64,
    /// Frames in which nothing had changed.
    pub unchanged: u64,
    /// Bytes of all frames.
    pub bytes: u64,
    /// Bytes of the last frame that wrote something.
    pub last_frame_bytes: u64,
    /// Full clears, the one before the first frame left out.
    pub clears: u64,
}

/// The visible screen over any writer.
pub struct Screen<W: Write> {
    terminal: Terminal<Wire>,
    output: W,
    counters: Counters,
    frame: Vec<u8>,
}

impl Screen<File> {
    /// The screen of this process's terminal.
    pub fn on_stdout() -> Result<Self, TermError> {
        let (columns, rows) = super::output::size();
        Self::new(super::output::stdout()?, columns, rows)
    }
}

impl<W: Write> Screen<W> {
    /// A blank screen of this size; the writer gets whole frames.
    pub fn new(output: W, columns: u16, rows: u16) -> Result<Self, TermError> {
        let terminal = Terminal::new(Wire::new(columns, rows)).map_err(TermError::Write)?;
        Ok(Self {
            terminal,
            output,
            counters: Counters::default(),
            frame: Vec::new(),
        })
    }

    /// Draws a frame and writes what changed. Returns the bytes written, 0 when nothing changed.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame)) -> Result<usize, TermError> {
        self.terminal.draw(draw).map_err(TermError::Write)?;
        let wire = self.terminal.backend_mut();
        if wire.bytes.is_empty() {
            self.counters.unchanged += 1;
            return Ok(0);
        }
        self.counters.clears += u64::from(std::mem::take(&mut wire.clears));
        self.frame.clear();
        self.frame.extend_from_slice(BEGIN);
        self.frame.append(&mut wire.bytes);
        self.frame.extend_from_slice(END);
        self.output
            .write_all(&self.frame)
            .and_then(|()| self.output.flush())
            .map_err(TermError::Write)?;
        let written = self.frame.len();
        self.counters.frames += 1;
        self.counters.last_frame_bytes = written as u64;
        self.counters.bytes += written as u64;
        Ok(written)
    }

    /// Takes a new size into account; the next frame clears and draws everything, within its update.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.terminal.backend_mut().size = Size::new(columns, rows);
    }

    /// Lets the next frame clear and draw everything: after another program used the terminal, or on request.
    pub fn redraw(&mut self) -> Result<(), TermError> {
        self.terminal.backend_mut().forget();
        self.terminal.clear().map_err(TermError::Write)
    }

    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        let size = self.terminal.backend().size;
        (size.width, size.height)
    }

    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The writer, for tests and benches that look at the bytes.
    pub fn output_mut(&mut self) -> &mut W {
        &mut self.output
    }
}

/// ratatui's backend into memory: escape sequences as crossterm writes them, cursor commands only when they change something.
struct Wire {
    bytes: Vec<u8>,
    size: Size,
    clears: u32,
    /// None: not known.
    is_cursor_shown: Option<bool>,
    cursor: Option<Position>,
}

impl Wire {
    fn new(columns: u16, rows: u16) -> Self {
        Self {
            bytes: Vec::with_capacity(64 * 1024),
            size: Size::new(columns, rows),
            clears: 0,
            is_cursor_shown: None,
            cursor: None,
        }
    }

    fn forget(&mut self) {
        self.is_cursor_shown = None;
        self.cursor = None;
    }

    fn crossterm(&mut self) -> CrosstermBackend<&mut Vec<u8>> {
        CrosstermBackend::new(&mut self.bytes)
    }
}

impl Backend for Wire {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut content = content.peekable();
        if content.peek().is_none() {
            return Ok(());
        }
        self.cursor = None;
        self.crossterm().draw(content)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.is_cursor_shown.replace(false) == Some(false) {
            return Ok(());
        }
        self.crossterm().hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if self.is_cursor_shown.replace(true) == Some(true) {
            return Ok(());
        }
        self.crossterm().show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.cursor.unwrap_or(Position::ORIGIN))
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let position = position.into();
        if self.cursor.replace(position) == Some(position) {
            return Ok(());
        }
        self.crossterm().set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        if clear_type == ClearType::All {
            self.clears += 1;
        }
        self.crossterm().clear_region(clear_type)
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize {
            columns_rows: self.size,
            pixels: Size::new(0, 0),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Remembers each write on its own.
    #[derive(Default)]
    struct Writes(Vec<Vec<u8>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn draw(screen: &mut Screen<Writes>, text: &str) -> usize {
        screen
            .draw(|frame| {
                frame.render_widget(text, frame.area());
                frame.set_cursor_position((1, 0));
            })
            .unwrap()
    }

    fn count(bytes: &[u8], part: &[u8]) -> usize {
        bytes
            .windows(part.len())
            .filter(|window| *window == part)
            .count()
    }

    #[test]
    fn a_frame_is_one_write_in_one_update() {
        let mut screen = Screen::new(Writes::default(), 20, 5).unwrap();
        draw(&mut screen, "hello");
        draw(&mut screen, "hullo");
        let writes = &screen.output_mut().0;
        assert_eq!(writes.len(), 2);
        for write in writes {
            assert!(write.starts_with(BEGIN) && write.ends_with(END));
            assert_eq!((count(write, BEGIN), count(write, END)), (1, 1));
            assert_eq!(count(write, b"\x1b[2J"), 0);
        }
        assert!(writes[1].len() < 80, "{}", writes[1].len());
        assert_eq!(screen.counters().frames, 2);
        assert_eq!(screen.counters().clears, 0);
    }

    #[test]
    fn a_frame_without_a_change_writes_nothing() {
        let mut screen = Screen::new(Writes::default(), 20, 5).unwrap();
        assert!(draw(&mut screen, "same") > 0);
        assert_eq!(draw(&mut screen, "same"), 0);
        assert_eq!(screen.output_mut().0.len(), 1);
        assert_eq!(screen.counters().unchanged, 1);
    }

    #[test]
    fn a_new_size_and_a_redraw_clear_within_the_update() {
        let mut screen = Screen::new(Writes::default(), 20, 5).unwrap();
        draw(&mut screen, "same");
        screen.resize(10, 4);
        draw(&mut screen, "same");
        screen.redraw().unwrap();
        draw(&mut screen, "same");
        let writes = &screen.output_mut().0;
        assert_eq!(writes.len(), 3);
        for write in &writes[1..] {
            assert!(write.starts_with(BEGIN) && write.ends_with(END));
            assert!(count(write, b"\x1b[2J") >= 1);
            assert!(count(write, b"same") == 1);
        }
        assert_eq!(screen.size(), (10, 4));
    }
}
