//! What a group has committed, and what stands beside it. Any bytes may stand there, as not every broker looks
//! at them; rdkafka's own way to read them panics where they are not UTF-8.

use rdkafka::TopicPartitionList;
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::Offset;
use rdkafka_sys::rd_kafka_topic_partition_t;
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
    let mut all = Vec::new();
    for (element, metadata) in answer.elements().iter().zip(metadata(answer)) {
        element.error()?;
        if let Offset::Offset(offset) = element.offset() {
            let (topic, partition) = (element.topic().to_owned(), element.partition());
            all.push(Committed { topic, partition, offset, metadata });
        }
    }
    Ok(all)
}

/// What stands beside each offset, in the order of the list.
fn metadata(list: &TopicPartitionList) -> Vec<String> {
    if list.count() == 0 {
        return Vec::new();
    }
    // SAFETY: a list that is not empty has as many elements as it counts, and nobody changes it while it is
    // borrowed.
    #[expect(unsafe_code, reason = "rdkafka gives no element itself")]
    let elements = unsafe { slice::from_raw_parts((*list.ptr()).elems, list.count()) };
    elements.iter().map(text).collect()
}

fn text(element: &rd_kafka_topic_partition_t) -> String {
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
