//! One connection: the table is looked at once, then each batch is a transaction.

use super::columns::{Kind, Rows};
use super::sql::Statements;
use super::{Claim, Target};
use crate::Error;
use crate::failpoint;
use crate::postgres::{identifier, quoted};
use crate::record::partition::slices;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::{BufMut, BytesMut};
use futures::SinkExt;
use std::collections::BTreeMap;
use std::pin::pin;
use tokio_postgres::types::{Oid, Type};
use tokio_postgres::{Client, Transaction};

/// What every binary COPY begins with: the signature, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// So many bytes are sent at a time.
const BYTES: usize = 64 << 10;

/// Whoever holds a lock gets so long; then the batch is tried again later. And a server keeps the locks of a client whose
/// machine is gone for minutes, not for hours. What is committed has to be on the disk: the query goes on behind it.
pub const SETTINGS: &str = "SET lock_timeout = '10s'; SET client_min_messages = warning; \
    SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; \
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// What went wrong: what the server said, or what we say.
pub enum Failure {
    Server(tokio_postgres::Error),
    Ours(Error),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

/// A connection whose table takes the rows.
pub struct Session {
    client: Client,
    /// Rows are copied into the table itself: they are only added, and its columns have their very types.
    is_direct: bool,
}

impl Session {
    /// Sees to it that the table takes rows of these columns.
    pub async fn begin(
        client: Client,
        target: &Target,
        columns: &SchemaRef,
        statements: &Statements,
    ) -> Result<Self, Failure> {
        let there = columns_of(&client, &target.table).await?;
        if there.is_empty() {
            let message = format!("PostgreSQL, table '{}' is not there any more", target.table);
            return Err(Error::failed(message).hint("start again: it is made anew").into());
        }
        let kinds = columns.fields().iter().map(|field| (field.name(), Kind::of(field.data_type())));
        let mut is_direct = target.key.is_empty();
        for (name, kind) in kinds {
            match there.get(name) {
                Some(found) => is_direct &= *found == kind.column().oid(),
                None => return Err(missing(&target.table, name, kind).into()),
            }
        }
        client.batch_execute(&statements.check).await?;
        if !is_direct {
            client.batch_execute(&statements.make_waiting).await?;
        }
        Ok(Self { client, is_direct })
    }

    /// Takes over from whoever wrote for the same query and sink before: that one can write nothing more.
    pub async fn claim(
        &self,
        target: &Target,
        statements: &Statements,
        claim: &Claim,
    ) -> Result<(), Failure> {
        make(&self.client, &target.progress(), &statements.create_progress).await?;
        failpoint::pass("postgres claim");
        let (query, sink, owner) = (&claim.writer.query, &claim.writer.sink, &claim.owner);
        let texts = [(query as _, Type::TEXT), (sink as _, Type::TEXT), (owner as _, Type::TEXT)];
        self.client.execute_typed(&statements.claim, &texts).await?;
        Ok(())
    }

    /// Writes a batch, unless it is there.
    pub async fn keep(
        &mut self,
        statements: &Statements,
        claim: &Claim,
        batch: u64,
        rows: &[RecordBatch],
    ) -> Result<(), Failure> {
        let batch = i64::try_from(batch).unwrap_or(i64::MAX);
        let transaction = self.client.transaction().await?;
        let last = last(&transaction, statements, claim).await?;
        if last.is_some_and(|last| last >= batch) {
            return Ok(());
        }
        if self.is_direct {
            copy(&transaction, &statements.copy, rows).await?;
        } else {
            copy(&transaction, &statements.copy_waiting, rows).await?;
            transaction.batch_execute(&statements.merge).await?;
        }
        let (query, sink) = (&claim.writer.query, &claim.writer.sink);
        let values = [(query as _, Type::TEXT), (sink as _, Type::TEXT), (&batch as _, Type::INT8)];
        transaction.execute_typed(&statements.advance, &values).await?;
        failpoint::pass("postgres commit");
        transaction.commit().await?;
        failpoint::pass("postgres committed");
        Ok(())
    }
}

/// The batch that was written last; nobody writes another one before this transaction ends.
async fn last(
    transaction: &Transaction<'_>,
    statements: &Statements,
    claim: &Claim,
) -> Result<Option<i64>, Failure> {
    let (query, sink) = (&claim.writer.query, &claim.writer.sink);
    let keys = [(query as _, Type::TEXT), (sink as _, Type::TEXT)];
    let row = transaction.query_typed_opt(&statements.lock, &keys).await?;
    let Some(row) = row else {
        let message = format!("the row of query '{query}', sink '{sink}' is gone from ecap_progress");
        return Err(Error::failed(message).hint("nothing more is written, as it would not be known").into());
    };
    if row.try_get::<_, &str>(1)? != claim.owner {
        let message = format!("another run of query '{query}' writes to its sink '{sink}' now");
        return Err(Error::failed(message)
            .hint("this one can write nothing more; what it wrote stays")
            .into());
    }
    Ok(row.try_get(0)?)
}

async fn copy(transaction: &Transaction<'_>, sql: &str, rows: &[RecordBatch]) -> Result<(), Failure> {
    let mut sink = pin!(transaction.copy_in(sql).await?);
    let mut out = BytesMut::from(HEADER);
    for rows in rows.iter().flat_map(slices) {
        let some = Rows::of(&rows)?;
        for row in 0..rows.num_rows() {
            some.put(row, &mut out);
            if out.len() >= BYTES {
                sink.send(out.split().freeze()).await?;
            }
        }
    }
    out.put_i16(-1);
    sink.send(out.freeze()).await?;
    sink.finish().await?;
    Ok(())
}

/// Makes a table where there is none. Another process may do the same at the same time.
pub async fn make(client: &Client, table: &str, create: &str) -> Result<(), Failure> {
    if !columns_of(client, table).await?.is_empty() {
        return Ok(());
    }
    match client.batch_execute(create).await {
        Err(error) if columns_of(client, table).await?.is_empty() => Err(error.into()),
        _ => Ok(()),
    }
}

/// The columns of a table and their types; none where there is no table.
async fn columns_of(client: &Client, table: &str) -> Result<BTreeMap<String, Oid>, tokio_postgres::Error> {
    const SQL: &str = "SELECT attname::text, atttypid FROM pg_attribute \
                       WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped";
    let rows = client.query_typed(SQL, &[(&quoted(table), Type::TEXT)]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

fn missing(table: &str, name: &str, kind: Kind) -> Error {
    let (table_name, column) = (quoted(table), identifier(name));
    Error::failed(format!("PostgreSQL, table '{table}' has no column '{name}', which the query gives"))
        .hint(format!("ALTER TABLE {table_name} ADD COLUMN {column} {}", kind.sql()))
}
