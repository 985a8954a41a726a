//! The query that a checkpoint is of, and whether another one can go on from it.

use super::document::{Query, Versions};
use super::{QUERY, Store, sealed};
use crate::clock::Micros;
use crate::query::parse;
use crate::{Error, Result};
use datafusion::sql::sqlparser::tokenizer::Token;

/// The form of the files that this program reads and writes.
const FORMAT: u32 = 1;

/// What a checkpoint is asked to be of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What people call the query.
    pub name: String,
    /// Its text.
    pub sql: String,
    /// Where its rows go, in a few words.
    pub sink: String,
    /// The topics that it reads.
    pub topics: Vec<String>,
    /// As [`Query::state`].
    pub state: String,
}

impl Asked {
    /// A query that begins at `now`.
    pub(super) fn begun(self, now: Micros) -> Query {
        let Self { name, sql, sink, topics, state } = self;
        let (id, versions) = (uuid::Uuid::new_v4().to_string(), versions());
        Query { format: FORMAT, id, name, created: now, sql, sink, topics, state, versions }
    }

    /// The query in the place of one whose state is dropped: for its sinks it is the same.
    pub(super) fn anew(self, kept: Query) -> Query {
        let Self { name: _, sql, sink, topics, state } = self;
        Query { format: FORMAT, sql, sink, topics, state, versions: versions(), ..kept }
    }

    /// As [`super::Commit::made`].
    pub(super) fn made(&self) -> u32 {
        let layout = if self.state.is_empty() { "" } else { datafusion::DATAFUSION_VERSION };
        crc32c::crc32c([&self.topics.join("\n"), "", layout, &self.state].join("\n").as_bytes())
    }
}

/// The query that a store has a checkpoint of, if it has one.
///
/// # Errors
/// A usage error where it is not as it was written; when the store fails.
pub fn query(store: &dyn Store) -> Result<Option<Query>> {
    let Some(bytes) = store.read(QUERY)? else { return Ok(None) };
    let broken = || Error::usage(format!("checkpoint {}: {QUERY} is not as it was written", store.place()));
    sealed::open(&bytes).ok_or_else(|| ways_out(broken(), store)).map(Some)
}

/// The query of a checkpoint as it goes on from a commit: with the new text, where its state is made by the same. What the
/// commit says of that counts (`made`); what was kept of the query may be of before it began anew.
///
/// # Errors
/// A usage error with what differs.
pub fn compared(mut kept: Query, made: Option<u32>, asked: Asked) -> Result<Query> {
    let is_same = made.map(|made| made == asked.made());
    if is_same == Some(true) {
        (kept.topics, kept.state) = (asked.topics.clone(), asked.state.clone());
        kept.versions = versions();
    }
    let differs = |what: &str| Error::usage(format!("the checkpoint is of another query: {what}"));
    if kept.format != FORMAT {
        return Err(differs(&format!("its form is {}, this program writes {FORMAT}", kept.format)));
    }
    if kept.topics != asked.topics {
        let (was, is) = (kept.topics.join(", "), asked.topics.join(", "));
        return Err(differs(&format!("it reads {was}, and this one reads {is}")));
    }
    if kept.state != asked.state {
        let mut lines = kept.state.lines().zip(asked.state.lines()).filter(|(was, is)| was != is);
        let (was, is) = lines.next().unwrap_or(("keeps other state", "more or less"));
        return Err(differs(&format!("its state was made by `{}`, and now by `{}`", was.trim(), is.trim())));
    }
    let own = versions();
    if !kept.state.is_empty() && kept.versions.datafusion != own.datafusion {
        let (was, is) = (&kept.versions.datafusion, &own.datafusion);
        return Err(differs(&format!("its state was laid out by DataFusion {was}, this program has {is}")));
    }
    if is_same == Some(false) {
        return Err(differs("its last batch was made by that one"));
    }
    if words(&kept.sql) != words(&asked.sql) {
        tracing::warn!(
            "the query changed since its checkpoint was made; its state is made by the same and goes on"
        );
    }
    if kept.sink != asked.sink {
        let (was, is) = (&kept.sink, &asked.sink);
        tracing::warn!(
            "rows went to {was}, and go to {is} from here on; --restart-from gives all of them again"
        );
    }
    Ok(Query { sql: asked.sql, sink: asked.sink, name: asked.name, versions: own, ..kept })
}

/// A query's text without its layout and comments.
fn words(sql: &str) -> Vec<Token> {
    let words = parse::tokens(sql).into_iter().map(|word| word.token);
    words.filter(|word| !matches!(word, Token::Whitespace(_))).collect()
}

fn versions() -> Versions {
    Versions { ecap: env!("CARGO_PKG_VERSION").into(), datafusion: datafusion::DATAFUSION_VERSION.into() }
}

/// What to do where a checkpoint cannot be gone on from.
pub fn ways_out(error: Error, store: &dyn Store) -> Error {
    let place = store.place();
    error.hint(format!("name another --checkpoint than {place}, or give --restart-from to begin anew in it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_and_comments_make_no_other_query() {
        assert_eq!(words("-- Sales\nSELECT a,\n  b /* both */ FROM t"), words("SELECT a, b FROM t"));
        assert_ne!(words("SELECT a, 'b  c' FROM t"), words("SELECT a, 'b c' FROM t"));
    }
}
