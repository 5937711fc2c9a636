//! Settings of topics whose brokers tell none, where the cluster is named by its ZooKeeper.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_zookeeper::topic_settings::topic_settings;
use kafka_zookeeper::{Ensemble, Session, ZooKeeperError};
use mirror_config::Bootstrap;

/// Reads settings one topic after the other, in one session that is opened for the first of them.
#[derive(Debug)]
pub struct TopicSettings {
    ensemble: Option<Ensemble>,
    session: Option<Session>,
    /// Why there is no session: nobody waits for that a second time.
    failed: Option<ZooKeeperError>,
}

// === impl TopicSettings ===

impl TopicSettings {
    /// Gives a server of ZooKeeper up after `step`, where the configuration has more patience.
    pub fn new(bootstrap: &Bootstrap, step: Duration) -> Self {
        let ensemble = match bootstrap {
            Bootstrap::ZooKeeper(connect) => {
                let ensemble = crate::ensemble(connect);
                let connection_timeout = ensemble.connection_timeout.min(step);
                Some(Ensemble {
                    connection_timeout,
                    ..ensemble
                })
            }
            Bootstrap::Servers(_) | Bootstrap::Ambari(_) => None,
        };
        Self {
            ensemble,
            session: None,
            failed: None,
        }
    }

    /// What a topic sets itself; `None` where the cluster is not named by its ZooKeeper.
    pub async fn read(&mut self, topic: &str) -> Option<Result<BTreeMap<String, String>, ZooKeeperError>> {
        let ensemble = self.ensemble.as_ref()?;
        if let Some(failed) = &self.failed {
            return Some(Err(failed.clone()));
        }
        if self.session.is_none() {
            match Session::open(ensemble.clone()).await {
                Ok(session) => self.session = Some(session),
                Err(error) => {
                    self.failed = Some(error.clone());
                    return Some(Err(error));
                }
            }
        }
        let session = self.session.as_ref()?;
        Some(topic_settings(session, topic).await)
    }

    /// Ends the session.
    pub async fn close(self) {
        if let Some(session) = self.session {
            session.close().await;
        }
    }
}
