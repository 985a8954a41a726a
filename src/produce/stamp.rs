//! What the producer adds to each record of a batch, where the catalog asks for it.

use crate::catalog::Record;
use crate::clock::Micros;
use crate::units::format_time;
use crate::{Error, Result};
use std::io::Write;

/// The columns that are added, in the catalog's order.
#[derive(Debug, Clone, Default)]
pub struct Stamp(Vec<Added>);

#[derive(Debug, Clone, Copy)]
enum Added {
    BatchNumber,
    BatchPosition,
    Timestamp,
    TimestampText,
}

impl Stamp {
    /// What the catalog asks for.
    ///
    /// # Errors
    /// A usage error when it asks for a column that the producer does not know.
    pub fn new(record: &Record) -> Result<Self> {
        let known = |name: &str| match name {
            "batch_number" => Ok(Added::BatchNumber),
            "batch_position" => Ok(Added::BatchPosition),
            "producer_timestamp" => Ok(Added::Timestamp),
            "producer_timestamp_str" => Ok(Added::TimestampText),
            _ => Err(Error::usage(format!(
                "the catalog adds column '{name}', which the producer has no value for"
            ))),
        };
        record.added.fields.iter().map(|field| known(&field.name)).collect::<Result<_>>().map(Self)
    }

    /// Adds the columns to a JSON object; anything else stays as it is.
    pub fn add(&self, object: &mut Vec<u8>, batch: u64, position: u64, now: Micros) {
        if self.0.is_empty() || object.pop_if(|last| *last == b'}').is_none() {
            return;
        }
        let mut comma = if object.trim_ascii_end().ends_with(b"{") { "" } else { "," };
        for added in &self.0 {
            // Writing into memory cannot fail.
            let _ = match added {
                Added::BatchNumber => write!(object, r#"{comma}"batch_number":{batch}"#),
                Added::BatchPosition => write!(object, r#"{comma}"batch_position":{position}"#),
                Added::Timestamp => write!(object, r#"{comma}"producer_timestamp":{}"#, now as f64 / 1e6),
                Added::TimestampText => {
                    let time = format_time(now - now.rem_euclid(1_000_000));
                    write!(object, r#"{comma}"producer_timestamp_str":"{time}""#)
                }
            };
            comma = ",";
        }
        object.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn a_record_says_its_batch_its_place_and_its_time() -> Result<()> {
        let catalog = Catalog::built_in()?;
        let stamp =
            |topic: &str| catalog.topic(topic)?.record.as_ref().map_or(Ok(Stamp::default()), Stamp::new);
        let mut object = b"{\"a\":1}".to_vec();
        stamp("customer-transactions")?.add(&mut object, 3, 10, 1_753_610_889_123_456);
        let expected = r#"{"a":1,"batch_number":3,"batch_position":10,"producer_timestamp":1753610889.123456,"producer_timestamp_str":"2025-07-27 10:08:09"}"#;
        assert_eq!(String::from_utf8_lossy(&object), expected);
        let mut object = b"{ }".to_vec();
        stamp("customer-transactions")?.add(&mut object, 1, 1, 0);
        assert!(object.starts_with(b"{ \"batch_number\":1,"));
        let mut text = b"no JSON".to_vec();
        stamp("customer-transactions")?.add(&mut text, 1, 1, 0);
        assert_eq!(text, b"no JSON");
        stamp("transactions")?.add(&mut object, 2, 2, 0);
        assert!(!String::from_utf8_lossy(&object).contains("\"batch_number\":2"));
        Ok(())
    }
}
