//! A topic as a table: its record's columns, Kafka's, and those that are derived from them.

use super::error::of_planning;
use super::functions::time_type;
use super::slot::SourceTable;
use crate::catalog::{Catalog, Record, Topic};
use crate::{Error, Result};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{LogicalPlanBuilder, ident};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use std::sync::Arc;

/// The columns that Kafka gives every record: name and type.
pub const KAFKA_COLUMNS: [&str; 5] = ["_key", "_topic", "_partition", "_offset", "_timestamp"];

/// All columns that a query may read from a topic, before the derived ones.
pub fn columns(record: &Record) -> SchemaRef {
    let own = record.columns().to_arrow();
    let kinds = [DataType::Utf8, DataType::Utf8, DataType::Int32, DataType::Int64, time_type()];
    let kafka =
        KAFKA_COLUMNS.into_iter().zip(kinds).map(|(name, kind)| Arc::new(Field::new(name, kind, true)));
    let fields: Vec<_> = own.fields().iter().cloned().chain(kafka).collect();
    Arc::new(Schema::new(fields))
}

/// The topic that a query reads.
///
/// # Errors
/// A usage error when there is none, several, or one that the catalog does not know.
pub fn only_topic(
    state: &SessionState,
    statement: &Statement,
    catalog: &Catalog,
    prefix: &str,
) -> Result<Topic> {
    let tables = state.resolve_table_references(statement).map_err(of_planning)?;
    let name = match &tables[..] {
        [table] => table.table(),
        [] => return Err(Error::usage("the query reads no topic").hint("write SELECT … FROM a topic")),
        _ => return Err(Error::usage("the query reads several topics; it can read one")),
    };
    let found =
        catalog.topic(&format!("{prefix}{name}")).or_else(|error| catalog.topic(name).map_err(|_| error))?;
    match &found.record {
        Some(_) => Ok(found.clone()),
        None => Err(Error::usage(format!("topic '{name}' holds dead letters, which have no columns"))),
    }
}

/// Registers a topic under its name, without the prefix of the environment and with it.
///
/// # Errors
/// A usage error when a derived column of the catalog cannot be planned.
pub async fn register(context: &SessionContext, topic: &Topic, prefix: &str) -> Result<()> {
    let Some(record) = &topic.record else { return Ok(()) };
    let short = topic.name.strip_prefix(prefix).unwrap_or(&topic.name);
    let view = view(context, topic, record)?;
    let names = std::iter::once(short).chain((!prefix.is_empty()).then_some(topic.name.as_str()));
    for name in names {
        context.register_table(TableReference::bare(name), view.clone()).map_err(of_planning)?;
    }
    Ok(())
}

/// `SELECT *, total AS total_amount, …`; what a query does not use of it is not computed.
fn view(context: &SessionContext, topic: &Topic, record: &Record) -> Result<Arc<dyn TableProvider>> {
    let source: Arc<dyn TableProvider> = Arc::new(SourceTable(columns(record)));
    let name = TableReference::bare(topic.name.as_str());
    let scan =
        LogicalPlanBuilder::scan(name, provider_as_source(source.clone()), None).map_err(of_planning)?;
    let mut selected: Vec<_> = source.schema().fields().iter().map(|field| ident(field.name())).collect();
    for (name, sql) in &record.derived {
        let expression = context.state().create_logical_expr(sql, scan.schema()).map_err(|error| {
            of_planning(error).at(format!("derived column '{name}' of topic '{}'", topic.name))
        })?;
        selected.push(expression.alias(name));
    }
    let plan = scan.project(selected).and_then(LogicalPlanBuilder::build).map_err(of_planning)?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}
