//! Documents of a checkpoint: a line of JSON, and a line with its checksum.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The bytes of a document.
///
/// # Errors
/// When it has no form in JSON, which its type rules out.
pub fn seal(document: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(document)?;
    let line = format!("\ncrc32c {:08x}\n", crc32c::crc32c(&bytes));
    bytes.extend_from_slice(line.as_bytes());
    Ok(bytes)
}

/// The document in these bytes; `None` where they are not what was sealed.
pub fn open<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (document, line) = bytes.split_at(end);
    let sum = std::str::from_utf8(line).ok()?.strip_prefix("\ncrc32c ")?.strip_suffix('\n')?;
    let whole = u32::from_str_radix(sum, 16).ok()? == crc32c::crc32c(document);
    whole.then(|| serde_json::from_slice(document).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_is_found() {
        let sealed = seal(&vec!["a\nline", "another"]).expect("has a form");
        assert_eq!(open::<Vec<String>>(&sealed), Some(vec!["a\nline".into(), "another".into()]));
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 0x41;
            assert_eq!(open::<Vec<String>>(&changed), None, "byte {position}");
            assert_eq!(open::<Vec<String>>(&sealed[..position]), None, "cut at {position}");
        }
    }
}
