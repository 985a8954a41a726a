//! The terminal: taken over while it is open, and given back as it was.

use super::keys::{Key, keys};
use crate::Result;
use crossterm::style::{Attribute, Print, SetAttribute, SetForegroundColor};
use crossterm::terminal::{DisableLineWrap, EnableLineWrap, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use crossterm::{cursor, execute, queue, style, terminal};
use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};
use ratatui::{Frame, Terminal};
use std::io::{BufWriter, Read, Stdout, Write, stdin, stdout};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// A terminal that shows one picture.
pub struct Screen {
    terminal: Terminal<Ansi>,
    pressed: Receiver<Key>,
    /// Kept, so that an input that ends is no more than one without keys.
    _presses: Sender<Key>,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// When it cannot be.
    pub fn open() -> Result<Self> {
        let (presses, pressed) = channel();
        let terminal = Terminal::new(Ansi(BufWriter::new(stdout())))?;
        // From here on the terminal is given back, whatever happens.
        let screen = Self { terminal, pressed, _presses: presses.clone() };
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen, DisableLineWrap, cursor::Hide)?;
        std::thread::Builder::new().name("keys".into()).spawn(move || listen(&presses))?;
        Ok(screen)
    }

    /// Shows a picture, in the size that the terminal has now.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn draw(&mut self, picture: impl FnOnce(&mut Frame<'_>)) -> Result<()> {
        self.terminal.draw(picture)?;
        Ok(())
    }

    /// The keys that were pressed; none where none was within `patience`.
    pub fn keys(&self, patience: Duration) -> Vec<Key> {
        self.pressed.recv_timeout(patience).into_iter().chain(self.pressed.try_iter()).collect()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = execute!(stdout(), EnableLineWrap, LeaveAlternateScreen, cursor::Show);
        let _ = disable_raw_mode();
    }
}

/// Reads keys until the input ends or nobody wants them; it is not waited for.
fn listen(presses: &Sender<Key>) {
    let mut bytes = [0; 256];
    while let Ok(count @ 1..) = stdin().lock().read(&mut bytes) {
        for key in keys(&bytes[..count]) {
            if presses.send(key).is_err() {
                return;
            }
        }
    }
}

/// Pictures as escape sequences; crossterm's events, which ratatui's own way brings along, are not needed.
struct Ansi(BufWriter<Stdout>);

impl Backend for Ansi {
    type Error = std::io::Error;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, content: I) -> std::io::Result<()> {
        let (mut behind, mut look) = (None, None);
        for (x, y, cell) in content {
            if behind != Some((x, y)) {
                queue!(self.0, cursor::MoveTo(x, y))?;
            }
            if look != Some((cell.fg, cell.modifier)) {
                look = Some((cell.fg, cell.modifier));
                self.look(cell.fg, cell.modifier)?;
            }
            queue!(self.0, Print(cell.symbol()))?;
            // How wide another letter is, the terminal may know better.
            behind = cell.symbol().is_ascii().then_some((x + 1, y));
        }
        queue!(self.0, SetAttribute(Attribute::Reset))
    }

    fn hide_cursor(&mut self) -> std::io::Result<()> {
        queue!(self.0, cursor::Hide)
    }

    fn show_cursor(&mut self) -> std::io::Result<()> {
        queue!(self.0, cursor::Show)
    }

    fn get_cursor_position(&mut self) -> std::io::Result<Position> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> std::io::Result<()> {
        let Position { x, y } = position.into();
        queue!(self.0, cursor::MoveTo(x, y))
    }

    fn clear(&mut self) -> std::io::Result<()> {
        queue!(self.0, terminal::Clear(terminal::ClearType::All))
    }

    fn clear_region(&mut self, _: ClearType) -> std::io::Result<()> {
        self.clear()
    }

    fn size(&self) -> std::io::Result<Size> {
        let (width, height) = terminal::size()?;
        Ok(Size { width, height })
    }

    fn window_size(&mut self) -> std::io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size()?, pixels: Size::ZERO })
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl Ansi {
    /// What the letters to come look like; the picture uses no more than these.
    fn look(&mut self, colour: Color, modifier: Modifier) -> std::io::Result<()> {
        queue!(self.0, SetAttribute(Attribute::Reset))?;
        for (own, attribute) in [
            (Modifier::BOLD, Attribute::Bold),
            (Modifier::DIM, Attribute::Dim),
            (Modifier::UNDERLINED, Attribute::Underlined),
            (Modifier::REVERSED, Attribute::Reverse),
        ] {
            if modifier.contains(own) {
                queue!(self.0, SetAttribute(attribute))?;
            }
        }
        match colour {
            Color::Red => queue!(self.0, SetForegroundColor(style::Color::DarkRed)),
            Color::Cyan => queue!(self.0, SetForegroundColor(style::Color::DarkCyan)),
            _ => Ok(()),
        }
    }
}
