//! What records had that their schema does not say: schemas evolve, and somebody should hear of it.

use std::collections::BTreeMap;

/// Unknown fields and values of another kind than declared. Records that were refused are counted with
/// the others, malformed ones up to where they are wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// How many values there were of fields that no column is declared for, by their path
    /// (`user_location.planet`). `*` stands for names beyond the first 500, and for odd ones.
    pub unknown: BTreeMap<String, u64>,
    /// How many values were of the wrong kind, by the path of their column and the kind that was found:
    /// text, number, boolean, object, array.
    pub drift: BTreeMap<String, Drift>,
}

/// Values that cannot be their column's type, by what they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drift(pub BTreeMap<&'static str, u64>);

impl Drift {
    /// Counts a value that begins with `first`.
    #[cold]
    pub fn note(&mut self, first: u8) {
        let found = match first {
            b'"' => "text",
            b'{' => "object",
            b'[' => "array",
            b't' | b'f' => "boolean",
            _ => "number",
        };
        *self.0.entry(found).or_default() += 1;
    }

    /// Adds it to what was observed of the column `path`.
    pub fn observe(&self, path: &str, observed: &mut Observed) {
        for (found, count) in &self.0 {
            *observed.drift.entry(path.into()).or_default().0.entry(found).or_default() += count;
        }
    }
}

impl Observed {
    /// Adds what another decoder observed.
    pub fn add(&mut self, other: &Self) {
        for (field, count) in &other.unknown {
            *self.unknown.entry(field.clone()).or_default() += count;
        }
        for (column, drift) in &other.drift {
            drift.observe(column, self);
        }
    }
}
