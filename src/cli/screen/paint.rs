//! Pictures of lines and tables. Nothing that is shown can break the screen: what a terminal would act on is made harmless,
//! and widths are those of a terminal's columns.

use super::Common;
use crate::units::format_count;
use ratatui::Frame;
use ratatui::buffer::CellWidth;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A column: its heading, its width, and whether it stands at the right.
pub type Column<'a> = (&'a str, usize, bool);

/// A row of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// Its cells.
    pub cells: Vec<String>,
    /// Whether it is about something that is amiss.
    pub is_bad: bool,
}

impl From<Vec<String>> for Row {
    fn from(cells: Vec<String>) -> Self {
        Self { cells, is_bad: false }
    }
}

/// The lines of a picture.
#[derive(Debug)]
pub struct Picture {
    /// How wide it is.
    pub width: usize,
    lines: Vec<Line<'static>>,
    colour: bool,
}

/// Draws a heading, what `body` puts into so many lines below it, and the keys; where help is wanted, that in the place of the
/// body.
pub fn paint(
    frame: &mut Frame<'_>,
    common: &Common,
    (heading, is_bad): (&str, bool),
    (keys, help): (&str, &str),
    body: impl FnOnce(&mut Picture, usize),
) {
    let area = frame.area();
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let mut picture = Picture { width, lines: Vec::new(), colour: common.colour };
    let trouble = common.trouble.iter().map(String::as_str);
    let heading = trouble.chain([heading]).collect::<Vec<_>>().join(" · ");
    let is_bad = is_bad || common.trouble.is_some();
    picture.line(&heading, Modifier::BOLD, is_bad.then_some(Color::Red));
    let room = height.saturating_sub(3);
    if common.help {
        help.lines().chain(["", "Any key closes this."]).for_each(|line| picture.text(line));
    } else {
        body(&mut picture, room);
    }
    picture.lines.resize(room + 2, Line::default());
    let typing = format!("filter: {}▏ (Enter keeps it, Esc clears it)", common.filter);
    picture.line(if common.typing { &typing } else { keys }, Modifier::DIM, None);
    picture.lines.truncate(height);
    frame.render_widget(Paragraph::new(picture.lines), area);
}

impl Picture {
    /// A line.
    pub fn line(&mut self, text: &str, modifier: Modifier, colour: Option<Color>) {
        self.styled(fit(text, self.width, false), modifier, colour);
    }

    /// A line like all others.
    pub fn text(&mut self, text: &str) {
        self.line(text, Modifier::empty(), None);
    }

    fn styled(&mut self, text: String, modifier: Modifier, colour: Option<Color>) {
        let style = Style::default().add_modifier(modifier);
        let colour = colour.filter(|_| self.colour);
        self.lines.push(Line::styled(text, colour.map_or(style, |colour| style.fg(colour))));
    }

    /// A title, headings, and as many rows as there is room for around the chosen one.
    pub fn table(
        &mut self,
        title: &str,
        columns: &[Column<'_>],
        rows: &[Row],
        (chosen, height): (Option<usize>, usize),
    ) {
        if height < 3 {
            return;
        }
        let width: usize = columns.iter().map(|(_, width, _)| width).sum();
        let colour = chosen.map(|_| Color::Cyan);
        self.styled(fit(title, width.max(self.width), false), Modifier::BOLD, colour);
        let cell = |(text, (_, width, right)): (&str, &Column<'_>)| fit(text, *width, *right);
        let headings = columns.iter().map(|column| cell((column.0, column))).collect::<String>();
        self.styled(headings, Modifier::UNDERLINED, None);
        let room = height - 2;
        let first = chosen.map_or(0, |chosen| (chosen + 1).saturating_sub(room));
        for number in first..first + room {
            let Some(row) = rows.get(number) else {
                self.lines.push(Line::default());
                continue;
            };
            let text: String = row.cells.iter().map(String::as_str).zip(columns).map(cell).collect();
            let is_chosen = chosen == Some(number);
            let modifier = if is_chosen { Modifier::REVERSED } else { Modifier::empty() };
            self.styled(text, modifier, row.is_bad.then_some(Color::Red));
        }
    }
}

/// A text of exactly so many columns, whatever is in it; what is too long ends with `…`.
pub fn fit(text: &str, width: usize, right: bool) -> String {
    let text: String = text.chars().map(harmless).collect();
    let span = Span::raw(text.as_str());
    let letters = || span.styled_graphemes(Style::default()).map(|letter| letter.symbol);
    // A blank keeps columns apart.
    let room = width.saturating_sub(1);
    let mut used = wide(&text);
    let mut shown = text.clone();
    if used > room {
        (used, shown) = (0, String::new());
        for letter in letters() {
            if used + columns(letter) >= room {
                break;
            }
            used += columns(letter);
            shown += letter;
        }
        if room > 0 {
            used += 1;
            shown.push('…');
        }
    }
    let blanks = " ".repeat(width - used);
    if right { blanks + &shown } else { shown + &blanks }
}

fn columns(letter: &str) -> usize {
    letter.cell_width().into()
}

/// How many columns of a terminal a text takes.
pub fn wide(text: &str) -> usize {
    Span::raw(text).styled_graphemes(Style::default()).map(|letter| columns(letter.symbol)).sum()
}

/// What a terminal would act on, or what would turn a line around, as a sign that does nothing.
fn harmless(letter: char) -> char {
    match letter {
        '\n' | '\r' | '\t' => ' ',
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        letter if letter.is_control() => '\u{fffd}',
        letter => letter,
    }
}

/// A rate as people read it.
pub fn rate(rate: Option<f64>) -> String {
    match rate {
        None => "-".into(),
        Some(rate) if rate < 10.0 => format!("{rate:.1}"),
        Some(rate) if rate < 1e6 => format_count(rate.round() as u64),
        Some(rate) => format!("{:.2}M", rate / 1e6),
    }
}

/// The last values that there is room for; the highest is a full bar.
pub fn sparkline(values: &[f64], width: usize) -> String {
    let shown = &values[values.len().saturating_sub(width)..];
    let highest = shown.iter().copied().fold(0.0, f64::max);
    let bar = |value: &f64| {
        let level = if highest > 0.0 { (value / highest * 7.0).round() as usize } else { 0 };
        BARS[level.min(7)]
    };
    shown.iter().map(bar).collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    /// What is drawn on a screen of this size, line by line.
    pub fn picture(size: (u16, u16), draw: impl FnOnce(&mut Frame<'_>)) -> String {
        let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).expect("a screen");
        terminal.draw(draw).expect("drawn");
        let buffer = terminal.backend().buffer();
        let line = |y: u16| {
            let (mut line, mut x) = (String::new(), 0);
            while x < size.0 {
                line += buffer[(x, y)].symbol();
                x += buffer[(x, y)].symbol().cell_width().max(1);
            }
            line.trim_end().to_string() + "\n"
        };
        (0..size.1).map(line).collect()
    }

    #[test]
    fn what_is_amiss_is_red_where_there_may_be_colour() {
        let reds = |colour| {
            let mut terminal = Terminal::new(TestBackend::new(20, 9)).expect("a screen");
            let row = Row { cells: vec!["failed".into()], is_bad: true };
            let draw = |frame: &mut Frame<'_>| {
                paint(frame, &Common::new(colour), ("heading", true), ("keys", ""), |picture, room| {
                    picture.table(
                        "title",
                        &[("status", 9, false)],
                        std::slice::from_ref(&row),
                        (Some(0), room),
                    );
                });
            };
            terminal.draw(draw).expect("drawn");
            let cells = terminal.backend().buffer().content().iter();
            (
                cells.clone().filter(|cell| cell.fg == Color::Red).count(),
                cells.filter(|cell| cell.fg != Color::Reset).count(),
            )
        };
        assert_eq!(reds(false), (0, 0));
        let (red, coloured) = reds(true);
        assert!(red >= 20 + 9 && coloured > red, "{red} {coloured}");
    }

    #[test]
    fn a_sparkline_is_as_high_as_its_highest_value() {
        assert_eq!(sparkline(&[9.0, 0.0, 5.0, 10.0], 3), "▁▅█");
        assert_eq!(sparkline(&[0.0, 0.0], 9), "▁▁");
        assert_eq!(sparkline(&[], 9), "");
    }

    #[test]
    fn a_text_is_as_wide_as_it_should_be_and_tells_the_terminal_nothing() {
        assert_eq!(fit("abc", 5, false), "abc  ");
        assert_eq!(fit("abc", 5, true), "  abc");
        assert_eq!(fit("abcdef", 5, false), "abc… ");
        assert_eq!(fit("東京東京", 6, false), "東京… ");
        assert_eq!(fit("東京", 6, true), "  東京");
        assert_eq!(fit("e\u{301}e\u{301}", 4, false), "e\u{301}e\u{301}  ");
        assert_eq!(fit("a\x1b[31m\nb\u{202e}", 12, false), "a\u{fffd}[31m b\u{fffd}   ");
        assert_eq!([fit("abc", 0, false), fit("abc", 1, false), fit("東", 2, true)], ["", " ", " …"]);
    }
}
