//! The functions of time that Spark's SQL has and DataFusion lacks.

use super::window::start_of;
use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, Field, Fields, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

/// The name of the function that stands for a window in a GROUP BY.
pub const WINDOW: &str = "window";

/// The type of a time: microseconds since the epoch, UTC.
pub fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// The fields of a window: its start and its end.
pub fn window_fields() -> Fields {
    Fields::from(vec![Field::new("start", time_type(), true), Field::new("end", time_type(), true)])
}

/// `window(time, size[, slide[, start]])`: a marker in GROUP BY that planning replaces; never executed.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct WindowFunction(Signature);

impl Default for WindowFunction {
    fn default() -> Self {
        Self(Signature::variadic_any(Volatility::Immutable))
    }
}

impl ScalarUDFImpl for WindowFunction {
    fn name(&self) -> &str {
        WINDOW
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        if !(2..=4).contains(&arguments.len()) {
            return plan_err!("window takes a time, a size, and if wanted a slide and a start");
        }
        Ok(DataType::Struct(window_fields()))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        exec_err!("window(…) stands in GROUP BY only")
    }
}

/// `__pane(time, width, offset)`: the start of the pane that contains the time; null for null.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct PaneFunction(Signature);

impl Default for PaneFunction {
    fn default() -> Self {
        let arguments = vec![time_type(), DataType::Int64, DataType::Int64];
        Self(Signature::exact(arguments, Volatility::Immutable))
    }
}

impl ScalarUDFImpl for PaneFunction {
    fn name(&self) -> &str {
        "__pane"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(time_type())
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let number = |index: usize| match arguments.args.get(index) {
            Some(ColumnarValue::Scalar(ScalarValue::Int64(Some(number)))) => Ok(*number),
            Some(ColumnarValue::Array(array)) => first(array),
            _ => exec_err!("__pane takes constant widths"),
        };
        let (width, offset) = (number(1)?, number(2)?);
        let times: ArrayRef = arguments.args[0].clone().into_array(arguments.number_rows)?;
        let panes: PrimitiveArray<TimestampMicrosecondType> =
            times.as_primitive::<TimestampMicrosecondType>().unary(|time| start_of(time, width, offset));
        Ok(ColumnarValue::Array(Arc::new(panes)))
    }
}

fn first(array: &ArrayRef) -> Result<i64> {
    match array.as_primitive_opt::<Int64Type>() {
        Some(numbers) if !numbers.is_empty() => Ok(numbers.value(0)),
        _ => exec_err!("__pane takes constant widths"),
    }
}
