//! Which dead letters are meant.

use crate::record::letter::Letter;

/// Which letters are meant: those that each given condition holds for; without any, all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Their codes.
    pub codes: Vec<String>,
    /// The topics that they came from, in full.
    pub topics: Vec<String>,
    /// The stages that refused them.
    pub stages: Vec<String>,
    /// The partition that they came from.
    pub partition: Option<i32>,
    /// The offset that they came from.
    pub offset: Option<i64>,
}

impl Filter {
    /// Whether this letter is meant.
    pub fn takes(&self, letter: &Letter<'_>) -> bool {
        let is_among = |names: &[String], name: &str| {
            names.is_empty() || names.iter().any(|own| own.eq_ignore_ascii_case(name))
        };
        is_among(&self.codes, letter.code)
            && is_among(&self.topics, letter.topic)
            && is_among(&self.stages, letter.stage)
            && self.partition.is_none_or(|partition| letter.partition == Some(partition))
            && self.offset.is_none_or(|offset| letter.offset == Some(offset))
    }
}
