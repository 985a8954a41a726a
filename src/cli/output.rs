//! How results are shown: one format, one trait for what can be shown, one way to standard output.

use crate::{Error, Result};
use comfy_table::{Cell, CellAlignment, ContentArrangement, presets};
use serde::Serialize;
use std::io::{IsTerminal, Write};

/// The forms a result can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// A table for people, cut to the terminal's width.
    #[default]
    Table,
    /// A table with every column, not cut.
    Wide,
    /// One JSON document; one line per item where results stream.
    Json,
    /// YAML.
    Yaml,
    /// CSV with a heading.
    Csv,
}

impl Format {
    /// Whether people read it, and no program.
    pub fn is_for_people(self) -> bool {
        matches!(self, Self::Table | Self::Wide)
    }
}

/// `1 topic`, `2 topics`.
pub fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// The arguments of every binary that are about its output.
#[derive(clap::Args, Debug, Clone, Default)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// The form of the result on standard output; everything else goes to standard error
    #[arg(long, value_enum, default_value_t, global = true)]
    pub format: Format,
    /// No bars and no live lines (there are none without a terminal)
    #[arg(long, global = true)]
    pub no_progress: bool,
}

/// The standard streams that show something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

impl Stream {
    /// Whether a person looks at it.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Out => std::io::stdout().is_terminal(),
            Self::Err => std::io::stderr().is_terminal(),
        }
    }
}

/// Whether a stream may have colour: a terminal, and no `NO_COLOR`.
pub fn has_colour(stream: Stream) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Rows under headings: what a table or CSV shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these headings.
    pub fn new<H: Into<String>>(headings: impl IntoIterator<Item = H>) -> Self {
        Self { headings: headings.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row; it has as many cells as there are headings.
    pub fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text for people; numbers stand at the right. `cut` keeps it within the terminal.
    pub fn to_text(&self, cut: bool) -> String {
        let mut table = comfy_table::Table::new();
        table.load_preset(presets::UTF8_FULL_CONDENSED).set_header(&self.headings);
        // A terminal without a width would leave one character to a column.
        if cut && table.width().is_some_and(|width| width > 0) {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| {
                let number = cell.chars().any(|c| c.is_ascii_digit())
                    && cell.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '%'));
                let side = if number { CellAlignment::Right } else { CellAlignment::Left };
                Cell::new(cell).set_alignment(side)
            }));
        }
        format!("{table}\n")
    }

    fn to_csv(&self) -> Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let rows = std::iter::once(&self.headings).chain(&self.rows);
        for row in rows {
            writer.write_record(row).map_err(|error| Error::failed(error.to_string()))?;
        }
        let bytes = writer.into_inner().map_err(|error| Error::failed(error.to_string()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// A result that can be shown in every format. Its serialised form is documented and stable.
pub trait Show: Serialize {
    /// What a table shows of it; `wide` asks for every column.
    fn table(&self, wide: bool) -> Table;
}

/// The text of a result in a format; it ends with a line end.
///
/// # Errors
/// When the result cannot be serialised, which is a fault of the program.
pub fn render(result: &impl Show, format: Format) -> Result<String> {
    Ok(match format {
        Format::Table => result.table(false).to_text(Stream::Out.is_terminal()),
        Format::Wide => result.table(true).to_text(false),
        Format::Json => to_json(result)? + "\n",
        Format::Yaml => serde_saphyr::to_string(result).map_err(|error| Error::failed(error.to_string()))?,
        Format::Csv => result.table(true).to_csv()?,
    })
}

/// One line of JSON.
///
/// # Errors
/// When the result cannot be serialised, which is a fault of the program.
pub fn to_json(result: &impl Serialize) -> Result<String> {
    serde_json::to_string(result).map_err(|error| Error::failed(error.to_string()))
}

/// Shows a result on standard output.
///
/// # Errors
/// When standard output cannot be written; a closed pipe becomes success at the door.
pub fn show(result: &impl Show, args: &OutputArgs) -> Result<()> {
    print(&render(result, args.format)?)
}

/// Takes away what a terminal shows, for who looks again and again; nothing where there is no terminal.
///
/// # Errors
/// As those of [`print()`].
pub fn clear() -> Result<()> {
    if Stream::Out.is_terminal() { print("\x1b[H\x1b[2J") } else { Ok(()) }
}

/// Writes text to standard output at once.
///
/// # Errors
/// When standard output cannot be written; a closed pipe becomes success at the door.
pub fn print(text: &str) -> Result<()> {
    write(text.as_bytes())
}

/// Writes bytes to standard output at once.
///
/// # Errors
/// When standard output cannot be written; a closed pipe becomes success at the door.
pub fn write(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Error::from(error).at("standard output"))
}

/// Writes a line to standard error: what is not a result. A closed standard error is nobody's loss.
pub fn note(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Pets(Vec<(&'static str, u32)>);

    impl Show for Pets {
        fn table(&self, _: bool) -> Table {
            let mut table = Table::new(["name", "legs"]);
            for (name, legs) in &self.0 {
                table.row([name.to_string(), legs.to_string()]);
            }
            table
        }
    }

    #[test]
    fn a_result_has_every_form() {
        let pets = Pets(vec![("cat", 4), ("a, b", 2)]);
        let text = |format| render(&pets, format).expect("renders");
        assert_eq!(text(Format::Csv), "name,legs\ncat,4\n\"a, b\",2\n");
        assert_eq!(text(Format::Json), "[[\"cat\",4],[\"a, b\",2]]\n");
        assert!(text(Format::Wide).contains("cat"));
        assert!(text(Format::Yaml).contains("cat"));
    }
}
