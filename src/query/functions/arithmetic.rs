//! Arithmetic as Spark's ANSI mode has it: integers do not overflow in silence, `/` gives a DOUBLE, and a
//! division by zero is an error.

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, PrimitiveArray};
use arrow::compute::kernels::numeric;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use datafusion::common::{DFSchema, Result, exec_err, plan_err};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    cast,
};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::BinaryOperator;
use std::sync::Arc;

/// Plans the operators whose meaning differs from DataFusion's.
#[derive(Debug, Default)]
pub struct SparkArithmetic;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    /// `div`: the whole part of a quotient.
    Whole,
}

/// An operation on two numbers. Where it has no result, it is an error, or null for the `try_` functions.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Arithmetic {
    operation: Operation,
    lenient: bool,
    signature: Signature,
}

impl ExprPlanner for SparkArithmetic {
    fn plan_binary_op(&self, raw: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let operation = match raw.op {
            BinaryOperator::Plus => Operation::Add,
            BinaryOperator::Minus => Operation::Subtract,
            BinaryOperator::Multiply => Operation::Multiply,
            BinaryOperator::Divide => Operation::Divide,
            BinaryOperator::Modulo => Operation::Remainder,
            BinaryOperator::MyIntegerDivide => Operation::Whole,
            _ => return Ok(PlannerResult::Original(raw)),
        };
        let (Ok(left), Ok(right)) = (raw.left.get_type(schema), raw.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(raw));
        };
        // A text beside a number is read as one.
        let (raw_left, left) = as_number(raw.left, left, &right, operation);
        let (raw_right, right) = as_number(raw.right, right, &left, operation);
        if operation.result(&left, &right).is_none() {
            let raw = RawBinaryExpr { op: raw.op, left: raw_left, right: raw_right };
            return Ok(PlannerResult::Original(raw));
        }
        let function = ScalarUDF::from(Arithmetic::new(operation, false));
        Ok(PlannerResult::Planned(function.call(vec![narrow(raw_left), narrow(raw_right)])))
    }
}

fn as_number(text: Expr, kind: DataType, other: &DataType, operation: Operation) -> (Expr, DataType) {
    let number = match other {
        _ if kind != DataType::Utf8 => return (text, kind),
        other if other.is_floating() => DataType::Float64,
        other if other.is_integer() && operation == Operation::Divide => DataType::Float64,
        other if other.is_integer() => DataType::Int64,
        _ => return (text, kind),
    };
    (cast(text, number.clone()), number)
}

/// A whole number in the text is an INT where it fits, as in Spark.
fn narrow(expression: Expr) -> Expr {
    match expression {
        Expr::Literal(ScalarValue::Int64(Some(number)), metadata) => match i32::try_from(number) {
            Ok(number) => Expr::Literal(ScalarValue::Int32(Some(number)), metadata),
            Err(_) => Expr::Literal(ScalarValue::Int64(Some(number)), metadata),
        },
        other => other,
    }
}

/// The `try_` functions, which give null where the operator fails.
pub fn functions() -> Vec<ScalarUDF> {
    use Operation::{Add, Divide, Multiply, Remainder, Subtract};
    let all = [Add, Subtract, Multiply, Divide, Remainder];
    all.into_iter().map(|operation| ScalarUDF::from(Arithmetic::new(operation, true))).collect()
}

impl Operation {
    /// The type of a result; none where DataFusion's own operator serves.
    fn result(self, left: &DataType, right: &DataType) -> Option<DataType> {
        let number = |kind: &DataType| kind.is_integer() || kind.is_floating() || kind.is_null();
        let integers = !left.is_floating() && !right.is_floating();
        if !number(left) || !number(right) || (left.is_null() && right.is_null()) {
            return None;
        }
        match self {
            Self::Divide => Some(DataType::Float64),
            Self::Whole => integers.then_some(DataType::Int64),
            Self::Remainder if !integers => Some(DataType::Float64),
            _ => integers.then(|| wider(left, right)),
        }
    }

    fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Whole => "div",
        }
    }

    fn name(self, lenient: bool) -> &'static str {
        match (self, lenient) {
            (Self::Add, true) => "try_add",
            (Self::Subtract, true) => "try_subtract",
            (Self::Multiply, true) => "try_multiply",
            (Self::Divide, true) => "try_divide",
            (Self::Remainder, true) => "try_mod",
            _ => self.symbol(),
        }
    }
}

fn wider(left: &DataType, right: &DataType) -> DataType {
    let rank = |kind: &DataType| match kind {
        DataType::Null => 0,
        DataType::Int8 => 1,
        DataType::Int16 | DataType::UInt8 => 2,
        DataType::Int32 | DataType::UInt16 => 3,
        _ => 4,
    };
    match rank(left).max(rank(right)) {
        1 => DataType::Int8,
        2 => DataType::Int16,
        3 => DataType::Int32,
        _ => DataType::Int64,
    }
}

impl Arithmetic {
    fn new(operation: Operation, lenient: bool) -> Self {
        Self { operation, lenient, signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn kind(&self, types: &[DataType]) -> Result<DataType> {
        let name = self.operation.name(self.lenient);
        let [left, right] = types else { return plan_err!("{name} takes two numbers") };
        match self.operation.result(left, right) {
            Some(kind) => Ok(kind),
            // What the operators leave to DataFusion, the functions have to do.
            None if left.is_numeric() && right.is_numeric() => Ok(DataType::Float64),
            None => plan_err!("{name} takes two numbers, not {left} and {right}"),
        }
    }
}

impl ScalarUDFImpl for Arithmetic {
    fn name(&self) -> &str {
        self.operation.name(self.lenient)
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let kind = self.kind(types)?;
        Ok(vec![kind.clone(), kind])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.kind(types)
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        match arguments {
            [left, right] if !self.lenient => {
                Ok(format!("{} {} {}", left.schema_name(), self.name(), right.schema_name()))
            }
            _ => Ok(format!(
                "{}({})",
                self.name(),
                arguments.iter().map(Expr::to_string).collect::<Vec<_>>().join(", ")
            )),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = arguments.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { arguments.number_rows };
        let [left, right] = &arguments.args[..] else {
            return exec_err!("{} takes two numbers", self.name());
        };
        let (left, right) = (left.to_array(rows)?, right.to_array(rows)?);
        let result = match left.data_type() {
            DataType::Float64 => self.floats(left.as_primitive(), right.as_primitive())?,
            DataType::Int8 => self.integers::<Int8Type>(&left, &right)?,
            DataType::Int16 => self.integers::<Int16Type>(&left, &right)?,
            DataType::Int32 => self.integers::<Int32Type>(&left, &right)?,
            _ => self.integers::<Int64Type>(&left, &right)?,
        };
        match constant {
            true => ScalarValue::try_from_array(&result, 0).map(ColumnarValue::Scalar),
            false => Ok(ColumnarValue::Array(result)),
        }
    }
}

impl Arithmetic {
    fn floats(&self, left: &Float64Array, right: &Float64Array) -> Result<ArrayRef> {
        let zero = |row: usize| right.is_valid(row) && right.value(row) == 0.0;
        let compute = |left: f64, right: f64| match self.operation {
            Operation::Add => left + right,
            Operation::Subtract => left - right,
            Operation::Multiply => left * right,
            Operation::Divide => left / right,
            Operation::Remainder | Operation::Whole => left % right,
        };
        if !matches!(self.operation, Operation::Divide | Operation::Remainder) {
            return Ok(Arc::new(arrow::compute::binary::<_, _, _, Float64Type>(left, right, compute)?));
        }
        if self.lenient {
            let quotients = (0..left.len()).map(|row| {
                (left.is_valid(row) && right.is_valid(row) && !zero(row))
                    .then(|| compute(left.value(row), right.value(row)))
            });
            return Ok(Arc::new(quotients.collect::<Float64Array>()));
        }
        if right.values().contains(&0.0) && (0..right.len()).any(|row| zero(row) && left.is_valid(row)) {
            return self.by_zero();
        }
        Ok(Arc::new(arrow::compute::binary::<_, _, _, Float64Type>(left, right, compute)?))
    }

    fn integers<T: ArrowPrimitiveType>(&self, left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef> {
        let compute = match self.operation {
            Operation::Add => numeric::add,
            Operation::Subtract => numeric::sub,
            Operation::Multiply => numeric::mul,
            Operation::Divide | Operation::Whole => numeric::div,
            Operation::Remainder => numeric::rem,
        };
        match compute(left, right) {
            Ok(result) => Ok(result),
            Err(_) if self.lenient => {
                let one = |row| {
                    let result = compute(&left.slice(row, 1), &right.slice(row, 1)).ok()?;
                    let result = result.as_primitive::<T>();
                    result.is_valid(0).then(|| result.value(0))
                };
                Ok(Arc::new((0..left.len()).map(one).collect::<PrimitiveArray<T>>()))
            }
            Err(arrow::error::ArrowError::DivideByZero) => self.by_zero(),
            Err(_) => {
                let (symbol, kind) = (self.operation.symbol(), left.data_type());
                exec_err!("'{symbol}' overflows {}: cast to a larger type", super::spark_name(kind))
            }
        }
    }

    fn by_zero(&self) -> Result<ArrayRef> {
        let instead = if self.operation == Operation::Remainder { "try_mod" } else { "try_divide" };
        exec_err!("'{}' by zero: {instead}(a, b) gives null instead", self.operation.symbol())
    }
}
