//! The operator's commands against a process that says what the test wants: what they ask, what they print, how they
//! exit.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set its scene should end there"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::mpsc;
use std::thread;

use mirror_admin::control::{Order, SOCKET_NAME, bind_control, serve_control};
use mirror_core::control::{ControlReply, ControlRequest, HaltedPartition};
use mirror_core::status::{FlowStatus, HaltStatus, ProcessStatus};
use tempfile::TempDir;
use tokio::runtime::Builder;

/// A process with one halted partition, `orders:3` of flow `a-to-b`. It ends with the test's own process.
struct Process {
    /// What it was asked to change.
    asked: mpsc::Receiver<ControlRequest>,
}

impl Process {
    /// Starts in this slot of the state folder; `change` is its reply to `resume` and `skip`.
    fn start(state_folder: &Path, slot: &str, change: ControlReply) -> Self {
        let folder = state_folder.join(slot);
        fs::create_dir_all(&folder).unwrap();
        let (started, is_started) = mpsc::channel();
        let (tell, asked) = mpsc::channel();
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = bind_control(&folder.join(SOCKET_NAME)).unwrap();
                started.send(()).unwrap();
                let (sender, mut orders) = tokio::sync::mpsc::channel::<Order>(1);
                let answer = async {
                    while let Some((request, reply)) = orders.recv().await {
                        reply.send(answer(&request, &change)).unwrap();
                        if matches!(
                            request,
                            ControlRequest::Resume { .. } | ControlRequest::Skip { .. }
                        ) {
                            tell.send(request).unwrap();
                        }
                    }
                };
                tokio::select! {
                    never = serve_control(listener, sender) => match never {},
                    () = answer => {}
                }
            });
        });
        is_started.recv().unwrap();
        Self { asked }
    }
}

fn answer(request: &ControlRequest, change: &ControlReply) -> ControlReply {
    match request {
        ControlRequest::Status => ControlReply::Status(ProcessStatus {
            flows: vec![FlowStatus {
                name: "a-to-b".to_owned(),
                ..FlowStatus::default()
            }],
            ..ProcessStatus::default()
        }),
        ControlRequest::Halts => ControlReply::Halts(vec![HaltedPartition {
            flow: "a-to-b".to_owned(),
            topic: "orders".to_owned(),
            partition: 3,
            acked_offset: 100,
            halt: HaltStatus {
                reason: "refused".to_owned(),
                advice: "look at it, then: heliostat skip orders:3@7".to_owned(),
                ..HaltStatus::default()
            },
        }]),
        ControlRequest::Resume { .. } | ControlRequest::Skip { .. } => change.clone(),
    }
}

fn done() -> ControlReply {
    ControlReply::Done {
        words: "resumed from offset 250".to_owned(),
    }
}

fn heliostat(state_folder: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heliostat"));
    command
        .args(line.split_whitespace())
        .arg("--state-dir")
        .arg(state_folder);
    command.env_remove("RUST_LOG").env_remove("NO_COLOR");
    command.output().unwrap()
}

#[track_caller]
fn check(output: &Output, code: i32, out: &str, errors: &str) {
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}{complained}");
    assert!(said.contains(out), "{out} is not in: {said}");
    assert!(complained.contains(errors), "{errors} is not in: {complained}");
}

#[test]
fn without_a_process_there_is_nothing_to_tell() {
    let folder = TempDir::new().unwrap();
    for line in [
        "status",
        "halts",
        "resume orders:3 --from earliest",
        "skip orders:3@7",
    ] {
        check(&heliostat(folder.path(), line), 1, "", "no process is running");
    }
}

#[test]
fn what_is_told_of_every_process() {
    let folder = TempDir::new().unwrap();
    let _one = Process::start(folder.path(), "a-to-b/0", done());
    let _two = Process::start(folder.path(), "a-to-b/1", done());
    // A third one was killed and left its socket behind.
    let dead = folder.path().join("a-to-b/2");
    fs::create_dir_all(&dead).unwrap();
    drop(std::os::unix::net::UnixListener::bind(dead.join(SOCKET_NAME)).unwrap());

    let halts = heliostat(folder.path(), "halts");
    check(&halts, 3, "a-to-b/0  a-to-b  orders:3", "");
    check(&halts, 3, "a-to-b/1  a-to-b  orders:3", "");
    check(&halts, 3, "→ look at it", "");

    let halts = heliostat(folder.path(), "halts --output json");
    let rows: serde_json::Value = serde_json::from_slice(&halts.stdout).unwrap();
    assert_eq!(rows[1]["process"], "a-to-b/1");
    assert_eq!(rows[1]["halt"]["reason"], "refused");

    let status = heliostat(folder.path(), "status --output json");
    check(&status, 0, "", "");
    let rows: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(rows[0]["status"]["flows"][0]["state"], "connecting");
    assert_eq!(rows.as_array().unwrap().len(), 2);
}

#[test]
fn a_change_reaches_the_process_as_it_was_typed() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path(), "a-to-b/0", done());
    let resumed = heliostat(folder.path(), "resume orders:3 --from 250 --accept-loss 100..250");
    check(&resumed, 0, "resumed from offset 250\n", "");
    let request = serde_json::to_value(process.asked.recv().unwrap()).unwrap();
    let expected = serde_json::json!({
        "command": "resume", "flow": "a-to-b", "tp": "orders:3",
        "from": {"offset": 250}, "accept_loss": {"from": 100, "to": 250},
    });
    assert_eq!(request, expected);

    let skipped = heliostat(
        folder.path(),
        "skip orders:3@100 --dead-letter lost --output json",
    );
    check(&skipped, 0, "\"reply\": \"done\"", "");
    let request = serde_json::to_value(process.asked.recv().unwrap()).unwrap();
    let expected = serde_json::json!({
        "command": "skip", "flow": "a-to-b", "tp": "orders:3", "offset": 100, "dead_letter": "lost",
    });
    assert_eq!(request, expected);
}

#[test]
fn a_refusal_is_an_error_in_the_processs_words() {
    let folder = TempDir::new().unwrap();
    let refused = ControlReply::Refused {
        words: "that would lose 100..250".to_owned(),
    };
    let process = Process::start(folder.path(), "a-to-b/0", refused);
    let answer = heliostat(folder.path(), "resume orders:3 --from latest");
    check(&answer, 1, "", "error: that would lose 100..250");
    process.asked.recv().unwrap();
}

#[test]
fn a_suggested_command_asked_other_processes_than_the_one_that_suggested_it() {
    let folder = TempDir::new().unwrap();
    let refused = ControlReply::Refused {
        words: "to accept exactly that, type: heliostat resume orders:3 --from 9".to_owned(),
    };
    let _process = Process::start(folder.path(), "a-to-b/0", refused);
    let place = format!("--state-dir {}", folder.path().display());
    let skip = format!("then: heliostat skip {place} orders:3@7");
    check(&heliostat(folder.path(), "halts"), 3, &skip, "");
    check(&heliostat(folder.path(), "halts --output json"), 3, &skip, "");
    let resume = format!("type: heliostat resume {place} orders:3 --from 9");
    check(
        &heliostat(folder.path(), "resume orders:3 --from latest"),
        1,
        "",
        &resume,
    );
    let halts = format!("a-to-b/0): see heliostat halts {place}. If another process has it");
    check(&heliostat(folder.path(), "skip clicks:3@7"), 1, "", &halts);
}

#[test]
fn a_partition_that_is_not_halted_is_not_touched() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(folder.path(), "a-to-b/0", done());
    for line in [
        "resume orders:4 --from earliest",
        "resume orders:3 --from earliest --flow other",
        "skip clicks:3@7",
    ] {
        check(&heliostat(folder.path(), line), 1, "", "is not halted");
    }
    assert!(process.asked.try_recv().is_err());
}

#[test]
fn with_two_holders_nobody_guesses() {
    let folder = TempDir::new().unwrap();
    let one = Process::start(folder.path(), "a-to-b/0", done());
    let two = Process::start(folder.path(), "other/0", done());
    let answer = heliostat(folder.path(), "resume orders:3 --from earliest");
    check(&answer, 1, "", "halted in several processes");
    assert!(one.asked.try_recv().is_err() && two.asked.try_recv().is_err());
}
