//! Consumer groups: who is in them, and what they look like from outside.

use super::{Context, code, text};
use crate::broker::groups::{Caller, Group, Join, Joined, NotJoined, State};
use delete_groups_response::DeletableGroupResult;
use describe_groups_response::{DescribedGroup, DescribedGroupMember};
use join_group_response::JoinGroupResponseMember;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::StrBytes;
use leave_group_request::MemberIdentity;
use leave_group_response::MemberResponse;
use list_groups_response::ListedGroup;

/// Session timeouts that are allowed, in milliseconds.
const SESSIONS: std::ops::RangeInclusive<i32> = 6_000..=1_800_000;

pub async fn join_group(context: &Context<'_>, request: JoinGroupRequest) -> JoinGroupResponse {
    let id = request.member_id.to_string();
    let answer = if request.group_id.is_empty() {
        Err(NotJoined(ResponseError::InvalidGroupId, id))
    } else if !SESSIONS.contains(&request.session_timeout_ms) {
        Err(NotJoined(ResponseError::InvalidSessionTimeout, id))
    } else {
        context.core.groups.join(&request.group_id, asked(context, &request)).await
    };
    match answer {
        Ok(joined) => welcome(joined),
        Err(NotJoined(error, id)) => JoinGroupResponse::default()
            .with_error_code(error.code())
            .with_generation_id(-1)
            .with_protocol_name(Some(StrBytes::new()))
            .with_member_id(text(id)),
    }
}

fn asked(context: &Context<'_>, request: &JoinGroupRequest) -> Join {
    let rebalance_ms = match request.rebalance_timeout_ms {
        unset if unset < 0 => request.session_timeout_ms,
        set => set,
    };
    let protocols = request.protocols.iter();
    Join {
        member_id: request.member_id.to_string(),
        instance_id: request.group_instance_id.as_ref().map(|id| id.to_string()),
        client_id: context.client_id.clone(),
        host: format!("/{}", context.remote.ip()),
        session_ms: request.session_timeout_ms,
        rebalance_ms,
        protocol_type: request.protocol_type.to_string(),
        protocols: protocols.map(|known| (known.name.to_string(), known.metadata.clone())).collect(),
        id_first: context.version >= 4,
        may_skip_assignment: context.version >= 9,
    }
}

fn welcome(joined: Joined) -> JoinGroupResponse {
    let members = joined.members.into_iter().map(|(id, instance, metadata)| {
        JoinGroupResponseMember::default()
            .with_member_id(text(id))
            .with_group_instance_id(instance.map(text))
            .with_metadata(metadata)
    });
    JoinGroupResponse::default()
        .with_generation_id(joined.generation)
        .with_protocol_type(Some(text(joined.protocol_type)))
        .with_protocol_name(Some(text(joined.protocol)))
        .with_leader(text(joined.leader))
        .with_skip_assignment(joined.skip_assignment)
        .with_member_id(text(joined.member_id))
        .with_members(members.collect())
}

pub async fn sync_group(context: &Context<'_>, request: SyncGroupRequest) -> SyncGroupResponse {
    let caller = Caller {
        member_id: &request.member_id,
        instance_id: request.group_instance_id.as_deref(),
        generation: request.generation_id,
    };
    let shares = request.assignments.iter();
    let shares = shares.map(|share| (share.member_id.to_string(), share.assignment.clone())).collect();
    let answer = context.core.groups.sync(&request.group_id, caller, shares).await;
    SyncGroupResponse::default()
        .with_error_code(code(&answer))
        .with_protocol_type(request.protocol_type)
        .with_protocol_name(request.protocol_name)
        .with_assignment(answer.unwrap_or_default())
}

pub fn heartbeat(context: &Context<'_>, request: HeartbeatRequest) -> HeartbeatResponse {
    let caller = Caller {
        member_id: &request.member_id,
        instance_id: request.group_instance_id.as_deref(),
        generation: request.generation_id,
    };
    let alive = context.core.groups.heartbeat(&request.group_id, caller);
    HeartbeatResponse::default().with_error_code(code(&alive))
}

pub fn leave_group(context: &Context<'_>, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let leave =
        |member: &str, instance: Option<&str>| context.core.groups.leave(&request.group_id, member, instance);
    if context.version < 3 {
        return LeaveGroupResponse::default().with_error_code(code(&leave(&request.member_id, None)));
    }
    let members = request.members.iter().map(|member: &MemberIdentity| {
        let left = leave(&member.member_id, member.group_instance_id.as_deref());
        MemberResponse::default()
            .with_member_id(member.member_id.clone())
            .with_group_instance_id(member.group_instance_id.clone())
            .with_error_code(code(&left))
    });
    LeaveGroupResponse::default().with_members(members.collect())
}

pub fn describe_groups(context: &Context<'_>, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let groups = request.groups.into_iter().map(|id| {
        let found = context.core.groups.look(&id, describe);
        let described = found.unwrap_or_else(|| {
            let missing = DescribedGroup::default().with_group_state(StrBytes::from_static_str("Dead"));
            if context.version < 6 {
                return missing;
            }
            let message = format!("Group {} not found.", id.as_str());
            let error = ResponseError::GroupIdNotFound.code();
            missing.with_error_code(error).with_error_message(Some(text(message)))
        });
        described.with_group_id(id)
    });
    DescribeGroupsResponse::default().with_groups(groups.collect())
}

fn describe(group: &Group) -> DescribedGroup {
    let settled = group.state == State::Stable;
    let members = group.members.iter().map(|(id, member)| {
        DescribedGroupMember::default()
            .with_member_id(text(id.as_str()))
            .with_group_instance_id(member.instance_id.as_deref().map(text))
            .with_client_id(text(member.client_id.as_str()))
            .with_client_host(text(member.host.as_str()))
            .with_member_metadata(if settled { member.metadata(&group.protocol) } else { Default::default() })
            .with_member_assignment(if settled { member.assignment.clone() } else { Default::default() })
    });
    DescribedGroup::default()
        .with_group_state(StrBytes::from_static_str(state_name(group.state)))
        .with_protocol_type(text(protocol_type(group)))
        .with_protocol_data(text(if settled { group.protocol.as_str() } else { "" }))
        .with_members(members.collect())
}

/// A group that was only committed to has no type of its own.
fn protocol_type(group: &Group) -> &str {
    if group.members.is_empty() && group.generation == 0 { "" } else { &group.protocol_type }
}

fn state_name(state: State) -> &'static str {
    match state {
        State::Empty => "Empty",
        State::Preparing => "PreparingRebalance",
        State::Completing => "CompletingRebalance",
        State::Stable => "Stable",
    }
}

pub fn list_groups(context: &Context<'_>, request: ListGroupsRequest) -> ListGroupsResponse {
    let wanted = |filter: &[StrBytes], value: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    let groups = context.core.groups.look_at_all(|name, group| {
        let state = state_name(group.state);
        let listed = wanted(&request.states_filter, state) && wanted(&request.types_filter, "classic");
        listed.then(|| {
            ListedGroup::default()
                .with_group_id(GroupId(text(name)))
                .with_protocol_type(text(protocol_type(group)))
                .with_group_state(text(state))
                .with_group_type(text("classic"))
        })
    });
    ListGroupsResponse::default().with_groups(groups.into_iter().flatten().collect())
}

pub fn delete_groups(context: &Context<'_>, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let results = request.groups_names.into_iter().map(|id| {
        let deleted = context.core.groups.delete(&id);
        DeletableGroupResult::default().with_group_id(id).with_error_code(code(&deleted))
    });
    DeleteGroupsResponse::default().with_results(results.collect())
}
