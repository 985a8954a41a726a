//! Tables of PostgreSQL: read by COPY as CSV, in the types of the prepared statement.

use crate::{Error, Result};
use arrow::array::RecordBatch;
use arrow::csv::ReaderBuilder;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use futures::StreamExt;
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use postgres_openssl::MakeTlsConnector;
use regex::Regex;
use std::sync::Arc;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, Statement};

/// A table in a database, as `postgres://user@host/database?table=x`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Without the table and what is said of certificates.
    url: String,
    table: String,
    /// Whether the server's certificate is checked, and with which authorities.
    verified: bool,
    authorities: Option<String>,
}

/// What stands for a null in the CSV; a quoted text never has this form.
const NULL: &str = "\\N";

impl Address {
    /// Reads a URL. The password comes from the environment (PGPASSWORD), never from the text.
    ///
    /// # Errors
    /// A usage error when it has no table, or a password; it is not repeated then.
    pub fn parse(url: &str) -> Result<Self> {
        let (before, parameters) = url.split_once('?').unwrap_or((url, ""));
        let address = before.split_once("://").map_or(before, |(_, rest)| rest);
        let user = address.rsplit_once('@').map_or("", |(user, _)| user);
        if user.contains(':') || parameters.contains("password=") {
            return Err(Error::usage("a password must not stand in a URL").hint("set PGPASSWORD"));
        }
        let (mut table, mut authorities, mut verified, mut others) = (None, None, false, Vec::new());
        for parameter in parameters.split('&').filter(|part| !part.is_empty()) {
            match parameter.split_once('=') {
                Some(("table", name)) if !name.is_empty() => table = Some(name.to_string()),
                Some(("sslrootcert", file)) => authorities = Some(file.to_string()),
                Some(("sslmode", "verify-ca" | "verify-full")) => {
                    verified = true;
                    others.push("sslmode=require");
                }
                _ => others.push(parameter),
            }
        }
        let Some(table) = table else {
            return Err(Error::usage(format!("'{url}' names no table")).hint("add ?table=name"));
        };
        let url = if others.is_empty() { before.into() } else { format!("{before}?{}", others.join("&")) };
        let parsed: Result<Config, _> = url.parse();
        parsed.map_err(|error| Error::usage(format!("'{url}' is no address of PostgreSQL: {error}")))?;
        Ok(Self { url, table, verified: verified || authorities.is_some(), authorities })
    }

    /// As psql does it: encrypted where the server can, and checked where the URL asks for that.
    fn tls(&self) -> Result<MakeTlsConnector, openssl::error::ErrorStack> {
        let mut builder = SslConnector::builder(SslMethod::tls())?;
        if let Some(file) = &self.authorities {
            builder.set_ca_file(file)?;
        }
        if !self.verified {
            builder.set_verify(SslVerifyMode::NONE);
        }
        let verified = self.verified;
        let mut tls = MakeTlsConnector::new(builder.build());
        tls.set_callback(move |connection, _| {
            connection.set_verify_hostname(verified);
            Ok(())
        });
        Ok(tls)
    }

    /// The table's name, quoted: `"public"."categories"`.
    fn quoted(&self) -> String {
        let part = |part: &str| format!("\"{}\"", part.replace('"', "\"\""));
        self.table.split('.').map(part).collect::<Vec<_>>().join(".")
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
        let client = connect(address).await?;
        let statement = client.prepare(&format!("SELECT * FROM {}", address.quoted())).await;
        let statement = statement.map_err(|error| refused(address, &error))?;
        let schema = Arc::new(schema(&statement));
        let bytes = copy(&client, address, &statement).await.map_err(|error| refused(address, &error))?;
        let null = Regex::new("^\\\\N$").map_err(|error| Error::failed(error.to_string()))?;
        let reader = ReaderBuilder::new(schema.clone()).with_null_regex(null).build(bytes.as_slice())?;
        let rows = reader.collect::<Result<_, _>>()?;
        Ok((schema, rows))
    })
}

async fn connect(address: &Address) -> Result<Client> {
    let wrong = |error: String| Error::failed(format!("PostgreSQL: {error}"));
    let mut config: Config =
        address.url.parse().map_err(|error: tokio_postgres::Error| wrong(error.to_string()))?;
    if let Ok(password) = std::env::var("PGPASSWORD") {
        config.password(password);
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(std::time::Duration::from_secs(10));
    }
    let tls = address.tls().map_err(|error| wrong(error.to_string()))?;
    let (client, connection) = config.connect(tls).await.map_err(|error| {
        let unreachable = Error::unreachable(format!("PostgreSQL does not answer: {}", reason(&error)));
        if error.as_db_error().is_some() { refused(address, &error) } else { unreachable }
    })?;
    // It ends with the client.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("PostgreSQL: {error}");
        }
    });
    Ok(client)
}

fn refused(address: &Address, error: &tokio_postgres::Error) -> Error {
    match error.as_db_error() {
        Some(_) => Error::usage(format!("PostgreSQL refuses table '{}': {}", address.table, reason(error))),
        None => Error::unreachable(format!("PostgreSQL: {}", reason(error))),
    }
}

/// What went wrong, in the words of the innermost error.
fn reason(error: &tokio_postgres::Error) -> String {
    use std::error::Error as _;
    match error.as_db_error() {
        Some(error) => error.message().to_string(),
        None => error.source().map_or_else(|| error.to_string(), ToString::to_string),
    }
}

async fn copy(
    client: &Client,
    address: &Address,
    statement: &Statement,
) -> Result<Vec<u8>, tokio_postgres::Error> {
    let columns = statement.columns().iter().map(|column| {
        let name = format!("\"{}\"", column.name().replace('"', "\"\""));
        match kind(column.type_()) {
            _ if *column.type_() == Type::TIMESTAMPTZ => format!("{name} AT TIME ZONE 'UTC'"),
            DataType::Boolean | DataType::Utf8 => format!("{name}::text"),
            _ => name,
        }
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    let table = address.quoted();
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
    fn an_address_names_its_table_and_no_password() {
        let parse = |url: &str| Address::parse(url).map_err(|error| error.to_string());
        let address = parse("postgres://u@h:5433/d?sslmode=disable&table=public.x").expect("right");
        assert_eq!(address.url, "postgres://u@h:5433/d?sslmode=disable");
        assert_eq!(address.quoted(), "\"public\".\"x\"");
        assert!(parse("postgres://u@h/d").is_err_and(|error| error.contains("names no table: add ?table=")));
        let secret = parse("postgres://u:hunter2@h/d?table=x").expect_err("refused");
        assert!(secret.contains("PGPASSWORD") && !secret.contains("hunter2"), "{secret}");
        assert!(parse("postgres://h:port/d?table=x").is_err_and(|error| error.contains("no address")));
    }
}
