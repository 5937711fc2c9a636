//! What an operator asks of the running process, brought to the flow that holds the partition.

use kafka_wire::ids::TopicPartition;
use mirror_core::control::{ControlReply, ControlRequest, ResumeFrom, halted_partitions};
use mirror_core::offset_range::OffsetRange;
use mirror_core::status::StatusSource as _;
use tokio::sync::{mpsc, oneshot};

use crate::mirror::ControlOrder;
use crate::status::StatusView;

/// Commands that may wait for one that is being carried out: more than people type.
const COMMANDS_WAITING_MAX: usize = 16;

/// A flow that can be spoken to.
#[derive(Debug)]
pub(crate) struct Addressee {
    pub(crate) flow: String,
    pub(crate) commands: mpsc::Sender<FlowCommand>,
}

/// A command for one partition of a flow.
#[derive(Debug)]
pub(crate) struct FlowCommand {
    pub(crate) tp: TopicPartition,
    pub(crate) action: PartitionAction,
    /// `None`: this flow does not hold the partition now.
    pub(crate) reply: oneshot::Sender<Option<ControlReply>>,
}

/// A command, before it is known which flow holds the partition.
struct Command {
    flow: Option<String>,
    tp: TopicPartition,
    action: PartitionAction,
    reply: oneshot::Sender<ControlReply>,
}

/// What is to be done with a partition.
#[derive(Debug, Clone)]
pub(crate) enum PartitionAction {
    Resume {
        from: ResumeFrom,
        accept_loss: Option<OffsetRange>,
    },
    Skip {
        offset: i64,
        dead_letter: Option<String>,
    },
}

// === impl FlowCommand ===

impl FlowCommand {
    /// The flow holds nothing at this moment.
    pub(crate) fn answer_without_partitions(self) {
        drop(self.reply.send(None));
    }
}

/// Answers until the process ends: what is asked at once, what is to be done one after the other.
pub(crate) async fn serve(
    mut requests: mpsc::Receiver<ControlOrder>,
    flows: Vec<Addressee>,
    view: StatusView,
) {
    let (to_do, commands) = mpsc::channel(COMMANDS_WAITING_MAX);
    let answering = async {
        while let Some((request, reply)) = requests.recv().await {
            answer(request, reply, &view, &to_do);
        }
        drop(to_do);
    };
    tokio::join!(answering, carry_out(commands, &flows, &view));
}

/// A command may wait for a broker; whoever looks at the process meanwhile does not wait with it.
fn answer(
    request: ControlRequest,
    reply: oneshot::Sender<ControlReply>,
    view: &StatusView,
    to_do: &mpsc::Sender<Command>,
) {
    let (flow, tp, action) = match request {
        ControlRequest::Status => {
            drop(reply.send(ControlReply::Status(view.status())));
            return;
        }
        ControlRequest::Halts => {
            drop(reply.send(ControlReply::Halts(halted_partitions(&view.status()))));
            return;
        }
        ControlRequest::Resume {
            flow,
            tp,
            from,
            accept_loss,
        } => (flow, tp, PartitionAction::Resume { from, accept_loss }),
        ControlRequest::Skip {
            flow,
            tp,
            offset,
            dead_letter,
        } => (flow, tp, PartitionAction::Skip { offset, dead_letter }),
    };
    let command = Command {
        flow,
        tp,
        action,
        reply,
    };
    if let Err(error) = to_do.try_send(command) {
        let words = format!("{COMMANDS_WAITING_MAX} other commands are waiting: try again");
        drop(error.into_inner().reply.send(ControlReply::Refused { words }));
    }
}

async fn carry_out(mut commands: mpsc::Receiver<Command>, flows: &[Addressee], view: &StatusView) {
    while let Some(command) = commands.recv().await {
        let Command {
            flow,
            tp,
            action,
            reply,
        } = command;
        let answer = act(flows, view, flow.as_deref(), &tp, &action).await;
        // Whoever asked may be gone; what was done stands in the log.
        drop(reply.send(answer));
    }
}

async fn act(
    flows: &[Addressee],
    view: &StatusView,
    name: Option<&str>,
    tp: &TopicPartition,
    action: &PartitionAction,
) -> ControlReply {
    if let Some(name) = name.filter(|name| flows.iter().all(|flow| flow.flow != *name)) {
        let words = format!("there is no flow \"{name}\" in this process");
        return ControlReply::Refused { words };
    }
    let named = flows
        .iter()
        .filter(|flow| name.is_none_or(|name| flow.flow == name));
    let holders: Vec<_> = named.filter(|flow| view.holds(&flow.flow, tp)).collect();
    match holders.as_slice() {
        [] => ControlReply::Refused {
            words: format!(
                "{}:{} is not with this process now; `heliostat status` tells what each process on this host holds",
                tp.topic, tp.partition
            ),
        },
        [flow] => ask(flow, tp, action)
            .await
            .unwrap_or_else(|| ControlReply::Refused {
                words: "the group just gave the partition to another process: ask that one".to_owned(),
            }),
        several => {
            let names: Vec<_> = several.iter().map(|flow| flow.flow.as_str()).collect();
            let words = format!(
                "several flows mirror this partition: name one with --flow ({})",
                names.join(", ")
            );
            ControlReply::Refused { words }
        }
    }
}

async fn ask(flow: &Addressee, tp: &TopicPartition, action: &PartitionAction) -> Option<ControlReply> {
    let (reply, answer) = oneshot::channel();
    let command = FlowCommand {
        tp: tp.clone(),
        action: action.clone(),
        reply,
    };
    flow.commands.send(command).await.ok()?;
    answer.await.ok()?
}

#[cfg(test)]
mod tests;
