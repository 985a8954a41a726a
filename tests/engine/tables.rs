//! Tables that a stream is joined with: loaded again by the engine's clock, and built into a join once.

use arrow::array::{AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use ecap::catalog::Catalog;
use ecap::query::plan::StreamPlan;
use ecap::tables::{Definition, Table};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const MINUTE: i64 = 60_000_000;

const SQL: &str = "SELECT coalesce(c.label, 'none') AS label FROM `customer-transactions` AS s \
                   LEFT JOIN c ON s.product_category = c.name";

/// The labels that a batch of categories is given.
fn labels(plan: &StreamPlan, categories: &[&str]) -> Vec<String> {
    let stage = &plan.stages.stages[0];
    let slot = &stage.leaves[0].slot;
    let rows =
        RecordBatch::try_new(slot.schema().clone(), vec![Arc::new(StringArray::from(categories.to_vec()))]);
    slot.put(vec![rows.unwrap()]);
    let given = plan.run(stage).unwrap();
    given.iter().flat_map(|rows| rows.column(0).as_string::<i32>().iter()).flatten().map(Into::into).collect()
}

fn plan(table: Table) -> StreamPlan {
    let catalog = Catalog::built_in().unwrap();
    StreamPlan::with_tables(SQL, &catalog, "", None, vec![Arc::new(table)]).unwrap()
}

#[test]
fn a_table_is_loaded_again_when_it_is_time_and_stays_where_that_fails() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("c.csv");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write("name,label\na,first\n");
    let definition = Definition::parse("c=c.csv", folder.path()).unwrap();
    let plan = plan(Table::load(definition, Some(Duration::from_secs(600)), 0).unwrap());
    let at = |minute: i64| {
        plan.begin(minute * MINUTE);
        labels(&plan, &["a", "b"])
    };
    assert_eq!(at(0), ["first", "none"]);
    write("name,label\na,second\nb,new\n");
    assert_eq!(at(9), ["first", "none"], "not yet");
    assert_eq!(at(10), ["second", "new"]);
    write("name,label,more\na,third,1\n");
    assert_eq!(at(20), ["second", "new"], "other columns");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(at(30), ["second", "new"], "no file");
    write("name,label\na,third\n");
    assert_eq!(at(39), ["second", "new"], "not before it is time again");
    assert_eq!(at(40), ["third", "none"]);
}

#[test]
fn a_definition_says_what_is_wrong() {
    for (text, part) in [
        ("c", "names no table"),
        ("C=c.csv", "'C' is no name of a table"),
        ("c=c.json", "neither CSV nor Parquet nor Delta nor PostgreSQL"),
    ] {
        let error = Definition::parse(text, Path::new("")).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_join_goes_on_over_many_batches() {
    let names = || StringArray::from_iter_values((0..100).map(|row| format!("{row}")));
    let fields = ["name", "label"].map(|name| Field::new(name, DataType::Utf8, true));
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let rows = RecordBatch::try_new(schema.clone(), vec![Arc::new(names()), Arc::new(names())]).unwrap();
    let plan = plan(Table::of("c", schema, vec![rows]));
    for batch in 0..2_500 {
        let name = format!("{}", batch % 100);
        assert_eq!(labels(&plan, &[&name, "nobody"]), [name.as_str(), "none"]);
    }
}
