//! `bootstrap.servers`: a list of addresses, in the forms that Java's `ClientUtils.parseAndValidateAddresses` takes.

use crate::config::{Bootstrap, HostPort};
use crate::zookeeper;

// === impl Bootstrap ===

impl Bootstrap {
    /// Brokers as a command line names them: the value of `bootstrap.servers`. The error says what is wrong with which item.
    pub fn of_servers(list: &str) -> Result<Self, String> {
        parse(list).map(Self::Servers)
    }

    /// The ZooKeeper servers behind which the brokers are: the value of `zookeeper.connect`. Errors as [`Self::of_servers`].
    pub fn of_zookeeper(list: &str) -> Result<Self, String> {
        zookeeper::parse(list).map(Self::ZooKeeper)
    }
}

/// Reads `host:port,host:port`. Blanks around a comma and empty items are ignored, a protocol in front
/// (`PLAINTEXT://host:9092`) is dropped, an IPv6 address may stand in brackets. The error says what is wrong with
/// which item.
pub(crate) fn parse(list: &str) -> Result<Vec<HostPort>, String> {
    let items = list.split(',').map(str::trim).filter(|item| !item.is_empty());
    let addresses: Vec<_> = items.map(parse_address).collect::<Result<_, _>>()?;
    if addresses.is_empty() {
        return Err("it names no broker".to_owned());
    }
    Ok(addresses)
}

/// Reads one address, as [`parse`] does.
pub(crate) fn parse_address(item: &str) -> Result<HostPort, String> {
    let address = item
        .rsplit_once("://")
        .map_or(item, |(_protocol, address)| address);
    let Some((host, port)) = address.rsplit_once(':') else {
        return Err(format!("{item:?} has no port"));
    };
    let host = host.strip_prefix('[').unwrap_or(host);
    let host = host.strip_suffix(']').unwrap_or(host);
    let is_host_character =
        |character: char| character.is_ascii_alphanumeric() || "-%._:".contains(character);
    if host.is_empty() || !host.chars().all(is_host_character) {
        return Err(format!("{item:?} has no valid host name"));
    }
    let digits_only = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(port) if port > 0 && digits_only => Ok(HostPort {
            host: host.to_owned(),
            port,
        }),
        _ => Err(format!("{item:?} has no port between 1 and 65535")),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn check(list: &str, expected: &str) {
        let found = match parse(list) {
            Ok(addresses) => {
                let shown: Vec<_> = addresses.iter().map(ToString::to_string).collect();
                shown.join(" ")
            }
            Err(problem) => problem,
        };
        assert_eq!(found, expected, "{list}");
    }

    #[test]
    fn addresses_as_java_reads_them() {
        check("a:9092", "a:9092");
        check(" wn0-kafka.x:9092 , ,wn1:9093,", "wn0-kafka.x:9092 wn1:9093");
        check("PLAINTEXT://a:1,SSL://b_c%d:2", "a:1 b_c%d:2");
        check("[::1]:9092,fe80::1:9093", "[::1]:9092 [fe80::1]:9093");
        check("127.0.0.1:65535", "127.0.0.1:65535");
    }

    #[test]
    fn what_is_no_address_is_named() {
        check("", "it names no broker");
        check(", ,", "it names no broker");
        check("a:1,foo", r#""foo" has no port"#);
        check("foo:", r#""foo:" has no port between 1 and 65535"#);
        check("foo:0", r#""foo:0" has no port between 1 and 65535"#);
        check("foo:+1", r#""foo:+1" has no port between 1 and 65535"#);
        check("foo:65536", r#""foo:65536" has no port between 1 and 65535"#);
        check(":9092", r#"":9092" has no valid host name"#);
        check("a b:9092", r#""a b:9092" has no valid host name"#);
        check(
            "zk:2181/chroot",
            r#""zk:2181/chroot" has no port between 1 and 65535"#,
        );
    }
}
