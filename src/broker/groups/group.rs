//! One consumer group, as the classic protocol knows it: who is in it, and in what state.
//!
//! Nothing here waits or reads a clock: answers that come later go through the asker's channel, and
//! [`Group::tick`] is told the time.

use super::member::{Caller, Join, JoinAnswer, Joined, Member, NotJoined, SyncAnswer, subscription};
use crate::broker::journal::Committed;
use crate::clock::Micros;
use bytes::Bytes;
use kafka_protocol::ResponseError;
use std::collections::{BTreeMap, HashMap, HashSet};
use tokio::sync::oneshot::Sender;
use uuid::Uuid;

const MILLI: Micros = 1_000;

/// Where a group stands between two assignments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    #[default]
    Empty,
    /// Members are asked to join again.
    Preparing,
    /// The leader is asked for the assignment.
    Completing,
    Stable,
}

/// A group.
#[derive(Default)]
pub struct Group {
    pub state: State,
    pub generation: i32,
    pub protocol_type: String,
    pub protocol: String,
    pub leader: String,
    pub members: BTreeMap<String, Member>,
    pub offsets: BTreeMap<(String, i32), Committed>,
    /// Offsets by the producer id whose open transaction commits them.
    pub pending: BTreeMap<i64, BTreeMap<(String, i32), Committed>>,
    /// Ids that were given out and not used yet, with the time that they lapse.
    promised: HashMap<String, Micros>,
    rebalance_ends: Micros,
    /// When its last member had left, milliseconds; nothing while it has members, or never had any.
    pub(super) emptied: Option<i64>,
    /// Protocol type and `emptied` as the journal has them.
    pub(super) saved: Option<(String, Option<i64>)>,
}

impl Group {
    /// Lets a member in; the answer comes when everyone has joined.
    pub fn join(&mut self, join: Join, now: Micros, answer: Sender<JoinAnswer>) {
        match self.admit(&join, now) {
            Ok(id) => self.enter(id, join, now, answer),
            Err(refused) => drop(answer.send(Err(refused))),
        }
    }

    /// The id that the joining member has from now on.
    fn admit(&mut self, join: &Join, now: Micros) -> Result<String, NotJoined> {
        let refuse = |error| Err(NotJoined(error, join.member_id.clone()));
        if !self.speaks(join) {
            return refuse(ResponseError::InconsistentGroupProtocol);
        }
        let new_id = || {
            let name = join.instance_id.as_ref().unwrap_or(&join.client_id);
            format!("{name}-{}", Uuid::new_v4())
        };
        let known = join.instance_id.as_deref().and_then(|instance| self.member_of(instance));
        match (known, join.member_id.as_str()) {
            (Some(old), "") => {
                let id = new_id();
                self.rename(&old, &id);
                Ok(id)
            }
            (Some(id), named) if id != named => refuse(ResponseError::FencedInstanceId),
            (Some(id), _) => Ok(id),
            (None, "") if join.id_first && join.instance_id.is_none() => {
                let id = new_id();
                self.promised.insert(id.clone(), now + i64::from(join.session_ms) * MILLI);
                Err(NotJoined(ResponseError::MemberIdRequired, id))
            }
            (None, "") => Ok(new_id()),
            (None, named) if self.members.contains_key(named) => Ok(named.to_string()),
            (None, named) if self.promised.remove(named).is_some() => Ok(named.to_string()),
            (None, _) => refuse(ResponseError::UnknownMemberId),
        }
    }

    fn speaks(&self, join: &Join) -> bool {
        let common = |(name, _): &(String, Bytes)| {
            self.members.values().all(|member| member.protocols.iter().any(|(known, _)| known == name))
        };
        let same_type = self.members.is_empty() || self.protocol_type == join.protocol_type;
        !join.protocol_type.is_empty() && same_type && join.protocols.iter().any(common)
    }

    fn member_of(&self, instance: &str) -> Option<String> {
        let (id, _) =
            self.members.iter().find(|(_, member)| member.instance_id.as_deref() == Some(instance))?;
        Some(id.clone())
    }

    /// A static member came back under a new id; whoever still uses the old one is fenced.
    fn rename(&mut self, old: &str, new: &str) {
        if let Some(mut member) = self.members.remove(old) {
            if let Some(answer) = member.joining.take() {
                answer.send(Err(NotJoined(ResponseError::FencedInstanceId, old.to_string()))).ok();
            }
            if let Some(answer) = member.syncing.take() {
                answer.send(Err(ResponseError::FencedInstanceId)).ok();
            }
            self.members.insert(new.to_string(), member);
        }
        if self.leader == old {
            self.leader = new.to_string();
        }
    }

    fn enter(&mut self, id: String, join: Join, now: Micros, answer: Sender<JoinAnswer>) {
        let returns = join.member_id.is_empty();
        let unchanged = self.members.get(&id).is_some_and(|member| member.protocols == join.protocols);
        let settled = match self.state {
            State::Stable => unchanged && (returns || id != self.leader),
            State::Completing => unchanged,
            State::Empty | State::Preparing => false,
        };
        if settled {
            self.touch(&id, now);
            let mut joined = self.joined(&id);
            if returns && id == self.leader {
                joined.skip_assignment = join.may_skip_assignment;
                if !join.may_skip_assignment {
                    joined.leader = String::new();
                    joined.members.clear();
                }
            }
            answer.send(Ok(joined)).ok();
            return;
        }
        self.protocol_type.clone_from(&join.protocol_type);
        self.seat(id, join, now, answer);
        self.rebalance(now);
    }

    fn seat(&mut self, id: String, join: Join, now: Micros, answer: Sender<JoinAnswer>) {
        let session = i64::from(join.session_ms) * MILLI;
        let assignment = self.members.remove(&id).map_or_else(Bytes::new, |old| old.assignment);
        let member = Member {
            instance_id: join.instance_id,
            client_id: join.client_id,
            host: join.host,
            protocols: join.protocols,
            assignment,
            session,
            rebalance: i64::from(join.rebalance_ms) * MILLI,
            expires: now + session,
            joining: Some(answer),
            syncing: None,
        };
        self.members.insert(id, member);
    }

    /// Asks everyone to join again.
    fn rebalance(&mut self, now: Micros) {
        if self.state != State::Preparing {
            self.state = State::Preparing;
            let longest = self.members.values().map(|member| member.rebalance).max().unwrap_or(0);
            self.rebalance_ends = now + longest;
            for member in self.members.values_mut() {
                if let Some(answer) = member.syncing.take() {
                    answer.send(Err(ResponseError::RebalanceInProgress)).ok();
                }
            }
        }
        self.complete_join(now);
    }

    /// Begins the next generation once everyone has joined, or the time for it is over.
    fn complete_join(&mut self, now: Micros) {
        let everyone = self.members.values().all(|member| member.joining.is_some());
        if self.state != State::Preparing || !(everyone || now >= self.rebalance_ends) {
            return;
        }
        self.members.retain(|_, member| member.joining.is_some() || member.instance_id.is_some());
        self.generation += 1;
        if self.members.is_empty() {
            self.state = State::Empty;
            self.emptied = Some(now / MILLI);
            self.protocol.clear();
            self.leader.clear();
            return;
        }
        self.state = State::Completing;
        self.emptied = None;
        self.protocol = self.choose_protocol();
        let joined = |member: &Member| member.joining.is_some();
        if !self.members.get(&self.leader).is_some_and(joined) {
            let mut ids = self.members.iter().filter(|(_, member)| joined(member));
            self.leader = ids.next().map_or_else(String::new, |(id, _)| id.clone());
        }
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for id in ids {
            let joined = self.joined(&id);
            if let Some(member) = self.members.get_mut(&id) {
                member.expires = now + member.session;
                if let Some(answer) = member.joining.take() {
                    answer.send(Ok(joined)).ok();
                }
            }
        }
    }

    /// The protocol that all know and most like best.
    fn choose_protocol(&self) -> String {
        let known_to_all = |name: &str| {
            self.members.values().all(|member| member.protocols.iter().any(|(known, _)| known == name))
        };
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            if let Some((name, _)) = member.protocols.iter().find(|(name, _)| known_to_all(name)) {
                *votes.entry(name).or_default() += 1;
            }
        }
        votes.into_iter().max_by_key(|(_, count)| *count).map_or_else(String::new, |(name, _)| name.into())
    }

    fn joined(&self, id: &str) -> Joined {
        let members = self
            .members
            .iter()
            .map(|(id, member)| (id.clone(), member.instance_id.clone(), member.metadata(&self.protocol)));
        Joined {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            member_id: id.to_string(),
            members: if id == self.leader { members.collect() } else { Vec::new() },
            skip_assignment: false,
        }
    }

    /// Takes the leader's assignment, or waits for it.
    pub fn sync(
        &mut self,
        caller: Caller<'_>,
        assignments: Vec<(String, Bytes)>,
        now: Micros,
        answer: Sender<SyncAnswer>,
    ) {
        let refused = match (self.check(caller), self.state) {
            (Err(error), _) => Some(error),
            (_, State::Empty) => Some(ResponseError::UnknownMemberId),
            (_, State::Preparing) => Some(ResponseError::RebalanceInProgress),
            (_, State::Completing | State::Stable) => None,
        };
        if let Some(error) = refused {
            answer.send(Err(error)).ok();
            return;
        }
        self.touch(caller.member_id, now);
        if let Some(member) = self.members.get_mut(caller.member_id) {
            member.syncing = Some(answer);
        }
        if self.state == State::Completing && caller.member_id == self.leader {
            self.assign(assignments);
        }
        if self.state == State::Stable {
            for member in self.members.values_mut() {
                if let Some(answer) = member.syncing.take() {
                    answer.send(Ok(member.assignment.clone())).ok();
                }
            }
        }
    }

    fn assign(&mut self, assignments: Vec<(String, Bytes)>) {
        self.members.values_mut().for_each(|member| member.assignment = Bytes::new());
        for (id, assignment) in assignments {
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment = assignment;
            }
        }
        self.state = State::Stable;
    }

    /// Notes that a member lives.
    ///
    /// # Errors
    /// `RebalanceInProgress` if it should join again; an unknown member or generation.
    pub fn heartbeat(&mut self, caller: Caller<'_>, now: Micros) -> Result<(), ResponseError> {
        self.check(caller)?;
        self.touch(caller.member_id, now);
        match self.state {
            State::Preparing => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// Whether the caller may commit offsets: a member of this generation, or anyone (−1) while
    /// nobody is in the group.
    ///
    /// # Errors
    /// An unknown member or generation.
    pub fn check_commit(&mut self, caller: Caller<'_>, now: Micros) -> Result<(), ResponseError> {
        if caller.generation < 0 && self.members.is_empty() {
            return Ok(());
        }
        self.check(caller)?;
        self.touch(caller.member_id, now);
        match self.state {
            State::Completing => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// The same inside a transaction: a caller that names no member is believed.
    ///
    /// # Errors
    /// As there.
    pub fn check_pending(&mut self, caller: Caller<'_>, now: Micros) -> Result<(), ResponseError> {
        if caller.generation < 0 && caller.member_id.is_empty() && caller.instance_id.is_none() {
            return Ok(());
        }
        self.check_commit(caller, now)
    }

    /// Whether an open transaction may change what is committed at `place`.
    pub fn is_unstable(&self, place: &(String, i32)) -> bool {
        self.pending.values().any(|offsets| offsets.contains_key(place))
    }

    /// Where it has committed, or an open transaction may.
    pub fn places(&self) -> impl Iterator<Item = &(String, i32)> {
        self.offsets.keys().chain(self.pending.values().flat_map(BTreeMap::keys))
    }

    /// Forgets what is committed at `place`, and what was to be.
    pub fn forget(&mut self, place: &(String, i32)) {
        self.offsets.remove(place);
        self.pending.values_mut().for_each(|offsets| drop(offsets.remove(place)));
        self.pending.retain(|_, offsets| !offsets.is_empty());
    }

    /// Ends a producer's transaction: its offsets are committed or forgotten.
    pub fn end_pending(&mut self, producer_id: i64, commits: bool) {
        let pending = self.pending.remove(&producer_id).filter(|_| commits);
        self.offsets.extend(pending.unwrap_or_default());
    }

    fn check(&self, caller: Caller<'_>) -> Result<(), ResponseError> {
        if let Some(id) = caller.instance_id.and_then(|instance| self.member_of(instance))
            && id != caller.member_id
        {
            return Err(ResponseError::FencedInstanceId);
        }
        if !self.members.contains_key(caller.member_id) {
            return Err(ResponseError::UnknownMemberId);
        }
        if caller.generation != self.generation { Err(ResponseError::IllegalGeneration) } else { Ok(()) }
    }

    /// Lets a member go, named by its id or its instance.
    ///
    /// # Errors
    /// An unknown member.
    pub fn leave(
        &mut self,
        member_id: &str,
        instance: Option<&str>,
        now: Micros,
    ) -> Result<(), ResponseError> {
        let id = match instance {
            Some(instance) => self.member_of(instance).ok_or(ResponseError::UnknownMemberId)?,
            None => member_id.to_string(),
        };
        if instance.is_some() && !member_id.is_empty() && id != member_id {
            return Err(ResponseError::FencedInstanceId);
        }
        let promised = self.promised.remove(&id).is_some();
        if !self.remove(&id) && !promised {
            return Err(ResponseError::UnknownMemberId);
        }
        self.rebalance(now);
        Ok(())
    }

    fn remove(&mut self, id: &str) -> bool {
        let Some(member) = self.members.remove(id) else { return false };
        if let Some(answer) = member.joining {
            answer.send(Err(NotJoined(ResponseError::UnknownMemberId, id.to_string()))).ok();
        }
        if let Some(answer) = member.syncing {
            answer.send(Err(ResponseError::UnknownMemberId)).ok();
        }
        true
    }

    /// Removes members that were not heard of for too long, and ends a rebalance whose time is over.
    pub fn tick(&mut self, now: Micros) {
        self.promised.retain(|_, lapses| *lapses > now);
        let late = |member: &Member| member.joining.is_none() && member.expires <= now;
        let gone: Vec<String> =
            self.members.iter().filter(|(_, member)| late(member)).map(|(id, _)| id.clone()).collect();
        if gone.is_empty() {
            return self.complete_join(now);
        }
        for id in &gone {
            tracing::info!(member = %id, "a consumer was not heard of for its session timeout");
            self.remove(id);
        }
        self.rebalance(now);
    }

    /// Whether nothing is left of it.
    pub fn is_gone(&self) -> bool {
        let no_offsets = self.offsets.is_empty() && self.pending.is_empty();
        self.members.is_empty() && no_offsets && self.promised.is_empty()
    }

    /// Topics that a member of a consumer group has subscribed to.
    pub fn subscribed(&self) -> HashSet<String> {
        let members = self.members.values().filter(|_| self.protocol_type == "consumer");
        members.flat_map(|member| subscription(&member.metadata(&self.protocol))).collect()
    }

    fn touch(&mut self, id: &str, now: Micros) {
        if let Some(member) = self.members.get_mut(id) {
            member.expires = now + member.session;
        }
    }
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
