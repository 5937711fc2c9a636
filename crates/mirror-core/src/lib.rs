//! What to mirror and what has been mirrored, without I/O, clock or logging.
//!
//! | module | answers |
//! |---|---|
//! | [`topic_filter`] | which topics does this flow mirror? |
//! | [`topic_plan`] | what must happen on the target before this topic can be mirrored? |
//! | [`budget`] | how many bytes may the next fetch ask for? |
//! | [`progress`] | up to which source offset does the target hold everything? |
//! | [`position_metadata`] | what travels beside a committed position? |
//! | [`position_record`] | which position holds, of all that stand in a topic of positions? |
//! | [`anchor`] | do a position and the target's log still belong together? |
//! | [`brake`] | how long to wait before the next bytes may move? |
//! | [`catch_up`] | has a run that ends by itself reached its end, and what is missing if not? |
//! | [`halt`] | why does this partition stand still, and what should the operator do? |
//! | [`control`] | what may an operator ask a running process for, and may this partition go on there? |
//! | [`status`] | how is a process doing? |
//! | [`unreachable_broker`] | which broker cannot be reached, and which line is to be added? |
//!
//! Nothing here knows the router (`mirror-router`) or the client; `mirror-runtime` puts them together.

#![forbid(unsafe_code)]

pub mod anchor;
pub mod brake;
pub mod budget;
pub mod catch_up;
pub mod control;
pub mod halt;
pub mod offset_range;
pub mod position_metadata;
pub mod position_record;
pub mod progress;
pub mod status;
pub mod timestamp;
pub mod topic_filter;
pub mod topic_plan;
pub mod unreachable_broker;
