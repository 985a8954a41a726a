//! Tables of PostgreSQL: read by COPY as CSV, in the types of the prepared statement.

use crate::postgres::{Server, identifier, quoted, reason};
use crate::{Error, Result};
use arrow::array::RecordBatch;
use arrow::csv::ReaderBuilder;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use futures::StreamExt;
use regex::Regex;
use std::sync::Arc;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Statement};

/// A table in a database, as `postgres://user@host/database?table=x`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    server: Server,
    table: String,
}

/// What stands for a null in the CSV; a quoted text never has this form.
const NULL: &str = "\\N";

impl Address {
    /// Reads a URL. The password comes from the environment (PGPASSWORD), never from the text.
    ///
    /// # Errors
    /// A usage error when it has no table, or a password; it is not repeated then.
    pub fn parse(url: &str) -> Result<Self> {
        match Server::parse(url)? {
            (server, Some(table)) => Ok(Self { server, table }),
            _ => Err(Error::usage(format!("'{url}' names no table")).hint("add ?table=name")),
        }
    }
}

/// All rows of a table.
///
/// # Errors
/// An unreachable error when the database does not answer; a usage error when it has no such table, or
/// refuses.
pub fn load(address: &Address) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = address.server.connect(|error| refused(address, error)).await?;
        let statement = client.prepare(&format!("SELECT * FROM {}", quoted(&address.table))).await;
        let statement = statement.map_err(|error| refused(address, &error))?;
        let schema = Arc::new(schema(&statement));
        let bytes = copy(&client, address, &statement).await.map_err(|error| refused(address, &error))?;
        let null = Regex::new("^\\\\N$").map_err(|error| Error::failed(error.to_string()))?;
        let reader = ReaderBuilder::new(schema.clone()).with_null_regex(null).build(bytes.as_slice())?;
        let rows = reader.collect::<Result<_, _>>()?;
        Ok((schema, rows))
    })
}

fn refused(address: &Address, error: &tokio_postgres::Error) -> Error {
    match error.as_db_error() {
        Some(_) => Error::usage(format!("PostgreSQL refuses table '{}': {}", address.table, reason(error))),
        None => Error::unreachable(format!("PostgreSQL: {}", reason(error))),
    }
}

async fn copy(
    client: &Client,
    address: &Address,
    statement: &Statement,
) -> Result<Vec<u8>, tokio_postgres::Error> {
    let columns = statement.columns().iter().map(|column| {
        let name = identifier(column.name());
        match kind(column.type_()) {
            _ if *column.type_() == Type::TIMESTAMPTZ => format!("{name} AT TIME ZONE 'UTC'"),
            DataType::Boolean | DataType::Utf8 => format!("{name}::text"),
            _ => name,
        }
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    let table = quoted(&address.table);
    let sql = format!("COPY (SELECT {columns} FROM {table}) TO STDOUT (FORMAT csv, NULL '{NULL}')");
    // Dates as the reader takes them, whatever the server's default is.
    client.batch_execute("SET datestyle TO ISO").await?;
    let mut stream = Box::pin(client.copy_out(&sql).await?);
    let mut bytes = Vec::new();
    while let Some(part) = stream.next().await {
        bytes.extend_from_slice(&part?);
    }
    Ok(bytes)
}

fn schema(statement: &Statement) -> Schema {
    let columns = statement.columns().iter();
    Schema::new(
        columns.map(|column| Field::new(column.name(), kind(column.type_()), true)).collect::<Vec<_>>(),
    )
}

/// NUMERIC is read as DOUBLE, and what has no type of its own here as text.
fn kind(kind: &Type) -> DataType {
    match *kind {
        Type::BOOL => DataType::Boolean,
        Type::INT2 | Type::INT4 => DataType::Int32,
        Type::INT8 => DataType::Int64,
        Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC => DataType::Float64,
        Type::DATE => DataType::Date32,
        Type::TIMESTAMP | Type::TIMESTAMPTZ => DataType::Timestamp(TimeUnit::Microsecond, None),
        _ => DataType::Utf8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_its_table() {
        let address = Address::parse("postgres://u@h:5433/d?table=public.x").expect("right");
        assert_eq!(address.table, "public.x");
        let error = Address::parse("postgres://u@h/d").expect_err("none").to_string();
        assert!(error.contains("names no table: add ?table="), "{error}");
    }
}
