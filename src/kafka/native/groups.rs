//! What librdkafka can ask and change about groups and rdkafka cannot. Each request is answered by an event in a queue
//! that is ours; several are on their way at once.

use super::{Event, Owned, c_text, list};
use crate::kafka::committed::{Committed, elements};
use crate::kafka::context::Context;
use crate::{Error, Result};
use rdkafka::TopicPartitionList;
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka_sys as sys;
use std::ffi::c_void;
use std::ptr;
use std::time::Duration;

/// How long behind its own patience librdkafka may take to say that nobody answered.
const MARGIN: Duration = Duration::from_secs(2);

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

/// What came back: each partition's offset, with the broker's word on it.
pub type Answer = Result<Vec<(Committed, RDKafkaErrorCode)>, KafkaError>;

/// Asks the same of several groups at once; the answers are in the order of the groups.
///
/// # Errors
/// When librdkafka says nothing at all; what it says of a group is in its answer.
pub fn ask(
    client: &Client<Context>,
    groups: &[&str],
    request: Request<'_>,
    patience: Duration,
) -> Result<Vec<Answer>> {
    let requests = Requests::new(client, patience)?;
    for (number, group) in groups.iter().enumerate() {
        requests.send(number, group, request)?;
    }
    let silence = || Err(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut));
    let mut answers: Vec<Answer> = groups.iter().map(|_| silence()).collect();
    for _ in groups {
        let (number, answer) = requests.next()?;
        if let Some(place) = answers.get_mut(number) {
            *place = answer;
        }
    }
    Ok(answers)
}

/// Requests on their way.
struct Requests<'a> {
    client: &'a Client<Context>,
    queue: Owned<sys::rd_kafka_queue_t>,
    options: Owned<sys::rd_kafka_AdminOptions_t>,
    patience: Duration,
}

type Send<T> = unsafe extern "C" fn(
    *mut sys::rd_kafka_t,
    *mut *mut T,
    usize,
    *const sys::rd_kafka_AdminOptions_t,
    *mut sys::rd_kafka_queue_t,
);

impl<'a> Requests<'a> {
    fn new(client: &'a Client<Context>, patience: Duration) -> Result<Self> {
        let millis = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the client is alive as long as it is borrowed, which is longer than the queue and the options; a time
        // that is refused leaves librdkafka's own, and no text is asked for.
        #[expect(unsafe_code, reason = "rdkafka keeps its own queue to itself")]
        let (queue, options) = unsafe {
            let native = client.native_ptr();
            let queue = Owned::new(sys::rd_kafka_queue_new(native), sys::rd_kafka_queue_destroy)?;
            let any = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_ANY;
            let options = sys::rd_kafka_AdminOptions_new(native, any);
            let options = Owned::new(options, sys::rd_kafka_AdminOptions_destroy)?;
            sys::rd_kafka_AdminOptions_set_request_timeout(options.as_ptr(), millis, ptr::null_mut(), 0);
            (queue, options)
        };
        Ok(Self { client, queue, options, patience })
    }

    fn send(&self, number: usize, group: &str, request: Request<'_>) -> Result<()> {
        if group.is_empty() {
            return Err(Error::usage("a group has a name"));
        }
        let name = c_text(group)?;
        let name = name.as_ptr();
        // SAFETY: the options are ours, and the number is not followed as a pointer: it comes back with the answer. Name
        // and list are alive during the calls, which copy them; no list means all partitions.
        #[expect(unsafe_code, reason = "rdkafka does not offer these requests")]
        unsafe {
            sys::rd_kafka_AdminOptions_set_opaque(self.options.as_ptr(), number as *mut c_void);
            match request {
                Request::Offsets => self.send_one(
                    sys::rd_kafka_ListConsumerGroupOffsets_new(name, ptr::null()),
                    sys::rd_kafka_ListConsumerGroupOffsets,
                    sys::rd_kafka_ListConsumerGroupOffsets_destroy,
                ),
                Request::Alter(list) => self.send_one(
                    sys::rd_kafka_AlterConsumerGroupOffsets_new(name, list.ptr()),
                    sys::rd_kafka_AlterConsumerGroupOffsets,
                    sys::rd_kafka_AlterConsumerGroupOffsets_destroy,
                ),
                Request::Forget(list) => self.send_one(
                    sys::rd_kafka_DeleteConsumerGroupOffsets_new(name, list.ptr()),
                    sys::rd_kafka_DeleteConsumerGroupOffsets,
                    sys::rd_kafka_DeleteConsumerGroupOffsets_destroy,
                ),
                Request::Delete => self.send_one(
                    sys::rd_kafka_DeleteGroup_new(name),
                    sys::rd_kafka_DeleteGroups,
                    sys::rd_kafka_DeleteGroup_destroy,
                ),
            }
        }
        Ok(())
    }

    /// Sends a request and gives it back.
    fn send_one<T>(&self, mut request: *mut T, send: Send<T>, destroy: unsafe extern "C" fn(*mut T)) {
        // SAFETY: librdkafka made the request of this type, one of them stands at the pointer, it is copied by the call
        // and not used behind its end. Client, options and queue are alive.
        #[expect(unsafe_code, reason = "rdkafka does not offer these requests")]
        unsafe {
            let (options, queue) = (self.options.as_ptr(), self.queue.as_ptr());
            send(self.client.native_ptr(), &raw mut request, 1, options, queue);
            destroy(request);
        }
    }

    /// The next answer, and the number of the request.
    fn next(&self) -> Result<(usize, Answer)> {
        let patience = (self.patience + MARGIN).as_millis().try_into().unwrap_or(i32::MAX);
        // SAFETY: the queue is alive, and what it gives is ours.
        #[expect(unsafe_code, reason = "rdkafka does not offer queues of one's own")]
        let event = unsafe { sys::rd_kafka_queue_poll(self.queue.as_ptr(), patience) };
        if event.is_null() {
            return Err(Error::unreachable("the broker does not answer about groups"));
        }
        let event = Owned::new(event, sys::rd_kafka_event_destroy)?;
        Ok((number(&event), answer(&event)))
    }
}

fn number(event: &Event) -> usize {
    // SAFETY: the event is alive; the pointer is a number and is not followed.
    #[expect(unsafe_code, reason = "an event is a pointer")]
    let number = unsafe { sys::rd_kafka_event_opaque(event.as_ptr()) };
    number as usize
}

fn answer(event: &Event) -> Answer {
    let event = event.as_ptr();
    let (mut count, mut found) = (0, Vec::new());
    // SAFETY: the event is alive; a result of another type is null, which is asked for before it is used. A result
    // keeps as many groups as it counts, each with a code or none, and with a list or none, as long as the event.
    #[expect(unsafe_code, reason = "an event is a pointer")]
    unsafe {
        let code: RDKafkaErrorCode = sys::rd_kafka_event_error(event).into();
        if code != RDKafkaErrorCode::NoError {
            return Err(KafkaError::AdminOp(code));
        }
        let groups = groups_of(event, &mut count);
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
