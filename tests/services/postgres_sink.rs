//! Batches in a table, exactly once whatever fails; psql reads them back.

use super::postgres::Postgres;
use crate::consume::steps::{self, Kept};
use crate::sinks::contract::holds_without_faults;
use crate::sinks::subjects::Subject;
use crate::support::numbered::{ids, killed_again_and_again, rows, write, write_as_told};
use crate::support::relay::{Protocol, Relay, contains};
use ecap::error::Fault;
use ecap::postgres::Server;
use ecap::sink::Writer;
use ecap::sink::postgres::{PostgresSink, Target};

/// Who writes, for the query of that name.
pub fn writer(query: &str) -> Writer {
    Writer { query: query.into(), sink: "pg".into() }
}

/// A table of the database at this URL.
pub fn target(url: &str, table: &str, key: &[&str]) -> Target {
    let key = key.iter().map(ToString::to_string).collect();
    Target { server: Server::parse(url).unwrap().0, table: table.into(), key }
}

/// A sink for numbered batches.
fn open(postgres: &Postgres, key: &[&str]) -> PostgresSink {
    PostgresSink::new(target(&postgres.url(), "results", key), rows(0).schema(), writer("sums")).unwrap()
}

#[track_caller]
fn has_each_once(postgres: &Postgres, batches: u64) {
    let seen = postgres.run("SELECT string_agg(id::text, ' ' ORDER BY id) FROM results");
    let expected: Vec<_> = ids(batches).map(|id| id.to_string()).collect();
    assert_eq!(seen, expected.join(" "));
}

#[test]
fn a_batch_that_is_there_is_passed_over() {
    let postgres = Postgres::start();
    let mut sink = open(&postgres, &[]);
    for batch in [0, 1, 1, 0] {
        write(&mut sink, batch).unwrap();
    }
    drop(sink);
    let mut again = open(&postgres, &[]);
    for batch in [1, 2] {
        write(&mut again, batch).unwrap();
    }
    has_each_once(&postgres, 3);
    let other = target(&postgres.url(), "results", &[]);
    write(&mut PostgresSink::new(other, rows(0).schema(), writer("others")).unwrap(), 3).unwrap();
    has_each_once(&postgres, 4);
    let progress =
        "SELECT query, sink, batch, updated > now() - interval '1 minute' FROM ecap_progress ORDER BY 1";
    assert_eq!(postgres.run(progress), "others|pg|3|t\nsums|pg|2|t");
}

#[test]
fn what_is_committed_is_on_the_disk_whatever_the_server_does_otherwise() {
    let postgres = Postgres::start();
    postgres.run(
        "ALTER ROLE ecap SET synchronous_commit = off; CREATE TABLE results (id bigint, \"user\" text, \
         how text DEFAULT current_setting('synchronous_commit'))",
    );
    assert_eq!(postgres.run("SHOW synchronous_commit"), "off");
    write(&mut open(&postgres, &[]), 0).unwrap();
    assert_eq!(postgres.run("SELECT DISTINCT how FROM results"), "on");
}

#[test]
fn a_run_that_was_replaced_writes_nothing_more() {
    let postgres = Postgres::start();
    let mut old = open(&postgres, &[]);
    write(&mut old, 0).unwrap();
    let mut new = open(&postgres, &[]);
    for _ in 0..2 {
        let error = write(&mut old, 1).unwrap_err();
        assert_eq!(error.fault(), Fault::Failed);
        assert!(error.to_string().contains("another run of query 'sums'"), "{error}");
    }
    write(&mut new, 1).unwrap();
    has_each_once(&postgres, 2);
    postgres.run("DELETE FROM ecap_progress");
    let error = write(&mut new, 2).unwrap_err().to_string();
    assert!(error.contains("is gone from ecap_progress"), "{error}");
}

/// Cuts the connection at each message with one of these texts, before and after the server has it, and has the same
/// sink or a new one go on.
fn survives_a_cut_at(key: &[&str], texts: &[&'static str]) {
    let postgres = Postgres::start();
    let relay = Relay::start(Protocol::Raw, &format!("127.0.0.1:{}", postgres.port));
    let url = format!("postgres://ecap@127.0.0.1:{}/postgres", relay.port());
    let reopen =
        || PostgresSink::new(target(&url, "results", key), rows(0).schema(), writer("sums")).unwrap();
    let mut sink = reopen();
    let mut batch = 0;
    for text in texts {
        for delivered in [false, true] {
            for restarts in [false, true] {
                let cuts = relay.cuts();
                relay.cut_at(delivered, |message| contains(message, text));
                let error = write(&mut sink, batch).unwrap_err();
                assert_eq!((relay.cuts(), error.fault()), (cuts + 1, Fault::Unreachable), "{text}: {error}");
                relay.up();
                if restarts {
                    sink = reopen();
                }
                write(&mut sink, batch).unwrap();
                batch += 1;
            }
        }
    }
    has_each_once(&postgres, batch);
}

#[test]
fn a_cut_at_any_step_of_adding_rows_loses_and_doubles_nothing() {
    survives_a_cut_at(&[], &["START TRANSACTION", "FOR UPDATE", "COPY", "PGCOPY", "UPDATE", "COMMIT"]);
}

#[test]
fn a_cut_at_any_step_of_merging_rows_loses_and_doubles_nothing() {
    survives_a_cut_at(&["id"], &["FOR UPDATE", "COPY", "PGCOPY", "INSERT INTO", "SET batch", "COMMIT"]);
}

#[test]
fn a_killed_writer_loses_and_doubles_nothing() {
    let postgres = Postgres::start();
    let batches = killed_again_and_again("services::postgres_sink::writes_as_told", &postgres.url());
    has_each_once(&postgres, batches);
}

#[test]
#[ignore = "is run by the test above, to be killed"]
fn writes_as_told() {
    write_as_told(|url| {
        let sink = PostgresSink::new(target(url, "results", &[]), rows(0).schema(), writer("sums"));
        Box::new(sink.unwrap())
    });
}

/// A table of a server of its own, as a subject of the contract.
fn subject(key: &'static [&'static str]) -> Subject {
    let postgres = std::rc::Rc::new(Postgres::start());
    let own = postgres.clone();
    let columns = crate::sinks::rows([]).schema();
    let open = move |writer| PostgresSink::new(target(&own.url(), "results", key), columns.clone(), writer);
    let read = move || {
        let ids = postgres.run("SELECT id FROM results");
        ids.lines().map(|id| id.parse().unwrap()).collect()
    };
    Subject::new(open, read)
}

#[test]
fn it_holds_what_every_sink_promises() {
    holds_without_faults(|| subject(&[]));
    holds_without_faults(|| subject(&["id"]));
}

#[test]
fn a_table_has_each_row_once_wherever_a_query_ends() {
    let postgres = Postgres::start();
    steps::holds(&Kept {
        flags: &|number| {
            let (url, table) = (format!("url={}", postgres.url()), format!("table=results{number}"));
            ["--sink", "postgres", "--sink-option", &url, "--sink-option", &table].map(Into::into).to_vec()
        },
        steps: &[
            "postgres claim",
            "postgres commit",
            "postgres commit:3",
            "postgres committed",
            "postgres committed:3",
        ],
        rows: &|_, number| {
            let rows = postgres.run(&format!("SELECT results{number} FROM results{number}"));
            rows.lines().map(Into::into).collect()
        },
    });
}
