//! A topic as a table: its record's columns, Kafka's, and those that are derived from them.

use super::error::of_planning;
use super::functions::time_type;
use super::parse;
use super::slot::SourceTable;
use super::still::StillTable;
use crate::catalog::{ARRIVAL_TIME, Catalog, RECORD_TIME, Record, Topic, suggest};
use crate::record::schema::Type;
use crate::tables::Table;
use crate::{Error, Result};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::logical_expr::{LogicalPlanBuilder, ident};
use datafusion::prelude::SessionContext;
use std::sync::Arc;

/// The columns that every record has besides its own: Kafka's, and when it was read.
pub const KAFKA_COLUMNS: [&str; 6] = ["_key", "_topic", "_partition", "_offset", RECORD_TIME, ARRIVAL_TIME];

/// All columns that a query may read from a topic, before the derived ones.
pub fn columns(record: &Record) -> SchemaRef {
    let own = record.columns().to_arrow();
    let kinds = [DataType::Utf8, DataType::Utf8, DataType::Int32, DataType::Int64, time_type(), time_type()];
    let kafka =
        KAFKA_COLUMNS.into_iter().zip(kinds).map(|(name, kind)| Arc::new(Field::new(name, kind, true)));
    let fields: Vec<_> = own.fields().iter().cloned().chain(kafka).collect();
    Arc::new(Schema::new(fields))
}

/// The topics among the `named` tables of a query, each once.
///
/// # Errors
/// A usage error when there is none, or one that neither the catalog nor `tables` know.
pub fn topics(
    named: Vec<String>,
    tables: &[Arc<Table>],
    catalog: &Catalog,
    prefix: &str,
) -> Result<Vec<Topic>> {
    let mut topics: Vec<Topic> = Vec::new();
    for name in named.iter().filter(|name| !tables.iter().any(|table| table.name() == *name)) {
        let found = catalog
            .topic(&format!("{prefix}{name}"))
            .or_else(|_| catalog.topic(name))
            .map_err(|_| unknown(name, tables, catalog, prefix))?;
        if found.record.is_none() {
            let message =
                format!("topic '{name}' keeps any bytes, as dead letters: the catalog has no columns of it");
            return Err(Error::usage(message).about(name));
        }
        if !topics.iter().any(|topic| topic.name == found.name) {
            topics.push(found.clone());
        }
    }
    match topics.is_empty() {
        true => Err(Error::usage("the query reads no topic").hint("write SELECT … FROM a topic")),
        false => Ok(topics),
    }
}

fn unknown(name: &str, tables: &[Arc<Table>], catalog: &Catalog, prefix: &str) -> Error {
    let topics = catalog.topics().iter().map(|topic| topic.name.strip_prefix(prefix).unwrap_or(&topic.name));
    let error = Error::usage(format!("topic '{name}' is not in the catalog")).about(name);
    let error = error.hint("--schema says what its records are, and --table what a table is");
    suggest(error, name, topics.chain(tables.iter().map(|table| table.name())))
}

/// The names of all columns and of the fields inside them.
pub fn names(topics: &[Topic], tables: &[Arc<Table>]) -> Vec<String> {
    let own =
        topics.iter().filter_map(|topic| topic.record.as_ref()).map(|record| record.columns().to_arrow());
    let mut names = Vec::new();
    for schema in own.chain(tables.iter().map(|table| table.schema().clone())) {
        schema.fields().iter().for_each(|field| add_names(field, &mut names));
    }
    names
}

fn add_names(field: &Field, names: &mut Vec<String>) {
    names.push(field.name().clone());
    if let DataType::Struct(fields) = field.data_type() {
        fields.iter().for_each(|field| add_names(field, names));
    }
}

/// Registers the tables that topics are joined with.
///
/// # Errors
/// A usage error when one has the name of a topic or of another.
pub fn register_still(
    context: &SessionContext,
    catalog: &Catalog,
    prefix: &str,
    tables: &[Arc<Table>],
) -> Result<()> {
    for table in tables {
        let name = table.name();
        if catalog.topic(&format!("{prefix}{name}")).or_else(|_| catalog.topic(name)).is_ok() {
            return Err(
                Error::usage(format!("table '{name}' has the name of a topic")).hint("name it otherwise")
            );
        }
        let provider = Arc::new(StillTable(table.clone()));
        let before = context.register_table(TableReference::bare(name), provider).map_err(of_planning)?;
        if before.is_some() {
            return Err(Error::usage(format!("table '{name}' is there twice")));
        }
    }
    Ok(())
}

/// Sees to it that a topic's records have the time column `time`.
///
/// # Errors
/// A usage error when they do not.
pub fn check_time(topic: &Topic, time: &str) -> Result<()> {
    if [RECORD_TIME, ARRIVAL_TIME].contains(&time) {
        return Ok(());
    }
    let columns = topic.record.as_ref().map(Record::columns).unwrap_or_default();
    match columns.field(time).map(|field| &field.kind) {
        Some(Type::Timestamp) => Ok(()),
        Some(kind) => Err(Error::usage(format!("time column '{time}' is {kind}, not TIMESTAMP"))
            .hint(format!("{RECORD_TIME} is when Kafka got the record"))),
        None => {
            let unknown = Error::usage(format!("there is no time column '{time}' in topic '{}'", topic.name));
            let names = columns.fields.iter().map(|field| field.name.as_str()).chain([RECORD_TIME]);
            Err(suggest(unknown, time, names))
        }
    }
}

/// Registers a topic under its name, without the prefix of the environment and with it. When a record was
/// read is a column only where the query has it `named`, so that `SELECT *` gives the same rows each time.
///
/// # Errors
/// A usage error when a derived column of the catalog cannot be planned.
pub fn register(
    context: &SessionContext,
    topic: &Topic,
    prefix: &str,
    named: impl Fn(&str) -> bool,
) -> Result<()> {
    let Some(record) = &topic.record else { return Ok(()) };
    let short = topic.name.strip_prefix(prefix).unwrap_or(&topic.name);
    let view = view(context, topic, record, named)?;
    let names = std::iter::once(short).chain((!prefix.is_empty()).then_some(topic.name.as_str()));
    for name in names {
        context.register_table(TableReference::bare(name), view.clone()).map_err(of_planning)?;
    }
    Ok(())
}

/// `SELECT *, total AS total_amount, …`; what a query does not use of it is not computed.
fn view(
    context: &SessionContext,
    topic: &Topic,
    record: &Record,
    named: impl Fn(&str) -> bool,
) -> Result<Arc<dyn TableProvider>> {
    let source: Arc<dyn TableProvider> =
        Arc::new(SourceTable { topic: topic.name.clone(), columns: columns(record) });
    let name = TableReference::bare(topic.name.as_str());
    let scan =
        LogicalPlanBuilder::scan(name, provider_as_source(source.clone()), None).map_err(of_planning)?;
    let schema = source.schema();
    let names = schema.fields().iter().map(|field| field.name());
    let shown = names.filter(|name| *name != ARRIVAL_TIME || named(ARRIVAL_TIME));
    let mut selected: Vec<_> = shown.map(ident).collect();
    let hidden = |name: &str, sql: &str| sql.contains(ARRIVAL_TIME) && !named(name);
    for (name, sql) in record.derived.iter().filter(|(name, sql)| !hidden(name, sql)) {
        let place = |error: Error| error.at(format!("derived column '{name}' of topic '{}'", topic.name));
        let parsed = parse::expression(sql).map_err(place)?;
        let expression = context.state().create_logical_expr_from_sql_expr(parsed, scan.schema());
        let expression = expression.map_err(|error| place(of_planning(error)))?;
        selected.push(expression.alias(name));
    }
    let plan = scan.project(selected).and_then(LogicalPlanBuilder::build).map_err(of_planning)?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

#[cfg(test)]
mod tests {
    use crate::catalog::Catalog;
    use crate::query::plan::StreamPlan;
    use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray, TimestampMicrosecondArray};
    use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
    use std::sync::Arc;

    /// The one column of a query over rows of one column.
    fn derived(sql: &str, rows: impl Fn() -> ArrayRef) -> ArrayRef {
        let plan = StreamPlan::new(sql, &Catalog::built_in().expect("valid"), "", None).expect("plans");
        let stage = &plan.stages.stages[0];
        let slot = &stage.leaves[0].slot;
        slot.put(vec![RecordBatch::try_new(slot.schema().clone(), vec![rows()]).expect("one column")]);
        plan.run(stage).expect("runs")[0].column(0).clone()
    }

    #[test]
    fn the_category_of_a_page_is_that_of_its_path() {
        for (url, expected) in [
            (Some("https://shop.example/products/42?ref=/cart"), Some("product")),
            (Some("/category/shoes"), Some("category")),
            (Some("http://shop.example/Cart"), Some("cart")),
            (Some("/checkout/payment"), Some("checkout")),
            (Some("https://shop.example/search?q=home"), Some("search")),
            (Some("/account/orders"), Some("account")),
            (Some("https://shop.example"), Some("home")),
            (Some("/"), Some("home")),
            (Some("/?utm=x"), Some("home")),
            (Some("https://shop.example/about"), Some("other")),
            (None, None),
        ] {
            let sql = "SELECT page_category FROM `user-events`";
            let found = derived(sql, || Arc::new(StringArray::from(vec![url])));
            assert_eq!(found.as_string::<i32>().iter().next(), Some(expected), "{url:?}");
        }
    }

    #[test]
    fn parts_of_a_time_and_the_time_of_processing_are_columns() {
        let sunday = || Arc::new(TimestampMicrosecondArray::from(vec![1_753_610_889_012_345])) as ArrayRef;
        for topic in ["transactions", "`user-events`"] {
            let hour = derived(&format!("SELECT hour_of_day FROM {topic}"), sunday);
            assert_eq!(hour.as_primitive::<Int32Type>().values(), &[10]);
            let arrived = derived(&format!("SELECT processing_timestamp FROM {topic}"), sunday);
            assert_eq!(arrived.as_primitive::<TimestampMicrosecondType>().values(), &[1_753_610_889_012_345]);
        }
        let day = derived("SELECT day_of_week FROM transactions", sunday);
        assert_eq!(day.as_primitive::<Int32Type>().values(), &[1]);
    }
}
