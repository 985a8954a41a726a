//! `current_timestamp()`: the time of the batch, which the engine sets, so that a batch that runs again
//! gives the same rows.

use super::time_type;
use crate::clock::Micros;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// The time at which the batch of the moment began.
#[derive(Debug, Clone, Default)]
pub struct Now(Arc<AtomicI64>);

impl Now {
    /// Sets the time; microseconds since the epoch.
    pub fn set(&self, now: Micros) {
        self.0.store(now, Ordering::Relaxed);
    }

    /// The function that gives it.
    pub fn function(&self) -> ScalarUDF {
        let signature = Signature::new(TypeSignature::Nullary, Volatility::Volatile);
        ScalarUDF::from(CurrentTimestamp { now: self.clone(), signature })
            .with_aliases(["now", "localtimestamp"])
    }
}

/// Volatile, so that planning does not take the time of planning for it.
#[derive(Debug)]
struct CurrentTimestamp {
    now: Now,
    signature: Signature,
}

impl PartialEq for CurrentTimestamp {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.now.0, &other.now.0)
    }
}

impl Eq for CurrentTimestamp {}

impl Hash for CurrentTimestamp {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.now.0).hash(state);
    }
}

impl ScalarUDFImpl for CurrentTimestamp {
    fn name(&self) -> &str {
        "current_timestamp"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(time_type())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let now = self.now.0.load(Ordering::Relaxed);
        Ok(ColumnarValue::Scalar(ScalarValue::TimestampMicrosecond(Some(now), None)))
    }
}
