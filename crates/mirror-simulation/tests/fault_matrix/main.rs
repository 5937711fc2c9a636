//! The fault matrix: one test for each fault that a script can cause, named for its row in `docs/faults.md`.
//!
//! | file | rows |
//! |---|---|
//! | `processes` | the mirror dies, is stopped, starts late, finds odd positions |
//! | `brokers` | brokers die, freeze, are far away |
//! | `network` | connections are cut, slow, one-way; answers come late or not at all |
//! | `refusals` | the target refuses, or seems to |
//! | `source_log` | the source's log is not what it was |
//! | `pressure` | throttles, full disks, large batches, many partitions |
//! | `hostile` | bytes that no broker should send |
//! | `table` | the table tells what is there, and nothing else |
//!
//! Every test checks its promise with the oracle or by the process' own account. What needs a real broker is in `tests/e2e`.

mod allocations;
mod brokers;
mod faults;
mod hostile;
mod network;
mod pressure;
mod processes;
mod refusals;
mod scene;
mod source_log;
mod table;
