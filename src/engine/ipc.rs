//! Rows as bytes, and back: Arrow streams.

use crate::Result;
use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use std::io::Write;

/// Writes rows as an Arrow stream; nothing where there are none.
///
/// # Errors
/// When `out` does not take them.
pub fn encode(rows: &[RecordBatch], out: &mut impl Write) -> Result<()> {
    let Some(first) = rows.iter().find(|rows| rows.num_rows() > 0) else { return Ok(()) };
    let mut writer = StreamWriter::try_new(out, &first.schema())?;
    rows.iter().try_for_each(|rows| writer.write(rows))?;
    Ok(writer.finish()?)
}

/// The rows of an Arrow stream.
///
/// # Errors
/// When it is none.
pub fn decode(bytes: &[u8]) -> Result<Vec<RecordBatch>> {
    Ok(StreamReader::try_new(bytes, None)?.collect::<std::result::Result<_, _>>()?)
}
