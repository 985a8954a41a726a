//! Access rights of a cluster: told, granted and revoked.

use super::{Code, Owned, Request, c_text, list, rust_text};
use crate::kafka::admin::{Admin, refused, wait_until};
use crate::{Error, Result};
use rdkafka_sys as sys;
use serde::Serialize;
use std::ffi::{CString, c_char};
use std::ptr;
use sys::rd_kafka_AclOperation_t as NativeOperation;
use sys::rd_kafka_AclPermissionType_t as Permission;
use sys::rd_kafka_ResourcePatternType_t as Pattern;
use sys::rd_kafka_ResourceType_t as NativeResource;

/// A right: who may, or may not, do what with what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Right {
    /// Who, in Kafka's form: `User:alice`.
    pub principal: String,
    /// From which address; `*` for any.
    pub host: String,
    /// What kind of thing.
    pub resource: Resource,
    /// Its name; `*` for all.
    pub name: String,
    /// Whether all things are meant whose names begin with `name`.
    pub prefixed: bool,
    /// Kafka's word for what is done: `READ`, `WRITE`, …
    pub operation: String,
    /// Whether it is allowed, or forbidden.
    pub allowed: bool,
}

/// A kind of thing that rights are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// A topic.
    Topic,
    /// A consumer group.
    Group,
    /// The cluster as a whole, whose name is `kafka-cluster`.
    Cluster,
    /// A transactional id.
    TransactionalId,
    /// One that ecap does not know.
    Other,
}

/// Kafka's words for what can be done.
const OPERATIONS: [(&str, NativeOperation); 11] = [
    ("ALL", NativeOperation::RD_KAFKA_ACL_OPERATION_ALL),
    ("READ", NativeOperation::RD_KAFKA_ACL_OPERATION_READ),
    ("WRITE", NativeOperation::RD_KAFKA_ACL_OPERATION_WRITE),
    ("CREATE", NativeOperation::RD_KAFKA_ACL_OPERATION_CREATE),
    ("DELETE", NativeOperation::RD_KAFKA_ACL_OPERATION_DELETE),
    ("ALTER", NativeOperation::RD_KAFKA_ACL_OPERATION_ALTER),
    ("DESCRIBE", NativeOperation::RD_KAFKA_ACL_OPERATION_DESCRIBE),
    ("CLUSTER_ACTION", NativeOperation::RD_KAFKA_ACL_OPERATION_CLUSTER_ACTION),
    ("DESCRIBE_CONFIGS", NativeOperation::RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS),
    ("ALTER_CONFIGS", NativeOperation::RD_KAFKA_ACL_OPERATION_ALTER_CONFIGS),
    ("IDEMPOTENT_WRITE", NativeOperation::RD_KAFKA_ACL_OPERATION_IDEMPOTENT_WRITE),
];

const ALTER: &str = "ALTER on the cluster";

type Binding = Owned<sys::rd_kafka_AclBinding_t>;

impl Admin {
    /// All rights that the cluster keeps, in order; those of one principal where it is named.
    ///
    /// # Errors
    /// When the cluster does not tell them, or keeps none because nothing guards it.
    pub fn rights(&self, principal: Option<&str>) -> Result<Vec<Right>> {
        let filter = any(principal)?;
        let request = Request {
            admin: self,
            what: "the access rights",
            right: "DESCRIBE on the cluster",
            only_check: false,
        };
        let event = request.answer(|(client, options, queue)| {
            // SAFETY: all pointers are alive during the call, which copies the filter.
            #[expect(unsafe_code, reason = "rdkafka does not offer access rights")]
            unsafe {
                sys::rd_kafka_DescribeAcls(client, filter.as_ptr(), options, queue);
            }
        })?;
        let mut count = 0;
        // SAFETY: the event is alive to the end of this function, and with it its list of rights.
        #[expect(unsafe_code, reason = "the answer is a list of pointers")]
        let mut rights: Vec<_> = unsafe {
            let result = sys::rd_kafka_event_DescribeAcls_result(event.as_ptr());
            if result.is_null() {
                return Err(Error::failed("the access rights: another answer came"));
            }
            let bindings = sys::rd_kafka_DescribeAcls_result_acls(result, &raw mut count);
            list(bindings, count).iter().map(|binding| right(*binding)).collect()
        };
        rights.sort();
        Ok(rights)
    }

    /// Grants rights of one principal, and waits until the broker has them; one that is there already stays.
    ///
    /// # Errors
    /// The first right that the cluster refuses, with its reason.
    pub fn grant(&self, rights: &[Right]) -> Result<()> {
        let bindings = rights.iter().map(|right| exactly(right, false)).collect::<Result<Vec<Binding>>>()?;
        let mut pointers: Vec<_> = bindings.iter().map(Owned::as_ptr).collect();
        let request =
            Request { admin: self, what: "granting access rights", right: ALTER, only_check: false };
        let event = request.answer(|(client, options, queue)| {
            // SAFETY: all pointers are alive during the call, which copies the rights, and the count is the list's.
            #[expect(unsafe_code, reason = "rdkafka does not offer access rights")]
            unsafe {
                sys::rd_kafka_CreateAcls(client, pointers.as_mut_ptr(), pointers.len(), options, queue);
            }
        })?;
        let mut count = 0;
        // SAFETY: the event is alive to the end of this function, and with it its list of results.
        #[expect(unsafe_code, reason = "the answer is a list of pointers")]
        unsafe {
            let result = sys::rd_kafka_event_CreateAcls_result(event.as_ptr());
            if result.is_null() {
                return Err(Error::failed("granting access rights: another answer came"));
            }
            let results = sys::rd_kafka_CreateAcls_result_acls(result, &raw mut count);
            let mut errors =
                list(results, count).iter().map(|result| sys::rd_kafka_acl_result_error(*result));
            errors.try_for_each(|error| accepted("granting access rights", error))?;
        }
        let principal = rights.first().map(|right| right.principal.as_str());
        wait_until("the broker to have the rights", || {
            let told = self.rights(principal)?;
            Ok(rights.iter().all(|right| told.contains(right)))
        })
    }

    /// Revokes rights; those that were there.
    ///
    /// # Errors
    /// The first right that the cluster refuses to revoke, with its reason.
    pub fn revoke(&self, rights: &[Right]) -> Result<Vec<Right>> {
        let filters = rights.iter().map(|right| exactly(right, true)).collect::<Result<Vec<Binding>>>()?;
        let mut pointers: Vec<_> = filters.iter().map(Owned::as_ptr).collect();
        let request =
            Request { admin: self, what: "revoking access rights", right: ALTER, only_check: false };
        let event = request.answer(|(client, options, queue)| {
            // SAFETY: all pointers are alive during the call, which copies the filters, and the count is the list's.
            #[expect(unsafe_code, reason = "rdkafka does not offer access rights")]
            unsafe {
                sys::rd_kafka_DeleteAcls(client, pointers.as_mut_ptr(), pointers.len(), options, queue);
            }
        })?;
        let (mut count, mut revoked) = (0, Vec::new());
        // SAFETY: the event is alive to the end of this function, and with it its answers and their lists of rights.
        #[expect(unsafe_code, reason = "the answer is a list of pointers")]
        unsafe {
            let result = sys::rd_kafka_event_DeleteAcls_result(event.as_ptr());
            if result.is_null() {
                return Err(Error::failed("revoking access rights: another answer came"));
            }
            let answers = sys::rd_kafka_DeleteAcls_result_responses(result, &raw mut count);
            for answer in list(answers, count) {
                accepted("revoking access rights", sys::rd_kafka_DeleteAcls_result_response_error(*answer))?;
                let mut count = 0;
                let matching =
                    sys::rd_kafka_DeleteAcls_result_response_matching_acls(*answer, &raw mut count);
                revoked.extend(list(matching, count).iter().map(|binding| right(*binding)));
            }
        }
        revoked.sort();
        revoked.dedup();
        Ok(revoked)
    }
}

/// Whether one of several things was done.
///
/// # Safety
/// The pointer is null or points to an error that lives during the call.
#[expect(unsafe_code, reason = "who calls knows where the pointer comes from")]
unsafe fn accepted(what: &str, error: *const sys::rd_kafka_error_t) -> Result<()> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: as the caller promises.
    let (code, reason) =
        unsafe { (sys::rd_kafka_error_code(error), rust_text(sys::rd_kafka_error_string(error))) };
    match code {
        Code::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        code => Err(refused(what, code.into(), &reason, ALTER)),
    }
}

/// A filter for every right, of one principal or of all.
fn any(principal: Option<&str>) -> Result<Binding> {
    let principal = principal.map(c_text).transpose()?;
    let principal = principal.as_ref().map_or(ptr::null(), |principal| principal.as_ptr());
    made(|wrong, room| {
        // SAFETY: the principal is alive during the call, which copies it, or null for any; so are name and host. `wrong` has
        // the room that is said.
        #[expect(unsafe_code, reason = "rdkafka does not offer access rights")]
        unsafe {
            sys::rd_kafka_AclBindingFilter_new(
                NativeResource::RD_KAFKA_RESOURCE_ANY,
                ptr::null(),
                Pattern::RD_KAFKA_RESOURCE_PATTERN_ANY,
                principal,
                ptr::null(),
                NativeOperation::RD_KAFKA_ACL_OPERATION_ANY,
                Permission::RD_KAFKA_ACL_PERMISSION_TYPE_ANY,
                wrong,
                room,
            )
        }
    })
}

/// A right as librdkafka has it, or a filter for it and no other.
fn exactly(right: &Right, filter: bool) -> Result<Binding> {
    let resource = match right.resource {
        Resource::Topic => NativeResource::RD_KAFKA_RESOURCE_TOPIC,
        Resource::Group => NativeResource::RD_KAFKA_RESOURCE_GROUP,
        // The cluster has the number that settings have for a broker.
        Resource::Cluster => NativeResource::RD_KAFKA_RESOURCE_BROKER,
        Resource::TransactionalId => NativeResource::RD_KAFKA_RESOURCE_TRANSACTIONAL_ID,
        Resource::Other => return Err(Error::usage("a right on something that ecap does not know")),
    };
    let operation =
        OPERATIONS.iter().find(|(name, _)| *name == right.operation).map(|(_, operation)| *operation);
    let operation =
        operation.ok_or_else(|| Error::usage(format!("there is no operation '{}'", right.operation)))?;
    let pattern = match right.prefixed {
        true => Pattern::RD_KAFKA_RESOURCE_PATTERN_PREFIXED,
        false => Pattern::RD_KAFKA_RESOURCE_PATTERN_LITERAL,
    };
    let permission = match right.allowed {
        true => Permission::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
        false => Permission::RD_KAFKA_ACL_PERMISSION_TYPE_DENY,
    };
    let texts: [CString; 3] = [c_text(&right.name)?, c_text(&right.principal)?, c_text(&right.host)?];
    let [name, principal, host] = [&texts[0], &texts[1], &texts[2]].map(|text| text.as_ptr());
    let make = if filter { sys::rd_kafka_AclBindingFilter_new } else { sys::rd_kafka_AclBinding_new };
    made(|wrong, room| {
        // SAFETY: the texts are alive during the call, which copies them, and `wrong` has the room that is said.
        #[expect(unsafe_code, reason = "rdkafka does not offer access rights")]
        unsafe {
            make(resource, name, pattern, principal, host, operation, permission, wrong, room)
        }
    })
}

/// What a function of librdkafka makes, or what it says is wrong.
fn made(make: impl FnOnce(*mut c_char, usize) -> *mut sys::rd_kafka_AclBinding_t) -> Result<Binding> {
    let mut wrong = [0 as c_char; 256];
    let binding = make(wrong.as_mut_ptr(), wrong.len());
    if binding.is_null() {
        // SAFETY: the text is ours, and librdkafka ends it with a zero byte within its room.
        #[expect(unsafe_code, reason = "the reason is a text of C's")]
        return Err(Error::usage(unsafe { rust_text(wrong.as_ptr()) }));
    }
    Owned::new(binding, sys::rd_kafka_AclBinding_destroy)
}

/// A right as librdkafka tells it.
///
/// # Safety
/// The pointer points to a right that lives during the call.
#[expect(unsafe_code, reason = "who calls knows where the pointer comes from")]
unsafe fn right(binding: *const sys::rd_kafka_AclBinding_t) -> Right {
    // SAFETY: as the caller promises; the texts live as long as the right, and names of operations for ever.
    unsafe {
        Right {
            principal: rust_text(sys::rd_kafka_AclBinding_principal(binding)),
            host: rust_text(sys::rd_kafka_AclBinding_host(binding)),
            resource: match sys::rd_kafka_AclBinding_restype(binding) {
                NativeResource::RD_KAFKA_RESOURCE_TOPIC => Resource::Topic,
                NativeResource::RD_KAFKA_RESOURCE_GROUP => Resource::Group,
                NativeResource::RD_KAFKA_RESOURCE_BROKER => Resource::Cluster,
                NativeResource::RD_KAFKA_RESOURCE_TRANSACTIONAL_ID => Resource::TransactionalId,
                _ => Resource::Other,
            },
            name: rust_text(sys::rd_kafka_AclBinding_name(binding)),
            prefixed: sys::rd_kafka_AclBinding_resource_pattern_type(binding)
                == Pattern::RD_KAFKA_RESOURCE_PATTERN_PREFIXED,
            operation: rust_text(sys::rd_kafka_AclOperation_name(sys::rd_kafka_AclBinding_operation(
                binding,
            ))),
            allowed: sys::rd_kafka_AclBinding_permission_type(binding)
                == Permission::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
        }
    }
}
