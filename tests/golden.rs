//! Golden pipelines: each folder of tests/queries/ is a query, its input, and what must come out, however the
//! records are cut into batches, in whatever order partitions are read, and wherever the query is stopped and
//! restored. tests/queries/README.md says how to write one.

pub mod case;
pub mod engine;
pub mod oracle;
pub mod records;
pub mod rows;
pub mod ways;

use case::{Case, Expected, Spark};
use rows::Table;
use ways::Way;

/// So many cases run at once: planning a query is what takes the time.
const AT_ONCE: usize = 4;

/// Runs a check on every case, and fails with all that is wrong.
pub fn each_case(check: impl Fn(&Case) -> Result<(), String> + Sync) {
    let cases = Case::all();
    let told = |case: &Case| check(case).err().map(|reason| format!("{}: {reason}", case.name));
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let share = |first| cases.iter().skip(first).step_by(AT_ONCE).filter_map(told).collect::<Vec<_>>();
        let workers: Vec<_> = (0..AT_ONCE).map(|first| scope.spawn(move || share(first))).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a case does not panic")).collect()
    });
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
