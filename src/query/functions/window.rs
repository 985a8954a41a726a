//! The functions of time that Spark's SQL has and DataFusion lacks.

use crate::query::window::start_of;
use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, Field, Fields, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

/// The name of the function that stands for a window in a GROUP BY.
pub const WINDOW: &str = "window";

/// The name of the function that stands for a session in a GROUP BY.
pub const SESSION_WINDOW: &str = "session_window";

/// The name of the function that gives the last instant of a window.
pub const WINDOW_TIME: &str = "window_time";

/// The type of a time: microseconds since the epoch, UTC.
pub fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// The fields of a window: its start and its end.
pub fn window_fields() -> Fields {
    Fields::from(vec![Field::new("start", time_type(), true), Field::new("end", time_type(), true)])
}

/// Those that a query may name.
pub fn functions() -> [ScalarUDF; 3] {
    [
        ScalarUDF::from(WindowFunction::new(WINDOW)),
        ScalarUDF::from(WindowFunction::new(SESSION_WINDOW)),
        ScalarUDF::from(WindowTime::default()),
    ]
}

/// `window(time, size[, slide[, start]])` and `session_window(time, gap)`: markers in GROUP BY that planning
/// replaces; never executed.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct WindowFunction {
    name: &'static str,
    signature: Signature,
}

impl WindowFunction {
    /// The marker called `name`: [`WINDOW`] or [`SESSION_WINDOW`].
    pub fn new(name: &'static str) -> Self {
        Self { name, signature: Signature::variadic_any(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for WindowFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let time = arguments.first().unwrap_or(&DataType::Null);
        let is_window = matches!(time, DataType::Struct(fields) if *fields == window_fields());
        if !is_window && !matches!(time, DataType::Timestamp(..) | DataType::Date32) {
            let kind = super::spark_name(time);
            return plan_err!("{} takes a TIMESTAMP first, not a {kind}: to_timestamp makes one", self.name);
        }
        match (self.name, arguments.len()) {
            (WINDOW, 2..=4) | (SESSION_WINDOW, 2) => Ok(DataType::Struct(window_fields())),
            (WINDOW, _) => plan_err!("window takes a time, a size, and if wanted a slide and a start"),
            _ => plan_err!("session_window takes a time and a gap"),
        }
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        exec_err!("{}(…) stands in GROUP BY only", self.name)
    }
}

/// `window_time(window)`: the last instant that is in a window, a microsecond before its end.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct WindowTime(Signature);

impl Default for WindowTime {
    fn default() -> Self {
        Self(Signature::any(1, Volatility::Immutable))
    }
}

impl ScalarUDFImpl for WindowTime {
    fn name(&self) -> &str {
        WINDOW_TIME
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [DataType::Struct(fields)] if *fields == window_fields() => Ok(time_type()),
            _ => plan_err!("window_time takes a window"),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let windows: ArrayRef = arguments.args[0].clone().into_array(arguments.number_rows)?;
        let ends = windows.as_struct().column(1).as_primitive::<TimestampMicrosecondType>();
        let times: PrimitiveArray<TimestampMicrosecondType> = ends.unary(|end| end - 1);
        Ok(ColumnarValue::Array(Arc::new(times)))
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
