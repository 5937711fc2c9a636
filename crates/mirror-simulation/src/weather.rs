//! Latency and storms: what becomes of each request a mirror sends, as the plan and the moment have it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kafka_fake::{Action, FakeCluster};
use tokio::time::Instant;

use crate::plan::{ClusterShape, Plan, Side, Storm};
use crate::random::Random;

/// Lets the plan's storms and latency act on a cluster from now on.
pub(crate) fn let_act(plan: &Plan, side: Side, cluster: &FakeCluster) {
    let (ClusterShape { latency_max, .. }, name) = match side {
        Side::Source => (plan.shape.source, "latency of the source"),
        Side::Target => (plan.shape.target, "latency of the target"),
    };
    let storms: Vec<Storm> = plan
        .storms
        .iter()
        .filter(|storm| storm.side == side)
        .cloned()
        .collect();
    let random = Arc::new(Mutex::new(Random::stream(plan.seed, name)));
    let began = Instant::now();
    // It is at work for as long as the cluster lives.
    let _always = cluster.intercept(move |request| {
        let mut random = random.lock().unwrap_or_else(PoisonError::into_inner);
        let now = began.elapsed();
        let storm = storms.iter().find(|storm| {
            storm.api == request.api
                && (storm.from..storm.until).contains(&now)
                && random.percent(storm.percent)
        });
        match storm {
            Some(storm) => storm.action.clone(),
            None => Action::Delay(latency(&mut random, latency_max)),
        }
    });
}

fn latency(random: &mut Random, max: Duration) -> Duration {
    let max = u64::try_from(max.as_micros()).unwrap_or(u64::MAX).max(1);
    Duration::from_micros(random.within(0..max))
}
