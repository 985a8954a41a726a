//! DuckDB runs the batch queries of the golden pipelines over the same records: the rows are the stream's.

use super::cache;
use crate::golden::case::{Case, Expected};
use crate::golden::oracle::{self, Answer, Task};
use crate::golden::{each_case, in_one_batch, rows};

#[test]
fn a_stream_gives_the_rows_of_a_batch_query() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let cases = Case::all();
    let tasks: Vec<_> = cases
        .iter()
        .filter_map(|case| match &case.expected {
            Expected::Batch(sql) => Some(Task::new(case, sql, folder.path())),
            Expected::Rows(_) => None,
        })
        .collect();
    let python = cache().join("tools/duckdb/bin/python");
    let answers = oracle::ask(&python, "golden/duckdb_batch.py", &tasks);
    each_case(|case| match answers.get(&case.name) {
        None => Ok(()),
        Some(Answer::Error { error }) => Err(format!("DuckDB: {error}")),
        Some(Answer::Rows(theirs)) => rows::compare(&in_one_batch(case)?, theirs),
    });
}
