//! Why a join of two streams cannot run, and what to write instead.

use super::bounds::Bounds;
use crate::Error;
use crate::clock::Micros;
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, JoinType};
use datafusion::logical_expr::{Expr, Join, LogicalPlan, TableScan};

/// A join that gives rows of one side only.
pub fn kind(join: &Join) -> Error {
    let what = match join.join_type {
        JoinType::LeftSemi | JoinType::RightSemi => "IN or EXISTS over a stream (a semi join)",
        JoinType::LeftAnti | JoinType::RightAnti => "NOT IN or NOT EXISTS over a stream (an anti join)",
        _ => "IN or EXISTS over a stream inside another condition",
    };
    let hint = match join.join_type {
        JoinType::LeftAnti | JoinType::RightAnti => {
            "write a LEFT JOIN with a time bound, and keep the rows whose right columns are null"
        }
        _ => "write a JOIN with an equality and a time bound",
    };
    Error::usage(format!("{what} is not supported")).hint(hint)
}

/// A join without `a.x = b.x`.
pub fn no_equality(join: &Join) -> Error {
    let [a, b] = aliases(join);
    Error::usage(format!("{} has no equality, so every row would meet every other", named(join)))
        .hint(format!("write ON {a}.… = {b}.… with a column that both have, and a time bound"))
}

/// A join whose rows could match for ever.
pub fn unbounded(
    join: &Join,
    found: Option<&Bounds>,
    lag_of: &impl Fn(&LogicalPlan, &Expr) -> Option<Micros>,
) -> Error {
    let time = |side: usize, input, given: Option<&Expr>| {
        let time = given.cloned().or_else(|| event_time(input, lag_of));
        time.map_or_else(|| format!("{}.timestamp", aliases(join)[side]), |time| in_sql(&time))
    };
    let left = time(0, &join.left, found.map(|bounds| &bounds.left));
    let right = time(1, &join.right, found.map(|bounds| &bounds.right));
    let (missing, clause) = match found {
        Some(Bounds { lower: Some(_), .. }) => {
            ("upper time bound", format!("{right} <= {left} + INTERVAL 2 MINUTES"))
        }
        Some(Bounds { upper: Some(_), .. }) => {
            ("lower time bound", format!("{right} >= {left} - INTERVAL 2 MINUTES"))
        }
        _ => {
            let span = "INTERVAL 2 MINUTES";
            ("time bound", format!("{right} BETWEEN {left} - {span} AND {left} + {span}"))
        }
    };
    let message = format!("{} has no {missing}, so its state would grow for ever", named(join));
    Error::usage(message).hint(format!("add AND {clause} to its ON clause, with the interval that you need"))
}

/// Bounds that exclude each other.
pub fn never(join: &Join) -> Error {
    let message = format!("{} can match nothing: its time bounds exclude each other", named(join));
    Error::usage(message).hint("the lower bound is above the upper one")
}

fn named(join: &Join) -> String {
    let name = |input, word: &str| {
        table(input).map_or(format!("its {word} side"), |scan| format!("`{}`", scan.table_name.table()))
    };
    format!("the join of {} and {}", name(&join.left, "left"), name(&join.right, "right"))
}

/// The names by which the query calls both sides.
fn aliases(join: &Join) -> [String; 2] {
    let alias = |input: &LogicalPlan, other: &str| {
        let known = input.schema().iter().find_map(|(table, _)| table.map(|table| quoted(table.table())));
        known.unwrap_or_else(|| other.to_string())
    };
    [alias(&join.left, "a"), alias(&join.right, "b")]
}

/// A column of the input that is an event time, or would be if the query read it.
fn event_time(input: &LogicalPlan, lag_of: &impl Fn(&LogicalPlan, &Expr) -> Option<Micros>) -> Option<Expr> {
    let columns = input.schema().columns().into_iter().map(Expr::Column);
    let known = columns.clone().find(|column| lag_of(input, column).is_some());
    known.or_else(|| {
        let alias = input.schema().iter().find_map(|(table, _)| table.cloned());
        let fields = table(input)?.source.schema();
        let is_time = |kind: &DataType| matches!(kind, DataType::Timestamp(..));
        let time = fields.fields().iter().find(|field| is_time(field.data_type()))?;
        Some(Expr::Column(Column::new(alias, time.name())))
    })
}

/// The first table that an input reads.
fn table(input: &LogicalPlan) -> Option<TableScan> {
    let mut found = None;
    let _ = input.apply(|node| match node {
        LogicalPlan::TableScan(scan) => {
            found = Some(scan.clone());
            Ok(TreeNodeRecursion::Stop)
        }
        _ => Ok(TreeNodeRecursion::Continue),
    });
    found
}

fn in_sql(expression: &Expr) -> String {
    match expression {
        Expr::Column(Column { relation: Some(table), name, .. }) => {
            format!("{}.{}", quoted(table.table()), quoted(name))
        }
        other => other.to_string(),
    }
}

fn quoted(name: &str) -> String {
    let plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if plain { name.to_string() } else { format!("`{name}`") }
}
