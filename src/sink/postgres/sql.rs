//! What is said to the server.

use super::Target;
use super::columns::Kind;
use crate::postgres::{identifier, quoted};
use arrow::datatypes::SchemaRef;

/// Where rows wait that are not copied into the table itself.
const WAITING: &str = "pg_temp.ecap_rows";

/// The statements for one table.
#[derive(Debug)]
pub struct Statements {
    /// Makes the table.
    pub create: String,
    /// Does nothing, where rows of these columns could be written; otherwise it fails as they would.
    pub check: String,
    /// Copies rows into the table.
    pub copy: String,
    /// Makes the place where rows wait.
    pub make_waiting: String,
    /// Copies rows there.
    pub copy_waiting: String,
    /// Writes the rows that wait into the table.
    pub merge: String,
    /// Makes the table of progress.
    pub create_progress: String,
    /// Takes the row of a query's sink over, whoever had it.
    pub claim: String,
    /// Locks that row and reads it.
    pub lock: String,
    /// Writes a batch's number into it.
    pub advance: String,
}

impl Statements {
    /// The statements for a table that gets these columns.
    pub fn new(target: &Target, columns: &SchemaRef) -> Self {
        let table = quoted(&target.table);
        let progress = quoted(&target.progress());
        let names: Vec<_> = columns.fields().iter().map(|field| identifier(field.name())).collect();
        let kinds: Vec<_> = columns.fields().iter().map(|field| Kind::of(field.data_type()).sql()).collect();
        let definitions: Vec<_> =
            names.iter().zip(&kinds).map(|(name, kind)| format!("{name} {kind}")).collect();
        let (listed, defined) = (names.join(", "), definitions.join(", "));
        let nulls: Vec<_> = kinds.iter().map(|kind| format!("NULL::{kind}")).collect();
        let conflict = on_conflict(&target.key, &names);
        Self {
            create: format!("CREATE TABLE {table} ({defined}{})", unique(target, columns)),
            check: format!("EXPLAIN INSERT INTO {table} ({listed}) SELECT {}{conflict}", nulls.join(", ")),
            copy: format!("COPY {table} ({listed}) FROM STDIN (FORMAT binary)"),
            make_waiting: format!("CREATE TEMP TABLE ecap_rows ({defined}) ON COMMIT DELETE ROWS"),
            copy_waiting: format!("COPY {WAITING} ({listed}) FROM STDIN (FORMAT binary)"),
            merge: format!("INSERT INTO {table} ({listed}) SELECT {listed} FROM {WAITING}{conflict}"),
            create_progress: format!(
                "CREATE TABLE {progress} (query text, sink text, batch bigint, owner text NOT NULL, \
                 updated timestamp with time zone NOT NULL, PRIMARY KEY (query, sink))"
            ),
            claim: format!(
                "INSERT INTO {progress} AS p (query, sink, owner, updated) VALUES ($1, $2, $3, now()) \
                 ON CONFLICT (query, sink) DO UPDATE SET owner = excluded.owner, updated = excluded.updated"
            ),
            lock: format!("SELECT batch, owner FROM {progress} WHERE query = $1 AND sink = $2 FOR UPDATE"),
            advance: format!(
                "UPDATE {progress} SET batch = $3, updated = now() WHERE query = $1 AND sink = $2"
            ),
        }
    }
}

/// What makes the key a key. Where a column of it may be null, nulls are equal, as they are in GROUP BY.
fn unique(target: &Target, columns: &SchemaRef) -> String {
    let key = list(&target.key);
    let may_be_null = |name: &String| columns.field_with_name(name).is_ok_and(|field| field.is_nullable());
    match &target.key[..] {
        [] => String::new(),
        names if names.iter().any(may_be_null) => format!(", UNIQUE NULLS NOT DISTINCT ({key})"),
        _ => format!(", PRIMARY KEY ({key})"),
    }
}

fn on_conflict(key: &[String], names: &[String]) -> String {
    if key.is_empty() {
        return String::new();
    }
    let is_key = |name: &&String| key.iter().any(|key| identifier(key) == **name);
    let set = names.iter().filter(|name| !is_key(name)).map(|name| format!("{name} = excluded.{name}"));
    let set = set.collect::<Vec<_>>().join(", ");
    let what = if set.is_empty() { "NOTHING".into() } else { format!("UPDATE SET {set}") };
    format!(" ON CONFLICT ({}) DO {what}", list(key))
}

/// Names with commas between them.
pub fn list(names: &[String]) -> String {
    names.iter().map(|name| identifier(name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::Server;
    use arrow::datatypes::{DataType, Field, Schema};
    use std::sync::Arc;

    fn statements(key: &[&str], may_be_null: bool) -> Statements {
        let (server, _) = Server::parse("postgres://u@h/d").expect("right");
        let key = key.iter().map(ToString::to_string).collect();
        let fields =
            vec![Field::new("user", DataType::Utf8, may_be_null), Field::new("n", DataType::Int64, true)];
        let target = Target { server, table: "shop.sums".into(), key };
        Statements::new(&target, &Arc::new(Schema::new(fields)))
    }

    #[test]
    fn a_key_makes_a_table_with_one_and_takes_the_place_of_rows() {
        let with = statements(&["user"], false);
        assert_eq!(
            with.create,
            r#"CREATE TABLE "shop"."sums" ("user" text, "n" bigint, PRIMARY KEY ("user"))"#
        );
        assert!(with.merge.ends_with(r#" ON CONFLICT ("user") DO UPDATE SET "n" = excluded."n""#));
        assert!(with.lock.contains(r#""shop"."ecap_progress""#));
        assert!(statements(&["user"], true).create.ends_with(r#", UNIQUE NULLS NOT DISTINCT ("user"))"#));
        assert!(statements(&["user", "n"], true).merge.ends_with(r#"("user", "n") DO NOTHING"#));
        assert!(!statements(&[], true).check.contains("CONFLICT"));
    }
}
