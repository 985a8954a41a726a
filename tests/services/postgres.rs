//! Tables of a PostgreSQL of its own: in a folder, on a free port, gone with the test.

use crate::support::{Ended, binary_command, project};
use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, TimeUnit};
use ecap::tables::{Definition, Table};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// A throwaway server.
pub struct Postgres {
    /// Where it answers, on 127.0.0.1.
    pub port: u16,
    folder: TempDir,
}

impl Postgres {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let own = Self { port, folder };
        own.again();
        own
    }

    /// Starts it again where it was.
    pub fn again(&self) {
        self.control("start", &["--port", &self.port.to_string(), "-c", "timezone=Europe/Rome"]);
    }

    /// Stops it: `stop`, or `kill` as a crash does.
    pub fn end(&self, how: &str) {
        self.control(how, &[]);
    }

    fn control(&self, what: &str, args: &[&str]) {
        let script = project("scripts/postgres.sh");
        super::run(Command::new(script).arg(what).arg("--data-dir").arg(self.folder.path()).args(args));
    }

    /// psql with these options.
    pub fn psql(&self) -> Command {
        let mut command = Command::new("psql");
        command.args([
            "-X",
            "-q",
            "-h",
            "127.0.0.1",
            "-U",
            "ecap",
            "-d",
            "postgres",
            "-v",
            "ON_ERROR_STOP=1",
        ]);
        command.arg("-p").arg(self.port.to_string()).env("PGTZ", "UTC");
        command
    }

    /// Runs statements, and gives their rows: values with bars between them.
    #[track_caller]
    pub fn run(&self, sql: &str) -> String {
        super::run(self.psql().args(["-At", "-c", sql])).trim_end().to_string()
    }

    /// The URL of its database.
    pub fn url(&self) -> String {
        format!("postgres://ecap@127.0.0.1:{}/postgres", self.port)
    }

    fn definition(&self, table: &str) -> String {
        format!("c={}?table={table}", self.url())
    }

    fn load(&self, table: &str) -> Table {
        let definition = Definition::parse(&self.definition(table), Path::new("")).unwrap();
        Table::load(definition, Some(Duration::from_secs(1)), 0).unwrap()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.control("kill", &[]);
    }
}

#[test]
fn a_table_is_read_in_its_types_and_again() {
    let postgres = Postgres::start();
    postgres.run(
        "CREATE TABLE kinds (name text, n int, big bigint, x double precision, price numeric(10,2), ok boolean, \
         day date, at timestamp, zoned timestamptz, doc jsonb, \"Odd name\" varchar(9));
         INSERT INTO kinds VALUES ('a,\"b\"\n', 1, 2, 1.5, 9.99, true, '2025-07-27', '2025-07-27 10:08:09.5',
         '2025-07-27 10:08:09+00', '{\"k\": 1}', ''), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    );
    let table = postgres.load("public.kinds");
    let kinds: Vec<_> = table.schema().fields().iter().map(|field| field.data_type().clone()).collect();
    let time = DataType::Timestamp(TimeUnit::Microsecond, None);
    let (text, number) = (DataType::Utf8, DataType::Float64);
    let expected = [
        text.clone(),
        DataType::Int32,
        DataType::Int64,
        number.clone(),
        number,
        DataType::Boolean,
        DataType::Date32,
        time.clone(),
        time,
        text.clone(),
        text,
    ];
    assert_eq!(kinds, expected);
    let rows = table.rows().remove(0);
    assert_eq!(rows.num_rows(), 2);
    assert_eq!(rows.column(0).as_string::<i32>().value(0), "a,\"b\"\n");
    assert_eq!(rows.column(10).as_string::<i32>().value(0), "");
    let shown = |column: usize| arrow::util::display::array_value_to_string(rows.column(column), 0).unwrap();
    assert_eq!(
        (2..10).map(shown).collect::<Vec<_>>(),
        [
            "2",
            "1.5",
            "9.99",
            "true",
            "2025-07-27",
            "2025-07-27T10:08:09.500",
            "2025-07-27T10:08:09",
            "{\"k\": 1}"
        ]
    );
    assert!(rows.columns().iter().all(|column| column.is_null(1)), "{rows:?}");
    postgres.run("DELETE FROM kinds WHERE name IS NULL");
    table.refresh(2_000_000);
    assert_eq!(table.rows().iter().map(|rows| rows.num_rows()).sum::<usize>(), 1);
    postgres.run("DROP TABLE kinds");
    table.refresh(4_000_000);
    assert_eq!(table.rows()[0].num_rows(), 1, "the rows of before stay");
}

#[test]
fn a_database_that_refuses_or_does_not_answer_is_said() {
    let postgres = Postgres::start();
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("q.sql"), "SELECT n FROM c").unwrap();
    let run = |table: &str, code: i32, parts: &[&str]| {
        let mut command = binary_command("ecap-consume", folder.path());
        Ended::of(command.args(["query", "q.sql", "--table", table])).fails(code, parts);
    };
    run(&postgres.definition("nobody"), 2, &["refuses table 'nobody': relation \"nobody\" does not exist"]);
    let port = postgres.port;
    run(
        &format!("c=postgres://ecap@127.0.0.1:{port}/nowhere?table=t"),
        2,
        &["database \"nowhere\" does not exist"],
    );
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = format!("c=postgres://ecap@127.0.0.1:{free}/d?table=t");
    run(&nobody, 4, &["PostgreSQL does not answer"]);
}
