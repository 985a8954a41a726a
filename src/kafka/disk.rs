//! How much of the disk topics take, as each broker tells of what it keeps.

use super::admin::{Broker, takes};
use super::config::Connection;
use super::offsets::Partition;
use super::wire::{Api, Reader, Wire};
use crate::Result;
use std::collections::BTreeMap;

const DESCRIBE_LOG_DIRS: Api = (35, 1);

/// All topics, where a list of them would stand.
const ALL: [u8; 4] = (-1_i32).to_be_bytes();

/// The bytes of each partition, all its copies on these brokers together.
///
/// # Errors
/// When one of them does not tell them: it does not answer, we cannot log in as librdkafka does, or a right is missing.
pub fn usage(connection: &Connection, brokers: &[Broker]) -> Result<BTreeMap<Partition, u64>> {
    let mut usage = BTreeMap::new();
    for Broker { address, .. } in brokers {
        let mut wire = Wire::open(connection, address)?;
        if wire.told(DESCRIBE_LOG_DIRS, &ALL, |answer| read(answer, &mut usage))? == 0 {
            let error = wire.failed("it does not tell this user how large its partitions are");
            return Err(error.hint(takes("DESCRIBE on the cluster")));
        }
    }
    Ok(usage)
}

/// Adds what stands in an answer; of how many folders it is.
fn read(answer: &mut Reader<'_>, usage: &mut BTreeMap<Partition, u64>) -> Option<i64> {
    let _throttled = answer.number::<4>()?;
    let folders = answer.number::<4>()?;
    for _ in 0..folders {
        // A folder that cannot be read has no topics.
        let _code = answer.number::<2>()?;
        let _folder = answer.text()?;
        for _ in 0..answer.number::<4>()? {
            let topic = answer.text()?;
            for _ in 0..answer.number::<4>()? {
                let partition = i32::try_from(answer.number::<4>()?).ok()?;
                let size = u64::try_from(answer.number::<8>()?).unwrap_or(0);
                let _lag = answer.number::<8>()?;
                let _is_future = answer.number::<1>()?;
                *usage.entry((topic.to_string(), partition)).or_default() += size;
            }
        }
    }
    Some(folders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_nonsense_is_none() {
        let mut answer = vec![0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, b'd', 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 2];
        for (partition, size) in [(0_i32, 7_i64), (1, 300)] {
            answer.extend(partition.to_be_bytes());
            answer.extend(size.to_be_bytes());
            answer.extend([0; 9]);
        }
        let mut usage = BTreeMap::new();
        let read = |answer: &[u8], usage: &mut _| read(&mut Reader(answer), usage);
        assert_eq!((read(&answer, &mut usage), read(&answer, &mut usage)), (Some(1), Some(1)));
        assert_eq!(usage, BTreeMap::from([(("t".to_string(), 0), 14), (("t".to_string(), 1), 600)]));
        for length in 0..answer.len() {
            assert_eq!(read(&answer[..length], &mut BTreeMap::new()), None, "{length}");
        }
    }
}
