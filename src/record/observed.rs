//! What records had that their schema does not say: schemas evolve, and somebody should hear of it.

use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Unknown fields and values of another kind than declared. Records that were refused are counted with
/// the others, malformed ones up to where they are wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Observed {
    /// How many values there were of fields that no column is declared for, by their path
    /// (`user_location.planet`). `*` stands for names beyond the first 500, and for odd ones.
    #[serde(rename = "unknownFields")]
    pub unknown: BTreeMap<String, u64>,
    /// How many values were of the wrong kind, by the path of their column and the kind that was found:
    /// text, number, boolean, object, array.
    #[serde(rename = "typeDrift")]
    pub drift: BTreeMap<String, Drift>,
}

/// Values that cannot be their column's type, by what they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(value_type = BTreeMap<String, u64>)]
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

    /// How many values there were.
    pub fn values(&self) -> u64 {
        self.0.values().sum()
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

    /// Whether records were as their schema says.
    pub fn is_empty(&self) -> bool {
        self.unknown.is_empty() && self.drift.is_empty()
    }

    /// The `most` unknown fields and columns with most values; the other unknown fields are added to `*`.
    #[must_use]
    pub fn most_frequent(mut self, most: usize) -> Self {
        let others = keep_most(&mut self.unknown, most, |count| *count);
        if others > 0 {
            *self.unknown.entry("*".into()).or_default() += others;
        }
        keep_most(&mut self.drift, most, Drift::values);
        self
    }
}

/// Keeps the entries that count most, the first ones among equals; gives how much the others counted.
fn keep_most<T>(entries: &mut BTreeMap<String, T>, most: usize, count: impl Fn(&T) -> u64) -> u64 {
    let Some(surplus) = entries.len().checked_sub(most).filter(|surplus| *surplus > 0) else { return 0 };
    let mut order: Vec<_> =
        entries.iter().map(|(name, entry)| (Reverse(count(entry)), name.clone())).collect();
    order.sort_unstable();
    let least = order.split_off(order.len() - surplus);
    least.iter().filter_map(|(_, name)| entries.remove(name)).map(|entry| count(&entry)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_rare_is_summed_up() {
        let mut observed = Observed::default();
        observed.unknown.extend([("a".into(), 3), ("b".into(), 9), ("c".into(), 3), ("*".into(), 1)]);
        for (column, values) in [("x", 2), ("y", 5), ("z", 1)] {
            (0..values).for_each(|_| observed.drift.entry(column.into()).or_default().note(b'"'));
        }
        let shown = observed.clone().most_frequent(2);
        let expected = r#"{"unknownFields":{"*":4,"a":3,"b":9},"typeDrift":{"x":{"text":2},"y":{"text":5}}}"#;
        assert_eq!(serde_json::to_string(&shown).expect("JSON"), expected);
        assert_eq!(observed.clone().most_frequent(4), observed);
    }
}
