//! A member of a consumer group, and what passes between it and the group.

use crate::clock::Micros;
use bytes::{Buf, Bytes};
use kafka_protocol::ResponseError;
use tokio::sync::oneshot::Sender;

/// A request to join.
#[derive(Debug, Clone, Default)]
pub struct Join {
    /// Empty for a newcomer.
    pub member_id: String,
    pub instance_id: Option<String>,
    pub client_id: String,
    pub host: String,
    pub session_ms: i32,
    pub rebalance_ms: i32,
    pub protocol_type: String,
    /// What the member can do, best first, with its metadata for each.
    pub protocols: Vec<(String, Bytes)>,
    /// Whether a newcomer is given an id first and asked to come back with it.
    pub id_first: bool,
    /// Whether a leader that returns can be told to keep the assignment.
    pub may_skip_assignment: bool,
}

/// The answer to a member that is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    pub generation: i32,
    pub protocol_type: String,
    pub protocol: String,
    pub leader: String,
    pub member_id: String,
    /// For the leader: everyone, as (member, instance, metadata).
    pub members: Vec<(String, Option<String>, Bytes)>,
    pub skip_assignment: bool,
}

/// Why a member may not join, and the id it should use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotJoined(pub ResponseError, pub String);

/// The answer to a join.
pub type JoinAnswer = Result<Joined, NotJoined>;
/// The answer to a sync: the member's assignment.
pub type SyncAnswer = Result<Bytes, ResponseError>;

/// A member.
pub struct Member {
    pub instance_id: Option<String>,
    pub client_id: String,
    pub host: String,
    pub protocols: Vec<(String, Bytes)>,
    pub assignment: Bytes,
    pub(super) session: Micros,
    pub(super) rebalance: Micros,
    pub(super) expires: Micros,
    pub(super) joining: Option<Sender<JoinAnswer>>,
    pub(super) syncing: Option<Sender<SyncAnswer>>,
}

/// Who asks: a member in a generation.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    pub member_id: &'a str,
    pub instance_id: Option<&'a str>,
    pub generation: i32,
}

impl Member {
    /// Its metadata for `protocol`.
    pub fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|(name, _)| name == protocol);
        found.map_or_else(Bytes::new, |(_, metadata)| metadata.clone())
    }
}

/// The topics in a consumer's metadata: version, then an array of strings.
pub fn subscription(metadata: &[u8]) -> Vec<String> {
    let mut rest = metadata;
    let mut topics = Vec::new();
    let count = rest.try_get_i16().and_then(|_| rest.try_get_i32()).unwrap_or(0);
    for _ in 0..count {
        let length = rest.try_get_i16().ok().and_then(|length| usize::try_from(length).ok());
        let Some((name, after)) = length.and_then(|length| rest.split_at_checked(length)) else { break };
        topics.push(String::from_utf8_lossy(name).into_owned());
        rest = after;
    }
    topics
}
