//! The consumers of `tests/consumers/soak.rs`, one of which loses a PostgreSQL that crashes.

use super::postgres::Postgres;
use crate::consumers::Stage;
use crate::consumers::soak::{Sink, soak};
use std::cell::Cell;

#[test]
fn a_database_that_crashes_kills_and_what_goes_wrong_with_others_change_no_result() {
    let (stage, postgres, runs) = (Stage::new(), Postgres::start(), Cell::new(true));
    let is_there = |is_there: bool| match (runs.replace(is_there), is_there) {
        (true, false) => postgres.end("kill"),
        (false, true) => postgres.again(),
        _ => {}
    };
    let rows = || {
        let rows = postgres.run("SELECT row_to_json(lost) FROM lost");
        rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect()
    };
    let options = format!("sink = 'postgres'\nsink-option = ['url={}', 'table=lost']\n", postgres.url());
    soak(&stage, &Sink { options, is_there: Box::new(is_there), rows: Box::new(rows) });
}
