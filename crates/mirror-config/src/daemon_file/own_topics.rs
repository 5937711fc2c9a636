//! Topics that the file's flows write themselves: positions, dead letters.

use super::flows::ReadFlow;
use crate::config::{FlowConfig, OnRefusedRecord, Positions};

/// No flow may write what a user's records come from into a topic that the file's flows write themselves, nor take such
/// a topic of a source for a user's.
pub(super) fn reserve(flows: &mut [ReadFlow]) {
    let own: Vec<(String, String)> = flows.iter().flat_map(|flow| own_topics(&flow.config)).collect();
    for ReadFlow { config, .. } in flows {
        let read = own.iter().filter(|(cluster, _)| *cluster == config.source.alias);
        let read = read.map(|(_, topic)| topic.clone());
        let written = own.iter().filter(|(cluster, _)| *cluster == config.target.alias);
        let written = written.filter_map(|(_, topic)| topic.strip_prefix(&config.rename.prefix));
        let names: Vec<_> = read.chain(written.map(str::to_owned)).collect();
        config.topics = config.topics.clone().reserving(names);
    }
}

/// Topics that a flow itself writes: cluster and name.
fn own_topics(flow: &FlowConfig) -> Vec<(String, String)> {
    let cluster = &flow.target.alias;
    let mut own = Vec::new();
    if let Positions::TargetTopic { topic, .. } = &flow.positions {
        own.push((cluster.clone(), topic.clone()));
    }
    if let OnRefusedRecord::DeadLetter { topic } = &flow.on_refused_record {
        own.push((cluster.clone(), topic.to_string()));
    }
    own
}
