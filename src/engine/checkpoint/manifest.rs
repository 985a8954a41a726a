//! The one object of a checkpoint in a bucket that is replaced: who has the checkpoint, and which objects are its files.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What stands in it. Each version is of other bytes than all others, so that a store that knows versions by what is in
/// them tells them apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Who has the checkpoint; nobody where it was given back.
    pub owner: Option<String>,
    /// A number that only the run has which wrote this.
    pub run: String,
    /// How often that run has written something.
    pub turn: u64,
    /// The files.
    pub files: BTreeMap<String, Object>,
}

/// The object that is a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Its name in the bucket.
    pub key: String,
    /// How many bytes it has.
    pub bytes: u64,
}

/// The name of an object for a file, which no other object ever has: who lost the checkpoint cannot write into one of its
/// files.
pub fn key(file: &str, run: &str, turn: u64) -> String {
    format!("{file}.{run}-{turn}")
}

/// Whether an object has such a name: others are none of ours.
pub fn is_key(name: &str) -> bool {
    let of_run = name.rsplit_once('.').and_then(|(_, end)| end.split_once('-'));
    let is_run = |run: &str| run.len() == 32 && run.bytes().all(|byte| byte.is_ascii_hexdigit());
    of_run.is_some_and(|(run, turn)| is_run(run) && turn.parse::<u64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_ours() {
        let run = uuid::Uuid::new_v4().simple().to_string();
        assert!(is_key(&key("000000000007.entry", &run, 12)));
        for other in ["manifest", "000000000007.entry", "part-0000-6f2d-1.parquet", "a.b-1", "", ".-"] {
            assert!(!is_key(other), "{other}");
        }
    }
}
