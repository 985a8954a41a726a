//! Instants with and without a zone: the same number, another label.

use crate::Result;
use arrow::array::{Array, ArrayRef, AsArray, StructArray, make_array};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use std::sync::Arc;

/// The type with `zone` as the zone of its instants, inside of structs too.
pub fn labelled(kind: &DataType, zone: Option<&str>) -> DataType {
    match kind {
        DataType::Timestamp(unit, _) => DataType::Timestamp(*unit, zone.map(Into::into)),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| renamed(field, zone)).collect())
        }
        other => other.clone(),
    }
}

fn renamed(field: &FieldRef, zone: Option<&str>) -> Field {
    field.as_ref().clone().with_data_type(labelled(field.data_type(), zone))
}

/// The columns with `zone` as the zone of their instants.
pub fn labelled_fields(fields: &Fields, zone: Option<&str>) -> Fields {
    fields.iter().map(|field| renamed(field, zone)).collect()
}

/// The same values with `zone` as the zone of their instants.
///
/// # Errors
/// When Arrow refuses the label, which is a fault of this function.
pub fn label(array: &ArrayRef, zone: Option<&str>) -> Result<ArrayRef> {
    let kind = labelled(array.data_type(), zone);
    if kind == *array.data_type() {
        return Ok(array.clone());
    }
    if let (Some(parts), DataType::Struct(fields)) = (array.as_struct_opt(), &kind) {
        let columns = parts.columns().iter().map(|column| label(column, zone)).collect::<Result<_>>()?;
        return Ok(Arc::new(StructArray::try_new(fields.clone(), columns, parts.nulls().cloned())?));
    }
    Ok(make_array(array.to_data().into_builder().data_type(kind).build()?))
}
