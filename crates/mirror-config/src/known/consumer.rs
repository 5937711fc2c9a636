//! What only the Java consumer knows.

use super::{KnownProperty, ceiling, honoured, no_meaning, refused};

const BYTES: &str = "MirrorMaker forces byte arrays, and bytes are copied as they are";
const SHARE: &str = "it belongs to share groups, which no mirror reads through";
const INTERNAL: &str = "a switch inside of the Java client";

/// In the order of a consumer's life: whose position, where from, what is read, how much at a time, as which member.
pub(super) const TABLE: &[KnownProperty] = &[
    honoured(
        "group.id",
        "the group on the source whose offsets are the positions",
    ),
    no_meaning(
        "client.id",
        "MirrorMaker forces <group.id>-<i>, so that quotas for that name go on holding",
    ),
    honoured("auto.offset.reset", "where a partition without a position starts"),
    honoured(
        "isolation.level",
        "whether records of aborted and open transactions are read",
    ),
    honoured(
        "exclude.internal.topics",
        "the brokers' own topics are never mirrored, even when it is false",
    ),
    no_meaning(
        "enable.auto.commit",
        "positions are committed behind the target's acknowledgements only",
    ),
    no_meaning(
        "auto.commit.interval.ms",
        "changed positions are committed within half a second",
    ),
    ceiling("fetch.max.bytes", "bytes of one answer"),
    ceiling(
        "max.partition.fetch.bytes",
        "bytes of one partition in one answer",
    ),
    honoured("fetch.min.bytes", "bytes a broker waits for"),
    honoured("fetch.max.wait.ms", "how long a broker may wait for them"),
    no_meaning("max.poll.records", "whole batches are mirrored, bounded in bytes"),
    no_meaning("check.crcs", "every batch's checksum is verified"),
    no_meaning("client.rack", "partitions are read from their leaders"),
    no_meaning(
        "allow.auto.create.topics",
        "asking for a topic never creates it on the source",
    ),
    no_meaning(
        "default.api.timeout.ms",
        "a call is repeated until it succeeds or cannot",
    ),
    no_meaning("key.deserializer", BYTES),
    no_meaning("value.deserializer", BYTES),
    honoured(
        "partition.assignment.strategy",
        "range and roundrobin, in the order written; where it is not set, range; others are left out",
    ),
    honoured(
        "session.timeout.ms",
        "how long a member may be silent before its partitions go to others",
    ),
    honoured(
        "heartbeat.interval.ms",
        "pause between a member's signs of life; below the session's time-out",
    ),
    honoured(
        "max.poll.interval.ms",
        "how long a rebalance waits for a member, and so how long a drain may take",
    ),
    no_meaning(
        "group.instance.id",
        "a start takes its dead predecessor out of the group, so static membership gains nothing",
    ),
    no_meaning(
        "group.remote.assignor",
        "it belongs to the consumer group protocol of Kafka 4, and the classic one is spoken",
    ),
    no_meaning("internal.leave.group.on.close", INTERNAL),
    no_meaning("internal.throw.on.fetch.stable.offset.unsupported", INTERNAL),
    refused(
        "group.protocol",
        &["classic"],
        "only the classic group protocol is spoken",
        "remove the line; the group's offsets stay as they are",
    ),
    no_meaning("share.acknowledgement.mode", SHARE),
    no_meaning("share.acquire.mode", SHARE),
];
