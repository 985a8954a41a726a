//! Instants with and without a zone: the same number, another label.

use crate::Result;
use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, make_array};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use std::sync::Arc;

/// The type with `zone` as the zone of its instants, inside of structs, lists and maps too.
pub fn labelled(kind: &DataType, zone: Option<&str>) -> DataType {
    match kind {
        DataType::Timestamp(unit, _) => DataType::Timestamp(*unit, zone.map(Into::into)),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| renamed(field, zone)).collect())
        }
        DataType::List(item) => DataType::List(Arc::new(renamed(item, zone))),
        DataType::Map(entries, sorted) => DataType::Map(Arc::new(renamed(entries, zone)), *sorted),
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
    Ok(match &kind {
        DataType::Struct(fields) => Arc::new(parts(array.as_struct(), fields, zone)?),
        DataType::List(item) => {
            let (_, offsets, values, nulls) = array.as_list::<i32>().clone().into_parts();
            Arc::new(ListArray::try_new(item.clone(), offsets, label(&values, zone)?, nulls)?)
        }
        DataType::Map(field, sorted) => {
            let (_, offsets, entries, nulls, _) = array.as_map().clone().into_parts();
            let DataType::Struct(fields) = field.data_type() else { return Ok(array.clone()) };
            let entries = parts(&entries, fields, zone)?;
            Arc::new(MapArray::try_new(field.clone(), offsets, entries, nulls, *sorted)?)
        }
        _ => make_array(array.to_data().into_builder().data_type(kind).build()?),
    })
}

fn parts(array: &StructArray, fields: &Fields, zone: Option<&str>) -> Result<StructArray> {
    let columns = array.columns().iter().map(|column| label(column, zone)).collect::<Result<_>>()?;
    Ok(StructArray::try_new(fields.clone(), columns, array.nulls().cloned())?)
}
