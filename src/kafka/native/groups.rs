//! What librdkafka can ask and change about groups and rdkafka cannot.

use super::{Event, Requests, Sending, c_text, list};
use crate::clock::SystemClock;
use crate::kafka::admin::{PATIENCE, code_of};
use crate::kafka::committed::{Committed, elements};
use crate::kafka::context::Context;
use crate::kafka::settle::{has_no_coordinator, settled};
use crate::{Error, Result};
use rdkafka::TopicPartitionList;
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka_sys as sys;
use std::{iter, ptr};

/// What is asked of a group.
#[derive(Debug, Clone, Copy)]
pub enum Request<'a> {
    /// Its offsets, of all partitions.
    Offsets,
    /// These offsets in place of its own.
    Alter(&'a TopicPartitionList),
    /// To forget the offsets of these partitions.
    Forget(&'a TopicPartitionList),
    /// To be gone.
    Delete,
}

impl Request<'_> {
    /// The right that it takes on the group, by Kafka's name.
    pub fn right(self) -> &'static str {
        match self {
            Self::Offsets => "DESCRIBE",
            Self::Alter(_) => "READ",
            Self::Forget(_) | Self::Delete => "DELETE",
        }
    }
}

/// What came back: each partition's offset, with the broker's word on it.
pub type Answer = Result<Vec<(Committed, RDKafkaErrorCode)>, KafkaError>;

/// Asks the same of several groups at once; the answers are in the order of the groups. Those of which no broker knows
/// anything yet are asked for again.
///
/// # Errors
/// When librdkafka says nothing at all; what it says of a group is in its answer.
pub fn ask(client: &Client<Context>, groups: &[&str], request: Request<'_>) -> Result<Vec<Answer>> {
    let unasked = || Err(KafkaError::AdminOp(RDKafkaErrorCode::CoordinatorNotAvailable));
    let mut answers: Vec<Answer> = iter::repeat_with(unasked).take(groups.len()).collect();
    let round = || -> Result<bool> {
        let requests = Requests::new(client)?;
        let open = groups.iter().zip(&mut answers).filter(|(_, answer)| is_open(answer));
        let open: Vec<_> = open.collect();
        for (number, (group, _)) in open.iter().enumerate() {
            send(&requests, number, group, request)?;
        }
        let told = requests.answers(open.len())?;
        for ((_, answer), told) in open.into_iter().zip(told) {
            *answer = told.and_then(|event| offsets(&event));
        }
        Ok(answers.iter().any(is_open))
    };
    settled(&SystemClock, PATIENCE, round, |left| matches!(left, Ok(true)))?;
    Ok(answers)
}

fn is_open(answer: &Answer) -> bool {
    match answer {
        Ok(places) => places.iter().any(|(_, code)| has_no_coordinator(*code)),
        Err(error) => code_of(error).is_some_and(has_no_coordinator),
    }
}

fn send(requests: &Requests<'_>, number: usize, group: &str, request: Request<'_>) -> Result<()> {
    if group.is_empty() {
        return Err(Error::usage("a group has a name"));
    }
    let name = c_text(group)?;
    let name = name.as_ptr();
    // SAFETY: name and list are alive during the calls, which copy them; no list means all partitions.
    #[expect(unsafe_code, reason = "rdkafka does not offer these requests")]
    requests.send(number, |sending| unsafe {
        match request {
            Request::Offsets => send_one(
                sending,
                sys::rd_kafka_ListConsumerGroupOffsets_new(name, ptr::null()),
                sys::rd_kafka_ListConsumerGroupOffsets,
                sys::rd_kafka_ListConsumerGroupOffsets_destroy,
            ),
            Request::Alter(list) => send_one(
                sending,
                sys::rd_kafka_AlterConsumerGroupOffsets_new(name, list.ptr()),
                sys::rd_kafka_AlterConsumerGroupOffsets,
                sys::rd_kafka_AlterConsumerGroupOffsets_destroy,
            ),
            Request::Forget(list) => send_one(
                sending,
                sys::rd_kafka_DeleteConsumerGroupOffsets_new(name, list.ptr()),
                sys::rd_kafka_DeleteConsumerGroupOffsets,
                sys::rd_kafka_DeleteConsumerGroupOffsets_destroy,
            ),
            Request::Delete => send_one(
                sending,
                sys::rd_kafka_DeleteGroup_new(name),
                sys::rd_kafka_DeleteGroups,
                sys::rd_kafka_DeleteGroup_destroy,
            ),
        }
    });
    Ok(())
}

type Send<T> = unsafe extern "C" fn(
    *mut sys::rd_kafka_t,
    *mut *mut T,
    usize,
    *const sys::rd_kafka_AdminOptions_t,
    *mut sys::rd_kafka_queue_t,
);

/// Sends a request and gives it back.
fn send_one<T>(
    (client, options, queue): Sending,
    mut request: *mut T,
    send: Send<T>,
    destroy: unsafe extern "C" fn(*mut T),
) {
    // SAFETY: librdkafka made the request of this type, one of them stands at the pointer, it is copied by the call and not
    // used behind its end. Client, options and queue are alive.
    #[expect(unsafe_code, reason = "rdkafka does not offer these requests")]
    unsafe {
        send(client, &raw mut request, 1, options, queue);
        destroy(request);
    }
}

fn offsets(event: &Event) -> Answer {
    let (mut count, mut found) = (0, Vec::new());
    // SAFETY: the event is alive. A result keeps as many groups as it counts, each with a code or none, and with a list or
    // none, as long as the event.
    #[expect(unsafe_code, reason = "an event is a pointer")]
    unsafe {
        let groups = groups_of(event.as_ptr(), &mut count);
        for group in list(groups, count) {
            let error = sys::rd_kafka_group_result_error(*group);
            if !error.is_null() {
                return Err(KafkaError::AdminOp(sys::rd_kafka_error_code(error).into()));
            }
            let offsets = sys::rd_kafka_group_result_partitions(*group).as_ref();
            found.extend(offsets.map(elements).unwrap_or_default());
        }
    }
    Ok(found)
}

/// The groups of a result of any of the requests.
///
/// # Safety
/// The event is alive; what is given is valid as long as it is.
#[expect(unsafe_code, reason = "an event is a pointer")]
unsafe fn groups_of(
    event: *mut sys::rd_kafka_event_t,
    count: &mut usize,
) -> *const *const sys::rd_kafka_group_result_t {
    // SAFETY: the caller's; each of the first calls gives null where the event is not of its type.
    unsafe {
        let listed = sys::rd_kafka_event_ListConsumerGroupOffsets_result(event);
        if !listed.is_null() {
            return sys::rd_kafka_ListConsumerGroupOffsets_result_groups(listed, count);
        }
        let altered = sys::rd_kafka_event_AlterConsumerGroupOffsets_result(event);
        if !altered.is_null() {
            return sys::rd_kafka_AlterConsumerGroupOffsets_result_groups(altered, count);
        }
        let forgotten = sys::rd_kafka_event_DeleteConsumerGroupOffsets_result(event);
        if !forgotten.is_null() {
            return sys::rd_kafka_DeleteConsumerGroupOffsets_result_groups(forgotten, count);
        }
        let deleted = sys::rd_kafka_event_DeleteGroups_result(event);
        match deleted.is_null() {
            true => ptr::null(),
            false => sys::rd_kafka_DeleteGroups_result_groups(deleted, count),
        }
    }
}
