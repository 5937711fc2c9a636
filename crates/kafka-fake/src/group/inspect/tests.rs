//! Rules of `DescribeGroups`, `ListGroups` and `DeleteGroups`.

use kafka_wire::ErrorCode;

use crate::group::testing::{Bench, GROUP, INITIAL_DELAY, SESSION, code, commit_request, join_request};

#[test]
fn a_stable_group_shows_what_its_members_agreed_on() {
    let mut bench = Bench::new();
    let members = bench.stable_group(1);
    let group = bench.coordinator.describe(GROUP).expect("there");
    assert_eq!(
        (group.state, group.protocol_type.as_str()),
        ("Stable", "consumer")
    );
    assert_eq!(group.protocol_name, "range");
    let member = &group.members[0];
    assert_eq!(
        (member.member_id.as_str(), member.client_id.as_str()),
        (members[0].as_str(), "c")
    );
    assert_eq!(
        (&member.metadata[..], &member.assignment[..]),
        (&b"range"[..], members[0].as_bytes())
    );
}

#[test]
fn before_the_assignment_only_the_members_are_shown() {
    let mut bench = Bench::new();
    bench.join(join_request(""));
    for state in ["PreparingRebalance", "CompletingRebalance"] {
        let group = bench.coordinator.describe(GROUP).expect("there");
        assert_eq!((group.state, group.protocol_name.as_str()), (state, ""));
        assert_eq!((group.members.len(), group.members[0].metadata.len()), (1, 0));
        bench.pass(INITIAL_DELAY);
    }
}

#[test]
fn a_group_is_deleted_with_its_offsets_once_it_is_empty() {
    let mut bench = Bench::new();
    assert_eq!(
        code(bench.coordinator.delete(GROUP)),
        ErrorCode::GROUP_ID_NOT_FOUND
    );
    bench
        .coordinator
        .commit_offsets(bench.now, commit_request("", -1, 7))
        .unwrap();
    bench.stable_group(1);
    assert_eq!(code(bench.coordinator.delete(GROUP)), ErrorCode::NON_EMPTY_GROUP);
    bench.pass(SESSION);
    assert_eq!(bench.coordinator.delete(GROUP), Ok(()));
    assert_eq!(bench.coordinator.describe(GROUP), None);
    assert_eq!(bench.coordinator.fetch_offsets(GROUP, None, false), []);
}

#[test]
fn groups_with_members_and_groups_with_offsets_are_listed() {
    let mut bench = Bench::new();
    bench.stable_group(1);
    let mut request = commit_request("", -1, 7);
    request.group_id = "another".to_owned();
    bench.coordinator.commit_offsets(bench.now, request).unwrap();
    let listed: Vec<_> = bench
        .coordinator
        .list()
        .into_iter()
        .map(|group| (group.group_id, group.protocol_type, group.state))
        .collect();
    assert_eq!(
        listed,
        [
            ("another".to_owned(), String::new(), "Empty"),
            (GROUP.to_owned(), "consumer".to_owned(), "Stable")
        ]
    );
}
