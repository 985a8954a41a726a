//! Which record a row was made of: its partition and offset, carried behind the columns of what an outer join keeps. So a row
//! that comes out when its record was read long ago can still be told by it.

use super::event_time::topic_of;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema, SchemaRef};
use datafusion::common::Column;
use datafusion::logical_expr::{
    Expr, Filter, LogicalPlan, Projection, SubqueryAlias, TableScan, TableScanBuilder,
};
use std::sync::Arc;

/// What is carried, as a topic has it and as it is called behind the columns of rows.
const CARRIED: [(&str, &str); 2] = [("_partition", "__partition"), ("_offset", "__offset")];

/// Under this name the schema of rows says which topic they are of.
const TOPIC: &str = "topic";

/// A record, by its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
}

/// The plan with the place of each row's record behind its columns, and the topic of all these records. None where a row may
/// be made of several records, or of those of several topics.
pub fn with_places(plan: &LogicalPlan) -> Option<(LogicalPlan, String)> {
    let (wide, topic) = widened(plan)?;
    let is_alike = plan.schema().iter().zip(wide.schema().iter()).all(|(own, wide)| own == wide);
    is_alike.then_some((wide, topic))
}

fn widened(plan: &LogicalPlan) -> Option<(LogicalPlan, String)> {
    match plan {
        LogicalPlan::TableScan(scan) => Some((of_scan(plan, scan)?, topic_of(scan)?)),
        LogicalPlan::Projection(projection) => {
            let (input, topic) = widened(&projection.input)?;
            let carried = columns(&input).skip(input.schema().fields().len() - CARRIED.len());
            let expressions: Vec<Expr> = projection.expr.iter().cloned().chain(carried).collect();
            let wide = Projection::try_new(expressions, Arc::new(input)).ok()?;
            Some((LogicalPlan::Projection(wide), topic))
        }
        LogicalPlan::Filter(filter) => {
            let (input, topic) = widened(&filter.input)?;
            let wide = Filter::try_new(filter.predicate.clone(), Arc::new(input)).ok()?;
            Some((LogicalPlan::Filter(wide), topic))
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let (input, topic) = widened(&alias.input)?;
            let wide = SubqueryAlias::try_new(Arc::new(input), alias.alias.clone()).ok()?;
            Some((LogicalPlan::SubqueryAlias(wide), topic))
        }
        _ => None,
    }
}

/// A scan of a topic that has more columns, and behind those that it had the places.
fn of_scan(plan: &LogicalPlan, scan: &TableScan) -> Option<LogicalPlan> {
    let all = scan.source.schema();
    let mut taken = scan.projection.clone().unwrap_or_else(|| (0..all.fields().len()).collect());
    for (name, _) in CARRIED {
        let at = all.index_of(name).ok()?;
        if !taken.contains(&at) {
            taken.push(at);
        }
    }
    let wide = TableScanBuilder::from(scan.clone()).with_projection(Some(taken)).build().ok()?;
    let carried = CARRIED
        .map(|(name, carried)| Expr::Column(Column::new(Some(scan.table_name.clone()), name)).alias(carried));
    let expressions: Vec<Expr> = columns(plan).chain(carried).collect();
    let wide = Arc::new(LogicalPlan::TableScan(wide));
    Projection::try_new(expressions, wide).ok().map(LogicalPlan::Projection)
}

fn columns(plan: &LogicalPlan) -> impl Iterator<Item = Expr> {
    let columns = plan.schema().iter();
    columns.map(|(qualifier, field)| Expr::Column(Column::new(qualifier.cloned(), field.name())))
}

/// The columns of rows of a topic that have the places of their records behind their own.
pub fn schema(own: &SchemaRef, topic: &str) -> SchemaRef {
    let kinds = [DataType::Int32, DataType::Int64];
    let carried = CARRIED.iter().zip(kinds);
    let carried = carried.map(|((_, name), kind)| Arc::new(Field::new(*name, kind, true)));
    let fields: Vec<_> = own.fields().iter().cloned().chain(carried).collect();
    Arc::new(Schema::new_with_metadata(fields, [(TOPIC.into(), topic.into())].into()))
}

/// The record of the first of some rows whose own columns are so many; none where they do not say it.
pub fn of_row(rows: &RecordBatch, own: usize) -> Option<Place> {
    let topic = rows.schema_ref().metadata().get(TOPIC)?.clone();
    let [partitions, offsets] = rows.columns().get(own..)? else { return None };
    let partition = partitions.as_primitive_opt::<Int32Type>()?;
    let offset = offsets.as_primitive_opt::<Int64Type>()?;
    let is_known = rows.num_rows() > 0 && partition.is_valid(0) && offset.is_valid(0);
    is_known.then(|| Place { topic, partition: partition.value(0), offset: offset.value(0) })
}
