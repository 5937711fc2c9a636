//! Addresses in the place of those that brokers advertise, as a list: `NAME:PORT=HOST:PORT,NAME:PORT=HOST:PORT`.
//!
//! This is the form of a flag and of a line in a `.properties` file; `heliostat.toml` has a table for it.

use std::collections::BTreeMap;

use crate::bootstrap;
use crate::config::HostPort;

/// What to write, for those who wrote something else.
pub(crate) const ADVICE: &str =
    "write NAME:PORT=HOST:PORT, as in wn0-source:9092=10.0.0.4:9092, with commas between several";

/// Reads the list. Blanks around a comma and empty items are ignored. The error says what is wrong with which item.
pub(crate) fn parse(list: &str) -> Result<BTreeMap<HostPort, HostPort>, String> {
    let mut addresses = BTreeMap::new();
    for item in list.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let Some((advertised, address)) = item.split_once('=') else {
            return Err(format!("{item:?} has no equals sign"));
        };
        let advertised = advertised_name(advertised.trim())?;
        let address = bootstrap::parse_address(address.trim())?;
        if addresses.contains_key(&advertised) {
            return Err(format!("{advertised} stands there twice"));
        }
        addresses.insert(advertised, address);
    }
    if addresses.is_empty() {
        return Err("it names no address".to_owned());
    }
    Ok(addresses)
}

/// The left side of an entry: names are compared without regard to case.
pub(crate) fn advertised_name(text: &str) -> Result<HostPort, String> {
    let HostPort { host, port } = bootstrap::parse_address(text)?;
    Ok(HostPort {
        host: host.to_ascii_lowercase(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn check(list: &str, expected: &str) {
        let found = match parse(list) {
            Ok(addresses) => {
                let shown = addresses
                    .iter()
                    .map(|(name, address)| format!("{name}={address}"));
                shown.collect::<Vec<_>>().join(" ")
            }
            Err(problem) => problem,
        };
        assert_eq!(found, expected, "{list}");
    }

    #[test]
    fn entries_and_what_is_none() {
        check("WN0:9092=10.0.0.4:19092", "wn0:9092=10.0.0.4:19092");
        check(" b:1 = [::1]:2 ,, a:1=c:3,", "a:1=c:3 b:1=[::1]:2");
        check("", "it names no address");
        check("a:1", r#""a:1" has no equals sign"#);
        check("a=b:1", r#""a" has no port"#);
        check("a:1=b", r#""b" has no port"#);
        check("a:1=b:0", r#""b:0" has no port between 1 and 65535"#);
        check("a:1=b:1,A:1=c:1", "a:1 stands there twice");
    }
}
