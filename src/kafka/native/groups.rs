//! What librdkafka can ask and change about groups and rdkafka cannot.

use super::{Event, Requests, Sending, c_text, list, rust_text};
use crate::clock::SystemClock;
use crate::kafka::admin::PATIENCE;
use crate::kafka::committed::{Committed, elements};
use crate::kafka::context::Context;
use crate::kafka::groups::{Group, Member};
use crate::kafka::settle::{has_no_coordinator, says_no_coordinator, settled};
use crate::{Error, Result};
use rdkafka::TopicPartitionList;
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka_sys as sys;
use std::{iter, ptr};
use sys::rd_kafka_ConsumerGroupDescription_t as Description;
use sys::rd_kafka_MemberDescription_t as MemberDescription;

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
    ask_left(client, groups, request, iter::repeat_with(|| None).take(groups.len()))
}

/// The same, where some of the answers are there already.
///
/// # Errors
/// The same.
pub fn ask_left(
    client: &Client<Context>,
    groups: &[&str],
    request: Request<'_>,
    answers: impl Iterator<Item = Option<Answer>>,
) -> Result<Vec<Answer>> {
    let unasked = || Err(KafkaError::AdminOp(RDKafkaErrorCode::CoordinatorNotAvailable));
    let mut answers: Vec<Answer> = answers.map(|answer| answer.unwrap_or_else(unasked)).collect();
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

/// Asks who is in these groups, whichever protocol their members speak; the answers are in the order of the groups. Each of
/// them is a question of its own.
///
/// # Errors
/// When librdkafka says nothing at all; what it says of a group is in its answer.
pub fn describe(client: &Client<Context>, groups: &[&str]) -> Result<Vec<KafkaResult<Group>>> {
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let names = groups.iter().map(|group| c_text(group)).collect::<Result<Vec<_>>>()?;
    let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    let requests = Requests::new(client)?;
    requests.send(0, |(client, options, queue)| {
        // SAFETY: all pointers are alive during the call, which copies the names, and the count is the list's.
        #[expect(unsafe_code, reason = "rdkafka does not offer this request")]
        unsafe {
            let names = pointers.as_mut_ptr();
            sys::rd_kafka_DescribeConsumerGroups(client, names, groups.len(), options, queue);
        }
    });
    let answer = requests.answers(1)?.pop().transpose();
    Ok(match answer {
        Ok(event) => event.as_ref().map(descriptions).unwrap_or_default(),
        Err(error) => vec![Err(error)],
    })
}

fn descriptions(event: &Event) -> Vec<KafkaResult<Group>> {
    let mut count = 0;
    // SAFETY: the event is alive, and with it the result and its groups; the result's function gives null where the event is
    // another.
    #[expect(unsafe_code, reason = "the answer is a list of pointers")]
    unsafe {
        let result = sys::rd_kafka_event_DescribeConsumerGroups_result(event.as_ptr());
        if result.is_null() {
            return vec![Err(KafkaError::AdminOp(RDKafkaErrorCode::BadMessage))];
        }
        let groups = sys::rd_kafka_DescribeConsumerGroups_result_groups(result, &raw mut count);
        list(groups, count).iter().map(|group| described(*group)).collect()
    }
}

/// A group as librdkafka describes it.
///
/// # Safety
/// The pointer points to a description that lives during the call.
#[expect(unsafe_code, reason = "who calls knows where the pointer comes from")]
unsafe fn described(group: *const Description) -> KafkaResult<Group> {
    // SAFETY: as the caller promises; names of states live for ever, and members as long as their group.
    unsafe {
        let error = sys::rd_kafka_ConsumerGroupDescription_error(group);
        if !error.is_null() {
            return Err(KafkaError::AdminOp(sys::rd_kafka_error_code(error).into()));
        }
        let state = sys::rd_kafka_ConsumerGroupDescription_state(group);
        let count = sys::rd_kafka_ConsumerGroupDescription_member_count(group);
        let members =
            (0..count).map(|number| member(sys::rd_kafka_ConsumerGroupDescription_member(group, number)));
        Ok(Group {
            name: rust_text(sys::rd_kafka_ConsumerGroupDescription_group_id(group)),
            state: rust_text(sys::rd_kafka_consumer_group_state_name(state)),
            members: members.collect(),
        })
    }
}

/// A member as librdkafka describes it.
///
/// # Safety
/// The pointer points to a description that lives during the call.
#[expect(unsafe_code, reason = "who calls knows where the pointer comes from")]
unsafe fn member(member: *const MemberDescription) -> Member {
    // SAFETY: as the caller promises; texts and the list of partitions, if there is one, live as long as the member.
    unsafe {
        let assignment = sys::rd_kafka_MemberDescription_assignment(member);
        let partitions = sys::rd_kafka_MemberAssignment_partitions(assignment).as_ref();
        let partitions = partitions.map(elements).unwrap_or_default().into_iter();
        Member {
            id: rust_text(sys::rd_kafka_MemberDescription_consumer_id(member)),
            client: rust_text(sys::rd_kafka_MemberDescription_client_id(member)),
            host: rust_text(sys::rd_kafka_MemberDescription_host(member)).trim_start_matches('/').to_string(),
            partitions: partitions.map(|(place, _)| (place.topic, place.partition)).collect(),
        }
    }
}

fn is_open(answer: &Answer) -> bool {
    match answer {
        Ok(places) => places.iter().any(|(_, code)| says_no_coordinator(*code)),
        Err(error) => has_no_coordinator(error),
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
