//! Sums and averages that may not fit their type: they are made in a wider one, and cast to their own behind it. So one that
//! is too large fails as an expression does, on its row, where DataFusion's sum wraps and its average ends the query.

use arrow::datatypes::DataType::{self, Decimal128, Decimal256, Int64};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, LogicalPlan, Projection, cast};
use datafusion::optimizer::AnalyzerRule;
use std::sync::Arc;

/// A sum of decimals has ten digits more than what is summed, and an average four: up to these precisions 38 digits are enough.
const SUMMED: u8 = 28;
const AVERAGED: u8 = 34;

/// A BIGINT has so many digits.
const DIGITS: u8 = 19;

/// Widens the aggregates that may not fit. It comes after the types are known.
#[derive(Debug, Default)]
pub struct WideSums;

impl AnalyzerRule for WideSums {
    fn name(&self) -> &str {
        "wide_sums"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let widen = |node: LogicalPlan| match &node {
            LogicalPlan::Aggregate(aggregate) => {
                Ok(widened(aggregate)?.map_or_else(|| Transformed::no(node), Transformed::yes))
            }
            _ => Ok(Transformed::no(node)),
        };
        plan.transform_up_with_subqueries(widen).map(|transformed| transformed.data)
    }
}

/// The aggregate with wide sums, below a projection that gives what it gave; none where all fits.
fn widened(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let own = aggregate.aggr_expr.iter().map(|expression| wide(expression, aggregate));
    let own: Vec<Option<Expr>> = own.collect::<Result<_>>()?;
    if own.iter().all(Option::is_none) {
        return Ok(None);
    }
    let each = own.into_iter().zip(&aggregate.aggr_expr);
    let each = each.map(|(wide, narrow)| wide.unwrap_or_else(|| narrow.clone())).collect();
    let wide = Aggregate::try_new(aggregate.input.clone(), aggregate.group_expr.clone(), each)?;
    let given = aggregate.schema.iter().zip(wide.schema.fields()).map(|((qualifier, field), wide)| {
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        if field.data_type() == wide.data_type() {
            return column;
        }
        cast(column, field.data_type().clone()).alias_qualified(qualifier.cloned(), field.name())
    });
    let given = given.collect();
    let given = Projection::try_new(given, Arc::new(LogicalPlan::Aggregate(wide)))?;
    Ok(Some(LogicalPlan::Projection(given)))
}

/// The same aggregate of a wider type, under the same name; none where its result fits.
fn wide(expression: &Expr, of: &Aggregate) -> Result<Option<Expr>> {
    let Expr::AggregateFunction(mut aggregate) = expression.clone().unalias() else { return Ok(None) };
    let (name @ ("sum" | "avg"), [argument]) = (aggregate.func.name(), &mut aggregate.params.args[..]) else {
        return Ok(None);
    };
    let kind = match (name, argument.get_type(of.input.schema())?) {
        ("sum", Int64) if !was_shorter(argument, of)? => Decimal128(DIGITS, 0),
        ("sum", Decimal128(precision, scale)) if precision > SUMMED => Decimal256(precision, scale),
        ("avg", Decimal128(precision, scale)) if precision > AVERAGED => Decimal256(precision, scale),
        _ => return Ok(None),
    };
    *argument = cast(std::mem::take(argument), kind);
    Ok(Some(Expr::AggregateFunction(aggregate).alias(expression.schema_name().to_string())))
}

/// Whether a BIGINT was a shorter number: no topic has so many of them that their sum would not fit.
fn was_shorter(argument: &Expr, of: &Aggregate) -> Result<bool> {
    let Expr::Cast(cast) = argument else { return Ok(false) };
    let kind = cast.expr.get_type(of.input.schema())?;
    Ok(matches!(kind, DataType::Int8 | DataType::Int16 | DataType::Int32))
}
