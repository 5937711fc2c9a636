//! The `ZooKeeper` servers in `yarn-site.xml`: as much XML as Hadoop's configuration files have.
//!
//! ```xml
//! <property>
//!   <name>hadoop.registry.zk.quorum</name>
//!   <value>zk0:2181,zk1:2181,zk2:2181</value>
//! </property>
//! ```

use super::Address;
use crate::answer::is_host_name;

/// Properties that list them. The first is there with the registry, the second with a resource manager that fails over, the
/// third since Hadoop 2.9 for both; a cluster that has several has the same list in them.
const PROPERTIES: [&str; 3] = [
    "hadoop.registry.zk.quorum",
    "yarn.resourcemanager.zk-address",
    "hadoop.zk.address",
];

/// The servers and the property that lists them. Values that are no list, such as `${other.property}`, are passed over.
pub(super) fn zookeeper_servers(xml: &str, port: u16) -> Option<(&'static str, Vec<Address>)> {
    let xml = without_comments(xml);
    let properties = properties(&xml);
    PROPERTIES.into_iter().find_map(|wanted| {
        // Hadoop takes the last of two.
        let mut named = properties.iter().rev().filter(|(name, _)| name == wanted);
        let servers = named.find_map(|(_, value)| servers(value, port))?;
        Some((wanted, servers))
    })
}

/// Names and values, in the order written.
fn properties(xml: &str) -> Vec<(String, String)> {
    let mut properties = Vec::new();
    let mut rest = xml;
    while let Some((property, behind)) = element(rest, "property") {
        rest = behind;
        let text = |tag| element(property, tag).map(|(text, _)| unescaped(text.trim()));
        if let (Some(name), Some(value)) = (text("name"), text("value")) {
            properties.push((name, value));
        }
    }
    properties
}

/// What stands inside of the first element of this name, and what comes behind it.
fn element<'a>(xml: &'a str, tag: &str) -> Option<(&'a str, &'a str)> {
    let (_, inside) = xml.split_once(&format!("<{tag}>"))?;
    inside.split_once(&format!("</{tag}>"))
}

fn without_comments(xml: &str) -> String {
    let mut kept = String::with_capacity(xml.len());
    let mut rest = xml;
    while let Some((before, comment)) = rest.split_once("<!--") {
        kept.push_str(before);
        rest = comment.split_once("-->").map_or("", |(_, behind)| behind);
    }
    kept.push_str(rest);
    kept
}

/// The five entities that XML always has; a list of hosts has none, another value may.
fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">");
    let text = text.replace("&quot;", "\"").replace("&apos;", "'");
    text.replace("&amp;", "&")
}

/// `None` for what is no list of addresses.
fn servers(value: &str, port: u16) -> Option<Vec<Address>> {
    let items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
    let servers: Vec<_> = items.map(|item| server(item, port)).collect::<Option<_>>()?;
    (!servers.is_empty()).then_some(servers)
}

fn server(item: &str, port: u16) -> Option<Address> {
    let (host, port) = match item.split_once(':') {
        Some((host, written)) => (host, written.parse().ok().filter(|port| *port > 0)?),
        None => (item, port),
    };
    is_host_name(host).then(|| Address {
        host: host.to_owned(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = r#"<?xml version="1.0"?>
<!-- <property><name>hadoop.registry.zk.quorum</name><value>old:2181</value></property> -->
  <configuration>
    <property>
      <name>yarn.resourcemanager.zk-address</name>
      <value>zk0-source.x:2181,zk1-source.x:2181,zk6-source.x:2181</value>
    </property>
    <property>
      <name>yarn.log.server.url</name>
      <value>http://headnodehost:19888/jobhistory/logs?a=1&amp;b=2</value>
    </property>
  </configuration>
"#;

    fn shown(xml: &str) -> Option<(&'static str, Vec<String>)> {
        let (key, servers) = zookeeper_servers(xml, 2181)?;
        Some((key, servers.iter().map(ToString::to_string).collect()))
    }

    fn property(name: &str, value: &str) -> String {
        format!("<property><name>{name}</name><value>{value}</value></property>")
    }

    #[test]
    fn the_file_of_a_node() {
        let servers = ["zk0-source.x:2181", "zk1-source.x:2181", "zk6-source.x:2181"].map(str::to_owned);
        assert_eq!(
            shown(FILE),
            Some(("yarn.resourcemanager.zk-address", servers.to_vec()))
        );
    }

    #[test]
    fn any_of_the_properties_and_the_last_of_two() {
        let quorum = "hadoop.registry.zk.quorum";
        let file =
            property("hadoop.zk.address", "c") + &property(quorum, "a:1") + &property(quorum, " b:2 ,\n b3 ");
        let expected = ["b:2", "b3:2181"].map(str::to_owned).to_vec();
        assert_eq!(shown(&file), Some((quorum, expected)));
        let file = property("hadoop.zk.address", "c:2182") + &property(quorum, "${hadoop.zk.address}");
        assert_eq!(
            shown(&file),
            Some(("hadoop.zk.address", vec!["c:2182".to_owned()]))
        );
    }

    #[test]
    fn what_is_no_list_of_servers() {
        for value in ["", ",", "a:0", "a:x", "a b", "a/x:1", "a:1:2", "-a:1"] {
            assert_eq!(shown(&property("hadoop.zk.address", value)), None, "{value}");
        }
        for xml in [
            "",
            "<!-- ",
            "<property>",
            "<property><name>hadoop.zk.address</name></property>",
        ] {
            assert_eq!(shown(xml), None, "{xml}");
        }
    }

    proptest! {
        #[test]
        fn a_damaged_file_is_read_or_not(at in 0..FILE.len(), with in "[<>!/a-z -]{0,4}") {
            let damaged = format!("{}{with}{}", &FILE[..at], FILE.get(at + 1..).unwrap_or_default());
            if let Some((_, servers)) = zookeeper_servers(&damaged, 2181) {
                prop_assert!(servers.iter().all(|server| is_host_name(&server.host) && server.port > 0));
            }
        }
    }
}
