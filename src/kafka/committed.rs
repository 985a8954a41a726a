//! What a group has committed, and what stands beside it. Any bytes may stand there, as not every broker looks
//! at them; rdkafka's own way to read them panics where they are not UTF-8.

use rdkafka::TopicPartitionList;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka_sys as sys;
use std::ffi::CStr;
use std::slice;

/// An offset that a group has committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The topic.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// What the group wrote beside it; what is not UTF-8 is replaced.
    pub metadata: String,
}

/// The offsets in a broker's answer, without the partitions that have none.
///
/// # Errors
/// The broker's for a partition.
pub fn committed(answer: &TopicPartitionList) -> KafkaResult<Vec<Committed>> {
    // SAFETY: the list is alive, and nobody changes it while it is borrowed.
    #[expect(unsafe_code, reason = "rdkafka gives no element itself")]
    let list = unsafe { answer.ptr().as_ref() };
    present(list.map(elements).unwrap_or_default())
}

/// Those elements that have an offset.
///
/// # Errors
/// The broker's for a partition.
pub fn present(elements: Vec<(Committed, RDKafkaErrorCode)>) -> KafkaResult<Vec<Committed>> {
    let mut all = Vec::new();
    for (element, code) in elements {
        if code != RDKafkaErrorCode::NoError {
            return Err(KafkaError::OffsetFetch(code));
        }
        if element.offset >= 0 {
            all.push(element);
        }
    }
    Ok(all)
}

/// Every element of a list as it is, with the broker's word on it; an offset below 0 is none.
pub fn elements(list: &sys::rd_kafka_topic_partition_list_t) -> Vec<(Committed, RDKafkaErrorCode)> {
    let count = usize::try_from(list.cnt).unwrap_or(0);
    if count == 0 {
        return Vec::new();
    }
    // SAFETY: a list that is not empty has as many elements as it counts, and nobody changes it while it is
    // borrowed.
    #[expect(unsafe_code, reason = "rdkafka gives no element itself")]
    let elements = unsafe { slice::from_raw_parts(list.elems, count) };
    elements.iter().map(element).collect()
}

/// An element as it is, with the broker's word on it.
pub fn element(element: &sys::rd_kafka_topic_partition_t) -> (Committed, RDKafkaErrorCode) {
    // SAFETY: each element of a list has a topic, which ends with a zero.
    #[expect(unsafe_code, reason = "librdkafka's texts are pointers")]
    let topic = unsafe { CStr::from_ptr(element.topic) };
    let committed = Committed {
        topic: topic.to_string_lossy().into_owned(),
        partition: element.partition,
        offset: element.offset,
        metadata: text(element),
    };
    (committed, element.err.into())
}

fn text(element: &sys::rd_kafka_topic_partition_t) -> String {
    if element.metadata.is_null() {
        return String::new();
    }
    // SAFETY: metadata that is not null has as many bytes as its size says, and the list keeps them.
    #[expect(unsafe_code, reason = "rdkafka gives metadata as UTF-8 only")]
    let bytes = unsafe { slice::from_raw_parts(element.metadata.cast::<u8>(), element.metadata_size) };
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::topic_partition_list::Offset;

    #[test]
    fn any_bytes_may_stand_beside_an_offset() -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        assert_eq!(committed(&list)?, []);
        list.add_partition_offset("t", 0, Offset::Offset(7))?;
        list.add_partition("t", 1);
        let mut element = list.add_partition("t", 2);
        element.set_offset(Offset::Offset(9))?;
        element.set_metadata("café");
        // SAFETY: there are three elements, and the last has metadata of five bytes, of which four are left.
        #[expect(unsafe_code, reason = "rdkafka writes UTF-8 only")]
        unsafe {
            (*(*list.ptr()).elems.add(2)).metadata_size -= 1;
        }
        let found = committed(&list)?;
        let texts: Vec<_> = found.iter().map(|at| (at.partition, at.offset, at.metadata.as_str())).collect();
        assert_eq!(texts, [(0, 7, ""), (2, 9, "caf\u{fffd}")]);
        Ok(())
    }
}
