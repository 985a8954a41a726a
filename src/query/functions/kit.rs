//! What a small function is: a name, what it takes, what it gives, and what it does to columns.

use super::time_type;
use arrow::array::{ArrayRef, AsArray, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, FieldRef, TimestampMicrosecondType};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use datafusion::scalar::ScalarValue;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What a function does to its arguments, which are equally long.
pub type Body = fn(&[ArrayRef]) -> Result<ArrayRef>;

/// A function of the values of a row.
#[derive(Debug, Clone)]
pub struct Function {
    name: &'static str,
    signature: Signature,
    returns: Returns,
    body: Body,
    constant: Option<(usize, Judge)>,
}

/// Whether a text is what a function takes.
pub type Judge = fn(&str) -> Result<()>;

#[derive(Debug, Clone)]
enum Returns {
    Always(DataType),
    Of(fn(&[DataType]) -> Result<DataType>),
}

impl Function {
    /// A function that takes one of several lists of types, and always gives the same type.
    pub fn udf(
        name: &'static str,
        takes: impl IntoIterator<Item = Vec<DataType>>,
        gives: DataType,
        body: Body,
    ) -> ScalarUDF {
        ScalarUDF::from(Self::plain(name, takes, gives, body))
    }

    /// The same, where the argument of this index is judged in planning if it is constant.
    pub fn judged(
        name: &'static str,
        takes: impl IntoIterator<Item = Vec<DataType>>,
        gives: DataType,
        body: Body,
        constant: (usize, Judge),
    ) -> ScalarUDF {
        ScalarUDF::from(Self { constant: Some(constant), ..Self::plain(name, takes, gives, body) })
    }

    /// A function of any types, which decides what it gives.
    pub fn of_any(name: &'static str, gives: fn(&[DataType]) -> Result<DataType>, body: Body) -> ScalarUDF {
        let signature = Signature::variadic_any(Volatility::Immutable);
        ScalarUDF::from(Self { name, signature, returns: Returns::Of(gives), body, constant: None })
    }

    fn plain(
        name: &'static str,
        takes: impl IntoIterator<Item = Vec<DataType>>,
        gives: DataType,
        body: Body,
    ) -> Self {
        let takes = takes.into_iter().map(TypeSignature::Exact).collect();
        let signature = Signature::one_of(takes, Volatility::Immutable);
        Self { name, signature, returns: Returns::Always(gives), body, constant: None }
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match &self.returns {
            Returns::Always(kind) => Ok(kind.clone()),
            Returns::Of(kind) => kind(arguments),
        }
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        if let Some((index, judge)) = self.constant
            && let Some(Some(value)) = arguments.scalar_arguments.get(index)
            && let Some(Some(text)) = value.try_as_str()
        {
            judge(text)?;
        }
        let types: Vec<_> = arguments.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        Ok(Arc::new(Field::new(self.name, self.return_type(&types)?, true)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let one = arguments.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if one { 1 } else { arguments.number_rows };
        let arrays: Vec<_> =
            arguments.args.into_iter().map(|argument| argument.into_array(rows)).collect::<Result<_>>()?;
        let result = (self.body)(&arrays)?;
        match one {
            true => ScalarValue::try_from_array(&result, 0).map(ColumnarValue::Scalar),
            false => Ok(ColumnarValue::Array(result)),
        }
    }
}

/// A column of what an aggregate keeps.
pub fn float_state(name: &str) -> FieldRef {
    Arc::new(Field::new(name, DataType::Float64, true))
}

/// The same text of each row, made into something once for as long as it does not change.
pub struct Prepared<T> {
    made: Option<(String, T)>,
    make: fn(&str) -> Result<T>,
}

impl<T> Prepared<T> {
    /// Nothing is made yet; `make` makes it.
    pub fn new(make: fn(&str) -> Result<T>) -> Self {
        Self { made: None, make }
    }

    /// What `text` was made into.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn of(&mut self, text: &str) -> Result<&T> {
        if self.made.as_ref().is_none_or(|(known, _)| known != text) {
            self.made = Some((text.into(), (self.make)(text)?));
        }
        self.made.as_ref().map(|(_, made)| made).ok_or_else(|| exec_datafusion_err!("nothing was prepared"))
    }
}

/// The texts of a column that was declared to be text.
///
/// # Errors
/// When it is another type, which is a fault of the caller.
pub fn texts(array: &ArrayRef) -> Result<&StringArray> {
    array
        .as_string_opt::<i32>()
        .ok_or_else(|| exec_datafusion_err!("expected a text, found {}", array.data_type()))
}

/// The times of a column that was declared to be of them.
///
/// # Errors
/// When it is another type, which is a fault of the caller.
pub fn times(array: &ArrayRef) -> Result<&TimestampMicrosecondArray> {
    array
        .as_primitive_opt::<TimestampMicrosecondType>()
        .ok_or_else(|| exec_datafusion_err!("expected a {}, found {}", time_type(), array.data_type()))
}

/// A column of text from what `text` says of each row.
///
/// # Errors
/// The first of `text`.
pub fn each(rows: usize, mut text: impl FnMut(usize) -> Result<Option<String>>) -> Result<ArrayRef> {
    let texts: StringArray = (0..rows).map(&mut text).collect::<Result<_>>()?;
    Ok(Arc::new(texts))
}
