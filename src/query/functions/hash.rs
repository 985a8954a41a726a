//! `hash(…)`: 32-bit Murmur3 with Spark's seed and Spark's treatment of the last bytes.

use super::kit::Function;
use arrow::array::{Array, ArrayRef, AsArray, Int32Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::ScalarUDF;
use std::sync::Arc;

const SEED: u32 = 42;

/// All of them.
pub fn functions() -> Vec<ScalarUDF> {
    vec![Function::of_any("hash", |_| Ok(DataType::Int32), hash)]
}

/// Each argument goes on from the hash of those before it; a null changes nothing.
fn hash(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let rows = arguments.first().map_or(0, |array| array.len());
    let mut hashes = vec![SEED; rows];
    for array in arguments {
        add(array, &mut hashes)?;
    }
    Ok(Arc::new(Int32Array::from_iter_values(hashes.into_iter().map(|hash| hash as i32))))
}

fn add(array: &ArrayRef, hashes: &mut [u32]) -> Result<()> {
    let valid = hashes.iter_mut().enumerate().filter(|(row, _)| array.is_valid(*row));
    match array.data_type() {
        DataType::Utf8 => {
            let texts = array.as_string::<i32>();
            valid.for_each(|(row, hash)| *hash = of_bytes(texts.value(row).as_bytes(), *hash));
        }
        DataType::Boolean | DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Date32 => {
            let numbers = cast(array, &DataType::Int32)?;
            let numbers = numbers.as_primitive::<Int32Type>();
            valid.for_each(|(row, hash)| *hash = finish(word(*hash, numbers.value(row) as u32), 4));
        }
        DataType::Int64 | DataType::Timestamp(..) => {
            let numbers = cast(array, &DataType::Int64)?;
            let numbers = numbers.as_primitive::<Int64Type>();
            valid.for_each(|(row, hash)| *hash = of_long(numbers.value(row), *hash));
        }
        DataType::Float64 => {
            let numbers = array.as_primitive::<Float64Type>();
            // Both zeros are equal, and so are their hashes.
            let bits = |number: f64| if number == 0.0 { 0 } else { number.to_bits() as i64 };
            valid.for_each(|(row, hash)| *hash = of_long(bits(numbers.value(row)), *hash));
        }
        DataType::Null => {}
        other => return exec_err!("hash takes no {}", super::spark_name(other)),
    }
    Ok(())
}

fn of_long(number: i64, seed: u32) -> u32 {
    finish(word(word(seed, number as u32), (number >> 32) as u32), 8)
}

fn of_bytes(bytes: &[u8], seed: u32) -> u32 {
    let (words, rest) = bytes.as_chunks::<4>();
    let hash = words.iter().fold(seed, |hash, bytes| word(hash, u32::from_le_bytes(*bytes)));
    let hash = rest.iter().fold(hash, |hash, byte| word(hash, i32::from(*byte as i8) as u32));
    finish(hash, bytes.len() as u32)
}

fn word(hash: u32, word: u32) -> u32 {
    let mixed = word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    (hash ^ mixed).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
}

fn finish(hash: u32, length: u32) -> u32 {
    let hash = hash ^ length;
    let hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    let hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}
