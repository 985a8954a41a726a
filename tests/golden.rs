//! Golden pipelines: each folder of tests/queries/ is a query, its input, and what must come out, however the
//! records are cut into batches, in whatever order partitions are read, and wherever the query is stopped and
//! restored. tests/queries/README.md says how to write one.

pub mod case;
pub mod engine;
pub mod oracle;
pub mod records;
pub mod rows;
pub mod source;
pub mod ways;

use case::{Case, Expected, Spark};
use rows::Table;
use ways::Way;

/// Runs a check on every case, and fails with all that is wrong.
pub fn each_case(check: impl Fn(&Case) -> Result<(), String>) {
    let mut wrong = Vec::new();
    for case in &Case::all() {
        wrong.extend(check(case).err().map(|reason| format!("{}: {reason}", case.name)));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n\n"));
}

/// What a case gives when its records come in one batch.
pub fn in_one_batch(case: &Case) -> Result<Table, String> {
    engine::run(case, &Way::straight(case), case.flush)
}

#[test]
fn a_query_gives_the_same_rows_in_whatever_way_its_records_come() {
    each_case(|case| {
        let first = in_one_batch(case)?;
        for way in ways::all(case) {
            let other = engine::run(case, &way, case.flush).map_err(|reason| format!("{way}: {reason}"))?;
            rows::compare(&first, &other).map_err(|reason| format!("{way}: {reason}"))?;
        }
        Ok(())
    });
}

#[test]
fn a_query_gives_the_rows_that_were_derived_by_hand() {
    each_case(|case| match &case.expected {
        Expected::Rows(csv) => {
            let ours = in_one_batch(case)?;
            rows::compare(&ours, &Table::from_csv(csv, &ours)?)
        }
        Expected::Batch(_) => Ok(()),
    });
}

#[test]
fn what_spark_does_not_run_stands_in_its_page() {
    let page = include_str!("../docs/spark.md");
    each_case(|case| match &case.settings.spark {
        Spark::Differs(why) if !page.contains(&format!("| `{}` | {why} |", case.name)) => {
            Err(format!("docs/spark.md has no row for it with: {why}"))
        }
        _ => Ok(()),
    });
}
