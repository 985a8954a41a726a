//! What a query of flags is called, which says where its checkpoint is.

use super::{home, owner};
use crate::engine::checkpoint::{Folder, QUERY, Store, inspect, with_origins};
use crate::engine::source::Origin;
use crate::query::parse;
use crate::{Error, Result};
use std::path::Path;

/// The name of a query of flags: its topics, and a number for its text and the folders that it reads. Where its rows go is
/// not in it: with another sink it is the same query.
pub fn of_flags<'a>(topics: &[String], sql: &str, folders: impl Iterator<Item = &'a Path>) -> String {
    let mut number = crc32c::crc32c(normal(sql).as_bytes());
    for folder in folders {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.into());
        number = crc32c::crc32c_append(number, folder.as_os_str().as_encoded_bytes());
    }
    format!("{}-{number:08x}", topics.join("-"))
}

/// A text as it is however it was spaced.
fn normal(sql: &str) -> String {
    parse::statement(sql).map_or_else(|_| sql.into(), |statement| statement.to_string())
}

/// Gives the checkpoint of this query its `name` where it was made when names had the sink in them; and what it was called.
///
/// # Errors
/// A usage error where there are several, or somebody else has it.
pub fn found(name: &str, sql: &str, reads_folders: bool) -> Result<Option<String>> {
    if home().join(name).join(QUERY).exists() {
        return Ok(None);
    }
    let Some((topics, _)) = name.rsplit_once('-') else { return Ok(None) };
    let (topics, sql) = (format!("{topics}-"), normal(sql));
    let is_older = |name: &str| {
        let number = name.strip_prefix(&topics)?;
        let is_number = number.len() == 8 && number.bytes().all(|letter| letter.is_ascii_hexdigit());
        let store = Folder::open(&home().join(name)).ok().filter(|_| is_number)?;
        let query = inspect::query_of(&store).ok()?;
        (query.origins.is_empty() && normal(&query.sql) == sql).then_some(())?;
        let mut origins = with_origins(query, &store).ok()?.origins.into_iter().flatten();
        origins.all(|origin| (origin == Origin::Folder) == reads_folders).then_some(())
    };
    let Ok(entries) = std::fs::read_dir(home()) else { return Ok(None) };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut older: Vec<_> = names.filter(|name| is_older(name).is_some()).collect();
    older.sort_unstable();
    match &older[..] {
        [] => Ok(None),
        [only] => rename(only, name).map(|()| Some(only.clone())),
        several => {
            let message = format!("the query has several checkpoints from before: {}", several.join(", "));
            Err(Error::usage(message)
                .hint("--name NAME goes on from one of them; another name is another query"))
        }
    }
}

fn rename(from: &str, to: &str) -> Result<()> {
    let from = home().join(from);
    let _owned = Folder::open(&from)?.own(&owner())?;
    std::fs::rename(&from, home().join(to)).map_err(|error| Error::from(error).at(from.display()))
}
