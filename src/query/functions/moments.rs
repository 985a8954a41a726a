//! `skewness(x)` and `kurtosis(x)` of a population, from central moments that can be merged.
//!
//! The moments are kept by the formulas of Pébay, "Formulas for Robust, One-Pass Parallel Computation of
//! Covariances and Arbitrary-Order Statistical Moments", Sandia report SAND2008-6212, as Spark's are.

use super::kit::float_state;
use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, FieldRef, Float64Type};
use datafusion::common::{Result, ScalarValue, not_impl_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

/// Both.
pub fn functions() -> [AggregateUDF; 2] {
    let function = |name, result| {
        let signature = Signature::exact(vec![DataType::Float64], Volatility::Immutable);
        AggregateUDF::from(Shape { name, signature, result })
    };
    [function("skewness", Moments::skewness), function("kurtosis", Moments::kurtosis)]
}

/// What the shape of a distribution is, from its moments; none where it has no spread.
type Measure = fn(&Moments) -> Option<f64>;

#[derive(Debug, Clone)]
struct Shape {
    name: &'static str,
    signature: Signature,
    result: Measure,
}

impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Shape {}

impl std::hash::Hash for Shape {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl AggregateUDFImpl for Shape {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if arguments.is_distinct {
            return not_impl_err!("{} does not take DISTINCT", self.name);
        }
        Ok(Box::new(Shaped { moments: Moments::default(), result: self.result }))
    }

    fn state_fields(&self, _: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(["count", "mean", "m2", "m3", "m4"].map(float_state).to_vec())
    }
}

#[derive(Debug)]
struct Shaped {
    moments: Moments,
    result: Measure,
}

impl Accumulator for Shaped {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values[0].as_primitive::<Float64Type>().iter().flatten().for_each(|value| self.moments.add(value));
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let columns: Vec<_> = states.iter().map(|state| state.as_primitive::<Float64Type>()).collect();
        for row in 0..columns[0].len() {
            let [count, mean, m2, m3, m4] = [0, 1, 2, 3, 4].map(|index| columns[index].value(row));
            self.moments = self.moments.merged(&Moments { count, mean, m2, m3, m4 });
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let Moments { count, mean, m2, m3, m4 } = self.moments;
        Ok([count, mean, m2, m3, m4].map(|value| ScalarValue::Float64(Some(value))).to_vec())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64((self.result)(&self.moments)))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// How many values there were, their mean, and the sums of the powers of their distances from it.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    m2: f64,
    m3: f64,
    m4: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        *self = self.merged(&Self { count: 1.0, mean: value, ..Self::default() });
    }

    fn merged(&self, other: &Self) -> Self {
        let (a, b) = (self.count, other.count);
        let count = a + b;
        if count == 0.0 {
            return *self;
        }
        let apart = other.mean - self.mean;
        let step = apart / count;
        let m2 = self.m2 + other.m2 + apart * step * a * b;
        let m3 = self.m3
            + other.m3
            + step * step * apart * a * b * (a - b)
            + 3.0 * step * (a * other.m2 - b * self.m2);
        let m4 = self.m4
            + other.m4
            + step * step * step * apart * a * b * (a * a - a * b + b * b)
            + 6.0 * step * step * (a * a * other.m2 + b * b * self.m2)
            + 4.0 * step * (a * other.m3 - b * self.m3);
        Self { count, mean: self.mean + step * b, m2, m3, m4 }
    }

    /// √n · m3 ÷ m2^1.5, as `org.apache.spark.sql.catalyst.expressions.aggregate.Skewness`.
    fn skewness(&self) -> Option<f64> {
        (self.m2 != 0.0).then(|| self.count.sqrt() * self.m3 / self.m2.powi(3).sqrt())
    }

    /// n · m4 ÷ m2² − 3, as `org.apache.spark.sql.catalyst.expressions.aggregate.Kurtosis`.
    fn kurtosis(&self) -> Option<f64> {
        (self.m2 != 0.0).then(|| self.count * self.m4 / (self.m2 * self.m2) - 3.0)
    }
}
