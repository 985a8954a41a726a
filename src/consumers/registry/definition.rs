//! What a consumer is.

use crate::{Error, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

/// A name is no longer.
const LONGEST: usize = 64;

/// What a consumer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// Sums up purchases by the minute.
    #[default]
    Transaction,
    /// Sums up what visitors do by the minute.
    UserBehavior,
    /// Runs the query of a file.
    Query,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Transaction, Self::UserBehavior, Self::Query];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transaction => "transaction",
            Self::UserBehavior => "user-behavior",
            Self::Query => "query",
        }
    }

    /// The topic that it reads where nobody names one.
    pub fn topic(self) -> Option<&'static str> {
        match self {
            Self::Transaction => Some("transactions"),
            Self::UserBehavior => Some("user-events"),
            Self::Query => None,
        }
    }
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Whether a flag without a value is given.
    Flag(bool),
    /// A value.
    One(String),
    /// The values of a flag that is given several times.
    Many(Vec<String>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(given) => given.fmt(f),
            Self::One(value) => f.write_str(value),
            Self::Many(values) => f.write_str(&values.join(", ")),
        }
    }
}

/// A consumer.
#[derive(Debug, Clone, Default)]
pub struct Definition {
    /// What it is called.
    pub name: String,
    /// What it does.
    pub kind: Kind,
    /// The topic that it reads; a query file names its own.
    pub topic: Option<String>,
    /// The consumer group under which lag tools see it.
    pub group: Option<String>,
    /// The query file.
    pub query: Option<PathBuf>,
    /// The long flags of a query, without their dashes.
    pub options: Vec<(String, Value)>,
    /// The file that it is from.
    pub file: PathBuf,
    /// The line on which it begins; 0 where it is from no file.
    pub line: usize,
    /// The line of each field and option.
    pub lines: BTreeMap<String, usize>,
}

impl Definition {
    /// What it says besides its name: its fields, and `options.NAME` for each option.
    pub fn settings(&self) -> Vec<(String, Value)> {
        let query = self.query.as_ref().map(|path| path.to_string_lossy().into_owned());
        let fields = [
            ("type", Some(self.kind.name().to_string())),
            ("topic", self.topic.clone()),
            ("group", self.group.clone()),
            ("query", query),
        ];
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name.into(), Value::One(value?))));
        let options = self.options.iter().map(|(name, value)| (format!("options.{name}"), value.clone()));
        fields.chain(options).collect()
    }

    /// The same, with a query file that is named from any folder and not from its own.
    ///
    /// # Errors
    /// When the folder of this process is not known.
    pub fn anywhere(&self) -> Result<Self> {
        let folder = self.file.parent().unwrap_or(Path::new(""));
        let query = self.query.as_ref().map(|query| std::path::absolute(folder.join(query)));
        Ok(Self { query: query.transpose()?, ..self.clone() })
    }

    /// An error that says where in the file it lies: at a field or an option, or at the whole.
    pub fn wrong(&self, field: Option<&str>, error: Error) -> Error {
        let line = field.and_then(|field| self.lines.get(field)).copied().unwrap_or(self.line);
        let what = field.map_or(String::new(), |field| format!(", {field}"));
        let error = error.without_place().at(format!("consumer '{}'{what}", self.name));
        match line {
            0 => error,
            line => error.at(format!("{}, line {line}", self.file.display())),
        }
    }

    /// Sees to it that its fields go together: a query file says which topics it reads, and the other types have none.
    ///
    /// # Errors
    /// A usage error that says where they do not.
    pub fn check(&self) -> Result<()> {
        let (field, error) = match self.kind {
            Kind::Query if self.query.is_none() => {
                let error = Error::usage("a consumer of type query has a file");
                ("type", error.hint("query = \"revenue.sql\", or --query revenue.sql"))
            }
            Kind::Query if self.topic.is_some() => {
                ("topic", Error::usage("a query file names its topics itself"))
            }
            Kind::Transaction | Kind::UserBehavior if self.query.is_some() => {
                ("query", Error::usage("a query file is of a consumer of type query"))
            }
            _ => return Ok(()),
        };
        Err(self.wrong(Some(field), error))
    }

    /// As it stands in the file.
    pub fn to_toml(&self) -> String {
        let quoted = |text: &str| toml::Value::String(text.into()).to_string();
        let mut text =
            format!("[[consumer]]\nname = {}\ntype = {}\n", quoted(&self.name), quoted(self.kind.name()));
        let query = self.query.as_ref().map(|path| path.to_string_lossy().into_owned());
        for (field, value) in [("topic", &self.topic), ("group", &self.group), ("query", &query)] {
            if let Some(value) = value {
                // Writing into memory cannot fail.
                let _ = writeln!(text, "{field} = {}", quoted(value));
            }
        }
        if !self.options.is_empty() {
            text += "\n[consumer.options]\n";
        }
        for (name, value) in &self.options {
            let value = match value {
                Value::Flag(given) => given.to_string(),
                Value::One(value) => quoted(value),
                Value::Many(values) => {
                    format!("[{}]", values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", "))
                }
            };
            let _ = writeln!(text, "{name} = {value}");
        }
        text
    }
}

/// Sees to it that a name can be one of a file, of a thread and in a URL.
///
/// # Errors
/// A usage error where it cannot.
pub fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.');
    let begins = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.len() <= LONGEST && name.starts_with(begins) && name.chars().all(plain) {
        return Ok(());
    }
    // What is no name may be long, or be meant to be run where it is shown.
    let shown: String = name.chars().take(LONGEST).filter(|c| !c.is_control()).collect();
    Err(Error::usage(format!("'{shown}' is no name of a consumer"))
        .hint("up to 64 small letters, digits, '_', '-' and '.', a letter, a digit or '_' first"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_neither_a_path_nor_a_script() {
        for name in ["my_consumer", "a", "eu-west.1", "_x", &"a".repeat(64)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in
            ["", "..", "../x", "/etc/passwd", "a b", "A", "<script>", "-x", ".x", "a\n", "ä", &"a".repeat(65)]
        {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
