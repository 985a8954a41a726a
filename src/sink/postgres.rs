//! Rows in a table of PostgreSQL: added, or in the place of those with the same key.
//!
//! A batch is one transaction. It locks the row of its query and sink in `ecap_progress`, sees there who owns it and
//! which batch was written last, and writes the rows and the batch's number. So a batch that is there already is
//! passed over, also when only the answer to its commit was lost, and an older run of the query can write nothing
//! more once a newer one has begun.

mod columns;
mod session;
mod sql;

use super::{Batch, Sink, Writer, at_start, looking_again};
use crate::catalog::suggest;
use crate::postgres::{Server, may_pass, reason};
use crate::record::last::last_of_each;
use crate::{Error, Result};
use arrow::datatypes::SchemaRef;
use columns::Kind;
use session::{Failure, Session};
use sql::Statements;
use tokio::runtime::Runtime;

/// The longest name, in bytes.
const LONGEST_NAME: usize = 63;

/// A table, and what becomes of rows that it has already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The database.
    pub server: Server,
    /// The table, with its schema where that is named: `shop.sums`.
    pub table: String,
    /// The columns by which a row takes the place of an older one; without any, rows are added.
    pub key: Vec<String>,
}

impl Target {
    /// The table that says how far each query and sink has come; it is beside the table.
    fn progress(&self) -> String {
        let schema = self.table.rsplit_once('.').map_or(String::new(), |(schema, _)| format!("{schema}."));
        format!("{schema}ecap_progress")
    }

    fn check(&self, columns: &SchemaRef) -> Result<()> {
        if let Some(field) = columns.fields().iter().find(|field| field.name().len() > LONGEST_NAME) {
            let message = format!("PostgreSQL has no names as long as column '{}'", field.name());
            return Err(Error::usage(message).hint("give it another one in the query, with AS"));
        }
        for name in &self.key {
            let fields = columns.fields().iter();
            let Some(field) = fields.clone().find(|field| field.name() == name) else {
                let error = Error::usage(format!("the result has no column '{name}' to merge on"));
                return Err(suggest(error, name, fields.map(|field| field.name().as_str())));
            };
            if Kind::of(field.data_type()) == Kind::Json {
                let message = format!("column '{name}' has parts, and rows cannot be merged on it");
                return Err(Error::usage(message).hint("merge on plain columns"));
            }
        }
        Ok(())
    }
}

/// Who writes, and who of all that write for the same query and sink has begun last.
struct Claim {
    writer: Writer,
    owner: String,
}

/// Writes each batch that has rows.
pub struct PostgresSink {
    target: Target,
    columns: SchemaRef,
    statements: Statements,
    claim: Claim,
    /// A connection with its table looked at; gone after any error.
    open: Option<Open>,
}

/// Ends with its runtime, so that what was left open on the server ends at once.
struct Open {
    session: Session,
    runtime: Runtime,
}

impl PostgresSink {
    /// Connects, makes the table where there is none, sees to it that it takes rows of these columns, and takes over
    /// from whoever wrote for the same query and sink before.
    ///
    /// # Errors
    /// An unreachable error when the server does not answer; a usage error when it refuses, or the table does not fit.
    pub fn new(target: Target, columns: SchemaRef, writer: Writer) -> Result<Self> {
        target.check(&columns)?;
        let statements = Statements::new(&target, &columns);
        let claim = Claim { writer, owner: uuid::Uuid::new_v4().to_string() };
        let mut sink = Self { target, columns, statements, claim, open: None };
        sink.open = Some(sink.begin(true).map_err(at_start)?);
        Ok(sink)
    }

    fn begin(&self, is_first: bool) -> Result<Open> {
        let Self { target, columns, statements, claim, .. } = self;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let session = runtime.block_on(async {
            let client = target.server.connect(|error| self.refused(error)).await?;
            client.batch_execute(session::SETTINGS).await?;
            if is_first {
                session::make(&client, &target.table, &statements.create).await?;
            }
            let session = Session::begin(client, target, columns, statements).await?;
            if is_first {
                session.claim(target, statements, claim).await?;
            }
            Ok(session)
        });
        Ok(Open { session: session.map_err(|failure| self.explained(failure))?, runtime })
    }

    fn attempt(&mut self, batch: &Batch<'_>) -> Result<()> {
        let mut open = self.open.take().map_or_else(|| self.begin(false), Ok)?;
        let all = batch.rows.all()?;
        let rows = match &self.target.key[..] {
            [] => all.into_owned(),
            key => {
                let key: Vec<_> =
                    key.iter().map(|name| batch.columns.index_of(name)).collect::<Result<_, _>>()?;
                last_of_each(&all, &key)?
            }
        };
        let kept = open.session.keep(&self.statements, &self.claim, batch.id, &rows);
        open.runtime.block_on(kept).map_err(|failure| self.explained(failure))?;
        self.open = Some(open);
        Ok(())
    }

    fn explained(&self, failure: Failure) -> Error {
        match failure {
            Failure::Server(error) => self.refused(&error),
            Failure::Ours(error) => error,
        }
    }

    /// What an error of the server means for whoever runs the query.
    fn refused(&self, error: &tokio_postgres::Error) -> Error {
        let table = &self.target.table;
        let message = format!("PostgreSQL, table '{table}': {}", reason(error));
        if may_pass(error) {
            return Error::unreachable(message);
        }
        let Some(error) = error.as_db_error() else { return Error::failed(message) };
        let further = [error.detail(), error.where_().and_then(|place| place.lines().next())];
        let further = further.into_iter().flatten().map(|text| format!(" ({text})")).collect::<String>();
        let error_of = Error::failed(message + &further);
        match error.code().code() {
            "42501" => error_of.hint("grant the query's user what it needs, and start again"),
            "42804" => error_of.hint("cast in the query, alter the table, or name another one"),
            "42P10" => error_of.hint(format!(
                "CREATE UNIQUE INDEX ON {} ({})",
                crate::postgres::quoted(table),
                sql::list(&self.target.key)
            )),
            _ => error_of,
        }
    }
}

impl Sink for PostgresSink {
    fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        looking_again(|| self.attempt(batch))
    }
}
