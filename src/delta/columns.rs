//! The columns of a table and those of rows that it takes.

use crate::record::storable;
use crate::{Error, Result};
use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray, new_null_array};
use arrow::compute::kernels::cmp::eq;
use arrow::compute::nullif;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::{Metadata, MetadataExt, StructType};
use std::sync::Arc;

/// The columns of a table that takes these rows: its own, and where it `evolves` those that are new to it.
///
/// # Errors
/// A usage error when the table has no such column and does not evolve, has it in another type, or has one that may
/// not be null and that the rows do not have.
pub fn taking(table: &SchemaRef, rows: &SchemaRef, evolves: bool) -> Result<SchemaRef> {
    let mut fields: Vec<_> = table.fields().iter().cloned().collect();
    for field in storable::columns(rows).fields() {
        match position(table, field.name()) {
            Some(index) => fits(&fields[index], field)?,
            None if evolves => fields.push(field.clone()),
            None => {
                let message = format!("the table has no column {}", field.name());
                return Err(Error::usage(message).hint("--sink-option merge-schema=true adds it"));
            }
        }
    }
    let absent = |field: &&Arc<Field>| !field.is_nullable() && position(rows, field.name()).is_none();
    match table.fields().iter().find(absent) {
        Some(field) => {
            Err(Error::usage(format!("the rows have no column {}, which the table needs", field.name())))
        }
        None => Ok(Arc::new(Schema::new(fields))),
    }
}

/// The place of a column; Delta does not tell `Id` and `id` apart.
fn position(columns: &Schema, name: &str) -> Option<usize> {
    let by = |same: &dyn Fn(&str) -> bool| columns.fields().iter().position(|field| same(field.name()));
    by(&|own| own == name).or_else(|| by(&|own| own.eq_ignore_ascii_case(name)))
}

/// Sees to it that values of one type have a place in a column.
fn fits(column: &Field, from: &Field) -> Result<()> {
    use DataType::{Decimal128, Float32, Float64};
    let (to, from) = (column.data_type(), from.data_type());
    let fits = to.equals_datatype(from)
        || (to.is_integer() && from.is_integer())
        || matches!((to, from), (Float64, Float32) | (Decimal128(..), Decimal128(..)));
    match fits {
        true => Ok(()),
        false => {
            let message = format!("column {} is {to} in the table, and {from} in the result", column.name());
            Err(Error::usage(message).hint("cast it in the query, or name another table"))
        }
    }
}

/// The description of a table with the columns of `new` behind its own.
///
/// # Errors
/// A usage error when a column has no type in Delta.
pub fn evolved(metadata: &Metadata, new: &Schema) -> Result<Metadata> {
    let own = metadata.parse_schema().map_err(super::wrong)?;
    let added: StructType = new.try_into_kernel().map_err(|error| Error::usage(error.to_string()))?;
    let added = added.fields().filter(|field| own.field(field.name()).is_none());
    let all = StructType::try_new(own.fields().chain(added).cloned()).map_err(super::wrong)?;
    metadata.clone().with_schema(&all).map_err(super::wrong)
}

/// Rows in the columns of a table; what they do not have is null.
///
/// # Errors
/// When a value has no place in its column.
pub fn fit(table: &SchemaRef, rows: &RecordBatch) -> Result<RecordBatch> {
    let column = |field: &Arc<Field>| -> Result<ArrayRef> {
        match position(rows.schema_ref(), field.name()) {
            Some(index) => storable::array(field, rows.column(index)),
            None => Ok(new_null_array(field.data_type(), rows.num_rows())),
        }
    };
    let columns = table.fields().iter().map(column).collect::<Result<_>>()?;
    Ok(RecordBatch::try_new(table.clone(), columns)?)
}

/// Rows as their partitions have them: an empty text is no value there, as no folder has an empty name.
///
/// # Errors
/// When one of these columns is not there.
pub fn parted(rows: RecordBatch, by: &[String]) -> Result<RecordBatch> {
    let (schema, mut columns, _) = rows.into_parts();
    for name in by {
        let column = &mut columns[schema.index_of(name)?];
        if let Some(texts) = column.as_string_opt::<i32>() {
            *column = nullif(column, &eq(texts, &StringArray::new_scalar(""))?)?;
        }
    }
    Ok(RecordBatch::try_new(schema, columns)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Int32Array;
    use arrow::datatypes::Int64Type;

    fn columns(fields: &[(&str, DataType)]) -> SchemaRef {
        let field = |(name, kind): &(&str, DataType)| Field::new(*name, kind.clone(), true);
        Arc::new(Schema::new(fields.iter().map(field).collect::<Vec<_>>()))
    }

    #[test]
    fn rows_take_the_form_of_the_table() -> Result<()> {
        let table = columns(&[("Id", DataType::Int64), ("note", DataType::Utf8), ("name", DataType::Utf8)]);
        let rows = RecordBatch::try_from_iter([
            ("name", Arc::new(StringArray::from(vec!["a"])) as ArrayRef),
            ("id", Arc::new(Int32Array::from(vec![7]))),
        ])?;
        let taking = taking(&table, &rows.schema(), false)?;
        assert_eq!(taking, table);
        let fitted = fit(&taking, &rows)?;
        assert_eq!(fitted.column(0).as_primitive::<Int64Type>().values(), &[7]);
        assert_eq!((fitted.column(1).null_count(), fitted.column(2).as_string::<i32>().value(0)), (1, "a"));
        Ok(())
    }

    #[test]
    fn a_table_evolves_on_request_only() {
        let table = columns(&[("id", DataType::Int64)]);
        let wider = columns(&[("id", DataType::Int64), ("n", DataType::Int32)]);
        let refused = taking(&table, &wider, false).expect_err("new").to_string();
        assert!(refused.contains("no column n") && refused.contains("merge-schema"), "{refused}");
        assert_eq!(taking(&table, &wider, true), Ok(wider));
        let other = taking(&table, &columns(&[("id", DataType::Utf8)]), true).expect_err("type").to_string();
        assert!(other.contains("column id is Int64 in the table, and Utf8"), "{other}");
    }
}
