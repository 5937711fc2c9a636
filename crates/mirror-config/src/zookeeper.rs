//! `zookeeper.connect`: servers of an ensemble and a chroot, in the forms that ZooKeeper's own `ConnectStringParser` takes.

use std::time::Duration;

use crate::bootstrap;
use crate::config::{HostPort, ZooKeeperConnect};
use crate::defaults;

/// ZooKeeper's `clientPort`, where an item names none.
const CLIENT_PORT: u16 = 2181;

/// Reads `host:port,host:port/chroot`. A missing port is 2181; an IPv6 address stands in brackets. The chroot stands once,
/// behind the last server; `/` alone is none. The error says what is wrong with which part.
pub(crate) fn parse(list: &str) -> Result<ZooKeeperConnect, String> {
    let (servers, chroot) = match list.find('/') {
        Some(at) => list.split_at(at),
        None => (list, ""),
    };
    let items = servers.split(',').map(str::trim).filter(|item| !item.is_empty());
    let servers: Vec<_> = items.map(server).collect::<Result<_, _>>()?;
    if servers.is_empty() {
        return Err("it names no server".to_owned());
    }
    Ok(ZooKeeperConnect {
        servers,
        chroot: path(chroot.trim())?.to_owned(),
        session_timeout: defaults::ZOOKEEPER_SESSION_TIMEOUT,
        connection_timeout: defaults::ZOOKEEPER_SESSION_TIMEOUT,
    })
}

// === impl ZooKeeperConnect ===

impl ZooKeeperConnect {
    /// The same with other time-outs. Without one of its own a connection may take as long as a session, as in Kafka.
    pub(crate) fn with_timeouts(self, session: Option<Duration>, connection: Option<Duration>) -> Self {
        let session_timeout = session.unwrap_or(self.session_timeout);
        Self {
            session_timeout,
            connection_timeout: connection.unwrap_or(session_timeout),
            ..self
        }
    }
}

fn server(item: &str) -> Result<HostPort, String> {
    let has_port = match item.rsplit_once(']') {
        Some((_address, behind)) => behind.starts_with(':'),
        None => item.contains(':'),
    };
    if has_port {
        bootstrap::parse_address(item)
    } else {
        bootstrap::parse_address(&format!("{item}:{CLIENT_PORT}"))
    }
}

/// A path as ZooKeeper's `PathUtils.validatePath` takes it; empty for the root.
fn path(chroot: &str) -> Result<&str, String> {
    if chroot.is_empty() || chroot == "/" {
        return Ok("");
    }
    if chroot.contains(',') {
        return Err(format!(
            "the chroot {chroot:?} has a comma: it stands once, behind the last server"
        ));
    }
    let is_name = |name: &str| !name.is_empty() && name != "." && name != "..";
    if !chroot.split('/').skip(1).all(is_name) || chroot.chars().any(char::is_control) {
        return Err(format!("the chroot {chroot:?} is no path"));
    }
    Ok(chroot)
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn check(list: &str, expected: &str) {
        let found = parse(list).map_or_else(|problem| problem, |connect| connect.to_string());
        assert_eq!(found, expected, "{list}");
    }

    #[test]
    fn connect_strings_as_zookeeper_reads_them() {
        check("zk0:2181", "zk0:2181");
        check("zk0:2181,zk1:2182", "zk0:2181,zk1:2182");
        check(" zk0 , zk1:2182,", "zk0:2181,zk1:2182");
        check("zk0:2181/", "zk0:2181");
        check("zk0:2181,zk1:2181/kafka/eu", "zk0:2181,zk1:2181/kafka/eu");
        check("[::1]:2181,[fe80::1]/kafka", "[::1]:2181,[fe80::1]:2181/kafka");
    }

    #[test]
    fn what_is_no_connect_string_is_named() {
        check("", "it names no server");
        check("/kafka", "it names no server");
        check("zk0:x", r#""zk0:x" has no port between 1 and 65535"#);
        check("a b:2181", r#""a b:2181" has no valid host name"#);
        check(
            "zk0:2181/kafka,zk1:2181/kafka",
            r#"the chroot "/kafka,zk1:2181/kafka" has a comma: it stands once, behind the last server"#,
        );
        check("zk0:2181/kafka/", r#"the chroot "/kafka/" is no path"#);
        check("zk0:2181//kafka", r#"the chroot "//kafka" is no path"#);
        check("zk0:2181/a/../b", r#"the chroot "/a/../b" is no path"#);
    }
}
