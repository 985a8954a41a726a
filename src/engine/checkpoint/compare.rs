//! The query that a checkpoint is of, and whether another one can go on from it.

use super::document::{Commit, Query, Versions};
use super::{COMMIT, QUERY, Store, commit_file, numbers, sealed};
use crate::clock::Micros;
use crate::engine::source::{Mark, Origin};
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
    /// What each of them is read from.
    pub origins: Vec<Origin>,
    /// As [`Query::state`].
    pub state: String,
}

impl Asked {
    /// A query that begins at `now`.
    pub(super) fn begun(self, now: Micros) -> Query {
        let Self { name, sql, sink, topics, origins, state } = self;
        let origins = origins.into_iter().map(Some).collect();
        let (id, versions) = (uuid::Uuid::new_v4().to_string(), versions());
        Query { format: FORMAT, id, name, created: now, sql, sink, topics, origins, state, versions }
    }

    /// The query in the place of one whose state is dropped: for its sinks it is the same.
    pub(super) fn anew(self, kept: Query) -> Query {
        let Self { name: _, sql, sink, topics, origins, state } = self;
        let origins = origins.into_iter().map(Some).collect();
        Query { format: FORMAT, sql, sink, topics, origins, state, versions: versions(), ..kept }
    }

    /// As [`super::Commit::made`].
    pub(super) fn made(&self) -> u32 {
        let layout = if self.state.is_empty() { "" } else { datafusion::DATAFUSION_VERSION };
        crc32c::crc32c([&self.topics.join("\n"), "", layout, &self.state].join("\n").as_bytes())
    }

    /// Why the offsets of a checkpoint are not those of what is read now.
    pub(super) fn moved(&self, kept: &Query) -> Option<String> {
        if kept.topics != self.topics {
            let (was, is) = (kept.topics.join(", "), self.topics.join(", "));
            return Some(format!("it reads {was}, and this one reads {is}"));
        }
        let origins = kept.origins.iter().zip(&self.origins).zip(&self.topics);
        origins.filter_map(|((was, is), topic)| moved(topic, was.as_ref()?, is)).next()
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

/// The query with what its topics were read from: where it does not say so itself, its last commit may.
///
/// # Errors
/// When the store fails.
pub fn with_origins(mut query: Query, store: &dyn Store) -> Result<Query> {
    if !query.origins.is_empty() {
        return Ok(query);
    }
    if let Some(last) = numbers(&store.names()?, COMMIT).pop() {
        let commit = store.read(&commit_file(last))?.and_then(|bytes| sealed::open::<Commit>(&bytes));
        query.origins = commit.iter().flat_map(|commit| &commit.sources).map(origin).collect();
    }
    Ok(query)
}

/// What a mark is of, if it can be told.
fn origin(mark: &Mark) -> Option<Origin> {
    if !mark.files.is_empty() {
        return Some(Origin::Folder);
    }
    let was_read = mark.offsets.values().any(|offset| *offset > 0);
    was_read.then_some(Origin::Topic { cluster: None, id: None })
}

/// What a topic is read from, with what was told of that before where it is not told now.
fn told(was: Option<Origin>, is: Origin) -> Origin {
    match (was, is) {
        (Some(Origin::Topic { cluster, id }), Origin::Topic { cluster: cluster_now, id: id_now }) => {
            Origin::Topic { cluster: cluster_now.or(cluster), id: id_now.or(id) }
        }
        (_, is) => is,
    }
}

/// Why offsets of a topic in one place are none in another.
fn moved(topic: &str, was: &Origin, is: &Origin) -> Option<String> {
    let differ = |was: &Option<String>, is: &Option<String>| was.is_some() && is.is_some() && was != is;
    match (was, is) {
        (Origin::Folder, Origin::Folder) => None,
        (Origin::Folder, Origin::Topic { .. }) => {
            Some(format!("it reads files in place of '{topic}', and this one reads the topic"))
        }
        (Origin::Topic { .. }, Origin::Folder) => {
            Some(format!("it reads the topic '{topic}', and this one reads files in its place"))
        }
        (Origin::Topic { cluster: was, .. }, Origin::Topic { cluster: is, .. }) if differ(was, is) => {
            let (was, is) = (was.as_deref().unwrap_or_default(), is.as_deref().unwrap_or_default());
            Some(format!("it reads '{topic}' of the cluster {was}, and this one that of the cluster {is}"))
        }
        (Origin::Topic { id: was, .. }, Origin::Topic { id: is, .. }) => {
            let message = || format!("its topic '{topic}' was deleted, and another one has its name now");
            differ(was, is).then(message)
        }
    }
}

/// The query of a checkpoint as it goes on from a commit: with the new text, where its state is made by the same. What the
/// last commit says of that counts; what was kept of the query may be of before it began anew.
///
/// # Errors
/// A usage error with what differs.
pub fn compared(mut kept: Query, last: &Commit, asked: Asked) -> Result<Query> {
    let is_same = last.made.map(|made| made == asked.made());
    if !last.origins.is_empty() {
        kept.origins.clone_from(&last.origins);
    }
    if is_same == Some(true) {
        (kept.topics, kept.state) = (asked.topics.clone(), asked.state.clone());
        kept.versions = versions();
    }
    let differs = |what: &str| Error::usage(format!("the checkpoint is of another query: {what}"));
    if kept.format != FORMAT {
        return Err(differs(&format!("its form is {}, this program writes {FORMAT}", kept.format)));
    }
    if let Some(what) = asked.moved(&kept) {
        return Err(differs(&what));
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
            "rows went to {was}, and go to {is} from here on: --restart-from gives all of them again, and another \
             --name is another query"
        );
    }
    let was = kept.origins.into_iter().chain(std::iter::repeat(None));
    let origins = was.zip(asked.origins).map(|(was, is)| Some(told(was, is))).collect();
    Ok(Query { sql: asked.sql, sink: asked.sink, name: asked.name, origins, versions: own, ..kept })
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
