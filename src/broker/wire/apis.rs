//! The one list of requests: number, versions, shape.

use super::shape::*;
use kafka_protocol::messages::ApiKey;

/// A request that the broker answers.
#[derive(Debug)]
pub struct Api {
    /// Kafka's number for it.
    pub key: i16,
    /// Its name in Kafka's documentation.
    pub name: &'static str,
    /// The first version that is offered.
    pub min: i16,
    /// The last version that is offered.
    pub max: i16,
    /// The first version with compact lengths and tags.
    pub flexible: i16,
    /// Its body.
    pub fields: &'static [Field],
}

const NEVER: i16 = i16::MAX;

macro_rules! apis {
    ($($name:ident $min:literal..=$max:literal, flexible $flexible:expr, $fields:expr;)*) => {
        &[$(Api {
            key: ApiKey::$name as i16,
            name: stringify!($name),
            min: $min,
            max: $max,
            flexible: $flexible,
            fields: &$fields,
        }),*]
    };
}

/// Every request, by number. Produce is offered from 0, or librdkafka never compresses; before 3 it is
/// refused, as Apache Kafka does. Fetch ends before the versions with structures for replicas;
/// Produce, AddPartitionsToTxn, EndTxn and TxnOffsetCommit before those of the second transaction protocol.
pub const APIS: &[Api] = apis! {
    Produce 0..=11, flexible 9,
        [TEXT.since(3), INT16, INT32, list(&[TEXT, list(&[INT32, BYTES])])];
    Fetch 4..=16, flexible 12,
        [INT32.until(14), INT32, INT32, INT32, INT8, INT32.since(7), INT32.since(7),
         list(&[TEXT.until(12), UUID.since(13),
                list(&[INT32, INT32.since(9), INT64, INT32.since(12), INT64.since(5), INT32])]),
         list(&[TEXT.until(12), UUID.since(13), INT32S]).since(7), TEXT.since(11)];
    ListOffsets 1..=10, flexible 6,
        [INT32, INT8.since(2), list(&[TEXT, list(&[INT32, INT32.since(4), INT64])]), INT32.since(10)];
    Metadata 0..=13, flexible 9,
        [list(&[UUID.since(10), TEXT]), INT8.since(4), INT8.since(8).until(10), INT8.since(8)];
    OffsetCommit 2..=9, flexible 8,
        [TEXT, INT32, TEXT, TEXT.since(7), INT64.until(4),
         list(&[TEXT, list(&[INT32, INT64, INT32.since(6), TEXT])])];
    OffsetFetch 1..=9, flexible 6,
        [TEXT.until(7), list(&[TEXT, INT32S]).until(7),
         list(&[TEXT, TEXT.since(9), INT32.since(9), list(&[TEXT, INT32S])]).since(8), INT8.since(7)];
    FindCoordinator 0..=6, flexible 3, [TEXT.until(3), INT8.since(1), TEXTS.since(4)];
    JoinGroup 0..=9, flexible 6,
        [TEXT, INT32, INT32.since(1), TEXT, TEXT.since(5), TEXT, list(&[TEXT, BYTES]), TEXT.since(8)];
    Heartbeat 0..=4, flexible 4, [TEXT, INT32, TEXT, TEXT.since(3)];
    LeaveGroup 0..=5, flexible 4, [TEXT, TEXT.until(2), list(&[TEXT, TEXT, TEXT.since(5)]).since(3)];
    SyncGroup 0..=5, flexible 4,
        [TEXT, INT32, TEXT, TEXT.since(3), TEXT.since(5), TEXT.since(5), list(&[TEXT, BYTES])];
    DescribeGroups 0..=6, flexible 5, [TEXTS, INT8.since(3)];
    ListGroups 0..=5, flexible 3, [TEXTS.since(4), TEXTS.since(5)];
    ApiVersions 0..=4, flexible 3, [TEXT.since(3), TEXT.since(3)];
    CreateTopics 2..=7, flexible 5,
        [list(&[TEXT, INT32, INT16, list(&[INT32, INT32S]), list(&[TEXT, TEXT])]), INT32, INT8];
    DeleteTopics 1..=6, flexible 4, [list(&[TEXT, UUID]).since(6), TEXTS.until(5), INT32];
    DeleteRecords 0..=2, flexible 2, [list(&[TEXT, list(&[INT32, INT64])]), INT32];
    InitProducerId 0..=5, flexible 2, [TEXT, INT32, INT64.since(3), INT16.since(3)];
    OffsetForLeaderEpoch 2..=4, flexible 4,
        [INT32.since(3), list(&[TEXT, list(&[INT32, INT32, INT32])])];
    AddPartitionsToTxn 0..=3, flexible 3, [TEXT, INT64, INT16, list(&[TEXT, INT32S])];
    AddOffsetsToTxn 0..=4, flexible 3, [TEXT, INT64, INT16, TEXT];
    EndTxn 0..=4, flexible 3, [TEXT, INT64, INT16, INT8];
    WriteTxnMarkers 1..=1, flexible 1, [list(&[INT64, INT16, INT8, list(&[TEXT, INT32S]), INT32])];
    TxnOffsetCommit 0..=4, flexible 3,
        [TEXT, TEXT, INT64, INT16, INT32.since(3), TEXT.since(3), TEXT.since(3),
         list(&[TEXT, list(&[INT32, INT64, INT32.since(2), TEXT])])];
    DescribeConfigs 1..=4, flexible 4, [list(&[INT8, TEXT, TEXTS]), INT8, INT8.since(3)];
    AlterConfigs 0..=2, flexible 2, [list(&[INT8, TEXT, list(&[TEXT, TEXT])]), INT8];
    DescribeLogDirs 1..=4, flexible 2, [list(&[TEXT, INT32S])];
    CreatePartitions 0..=3, flexible 2, [list(&[TEXT, INT32, list(&[INT32S])]), INT32, INT8];
    DeleteGroups 0..=2, flexible 2, [TEXTS];
    IncrementalAlterConfigs 0..=1, flexible 1, [list(&[INT8, TEXT, list(&[TEXT, INT8, TEXT])]), INT8];
    OffsetDelete 0..=0, flexible NEVER, [TEXT, list(&[TEXT, list(&[INT32])])];
    DescribeCluster 0..=2, flexible 0, [INT8, INT8.since(1), INT8.since(2)];
    DescribeProducers 0..=0, flexible 0, [list(&[TEXT, INT32S])];
    DescribeTransactions 0..=0, flexible 0, [TEXTS];
    ListTransactions 0..=2, flexible 0, [TEXTS, INT64S, INT64.since(1), TEXT.since(2)];
};

/// The request with this number.
pub fn find(key: i16) -> Option<&'static Api> {
    APIS.iter().find(|api| api.key == key)
}
