//! DuckDB runs the batch queries of the golden pipelines over the same records: the rows are the stream's.

use super::{cache, installed, run};
use crate::golden::case::{Case, Expected};
use crate::golden::oracle::{self, Answer, Task};
use crate::golden::{each_case, in_one_batch, rows};
use crate::support::{Ended, binary_command};

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

/// What DuckDB makes of the files of a query, beside what it makes of the records themselves.
const READS: &str = "
import duckdb
own = duckdb.sql(\"SELECT epoch(window_start) AS start, product_category, n, revenue FROM 'out/*.parquet'\")
batch = duckdb.sql(\"\"\"SELECT 1753610400 AS start, product_category,
    count(*) AS n, round(sum(final_amount), 6) AS revenue
    FROM 'in/*.ndjson' GROUP BY ALL\"\"\")
kind = duckdb.sql(\"SELECT typeof(window_start) FROM 'out/*.parquet'\").fetchall()[0][0]
own, batch = (sorted(table.fetchall()) for table in (own, batch))
assert kind == 'TIMESTAMP WITH TIME ZONE', kind
assert len(own) == 3 and [row[:3] for row in own] == [row[:3] for row in batch], (own, batch)
assert all(abs(mine[3] - theirs[3]) < 1e-6 for mine, theirs in zip(own, batch)), (own, batch)
print('the same')
";

#[test]
fn results_in_parquet_are_the_rows_that_a_batch_query_gives() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let records: String = (0..90)
        .map(|n| {
            let category = ["Books", "Games", "Shoes"][n % 3];
            format!("{{\"customer_id\":\"c\",\"product_category\":\"{category}\",\"final_amount\":{n}.25}}\n")
        })
        .map(|line| line.replace(":0.25", ":0.5"))
        .collect();
    let path = folder.path().join("in/a.ndjson");
    std::fs::create_dir(folder.path().join("in")).expect("a folder");
    std::fs::write(&path, records).expect("a file");
    // The records' time is that of their file: 2025-07-27T10:00:00Z.
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_753_610_400);
    std::fs::File::options()
        .write(true)
        .open(&path)
        .and_then(|file| file.set_modified(time))
        .expect("a time");
    let mut consume = binary_command("ecap-consume", folder.path());
    consume.args(["--source", "in", "--window", "1m", "--group-by", "product_category"]);
    consume.args(["--agg", "count(*) AS n", "--agg", "sum(final_amount) AS revenue", "--sink", "parquet"]);
    consume.args(["--path", "out", "--trigger", "available-now", "--flush-at-end"]);
    Ended::of(&mut consume).ok();
    let mut python = installed(&cache().join("tools/duckdb/bin/python"));
    python.arg("-c").arg(READS).current_dir(folder.path());
    assert_eq!(run(&mut python).trim(), "the same");
}
