//! Tables of a PostgreSQL of its own: in a folder, on a free port, gone with the test.

use crate::support::{Ended, binary_command, wait_for};
use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, TimeUnit};
use ecap::tables::{Definition, Table};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A throwaway server.
struct Postgres {
    server: Child,
    port: u16,
    folder: TempDir,
}

/// A program of PostgreSQL, as a user that it accepts: it refuses to run as root.
fn program(name: &str) -> Command {
    let versions = Path::new("/usr/lib/postgresql").read_dir();
    let folders =
        versions.into_iter().flatten().flatten().map(|version| version.path().join("bin").join(name));
    let found = folders.filter(|path| path.exists()).max();
    let path =
        found.unwrap_or_else(|| panic!("{name} is missing: run `make test-services`, which installs it"));
    let id = super::run(Command::new("id").arg("-u"));
    if id.trim() != "0" {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]).arg(path);
    command
}

impl Postgres {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let _ = Command::new("chown").arg("postgres").arg(folder.path()).status();
        let data = folder.path().join("data");
        super::run(program("initdb").args(["-A", "trust", "-U", "ecap", "-N", "-D"]).arg(&data));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = program("postgres");
        server.arg("-D").arg(&data).arg("-p").arg(port.to_string());
        server
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "timezone=Europe/Rome", "-k"])
            .arg(folder.path());
        let server = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let own = Self { server, port, folder };
        wait_for("PostgreSQL", || own.psql("SELECT 1").status().unwrap().success().then_some(()));
        own
    }

    fn psql(&self, sql: &str) -> Command {
        let mut command = program("psql");
        command.args([
            "-h",
            "127.0.0.1",
            "-U",
            "ecap",
            "-d",
            "postgres",
            "-v",
            "ON_ERROR_STOP=1",
            "-qc",
            sql,
        ]);
        command.arg("-p").arg(self.port.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn run(&self, sql: &str) {
        assert!(self.psql(sql).status().unwrap().success(), "{sql}");
    }

    fn definition(&self, table: &str) -> String {
        format!("c=postgres://ecap@127.0.0.1:{}/postgres?table={table}", self.port)
    }

    fn load(&self, table: &str) -> Table {
        let definition = Definition::parse(&self.definition(table), Path::new("")).unwrap();
        Table::load(definition, Some(Duration::from_secs(1)), 0).unwrap()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Its own way to stop at once; the kill is for the case that it does not.
        let _ = program("pg_ctl")
            .args(["stop", "-m", "immediate", "-D"])
            .arg(self.folder.path().join("data"))
            .output();
        let _ = self.server.kill();
        let _ = self.server.wait();
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
