//! `percentile(x, fraction)`: exact, between the two nearest values by their distance, as Spark's.

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Schema};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Signature, Volatility,
};
use std::sync::Arc;

/// The aggregate. DataFusion's own takes the distance in steps of a millionth.
pub fn percentile() -> AggregateUDF {
    AggregateUDF::from(Percentile(Signature::exact(
        vec![DataType::Float64, DataType::Float64],
        Volatility::Immutable,
    )))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Percentile(Signature);

impl AggregateUDFImpl for Percentile {
    fn name(&self) -> &str {
        "percentile"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let fraction = arguments.exprs[1].evaluate(&RecordBatch::new_empty(Arc::new(Schema::empty())));
        let Ok(ColumnarValue::Scalar(ScalarValue::Float64(Some(fraction @ 0.0..=1.0)))) = fraction else {
            return plan_err!("percentile takes a constant from 0 to 1: percentile(x, 0.9)");
        };
        Ok(Box::new(Values { fraction, distinct: arguments.is_distinct, values: Vec::new() }))
    }

    fn state_fields(&self, _: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let list = DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)));
        Ok(vec![Arc::new(Field::new("values", list, true))])
    }
}

/// All values.
#[derive(Debug)]
struct Values {
    fraction: f64,
    distinct: bool,
    values: Vec<f64>,
}

impl Accumulator for Values {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.values.extend(values[0].as_primitive::<Float64Type>().iter().flatten());
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        states[0].as_list::<i32>().iter().flatten().try_for_each(|state| self.update_batch(&[state]))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: Vec<_> = self.values.drain(..).map(|value| ScalarValue::Float64(Some(value))).collect();
        Ok(vec![ScalarValue::List(ScalarValue::new_list_nullable(&values, &DataType::Float64))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.distinct {
            self.values.sort_unstable_by(f64::total_cmp);
            self.values.dedup();
        }
        let Some(last) = self.values.len().checked_sub(1) else { return Ok(ScalarValue::Float64(None)) };
        let position = self.fraction * last as f64;
        let (below, above) = (position.floor(), position.ceil());
        let (_, lower, behind) = self.values.select_nth_unstable_by(below as usize, f64::total_cmp);
        let next = behind.iter().copied().min_by(f64::total_cmp);
        let value = match next {
            Some(next) if above > below => (above - position) * *lower + (position - below) * next,
            _ => *lower,
        };
        Ok(ScalarValue::Float64(Some(value)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<f64>()
    }
}
