//! One file per Kafka API: the request, its response, and which version brought which field.
//!
//! Names are Kafka's (`clients/src/main/resources/common/message/*.json`). Structs hold the fields a mirror needs;
//! everything else in a response is read past, everything else in a request is left at Kafka's default. A field
//! that the negotiated version lacks has Kafka's default in the response (-1, 0, empty).
//!
//! Requests are written by the generated messages of `kafka-protocol`, except Fetch and Produce, which are by hand
//! for the sake of speed. Responses are read by hand, all of them.

pub mod api_versions;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_records;
pub mod delete_topics;
pub mod describe_configs;
pub mod describe_groups;
pub mod fetch;
pub mod find_coordinator;
pub mod heartbeat;
pub mod init_producer_id;
pub mod join_group;
pub mod leave_group;
pub mod list_offsets;
pub mod metadata;
pub mod node_endpoint;
pub mod offset_commit;
pub mod offset_fetch;
pub mod offset_for_leader_epoch;
pub mod produce;
pub mod sync_group;

mod generated;
