//! The admin requests that librdkafka has and the rdkafka crate lacks or cuts short: settings by name, access rights, offsets of
//! groups, offsets of many partitions, topics created, topics by name. The only place that calls them; what it offers is safe.
//! Each request is answered by an event in a queue that is ours.

pub mod acls;
pub mod configs;
pub(super) mod groups;
pub(super) mod named;
pub(super) mod offsets;
mod topics;

use super::admin::{Admin, PATIENCE, denied};
use super::context::Context;
use crate::{Error, Result};
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka_sys as sys;
use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::{self, NonNull};
use std::time::Duration;
use sys::rd_kafka_resp_err_t as Code;

/// What librdkafka made for us. It is given back when dropped.
struct Owned<T> {
    native: NonNull<T>,
    give_back: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    /// Owns `native`, which nobody else gives back, and for which `give_back` is the function to do so.
    fn new(native: *mut T, give_back: unsafe extern "C" fn(*mut T)) -> Result<Self> {
        let native =
            NonNull::new(native).ok_or_else(|| Error::failed("the Kafka client makes no request"))?;
        Ok(Self { native, give_back })
    }

    fn as_ptr(&self) -> *mut T {
        self.native.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: `new` got the pointer together with the function that takes it back, and it is not used again.
        #[expect(unsafe_code, reason = "what librdkafka gave is given back")]
        unsafe {
            (self.give_back)(self.native.as_ptr());
        }
    }
}

/// An answer.
type Event = Owned<sys::rd_kafka_event_t>;

/// What a request is sent with: the client, how long it may take, and the queue for its answer.
type Sending = (*mut sys::rd_kafka_t, *const sys::rd_kafka_AdminOptions_t, *mut sys::rd_kafka_queue_t);

/// How long behind its own patience librdkafka may take to say that nobody answered.
const MARGIN: Duration = Duration::from_secs(2);

/// Requests on their way, many at once.
struct Requests<'a> {
    client: &'a Client<Context>,
    queue: Owned<sys::rd_kafka_queue_t>,
    options: Owned<sys::rd_kafka_AdminOptions_t>,
}

impl<'a> Requests<'a> {
    fn new(client: &'a Client<Context>) -> Result<Self> {
        // SAFETY: the client is alive as long as it is borrowed, which is longer than the queue and the options. A time that
        // is refused leaves librdkafka's own, and no text is asked for.
        #[expect(unsafe_code, reason = "rdkafka keeps its own queue to itself")]
        let (queue, options) = unsafe {
            let native = client.native_ptr();
            let queue = Owned::new(sys::rd_kafka_queue_new(native), sys::rd_kafka_queue_destroy)?;
            let any = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_ANY;
            let options = sys::rd_kafka_AdminOptions_new(native, any);
            let options = Owned::new(options, sys::rd_kafka_AdminOptions_destroy)?;
            let patience = PATIENCE.as_millis() as i32;
            sys::rd_kafka_AdminOptions_set_request_timeout(options.as_ptr(), patience, ptr::null_mut(), 0);
            (queue, options)
        };
        Ok(Self { client, queue, options })
    }

    /// Lets `send` send a request, which copies what it is given. The answer comes with the number.
    fn send(&self, number: usize, send: impl FnOnce(Sending)) {
        // SAFETY: the options are ours, and the number is not followed as a pointer: it comes back with the answer.
        #[expect(unsafe_code, reason = "librdkafka's options are set by its functions")]
        unsafe {
            sys::rd_kafka_AdminOptions_set_opaque(self.options.as_ptr(), number as *mut c_void);
        }
        send((self.client.native_ptr(), self.options.as_ptr(), self.queue.as_ptr()));
    }

    /// Waits for the answers to so many requests; they are in the order of the numbers, from 0 on.
    ///
    /// # Errors
    /// When librdkafka says nothing at all; what it says of a request is in its answer.
    fn answers(&self, count: usize) -> Result<Vec<Result<Event, KafkaError>>> {
        let silence = || Err(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut));
        let mut answers: Vec<_> = std::iter::repeat_with(silence).take(count).collect();
        for _ in 0..count {
            let (number, answer) = self.next()?;
            if let Some(place) = answers.get_mut(number) {
                *place = answer;
            }
        }
        Ok(answers)
    }

    fn next(&self) -> Result<(usize, Result<Event, KafkaError>)> {
        // The client itself gives up after PATIENCE; so this is never waited for in vain.
        let patience = (PATIENCE + MARGIN).as_millis() as i32;
        // SAFETY: the queue is alive, and the event, if there is one, is ours from here on.
        #[expect(unsafe_code, reason = "the answer comes as an event")]
        let event = unsafe { sys::rd_kafka_queue_poll(self.queue.as_ptr(), patience) };
        if event.is_null() {
            return Err(Error::unreachable("the broker does not answer"));
        }
        let event = Owned::new(event, sys::rd_kafka_event_destroy)?;
        // SAFETY: the event is alive; what was given with the request is a number.
        #[expect(unsafe_code, reason = "the answer comes as an event")]
        let (number, code) = unsafe {
            let event = event.as_ptr();
            (sys::rd_kafka_event_opaque(event) as usize, sys::rd_kafka_event_error(event))
        };
        Ok(match code {
            Code::RD_KAFKA_RESP_ERR_NO_ERROR => (number, Ok(event)),
            code => (number, Err(KafkaError::AdminOp(code.into()))),
        })
    }
}

/// One request about the whole cluster.
struct Request<'a> {
    admin: &'a Admin,
    /// What is asked for or done, for errors.
    what: &'a str,
    /// The right that it takes.
    right: &'a str,
    /// Whether the cluster only says what it would do; only some requests can ask for that.
    only_check: bool,
}

impl Request<'_> {
    /// Lets `send` send it, and waits for the answer.
    ///
    /// # Errors
    /// When the cluster does not answer within [`PATIENCE`], or refuses the request as a whole.
    fn answer(&self, send: impl FnOnce(Sending)) -> Result<Event> {
        let requests = Requests::new(self.admin.client())?;
        if self.only_check {
            // SAFETY: the options are alive; they take this for every request, and no text is asked for.
            #[expect(unsafe_code, reason = "librdkafka's options are set by its functions")]
            unsafe {
                let options = requests.options.as_ptr();
                sys::rd_kafka_AdminOptions_set_validate_only(options, 1, ptr::null_mut(), 0);
            }
        }
        requests.send(0, send);
        let (_, answer) = requests.next()?;
        answer.map_err(denied(self.what, self.right))
    }
}

/// A text as C has it.
fn c_text(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::usage(format!("'{}' has a zero byte", text.escape_debug())))
}

/// A text of librdkafka's, empty where there is none.
///
/// # Safety
/// The pointer is null or points to a text that ends with a zero byte and lives during the call.
#[expect(unsafe_code, reason = "who calls knows where the pointer comes from")]
unsafe fn rust_text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// A list of librdkafka's, empty where there is none.
///
/// # Safety
/// The pointer is null or points to `count` elements that live as long as `'a` says.
#[expect(unsafe_code, reason = "who calls knows where the pointer comes from")]
unsafe fn list<'a, T>(start: *const T, count: usize) -> &'a [T] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: as the caller promises.
    unsafe { std::slice::from_raw_parts(start, count) }
}
