//! Which partitions a member of a consumer group has, in the consumer protocol's own bytes.

use super::offsets::Partition;

/// The partitions in an assignment; none where the bytes are no consumer's.
pub fn partitions(bytes: &[u8]) -> Vec<Partition> {
    parse(bytes).unwrap_or_default()
}

fn parse(bytes: &[u8]) -> Option<Vec<Partition>> {
    let mut rest = bytes;
    let _version = number::<2>(&mut rest)?;
    let mut partitions = Vec::new();
    for _ in 0..number::<4>(&mut rest)? {
        let length = usize::try_from(number::<2>(&mut rest)?).ok()?;
        let (name, behind) = rest.split_at_checked(length)?;
        let name = std::str::from_utf8(name).ok()?;
        rest = behind;
        for _ in 0..number::<4>(&mut rest)? {
            partitions.push((name.to_string(), i32::try_from(number::<4>(&mut rest)?).ok()?));
        }
    }
    Some(partitions)
}

/// A big-endian number of so many bytes, at most four.
fn number<const BYTES: usize>(rest: &mut &[u8]) -> Option<i64> {
    let (bytes, behind) = rest.split_first_chunk::<BYTES>()?;
    *rest = behind;
    let signed = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let start = if signed { -1 } else { 0 };
    Some(bytes.iter().fold(start, |number, byte| number << 8 | i64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_and_nonsense_is_none() {
        let mut bytes = vec![0, 3, 0, 0, 0, 2];
        for (name, numbers) in [("a", vec![0_i32, 258]), ("bc", vec![])] {
            bytes.extend((name.len() as u16).to_be_bytes());
            bytes.extend(name.as_bytes());
            bytes.extend((numbers.len() as u32).to_be_bytes());
            numbers.iter().for_each(|number| bytes.extend(number.to_be_bytes()));
        }
        assert_eq!(partitions(&bytes), [("a".to_string(), 0), ("a".to_string(), 258)]);
        for wrong in [&b""[..], b"\0\0\xff\xff\xff\xff", b"\0\0\0\0\0\x01\xff\xff", &bytes[..bytes.len() - 9]]
        {
            assert_eq!(partitions(wrong), [], "{wrong:?}");
        }
    }
}
