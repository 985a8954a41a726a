//! What a query file says of itself, in the comments at its head: `-- table: categories = 'categories.csv'`,
//! `-- schema: clicks = id STRING, at TIMESTAMP`, `-- output-mode: update` and `-- watermark: 15m`.

use crate::catalog::suggest;
use crate::engine::options::OutputMode;
use crate::error::Place;
use crate::units::{format_duration, parse_duration};
use crate::{Error, Result};
use std::fmt;
use std::time::Duration;

/// What can be said.
pub(crate) const KEYS: [&str; 4] = ["table", "schema", "output-mode", "watermark"];

/// What flags alone can say: who writes one of them into a file means it.
pub(crate) const FLAGS: [&str; 43] = [
    "checkpoint",
    "checkpoint-interval",
    "checkpoint-option",
    "clean-source",
    "consumer-group",
    "dead-letters",
    "fail-fast",
    "fail-on-data-loss",
    "flush-at-end",
    "from",
    "idle-timeout",
    "infer-schema",
    "late",
    "latest-first",
    "load",
    "max-age",
    "max-bytes-per-trigger",
    "max-files-per-trigger",
    "max-future",
    "max-offsets-per-trigger",
    "max-rate-per-partition",
    "max-skew",
    "merge-on",
    "min-batches-to-retain",
    "no-backpressure",
    "no-truncate",
    "partition-by",
    "path",
    "quality",
    "refresh",
    "restart-from",
    "rows",
    "sink",
    "sink-option",
    "sink-retries",
    "source",
    "state-directory",
    "state-memory",
    "temporary-checkpoint",
    "time",
    "time-column",
    "trigger",
    "watermark-policy",
];

/// What flags say of a query that has no file: in a file its SQL does.
pub(crate) const SHORTHANDS: [&str; 9] =
    ["agg", "aggregated", "dedup", "group-by", "session", "slide", "topic", "where", "window"];

/// What a query's comments say. A flag on the command line wins over what it says too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// Tables, as `name = place`.
    pub tables: Vec<String>,
    /// Columns of topics, as `topic = columns`.
    pub schemas: Vec<String>,
    /// Which rows are given out.
    pub output_mode: Option<OutputMode>,
    /// How long windows wait for late records.
    pub watermark: Option<Duration>,
}

impl Header {
    /// Reads the lines before the first that is neither a comment nor empty. A comment that begins with a key and a colon says
    /// something; any other is for people.
    ///
    /// # Errors
    /// A usage error with the line where a word is nearly a key, or a flag's that no file can say; where a key stands twice, or
    /// has no such value.
    pub fn of(sql: &str) -> Result<Self> {
        let mut header = Self::default();
        let head = sql.lines().take_while(|line| line.trim().is_empty() || line.trim().starts_with("--"));
        for (number, line) in (1..).zip(head) {
            if let Some((key, value)) = definition(line) {
                let column = 1 + line.chars().take_while(|letter| " \t-".contains(*letter)).count() as u64;
                let place = Place::At { line: number, column };
                header.take(key, value).map_err(|error| error.place(place))?;
            }
        }
        Ok(header)
    }

    fn take(&mut self, key: &str, value: &str) -> Result<()> {
        let again = match key {
            "table" => {
                self.tables.push(value.into());
                false
            }
            "schema" => {
                self.schemas.push(value.into());
                false
            }
            "output-mode" => self.output_mode.replace(mode(value)?).is_some(),
            "watermark" => {
                let delay = parse_duration(value).map_err(|error| error.at("watermark"))?;
                self.watermark.replace(delay).is_some()
            }
            word => return refuse_near_keys(word),
        };
        if again { Err(Error::usage(format!("'{key}:' stands twice"))) } else { Ok(()) }
    }
}

impl fmt::Display for Header {
    /// How the query runs where no flag says; nothing where the file does not say either.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = self.output_mode.map(|mode| format!("output-mode: {}", mode_name(mode)));
        let delay = self.watermark.map(|delay| format!("watermark: {}", format_duration(delay)));
        f.write_str(&mode.into_iter().chain(delay).collect::<Vec<_>>().join(", "))
    }
}

/// The word before the first colon of a comment, and what is behind it; none where there are several words, or none.
fn definition(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.trim().trim_start_matches('-').split_once(':')?;
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    let key = key.trim();
    (!key.is_empty() && key.chars().all(is_part)).then_some((key, value.trim()))
}

/// A comment may begin with any word, but not with one that was meant to say how the query runs.
fn refuse_near_keys(word: &str) -> Result<()> {
    let dashed = word.replace('_', "-");
    let message = || format!("a query file cannot say '{word}:', but {}", KEYS.join(", "));
    if KEYS.iter().any(|key| is_nearly(key, word)) {
        return Err(suggest(Error::usage(message()), &word.to_ascii_lowercase(), KEYS.into_iter()));
    }
    let place = if FLAGS.contains(&dashed.as_str()) {
        format!("the flag --{dashed} says it")
    } else if SHORTHANDS.contains(&dashed.as_str()) {
        "the query itself says it".into()
    } else {
        return Ok(());
    };
    Err(Error::usage(message()).hint(format!("{place}; a comment may begin with a capital letter")))
}

/// Whether a word is a key in other letters, or with a slip in it. Words with a capital letter begin most comments, and are not
/// read for slips.
fn is_nearly(key: &str, word: &str) -> bool {
    let slips = if key.len() < 9 { 1 } else { 2 };
    let small = word.to_ascii_lowercase();
    small.replace('_', "-") == key || small == word && strsim::damerau_levenshtein(key, word) <= slips
}

/// The modes by name.
const MODES: [(&str, OutputMode); 3] =
    [("append", OutputMode::Append), ("update", OutputMode::Update), ("complete", OutputMode::Complete)];

fn mode(name: &str) -> Result<OutputMode> {
    let known = MODES.iter().find(|(known, _)| *known == name).map(|(_, mode)| *mode);
    known.ok_or_else(|| {
        let names = MODES.map(|(name, _)| name);
        let message = format!("'{name}' is no output mode: {}", names.join(", "));
        suggest(Error::usage(message), name, names.into_iter())
    })
}

/// A mode as it is written.
pub fn mode_name(mode: OutputMode) -> &'static str {
    MODES.iter().find(|(_, known)| *known == mode).map_or("", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_stand_in_the_first_comments() {
        let sql = "-- Sales: all of them\n-- a: the first\n-- todo: more\n-- title: Sales\n-- note: see below\n-- Author: me\n\
                   -- Time: of the shop\n-- see also: x\n\n-- table: c = 'c.csv'\n--schema: t = a INT\n-- output-mode: update\n\
                   -- watermark: 15m\n-- see https://example.org\nSELECT 1 -- table: x = y";
        let header = Header::of(sql).expect("a header");
        assert_eq!(header.tables, ["c = 'c.csv'"]);
        assert_eq!(header.schemas, ["t = a INT"]);
        assert_eq!(header.output_mode, Some(OutputMode::Update));
        assert_eq!(header.watermark, Some(Duration::from_secs(900)));
        assert_eq!(header.to_string(), "output-mode: update, watermark: 15m");
        assert_eq!(Header::of("SELECT 1").expect("none").to_string(), "");
    }

    #[test]
    fn what_cannot_be_said_is_refused_with_the_nearest() {
        let wrong = |sql: &str| Header::of(sql).expect_err("wrong").to_string();
        let keys = "table, schema, output-mode, watermark";
        assert_eq!(
            wrong("-- Sales\n-- watermrk: 15m"),
            format!(
                "line 2, column 4: a query file cannot say 'watermrk:', but {keys}: did you mean 'watermark'?"
            )
        );
        for (word, nearest) in [
            ("tabel", "table"),
            ("tables", "table"),
            ("shema", "schema"),
            ("output_mode", "output-mode"),
            ("outptmode", "output-mode"),
            ("Watermark", "watermark"),
            ("OUTPUT-MODE", "output-mode"),
        ] {
            let expected = format!("cannot say '{word}:', but {keys}: did you mean '{nearest}'?");
            for line in [format!("-- {word}: x"), format!("--{word}:x"), format!("-- {word} : x")] {
                assert!(wrong(&line).ends_with(&expected), "{line}: {}", wrong(&line));
            }
        }
        assert_eq!(
            wrong("-- trigger: 5s"),
            format!(
                "line 1, column 4: a query file cannot say 'trigger:', but {keys}: the flag --trigger says it; \
                 a comment may begin with a capital letter"
            )
        );
        assert!(wrong("-- partition_by: date").contains("the flag --partition-by says it"));
        assert!(wrong("-- group-by: user_id").contains("the query itself says it"));
        assert_eq!(
            wrong("-- output-mode: updat"),
            "line 1, column 4: 'updat' is no output mode: append, update, complete: did you mean 'update'?"
        );
        assert!(wrong("-- watermark: soon").starts_with("line 1, column 4: watermark: "));
        assert!(wrong("-- watermark : soon").starts_with("line 1, column 4: watermark: "));
        assert_eq!(
            wrong("-- watermark: 1m\n-- watermark: 2m"),
            "line 2, column 4: 'watermark:' stands twice"
        );
    }

    #[test]
    fn the_flags_that_no_file_can_say_are_in_order() {
        assert!(FLAGS.is_sorted());
        assert!(FLAGS.iter().chain(&SHORTHANDS).all(|name| !KEYS.contains(name)));
    }
}
