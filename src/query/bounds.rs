//! The time bound of a join: how far apart the times of two rows that match may be, read off the join's
//! conditions.

use crate::clock::Micros;
use crate::query::functions::time_type;
use crate::{Error, Result};
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::logical_expr::expr::{Cast, TryCast};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator};
use datafusion::scalar::ScalarValue;

/// The least and the most that the right row's time minus the left row's may be, in microseconds, for the
/// rows to match; what is not bounded is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// The time of a left row.
    pub left: Expr,
    /// The time of a right row.
    pub right: Expr,
    /// The least difference.
    pub lower: Option<Micros>,
    /// The largest difference.
    pub upper: Option<Micros>,
}

impl Bounds {
    /// Both bounds, where there are both.
    pub fn both(&self) -> Option<(Micros, Micros)> {
        self.lower.zip(self.upper)
    }

    /// Whether these are bounds between the same two times.
    pub fn alike(&self, other: &Self) -> bool {
        (&self.left, &self.right) == (&other.left, &other.right)
    }

    /// Takes the tighter of both bounds.
    pub fn tighten(&mut self, other: &Self) {
        self.lower = self.lower.max(other.lower);
        self.upper = self.upper.into_iter().chain(other.upper).min();
    }
}

/// The inputs of a join, and which of their expressions are event times.
pub struct Sides<'a, T: Fn(usize, &Expr) -> bool> {
    /// The columns of the left and of the right input.
    pub schemas: [&'a DFSchema; 2],
    /// Whether an expression over input 0 or 1 is an event time.
    pub is_time: T,
}

impl<T: Fn(usize, &Expr) -> bool> Sides<'_, T> {
    /// Whether all columns of an expression belong to one input.
    pub fn belongs(&self, side: usize, expression: &Expr) -> bool {
        let columns = expression.column_refs();
        !columns.is_empty() && columns.iter().all(|column| self.schemas[side].has_column(column))
    }

    /// The bounds that a condition sets, if it compares an event time of each side.
    ///
    /// # Errors
    /// A usage error when the times are compared with a span of no fixed length.
    pub fn bounds(&self, condition: &Expr) -> Result<Option<Bounds>> {
        let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else { return Ok(None) };
        let Some(op) = op.swap().and(Some(op)) else { return Ok(None) };
        let mut sum = Sum::default();
        if !(sum.add(left, 1) && sum.add(right, -1)) {
            return Ok(None);
        }
        let Some((left, right, sign)) = self.two_times(&sum) else { return Ok(None) };
        if !sum.fixed {
            let message = format!("the time bound '{condition}' has no fixed length");
            return Err(Error::usage(message).hint("write it in weeks, days, hours, minutes or seconds"));
        }
        // sign × (right - left) + constant OP 0
        let difference = -sign * sum.constant;
        let op = if sign > 0 { *op } else { op.swap().unwrap_or(*op) };
        let (lower, upper) = match op {
            Operator::Lt => (None, Some(difference.saturating_sub(1))),
            Operator::LtEq => (None, Some(difference)),
            Operator::Gt => (Some(difference.saturating_add(1)), None),
            Operator::GtEq => (Some(difference), None),
            Operator::Eq => (Some(difference), Some(difference)),
            _ => return Ok(None),
        };
        Ok(Some(Bounds { left, right, lower, upper }))
    }

    /// Whether the times are whole microseconds, so that the bounds say all that the conditions said.
    pub fn exact(&self, bounds: &Bounds) -> bool {
        let exact = |side: usize, time: &Expr| {
            let kind = time.get_type(self.schemas[side]).ok();
            matches!(kind, Some(DataType::Timestamp(TimeUnit::Microsecond, _)))
        };
        exact(0, &bounds.left) && exact(1, &bounds.right)
    }

    /// The left time, the right time, and with which sign the right one stands in the sum.
    fn two_times(&self, sum: &Sum) -> Option<(Expr, Expr, i64)> {
        let [(one, sign), (other, other_sign)] = &sum.terms[..] else { return None };
        if *sign != -other_sign {
            return None;
        }
        match (self.time(0, one), self.time(1, other)) {
            (Some(left), Some(right)) => Some((left, right, *other_sign)),
            _ => Some((self.time(0, other)?, self.time(1, one)?, *sign)),
        }
    }

    /// The event time that an expression is, without the casts around it.
    fn time(&self, side: usize, expression: &Expr) -> Option<Expr> {
        let is_time = |time: &Expr| self.belongs(side, time) && (self.is_time)(side, time);
        let bare = without_casts(expression);
        [bare, expression].into_iter().find(|time| is_time(time)).cloned()
    }
}

/// Casts between types of time that lose nothing.
fn without_casts(expression: &Expr) -> &Expr {
    match expression {
        Expr::Alias(alias) => without_casts(&alias.expr),
        Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => {
            let fine = |unit: &TimeUnit| matches!(unit, TimeUnit::Microsecond | TimeUnit::Nanosecond);
            match field.data_type() {
                DataType::Timestamp(unit, _) | DataType::Duration(unit) if fine(unit) => without_casts(expr),
                DataType::Interval(_) => without_casts(expr),
                _ => expression,
            }
        }
        other => other,
    }
}

/// A sum of times and constant spans.
struct Sum {
    /// What is added (1) or subtracted (-1) and is no constant.
    terms: Vec<(Expr, i64)>,
    /// The constants, in microseconds.
    constant: Micros,
    /// Whether all constants have a fixed length in microseconds.
    fixed: bool,
}

impl Default for Sum {
    fn default() -> Self {
        Self { terms: Vec::new(), constant: 0, fixed: true }
    }
}

impl Sum {
    /// Adds an expression `sign` times; whether it is a sum of times and spans.
    fn add(&mut self, expression: &Expr, sign: i64) -> bool {
        match without_casts(expression) {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Plus, right }) => {
                self.add(left, sign) && self.add(right, sign)
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Minus, right }) => {
                self.add(left, sign) && self.add(right, -sign)
            }
            Expr::Negative(inner) => self.add(inner, -sign),
            Expr::Literal(value, _) => self.add_span(value, sign),
            _ => {
                self.terms.push((expression.clone(), sign));
                true
            }
        }
    }

    fn add_span(&mut self, value: &ScalarValue, sign: i64) -> bool {
        let nanos = |days: i64, nanos: i64| i128::from(days) * 86_400_000_000_000 + i128::from(nanos);
        let (months, nanos) = match value {
            ScalarValue::IntervalYearMonth(Some(months)) => (*months, 0),
            ScalarValue::IntervalDayTime(Some(span)) => {
                (0, nanos(span.days.into(), i64::from(span.milliseconds) * 1_000_000))
            }
            ScalarValue::IntervalMonthDayNano(Some(span)) => {
                (span.months, nanos(span.days.into(), span.nanoseconds))
            }
            ScalarValue::DurationSecond(Some(span)) => (0, i128::from(*span) * 1_000_000_000),
            ScalarValue::DurationMillisecond(Some(span)) => (0, i128::from(*span) * 1_000_000),
            ScalarValue::DurationMicrosecond(Some(span)) => (0, i128::from(*span) * 1_000),
            ScalarValue::DurationNanosecond(Some(span)) => (0, i128::from(*span)),
            _ => return false,
        };
        let micros = Micros::try_from(nanos / 1_000).ok();
        self.fixed &= months == 0 && nanos % 1_000 == 0 && micros.is_some();
        self.constant = self.constant.saturating_add(sign * micros.unwrap_or_default());
        true
    }
}

/// A time as the operator reads it: microseconds.
pub fn in_micros(time: Expr, schema: &DFSchema) -> datafusion::common::Result<Expr> {
    match time.get_type(schema)? {
        DataType::Timestamp(TimeUnit::Microsecond, _) => Ok(time),
        _ => time.cast_to(&time_type(), schema),
    }
}
