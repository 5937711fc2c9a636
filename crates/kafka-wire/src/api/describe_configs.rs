//! `DescribeConfigs` (key 32): the settings of topics and brokers.
//!
//! Version notes: v1 where a value comes from, and its synonyms (read past here); v3 types and documentation (read
//! past here); v4 flexible. v0 (Kafka 0.11 and 1.0) says of a value only whether it is the default; Kafka's own client
//! takes one that is not for one that was set on the topic, or in the broker's file (`DescribeConfigsResponse.java`).

use bytes::Bytes;
use kafka_protocol::messages::DescribeConfigsRequest as Generated;
use kafka_protocol::messages::describe_configs_request as generated;

use super::generated::text;
use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::error_code::ErrorCode;
use crate::primitive::{Encoding, Reader, Writer};
use crate::request::{Request, RequestBuffer, check_version, decode_body, encode_generated};
use crate::version::VersionRange;

/// The first version that `kafka-protocol` writes.
const GENERATED_SINCE: i16 = 1;
/// Error code, error message, type, name and the number of settings.
const RESULT_LEN_MIN: usize = 6;
/// Name, value, two truth values, the source and the number of synonyms: six bytes in the flexible encoding. Without the
/// synonyms (v0) seven in the classic one.
const CONFIG_LEN_MIN: usize = 6;
/// Name, value and source.
const SYNONYM_LEN_MIN: usize = 3;

/// What has settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResourceType(pub i8);

/// Where the value of a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConfigSource(pub i8);

/// Asks for settings: those of topics from any broker, those of a broker from that broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeConfigsRequest {
    /// What to describe.
    pub resources: Vec<DescribeConfigsResource>,
}

/// One topic or broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeConfigsResource {
    /// [`ResourceType::TOPIC`] or [`ResourceType::BROKER`].
    pub resource_type: ResourceType,
    /// The topic's name, or the broker's id as text.
    pub name: String,
    /// The settings wanted; `None` for all of them.
    pub configuration_keys: Option<Vec<String>>,
}

/// The settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeConfigsResponse {
    /// How long to be silent on this connection, in milliseconds.
    pub throttle_time_ms: i32,
    /// What was asked for.
    pub results: Vec<DescribeConfigsResult>,
}

/// The settings of one topic or broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeConfigsResult {
    /// Why there are none, if so.
    pub error_code: ErrorCode,
    /// The broker's explanation.
    pub error_message: Option<String>,
    /// Topic or broker.
    pub resource_type: ResourceType,
    /// The topic's name, or the broker's id as text.
    pub name: String,
    /// The settings. A key the broker does not know is missing here.
    pub configs: Vec<DescribedConfig>,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedConfig {
    /// Its key.
    pub name: String,
    /// Its value; `None` when it is secret, or has none.
    pub value: Option<String>,
    /// It cannot be changed.
    pub read_only: bool,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Its value is not told.
    pub is_sensitive: bool,
}

// === impl ResourceType ===

impl ResourceType {
    /// A topic.
    pub const TOPIC: Self = Self(2);
    /// A broker.
    pub const BROKER: Self = Self(4);
}

// === impl ConfigSource ===

impl ConfigSource {
    /// Set on the topic itself.
    pub const DYNAMIC_TOPIC: Self = Self(1);
    /// Set at run time on one broker.
    pub const DYNAMIC_BROKER: Self = Self(2);
    /// Set at run time on all brokers.
    pub const DYNAMIC_DEFAULT_BROKER: Self = Self(3);
    /// From the broker's properties file.
    pub const STATIC_BROKER: Self = Self(4);
    /// Kafka's own default.
    pub const DEFAULT: Self = Self(5);
    /// Not told.
    pub const UNKNOWN: Self = Self(0);

    /// What v0 tells: whether the value is the default.
    fn told_by_default(is_default: bool, resource_type: ResourceType) -> Self {
        match resource_type {
            _ if is_default => Self::DEFAULT,
            ResourceType::TOPIC => Self::DYNAMIC_TOPIC,
            ResourceType::BROKER => Self::STATIC_BROKER,
            _ => Self::UNKNOWN,
        }
    }
}

// === impl DescribedConfig ===

impl DescribedConfig {
    /// Is the value Kafka's own default?
    pub fn is_default(&self) -> bool {
        self.source == ConfigSource::DEFAULT
    }
}

// === impl DescribeConfigsRequest ===

impl Request for DescribeConfigsRequest {
    const API: ApiKey = ApiKey::DescribeConfigs;
    const VERSIONS: VersionRange = VersionRange::new(0, 4);
    type Response = DescribeConfigsResponse;

    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        if version < GENERATED_SINCE {
            check_version::<Self>(version)?;
            return self.encode_v0(out);
        }
        let resources = self.resources.iter().map(|resource| {
            let keys = resource.configuration_keys.as_ref();
            generated::DescribeConfigsResource::default()
                .with_resource_type(resource.resource_type.0)
                .with_resource_name(text(&resource.name))
                .with_configuration_keys(keys.map(|keys| keys.iter().map(|key| text(key)).collect()))
        });
        let request = Generated::default().with_resources(resources.collect());
        encode_generated::<Self>(&request, version, out)
    }

    fn decode_response(version: i16, body: Bytes) -> Result<DescribeConfigsResponse, DecodeError> {
        decode_body::<Self>(version, body, |reader| read_response(reader, version))
    }
}

impl DescribeConfigsRequest {
    fn encode_v0(&self, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        let mut writer = Writer::new(out, Encoding::of(Self::API, 0));
        writer.array_length(self.resources.len())?;
        for resource in &self.resources {
            writer.out.put_i8(resource.resource_type.0);
            writer.string(&resource.name)?;
            match &resource.configuration_keys {
                Some(keys) => {
                    writer.array_length(keys.len())?;
                    for key in keys {
                        writer.string(key)?;
                    }
                }
                None => writer.null_array(),
            }
        }
        Ok(())
    }
}

fn read_response(reader: &mut Reader, version: i16) -> Result<DescribeConfigsResponse, Malformed> {
    let response = DescribeConfigsResponse {
        throttle_time_ms: reader.i32()?,
        results: reader.array(RESULT_LEN_MIN, |reader| read_result(reader, version))?,
    };
    reader.end_struct()?;
    Ok(response)
}

fn read_result(reader: &mut Reader, version: i16) -> Result<DescribeConfigsResult, Malformed> {
    let (error_code, error_message) = (reader.error_code()?, reader.nullable_text()?);
    let resource_type = ResourceType(reader.i8()?);
    let result = DescribeConfigsResult {
        error_code,
        error_message,
        resource_type,
        name: reader.string()?,
        configs: reader.array(CONFIG_LEN_MIN, |reader| {
            read_config(reader, version, resource_type)
        })?,
    };
    reader.end_struct()?;
    Ok(result)
}

fn read_config(
    reader: &mut Reader,
    version: i16,
    resource_type: ResourceType,
) -> Result<DescribedConfig, Malformed> {
    let config = DescribedConfig {
        name: reader.string()?,
        value: reader.nullable_string()?,
        read_only: reader.bool()?,
        source: if version >= 1 {
            ConfigSource(reader.i8()?)
        } else {
            ConfigSource::told_by_default(reader.bool()?, resource_type)
        },
        is_sensitive: reader.bool()?,
    };
    if version >= 1 {
        reader.skip_array(SYNONYM_LEN_MIN, skip_synonym)?;
    }
    if version >= 3 {
        let _type = reader.i8()?;
        reader.skip_string()?;
    }
    reader.end_struct()?;
    Ok(config)
}

fn skip_synonym(reader: &mut Reader) -> Result<(), Malformed> {
    reader.skip_string()?;
    reader.skip_string()?;
    let _source = reader.i8()?;
    reader.end_struct()
}
