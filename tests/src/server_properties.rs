//! The text of a broker's `server.properties`.

use std::fmt::Write;
use std::path::Path;

use crate::key_store;

/// What is needed for one broker's file.
pub(crate) struct ServerProperties<'a> {
    pub(crate) node: usize,
    pub(crate) port: u16,
    /// How many brokers the cluster has when it starts.
    pub(crate) brokers: usize,
    pub(crate) quorum: Quorum<'a>,
    pub(crate) data: &'a Path,
    /// A listener that speaks TLS: its port, and the broker's key store.
    pub(crate) tls: Option<(u16, &'a Path)>,
    /// Only what a broker cannot do without.
    pub(crate) stock: bool,
    pub(crate) overrides: &'a [(String, String)],
}

/// Where the cluster's metadata is kept.
pub(crate) enum Quorum<'a> {
    /// The brokers are controllers, too: the controller ports of all nodes, in node order from 1.
    Controllers(&'a [u16]),
    /// As in `zookeeper.connect`.
    ZooKeeper(&'a str),
}

/// Small internal topics, no waiting, and no retention: data of old dates stays. A quota holds from its first second on (Kafka's own 11 windows
/// let ten seconds' worth through at once).
const TEST_SETTINGS: &str = "num.partitions=8
log.retention.ms=-1
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
log.retention.check.interval.ms=1000
log.initial.task.delay.ms=500
log.cleaner.backoff.ms=500
quota.window.num=2
auto.create.topics.enable=false
";

// === impl ServerProperties ===

impl ServerProperties<'_> {
    pub(crate) fn text(&self) -> String {
        let mut text = match self.quorum {
            Quorum::Controllers(ports) => self.identity_among_controllers(ports),
            Quorum::ZooKeeper(connect) => self.identity_in_zookeeper(connect),
        };
        if !self.stock {
            text.push_str(TEST_SETTINGS);
            let factor = self.brokers.min(3);
            let in_sync = factor.min(2);
            write!(
                text,
                "offsets.topic.replication.factor={factor}
transaction.state.log.replication.factor={factor}
transaction.state.log.min.isr={in_sync}
"
            )
            .expect("invariant: writing to a String cannot fail");
        }
        for (key, value) in self.overrides {
            // The last line of a key wins in a Java properties file.
            writeln!(text, "{key}={value}").expect("invariant: writing to a String cannot fail");
        }
        text
    }

    fn identity_among_controllers(&self, controller_ports: &[u16]) -> String {
        let voters: Vec<String> = (1..)
            .zip(controller_ports)
            .map(|(node, port)| format!("{node}@127.0.0.1:{port}"))
            .collect();
        let (node, port, data) = (self.node, self.port, self.data.display());
        let controller_port = controller_ports[node - 1];
        let mut text = format!(
            "process.roles=broker,controller
node.id={node}
controller.quorum.voters={}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
",
            voters.join(",")
        );
        if let Some((tls_port, key_store)) = self.tls {
            write!(
                text,
                "listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port},TLS://127.0.0.1:{tls_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},TLS://127.0.0.1:{tls_port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SSL
listener.name.tls.ssl.keystore.location={}
listener.name.tls.ssl.keystore.password={}
",
                key_store.display(),
                key_store::PASSWORD
            )
            .expect("invariant: writing to a String cannot fail");
        }
        text
    }

    /// Brokers up to 0.11 only mark topics for deletion unless they are told to delete them.
    fn identity_in_zookeeper(&self, connect: &str) -> String {
        let (node, port, data) = (self.node, self.port, self.data.display());
        let mut text = format!(
            "broker.id={node}
zookeeper.connect={connect}
zookeeper.session.timeout.ms=6000
zookeeper.connection.timeout.ms=30000
listeners=PLAINTEXT://127.0.0.1:{port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
log.dirs={data}
"
        );
        if !self.stock {
            text.push_str("delete.topic.enable=true\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(stock: bool, overrides: &[(String, String)]) -> String {
        let data = Path::new("D");
        ServerProperties {
            node: 2,
            port: 5,
            brokers: 3,
            quorum: Quorum::Controllers(&[7, 8, 9]),
            data,
            tls: None,
            stock,
            overrides,
        }
        .text()
    }

    #[test]
    fn every_node_knows_all_voters_and_its_own_listener() {
        let text = text(false, &[]);
        assert!(text.contains("controller.quorum.voters=1@127.0.0.1:7,2@127.0.0.1:8,3@127.0.0.1:9\n"));
        assert!(text.contains("listeners=PLAINTEXT://127.0.0.1:5,CONTROLLER://127.0.0.1:8\n"));
        assert!(text.contains("offsets.topic.replication.factor=3\n"));
    }

    #[test]
    fn a_broker_of_zookeeper_has_no_controller_of_its_own() {
        let text = ServerProperties {
            node: 2,
            port: 5,
            brokers: 1,
            quorum: Quorum::ZooKeeper("127.0.0.1:6/chroot"),
            data: Path::new("D"),
            tls: None,
            stock: false,
            overrides: &[],
        }
        .text();
        assert!(
            text.contains("broker.id=2\nzookeeper.connect=127.0.0.1:6/chroot\n"),
            "{text}"
        );
        assert!(
            !text.contains("CONTROLLER") && text.contains("offsets.topic.replication.factor=1\n"),
            "{text}"
        );
    }

    #[test]
    fn stock_sets_nothing_but_identity_and_addresses() {
        let text = text(true, &[("a.b".to_owned(), "c".to_owned())]);
        assert_eq!(text.lines().count(), 10, "{text}");
        assert!(text.ends_with("a.b=c\n"));
    }
}
