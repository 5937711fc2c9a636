//! The Java tool's process and its requests: Kafka's own clients at the tests' service.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::archives;
use crate::java::{self, Archive, Jvm};
use crate::{guard, jars, scratch};

/// Longer than anything a request waits for by itself.
const ANSWER_LIMIT: Duration = Duration::from_mins(10);

/// A refusal by Kafka (or by the tool), as Java's exception says it.
#[derive(Debug)]
pub struct ToolError {
    /// The exception's class name without its package: `UnknownTopicOrPartitionException`.
    pub kind: String,
    pub message: String,
    operation: String,
}

/// One running Java tool.
#[derive(Debug)]
pub struct Tool {
    input: Mutex<ChildStdin>,
    waiting: Arc<Mutex<HashMap<u64, Sender<Value>>>>,
    next_id: AtomicU64,
    child: Mutex<Child>,
}

static TOOL: OnceLock<Result<Tool, String>> = OnceLock::new();

/// The tool of this process, if it has been started.
pub(crate) fn running() -> Option<&'static Tool> {
    TOOL.get()?.as_ref().ok()
}

/// The tool of this process; started at the first call, gone with the process.
pub fn tool() -> Result<&'static Tool> {
    let tool = TOOL.get_or_init(|| start_shared().map_err(|error| format!("{error:#}")));
    match tool {
        Ok(tool) => Ok(tool),
        Err(error) => bail!("the Java tool is not running: {error}"),
    }
}

fn start_shared() -> Result<Tool> {
    let jvm = Jvm::of(jars::V3_9_2)?;
    let (_, archive) = java::archive_paths(&archives::folder(&jvm)?);
    Tool::start(&jvm, &Archive::Use(archive))
}

// === impl Tool ===

impl Tool {
    pub(crate) fn start(jvm: &Jvm, archive: &Archive) -> Result<Self> {
        let mut command = jvm.bare(1024, archive)?;
        command.arg("kit.Tool");
        if let Archive::Write(_) = archive {
            command.arg("--train");
        }
        let log = scratch::path("tool")?.with_extension("stderr");
        let log = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0);
        let mut child = command.spawn().context("cannot start java")?;
        guard::watch(child.id())?;
        let input = child.stdin.take().context("invariant: the input is a pipe")?;
        let output = child.stdout.take().context("invariant: the output is a pipe")?;
        let waiting = Arc::new(Mutex::new(HashMap::new()));
        let readers = Arc::clone(&waiting);
        thread::Builder::new()
            .name("tool-answers".to_owned())
            .spawn(move || read_answers(output, &readers))
            .context("cannot start a thread")?;
        Ok(Self {
            input: Mutex::new(input),
            waiting,
            next_id: AtomicU64::new(1),
            child: Mutex::new(child),
        })
    }

    /// Runs one operation of the tool; the names and fields are in `java/kit/Operations.java`.
    pub fn call(&self, operation: &str, mut request: Value) -> Result<Value> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = mpsc::channel();
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, sender);
        let fields = request.as_object_mut().context("a request is a JSON object")?;
        fields.insert("id".to_owned(), json!(id));
        fields.insert("op".to_owned(), json!(operation));
        let mut line = request.to_string();
        line.push('\n');
        self.input
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write_all(line.as_bytes())
            .context("the Java tool has ended")?;
        let mut answer = receiver
            .recv_timeout(ANSWER_LIMIT)
            .with_context(|| format!("no answer to {operation}: the Java tool hangs or has ended"))?;
        if let Some(kind) = answer.get("error") {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            return Err(ToolError {
                kind: text(kind),
                message: text(&answer["message"]),
                operation: operation.to_owned(),
            }
            .into());
        }
        Ok(answer["ok"].take())
    }

    /// Ends the tool's input and waits for it: only then a class archive is complete.
    pub(crate) fn end(self) -> Result<()> {
        drop(self.input);
        let mut child = self.child.into_inner().unwrap_or_else(PoisonError::into_inner);
        let status = child.wait().context("cannot wait for the Java tool")?;
        guard::forget(child.id());
        if !status.success() {
            bail!("the Java tool ended with {status}");
        }
        Ok(())
    }
}

/// Hands each answer to the request that waits for it. At the end of the output all senders go, which wakes every waiter.
fn read_answers(output: ChildStdout, waiting: &Mutex<HashMap<u64, Sender<Value>>>) {
    for line in BufReader::new(output).lines() {
        let Ok(line) = line else { break };
        let Ok(answer) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        let Some(id) = answer["id"].as_u64() else { continue };
        let sender = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some(sender) = sender {
            sender.send(answer).ok();
        }
    }
    waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

// === impl ToolError ===

impl std::fmt::Display for ToolError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}: {}", self.operation, self.kind, self.message)
    }
}

impl std::error::Error for ToolError {}

/// Was `error` this exception of Kafka's?
pub fn is_kafka_error(error: &anyhow::Error, kind: &str) -> bool {
    error
        .downcast_ref::<ToolError>()
        .is_some_and(|refusal| refusal.kind == kind)
}
