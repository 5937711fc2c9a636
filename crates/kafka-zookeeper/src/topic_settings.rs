//! What a topic sets itself, in `/config/topics/TOPIC`: before Kafka 0.11 brokers tell it to nobody else
//! (`kafka.admin.AdminUtils.writeEntityConfig`).
//!
//! ```json
//! {"version":1,"config":{"retention.ms":"604800000"}}
//! ```
//! What is not there follows the brokers' own configuration, which ZooKeeper does not know.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::ZooKeeperError;
use crate::session::Session;

/// Settings of one topic that are read; Kafka knows some 40.
const SETTINGS_MAX: usize = 512;

/// What the topic sets itself, by name; nothing where it has no node.
///
/// # Errors
/// [`ZooKeeperError::Malformed`] where the node holds something else than such a document.
pub async fn topic_settings(
    session: &Session,
    topic: &str,
) -> Result<BTreeMap<String, String>, ZooKeeperError> {
    let path = format!("/config/topics/{topic}");
    let Some((data, _)) = session.data(&path).await? else {
        return Ok(BTreeMap::new());
    };
    parse(&data).map_err(|reason| ZooKeeperError::Malformed {
        operation: "getData",
        path: format!("{}{path}", session.ensemble().chroot),
        reason,
    })
}

/// Reads the node's data. The error says what is wrong with it.
pub fn parse(data: &[u8]) -> Result<BTreeMap<String, String>, &'static str> {
    let document: Option<Value> = serde_json::from_slice(data).ok();
    let document = document.ok_or("it is no JSON")?;
    let Some(Value::Object(config)) = document.get("config") else {
        return Err("it has no object \"config\"");
    };
    if config.len() > SETTINGS_MAX {
        return Err("it has more settings than any topic");
    }
    let settings = config.iter().map(|(name, value)| match value {
        Value::String(value) => Ok((name.clone(), value.clone())),
        // Written by hand: what it would say as a text is plain.
        Value::Number(number) => Ok((name.clone(), number.to_string())),
        Value::Bool(value) => Ok((name.clone(), value.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => Err("a setting's value is no text"),
    });
    settings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_topic_sets_itself_is_read_and_all_else_refused() {
        let written = br#"{"version":1,"config":{"retention.ms":"1000","max.message.bytes":2000}}"#;
        let read = parse(written).unwrap();
        assert_eq!(read.get("retention.ms").map(String::as_str), Some("1000"));
        assert_eq!(read.get("max.message.bytes").map(String::as_str), Some("2000"));
        assert_eq!(parse(br#"{"version":1,"config":{}}"#), Ok(BTreeMap::new()));
        for (other, reason) in [
            (&b""[..], "no JSON"),
            (b"\xff", "no JSON"),
            (b"[]", "no object"),
            (br#"{"config":7}"#, "no object"),
            (br#"{"config":{"retention.ms":[1]}}"#, "no text"),
        ] {
            let error = parse(other).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        let many: Vec<_> = (0..=SETTINGS_MAX)
            .map(|number| format!("\"{number}\":\"\""))
            .collect();
        let many = format!("{{\"config\":{{{}}}}}", many.join(","));
        assert!(parse(many.as_bytes()).unwrap_err().contains("more settings"));
    }
}
