//! The admin requests that librdkafka has and the rdkafka crate lacks: single settings, access rights,
//! offsets of groups. The only place that calls them; what it offers is safe.

pub mod acls;
pub mod configs;
pub(super) mod groups;

use super::admin::{Admin, PATIENCE, refused};
use crate::{Error, Result};
use rdkafka_sys as sys;
use std::ffi::{CStr, CString, c_char};
use std::ptr::NonNull;
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

/// A request to the cluster.
struct Request<'a> {
    admin: &'a Admin,
    /// What is asked for or done, for errors.
    what: &'a str,
    /// The right that it takes.
    right: &'a str,
    kind: sys::rd_kafka_admin_op_t,
    /// Whether the cluster only says what it would do; only some requests can ask for that.
    only_check: bool,
}

impl Request<'_> {
    /// Lets `send` send it, and waits for the answer.
    ///
    /// # Errors
    /// When the cluster does not answer within [`PATIENCE`], or refuses the request as a whole.
    fn answer(&self, send: impl FnOnce(Sending)) -> Result<Event> {
        let client = self.admin.inner().native_ptr();
        // SAFETY: `self.admin` owns the client, which so outlives the queue and the options made for it here.
        #[expect(unsafe_code, reason = "rdkafka does not offer queues of one's own")]
        let (queue, options) = unsafe {
            let queue = Owned::new(sys::rd_kafka_queue_new(client), sys::rd_kafka_queue_destroy)?;
            let options = sys::rd_kafka_AdminOptions_new(client, self.kind);
            (queue, Owned::new(options, sys::rd_kafka_AdminOptions_destroy)?)
        };
        self.limit(&options)?;
        send((client, options.as_ptr(), queue.as_ptr()));
        // The client itself gives up after PATIENCE; so this is never waited for in vain.
        let patience = (2 * PATIENCE).as_millis() as i32;
        // SAFETY: the queue is alive, and the event, if there is one, is ours from here on.
        #[expect(unsafe_code, reason = "the answer comes as an event")]
        let event = unsafe { sys::rd_kafka_queue_poll(queue.as_ptr(), patience) };
        if event.is_null() {
            return Err(Error::unreachable(format!("{}: no answer", self.what)));
        }
        let event = Owned::new(event, sys::rd_kafka_event_destroy)?;
        // SAFETY: the event is alive.
        #[expect(unsafe_code, reason = "the answer comes as an event")]
        let code = unsafe { sys::rd_kafka_event_error(event.as_ptr()) };
        match code {
            Code::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(event),
            code => Err(refused(self.what, code.into(), "", self.right)),
        }
    }

    fn limit(&self, options: &Owned<sys::rd_kafka_AdminOptions_t>) -> Result<()> {
        let mut wrong = [0 as c_char; 256];
        let patience = PATIENCE.as_millis() as i32;
        // SAFETY: the options are alive, and `wrong` has the room that is said.
        #[expect(unsafe_code, reason = "librdkafka's options are set by its functions")]
        let codes = unsafe {
            let (options, text, room) = (options.as_ptr(), wrong.as_mut_ptr(), wrong.len());
            let timeout = sys::rd_kafka_AdminOptions_set_request_timeout(options, patience, text, room);
            let check = match self.only_check {
                true => sys::rd_kafka_AdminOptions_set_validate_only(options, 1, text, room),
                false => Code::RD_KAFKA_RESP_ERR_NO_ERROR,
            };
            [timeout, check]
        };
        match codes.into_iter().find(|code| *code != Code::RD_KAFKA_RESP_ERR_NO_ERROR) {
            Some(code) => Err(refused(self.what, code.into(), "", self.right)),
            None => Ok(()),
        }
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
