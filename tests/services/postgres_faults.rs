//! What becomes of a query whose table is away, refuses, or changes: it waits and goes on, or ends with one line.

use super::disk::Disk;
use super::postgres::Postgres;
use crate::support::feed::Feed;
use crate::support::{Ended, Told, wait_for};
use std::process::{Command, Stdio};

/// A query that adds the rows of a folder to table `results`, file by file.
struct Running {
    postgres: Postgres,
    feed: Feed,
    query: Told,
}

fn query(url: &str, feed: &Feed) -> Command {
    let url = format!("url={url}");
    feed.query(&["--sink", "postgres", "--sink-option", "table=results", "--sink-option", &url])
}

impl Running {
    fn start(postgres: Postgres, user: &str) -> Self {
        let feed = Feed::new();
        feed.put("first", 0..2);
        let url = postgres.url().replace("ecap@", &format!("{user}@"));
        let query = Told::start(&mut query(&url, &feed));
        let running = Self { postgres, feed, query };
        running.has(2);
        running
    }

    fn put(&self, name: &str, rows: u32) {
        self.feed.put(name, 0..rows);
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
    let feed = Feed::new();
    let wrong = |url: &str, code: i32, parts: &[&str]| Ended::of(&mut query(url, &feed)).fails(code, parts);
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
    let (disk, postgres) = (Disk::of("size=6m,uid=postgres,mode=700"), Postgres::start());
    let path = disk.path().display();
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

#[test]
fn a_server_that_does_not_go_on_is_told_of() {
    let running = Running::start(Postgres::start(), "ecap");
    let pid = running.postgres.run(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    );
    let signal = |name: &str| super::run(Command::new("kill").args([name, &pid]));
    signal("-STOP");
    running.put("second", 3);
    running.query.says(&["sink postgres: batch 1 with 3 rows is not taken after 10s"]);
    signal("-CONT");
    running.query.says(&["sink postgres: batch 1 with 3 rows was taken after"]);
    running.has(5);
    running.query.end();
}

#[test]
fn a_server_that_takes_no_writes_for_now_is_waited_for() {
    let running = Running::start(Postgres::start(), "ecap");
    let writes = |how: &str| {
        running.postgres.run(&format!("ALTER SYSTEM {how}"));
        running.postgres.run("SELECT pg_reload_conf()");
    };
    writes("SET default_transaction_read_only = on");
    wait_for("the setting", || {
        (running.postgres.run("SHOW default_transaction_read_only") == "on").then_some(())
    });
    running.put("second", 3);
    running.query.says(&["read-only transaction", "held back"]);
    writes("RESET default_transaction_read_only");
    running.query.says(&["was taken"]);
    running.has(5);
    running.query.end();
}

#[test]
fn a_user_who_may_not_log_in_any_more_ends_it() {
    let postgres = Postgres::start();
    postgres.run("CREATE ROLE clerk LOGIN; GRANT CREATE ON SCHEMA public TO clerk");
    let running = Running::start(postgres, "clerk");
    running.postgres.run("ALTER ROLE clerk NOLOGIN");
    running.postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'clerk'");
    running.fails(&["role \"clerk\" is not permitted to log in"]);
}
