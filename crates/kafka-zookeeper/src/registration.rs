//! What a broker wrote into `/brokers/ids/ID`: one JSON document, in the versions since Kafka 0.8 (`kafka.cluster.Broker`,
//! from 2.0 on `kafka.zk.BrokerIdZNode`).
//!
//! | version | since | addresses |
//! |---|---|---|
//! | 1 | 0.8 | `host`, `port`: PLAINTEXT, there was nothing else |
//! | 2, 3 | 0.9, 0.10 (adds `rack`) | `endpoints`: `"PROTOCOL://host:port"`; `host` and `port` repeat the PLAINTEXT one |
//! | 4, 5 | 0.10.2, 2.7 (adds `features`) | `endpoints`: `"LISTENER://host:port"`, and `listener_security_protocol_map` names each listener's protocol |
//!
//! A version that is not known yet is read as the newest that is.

use std::fmt;

use serde_json::Value;

/// The security protocol that needs no login and no encryption.
pub const PLAINTEXT: &str = "PLAINTEXT";

/// Most endpoints that are read of one broker.
const ENDPOINTS_MAX: usize = 64;

/// A broker, by its own account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its id: the name of the node.
    pub id: i32,
    /// Where it listens, in its order; may be empty.
    pub endpoints: Vec<Endpoint>,
}

/// One address of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// What the broker calls the listener.
    pub listener: String,
    /// What is spoken there: `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`, or what may come.
    pub protocol: String,
    /// Name or address, without brackets.
    pub host: String,
    /// Never 0.
    pub port: u16,
}

// === impl Registration ===

impl Registration {
    /// Reads the node's data. The error says what is wrong with it.
    pub fn parse(id: i32, data: &[u8]) -> Result<Self, String> {
        let json: Value = serde_json::from_slice(data).map_err(|error| format!("it is no JSON: {error}"))?;
        let Value::Object(fields) = json else {
            return Err("it is no JSON object".to_owned());
        };
        let listed = match fields.get("endpoints") {
            Some(Value::Array(endpoints)) => endpoints.as_slice(),
            Some(Value::Null) | None => &[],
            Some(_) => return Err("its endpoints are no list".to_owned()),
        };
        let protocols = fields.get("listener_security_protocol_map");
        let mut endpoints = Vec::new();
        for listed in listed.iter().take(ENDPOINTS_MAX) {
            let text = listed.as_str().ok_or("an endpoint is no text")?;
            endpoints.push(endpoint(text, protocols)?);
        }
        if listed.is_empty() && fields.get("host").is_some_and(|host| !host.is_null()) {
            let host = fields.get("host").and_then(Value::as_str).unwrap_or_default();
            let port = fields.get("port").and_then(Value::as_i64);
            endpoints.push(Endpoint {
                listener: PLAINTEXT.to_owned(),
                protocol: PLAINTEXT.to_owned(),
                host: checked_host(host).ok_or("its host is no host name")?,
                port: port.and_then(checked_port).ok_or("its port is no port")?,
            });
        }
        Ok(Self { id, endpoints })
    }

    /// The first address that is spoken to without login and encryption.
    pub fn plaintext(&self) -> Option<&Endpoint> {
        self.endpoints
            .iter()
            .find(|endpoint| endpoint.protocol.eq_ignore_ascii_case(PLAINTEXT))
    }
}

/// `LISTENER://host:port`, as `kafka.cluster.EndPoint` reads it; an IPv6 address stands in brackets. Where no map names the
/// protocol, it is the listener's name.
fn endpoint(text: &str, protocols: Option<&Value>) -> Result<Endpoint, String> {
    let read = || {
        let (listener, address) = text.split_once("://")?;
        let (host, port) = address.rsplit_once(':')?;
        let host = host.strip_prefix('[').unwrap_or(host);
        let host = host.strip_suffix(']').unwrap_or(host);
        let port = port.parse().ok().and_then(checked_port)?;
        Some((listener, checked_host(host)?, port))
    };
    let (listener, host, port) =
        read().ok_or_else(|| format!("endpoint {text:?} is no LISTENER://HOST:PORT"))?;
    let mapped = protocols
        .and_then(|protocols| protocols.get(listener))
        .and_then(Value::as_str);
    Ok(Endpoint {
        listener: listener.to_owned(),
        protocol: mapped.unwrap_or(listener).to_owned(),
        host,
        port,
    })
}

fn checked_host(host: &str) -> Option<String> {
    let is_host_character =
        |character: char| character.is_ascii_alphanumeric() || "-%._:".contains(character);
    (!host.is_empty() && host.chars().all(is_host_character)).then(|| host.to_owned())
}

fn checked_port(port: i64) -> Option<u16> {
    u16::try_from(port).ok().filter(|port| *port > 0)
}

// === impl Endpoint ===

impl fmt::Display for Endpoint {
    /// `host:port`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn plaintext(json: &str) -> String {
        let registration = Registration::parse(7, json.as_bytes()).unwrap();
        registration
            .plaintext()
            .map_or_else(|| "none".to_owned(), ToString::to_string)
    }

    /// As brokers of these releases write it.
    #[test]
    fn all_versions() {
        let v1 = r#"{"jmx_port":-1,"timestamp":"1479000000000","host":"wn0","version":1,"port":9092}"#;
        assert_eq!(plaintext(v1), "wn0:9092");
        let v2 = r#"{"jmx_port":-1,"timestamp":"1","endpoints":["PLAINTEXT://wn0:9092","SSL://wn0:9093"],"host":"wn0","version":2,"port":9092}"#;
        assert_eq!(plaintext(v2), "wn0:9092");
        let v3 = r#"{"jmx_port":9999,"timestamp":"1","endpoints":["SSL://wn0:9093","PLAINTEXT://wn1:9094"],"host":"wn1","version":3,"port":9094,"rack":"a"}"#;
        assert_eq!(plaintext(v3), "wn1:9094");
        let v4 = r#"{"listener_security_protocol_map":{"INTERNAL":"SSL","EXTERNAL":"PLAINTEXT"},"endpoints":["INTERNAL://a:1","EXTERNAL://b:2"],"jmx_port":-1,"host":null,"timestamp":"1","port":-1,"version":4}"#;
        assert_eq!(plaintext(v4), "b:2");
        let v5 = r#"{"features":{},"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["PLAINTEXT://[::1]:9092"],"jmx_port":-1,"port":9092,"host":"::1","version":5,"timestamp":"1"}"#;
        assert_eq!(plaintext(v5), "[::1]:9092");
    }

    #[test]
    fn a_listener_called_plaintext_may_be_something_else() {
        let json = r#"{"listener_security_protocol_map":{"PLAINTEXT":"SASL_SSL"},"endpoints":["PLAINTEXT://a:1"],"version":4}"#;
        assert_eq!(plaintext(json), "none");
        let json = r#"{"endpoints":["SASL_PLAINTEXT://a:1"],"host":null,"port":-1,"version":3}"#;
        assert_eq!(plaintext(json), "none");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let refused = |json: &str| Registration::parse(7, json.as_bytes()).unwrap_err();
        assert!(refused("wn0:9092").starts_with("it is no JSON"));
        assert_eq!(refused("[]"), "it is no JSON object");
        assert_eq!(refused(r#"{"endpoints":4}"#), "its endpoints are no list");
        assert_eq!(refused(r#"{"endpoints":[4]}"#), "an endpoint is no text");
        for endpoint in [
            "wn0:9092",
            "PLAINTEXT://wn0",
            "PLAINTEXT://:9092",
            "PLAINTEXT://a:0",
            "PLAINTEXT://a b:1",
        ] {
            assert_eq!(
                refused(&format!("{{\"endpoints\":[\"{endpoint}\"]}}")),
                format!("endpoint {endpoint:?} is no LISTENER://HOST:PORT")
            );
        }
        assert_eq!(refused(r#"{"host":"a","port":70000}"#), "its port is no port");
        assert_eq!(refused(r#"{"host":4,"port":1}"#), "its host is no host name");
        let nested = "[".repeat(100_000);
        assert!(refused(&nested).contains("recursion"), "no deep recursion");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(Registration::parse(1, &bytes));
        }
    }
}
