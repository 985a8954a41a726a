//! What becomes of a query whose table is away, refuses, or changes: it waits and goes on, or ends with one line.

use super::postgres::Postgres;
use crate::support::{Ended, Told, binary_command, wait_for};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A query that adds the rows of a folder to table `results`, file by file.
struct Running {
    postgres: Postgres,
    folder: TempDir,
    query: Told,
}

/// So many rows as lines.
fn lines(rows: u32) -> String {
    (0..rows).map(|n| format!("{{\"n\":{n},\"note\":\"{}\"}}\n", "x".repeat(500))).collect()
}

fn query(url: &str, folder: &TempDir) -> Command {
    let mut command = binary_command("ecap-consume", folder.path());
    command.args(["--source", "in", "--topic", "t", "--schema", "t=n INT, note STRING", "--trigger", "0s"]);
    command.args(["--sink", "postgres", "--sink-option", "table=results", "--sink-option"]);
    command.arg(format!("url={url}"));
    command
}

impl Running {
    fn start(postgres: Postgres, user: &str) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        let url = postgres.url().replace("ecap@", &format!("{user}@"));
        let query = Told::start(&mut query(&url, &folder));
        let running = Self { postgres, folder, query };
        running.put("first", 2);
        running.has(2);
        running
    }

    fn put(&self, name: &str, rows: u32) {
        let path = self.folder.path().join("in").join(name);
        std::fs::write(path.with_extension("tmp"), lines(rows)).unwrap();
        std::fs::rename(path.with_extension("tmp"), path.with_extension("ndjson")).unwrap();
    }

    /// Waits until the table has so many rows.
    #[track_caller]
    fn has(&self, rows: u32) {
        let count = || {
            let output = self.postgres.psql().args(["-At", "-c", "SELECT count(*) FROM results"]).output();
            (String::from_utf8_lossy(&output.unwrap().stdout).trim() == rows.to_string()).then_some(())
        };
        wait_for("the rows", count);
    }

    /// The next batch ends the query with a line with these parts.
    #[track_caller]
    fn fails(mut self, parts: &[&str]) {
        self.put("second", 3);
        self.query.says(&[&["error: sink postgres:"], parts].concat());
        assert_eq!(self.query.ended(), 1);
    }
}

#[test]
fn a_server_that_was_stopped_is_waited_for() {
    let running = Running::start(Postgres::start(), "ecap");
    running.postgres.end("kill");
    running.put("second", 3);
    running.query.says(&["sink postgres:", "batch", "with 3 rows is held back and given again"]);
    running.postgres.again();
    running.query.says(&["sink postgres:", "with 3 rows was taken after"]);
    running.has(5);
    running.query.end();
}

#[test]
fn a_server_that_is_not_there_at_the_start_ends_it() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    let wrong = |url: &str, code: i32, parts: &[&str]| Ended::of(&mut query(url, &folder)).fails(code, parts);
    wrong("postgres://ecap@127.0.0.1:1/postgres", 4, &["PostgreSQL does not answer"]);
    wrong("postgres://ecap:hunter2@127.0.0.1:1/postgres", 2, &["PGPASSWORD"]);
}

#[test]
fn a_right_that_was_taken_away_ends_it() {
    let postgres = Postgres::start();
    postgres.run("CREATE ROLE clerk LOGIN; GRANT CREATE ON SCHEMA public TO clerk");
    let running = Running::start(postgres, "clerk");
    running.postgres.run("REVOKE INSERT ON results FROM clerk");
    running.fails(&["permission denied for table results", "grant"]);
}

#[test]
fn a_column_that_was_dropped_ends_it() {
    let running = Running::start(Postgres::start(), "ecap");
    running.postgres.run("ALTER TABLE results DROP COLUMN note");
    running.fails(&["'results' has no column 'note'", "ADD COLUMN \"note\" text"]);
}

#[test]
fn a_table_that_was_dropped_ends_it() {
    let running = Running::start(Postgres::start(), "ecap");
    running.postgres.run("DROP TABLE results");
    running.fails(&["'results' is not there any more", "start again"]);
}

#[test]
fn a_type_that_takes_the_values_too_is_no_fault() {
    let running = Running::start(Postgres::start(), "ecap");
    running.postgres.run("ALTER TABLE results ALTER COLUMN n TYPE numeric(12, 2)");
    running.put("second", 3);
    running.has(5);
    assert_eq!(running.postgres.run("SELECT max(n) FROM results"), "2.00");
    running.query.end();
}

#[test]
fn a_value_that_the_table_does_not_take_ends_it_and_is_named() {
    let running = Running::start(Postgres::start(), "ecap");
    running.postgres.run("ALTER TABLE results ADD CHECK (n < 2)");
    running.fails(&["violates check constraint \"results_n_check\"", "Failing row contains (2, xxx"]);
}

#[test]
fn a_lock_that_is_held_is_waited_for() {
    let running = Running::start(Postgres::start(), "ecap");
    let mut holder = running.postgres.psql();
    holder.args(["-c", "BEGIN; LOCK TABLE results", "-c", "SELECT pg_sleep(12)", "-c", "COMMIT"]);
    let mut holder = holder.stdout(Stdio::null()).spawn().unwrap();
    let locked =
        "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'results'::regclass";
    wait_for("the lock", || (running.postgres.run(locked) == "1").then_some(()));
    running.put("second", 3);
    running.query.says(&["lock timeout", "held back"]);
    running.query.says(&["was taken"]);
    assert!(holder.wait().unwrap().success());
    running.has(5);
    running.query.end();
}

#[test]
fn a_full_disk_is_waited_for() {
    let (disk, postgres) = (Disk::of("6m"), Postgres::start());
    let path = disk.0.path().display();
    postgres.run(&format!("CREATE TABLESPACE small LOCATION '{path}'"));
    postgres.run("CREATE TABLE filler (note text) TABLESPACE small");
    postgres.run("ALTER TABLE filler ALTER COLUMN note SET STORAGE PLAIN");
    let running = Running::start(postgres, "ecap");
    running.postgres.run("ALTER TABLE results SET TABLESPACE small");
    running.postgres.run("INSERT INTO filler SELECT repeat('y', 4000) FROM generate_series(1, 1000)");
    running.put("second", 4_000);
    running.query.says(&["No space left on device", "held back"]);
    disk.mount("remount,size=64m");
    running.query.says(&["was taken"]);
    running.has(4_002);
    running.query.end();
}

/// A small disk: a file system in memory, for root alone to make.
struct Disk(TempDir);

impl Disk {
    fn of(size: &str) -> Self {
        let disk = Self(TempDir::new().unwrap());
        disk.mount(&format!("size={size},uid=postgres,mode=700"));
        disk
    }

    fn mount(&self, options: &str) {
        super::run(Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(self.0.path()));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}
