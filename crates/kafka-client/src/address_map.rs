//! Addresses by which this host reaches brokers, in the place of those that the brokers advertise.
//!
//! A broker tells every client to come to its `advertised.listeners`. Behind a gateway, or without the cluster's own DNS, that
//! name leads nowhere; this map is what an entry in the hosts file would do, for one cluster and with ports.

use std::collections::BTreeMap;

/// From `host:port` as a broker advertises it, or as a bootstrap list has it, to the `host:port` that is connected to.
///
/// Names are compared without regard to case, as DNS compares them. An entry's right side is not looked up again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressMap {
    entries: BTreeMap<String, String>,
}

// === impl AddressMap ===

impl AddressMap {
    /// The map with these entries: advertised address, address in its place. A later entry replaces an earlier one.
    pub fn new(entries: impl IntoIterator<Item = (String, String)>) -> Self {
        let entries = entries.into_iter();
        Self {
            entries: entries
                .map(|(name, to)| (name.to_ascii_lowercase(), to))
                .collect(),
        }
    }

    /// What stands in the place of an address, if anything does.
    pub fn get(&self, address: &str) -> Option<&str> {
        let to = self.entries.get(&address.to_ascii_lowercase())?;
        Some(to)
    }

    /// Where to connect to for an address.
    pub fn resolve<'a>(&'a self, address: &'a str) -> &'a str {
        self.get(address).unwrap_or(address)
    }

    /// The names of entries that none of `addresses` needs, in order.
    pub fn unused<'a>(&self, addresses: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let mut unused = self.entries.clone();
        for address in addresses {
            unused.remove(&address.to_ascii_lowercase());
        }
        unused.into_keys().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::AddressMap;

    fn map() -> AddressMap {
        let entry = |name: &str, to: &str| (name.to_owned(), to.to_owned());
        AddressMap::new([
            entry("WN0-source:9092", "10.0.0.4:19092"),
            entry("[fe80::1]:9092", "b:1"),
        ])
    }

    #[test]
    fn names_are_compared_as_dns_does_and_ports_too() {
        let map = map();
        assert_eq!(map.resolve("wn0-Source:9092"), "10.0.0.4:19092");
        assert_eq!(map.resolve("[FE80::1]:9092"), "b:1");
        assert_eq!(map.resolve("wn0-source:9093"), "wn0-source:9093");
        assert_eq!(map.get("wn1-source:9092"), None);
    }

    #[test]
    fn an_entry_that_nobody_needs_is_named() {
        assert_eq!(map().unused(["wn0-source:9092", "x:1"]), ["[fe80::1]:9092"]);
        assert!(AddressMap::default().unused(["x:1"]).is_empty());
    }
}
