//! Orders to a process whose flow takes its time.

use std::sync::Arc;
use std::time::Duration;

use kafka_wire::ids::TopicId;
use mirror_config::{BrakeConfig, OnRefusedRecord};
use mirror_core::budget::BudgetLimits;
use mirror_core::control::reach::Reach;
use mirror_core::progress::Position;

use super::*;
use crate::memory::Memory;
use crate::partition::SourcePartition;
use crate::shared::FlowShared;
use crate::status::ViewedFlow;
use crate::tasks::{Task, Tasks};

/// A process with one flow, which holds `orders-3`.
struct Process {
    orders: mpsc::Sender<ControlOrder>,
    flow: mpsc::Receiver<FlowCommand>,
    _task: Task<()>,
}

fn orders() -> TopicPartition {
    TopicPartition::new("orders", 3)
}

fn process() -> Process {
    let memory = Memory::new(BudgetLimits {
        total: 1000,
        share: 500,
        lane: 100,
    });
    let brake = BrakeConfig {
        bytes_per_second: None,
        start_ramp: Duration::ZERO,
    };
    let shared = FlowShared::new(
        Arc::clone(&memory),
        OnRefusedRecord::Halt,
        Reach::default(),
        brake,
        None,
    );
    let start = Position {
        offset: 0,
        leader_epoch: -1,
    };
    let target = Arc::from("orders");
    shared.add_partition(SourcePartition::new(
        1,
        orders(),
        target,
        TopicId::ZERO,
        start,
        None,
    ));
    let viewed = ViewedFlow {
        name: "flow".to_owned(),
        source: "source".to_owned(),
        target: "target".to_owned(),
        shared,
    };
    let view = StatusView::new(vec![viewed], "instance".to_owned(), memory, 0);
    let (orders, requests) = mpsc::channel(1);
    let (commands, flow) = mpsc::channel(1);
    let addressee = Addressee {
        flow: "flow".to_owned(),
        commands,
    };
    Process {
        orders,
        flow,
        _task: Tasks::new().start("control", serve(requests, vec![addressee], view)),
    }
}

// === impl Process ===

impl Process {
    async fn order(&self, request: ControlRequest) -> oneshot::Receiver<ControlReply> {
        let (reply, answer) = oneshot::channel();
        self.orders
            .send((request, reply))
            .await
            .expect("the process runs");
        answer
    }

    async fn skip(&self, offset: i64) -> oneshot::Receiver<ControlReply> {
        self.order(ControlRequest::Skip {
            flow: None,
            tp: orders(),
            offset,
            dead_letter: None,
        })
        .await
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_takes_long_keeps_nobody_from_looking() {
    let mut process = process();
    let skipped = process.skip(7).await;
    let under_way = process.flow.recv().await.expect("the flow is told");
    for look in [ControlRequest::Status, ControlRequest::Halts] {
        let answer = process.order(look).await;
        let answer = tokio::time::timeout(Duration::from_secs(5), answer).await;
        answer
            .expect("answered while the command is under way")
            .expect("answered");
    }
    let words = "skipped".to_owned();
    let done = ControlReply::Done { words };
    under_way
        .reply
        .send(Some(done.clone()))
        .expect("still waited for");
    assert_eq!(skipped.await, Ok(done));
}

#[tokio::test(start_paused = true)]
async fn more_commands_than_can_wait_are_refused_and_the_others_are_carried_out_in_order() {
    let mut process = process();
    let mut answers = vec![process.skip(0).await];
    let mut under_way = process.flow.recv().await.expect("the flow is told");
    let waiting = i64::try_from(COMMANDS_WAITING_MAX).unwrap();
    for offset in 1..=waiting {
        answers.push(process.skip(offset).await);
    }
    let refused = process.skip(99).await.await;
    assert!(matches!(refused, Ok(ControlReply::Refused { .. })), "{refused:?}");
    for (offset, answer) in (0_i64..).zip(answers) {
        let asked =
            matches!(under_way.action, PartitionAction::Skip { offset: asked, .. } if asked == offset);
        assert!(asked, "{:?}", under_way.action);
        let words = offset.to_string();
        let done = ControlReply::Done { words };
        under_way
            .reply
            .send(Some(done.clone()))
            .expect("still waited for");
        assert_eq!(answer.await, Ok(done));
        if offset == waiting {
            break;
        }
        under_way = process.flow.recv().await.expect("the flow is told");
    }
}
