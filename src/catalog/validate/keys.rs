//! The keys of a catalog's file, and what their values are.

/// What a key's value has to be.
#[derive(Clone, Copy)]
pub enum Kind {
    Text,
    /// A whole number from 1 on.
    Count,
    Duration,
    Schema,
    /// A list of whole numbers.
    Counts,
    Texts,
    TextTable,
    /// A table whose keys are these.
    Table(&'static [Key]),
    /// From a column to a bound.
    Rules,
    Config,
}

/// A key of a table: its name, what its value is, and whether it must be there.
pub type Key = (&'static str, Kind, bool);

pub const DEFAULTS: &[Key] = &[("replication", Kind::Count, false), ("config", Kind::Config, false)];

pub const DEAD_LETTERS: &[Key] =
    &[("suffix", Kind::Text, true), ("extra_bytes", Kind::Count, true), ("config", Kind::Config, false)];

const ROLES: &[Key] = &[
    ("id", Kind::Text, false),
    ("amount", Kind::Text, false),
    ("customer", Kind::Text, false),
    ("category", Kind::Text, false),
    ("happened", Kind::Text, false),
];

pub const TOPIC: &[Key] = &[
    ("name", Kind::Text, true),
    ("partitions", Kind::Count, true),
    ("replication", Kind::Count, false),
    ("key", Kind::Text, false),
    ("time", Kind::Text, false),
    ("watermark", Kind::Duration, false),
    ("schema", Kind::Schema, false),
    ("added", Kind::Schema, false),
    ("events_per_hour", Kind::Counts, false),
    ("used_for", Kind::Text, false),
    ("roles", Kind::Table(ROLES), false),
    ("rules", Kind::Rules, false),
    ("critical", Kind::Texts, false),
    ("derived", Kind::TextTable, false),
    ("windowed", Kind::Texts, false),
    ("config", Kind::Config, false),
];

/// What a topic with a schema has to say, and one without must not.
pub const OF_RECORDS: [&str; 3] = ["key", "time", "watermark"];

impl Kind {
    /// What it is, for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Count => "a whole number",
            Self::Duration => "a duration such as '10 minutes'",
            Self::Schema => "a schema such as 'id INT, name STRING'",
            Self::Counts => "two whole numbers, such as [100, 1000]",
            Self::Texts => "a list of texts",
            Self::TextTable | Self::Table(_) | Self::Rules | Self::Config => "a table",
        }
    }
}
