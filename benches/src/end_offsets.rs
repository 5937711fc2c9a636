//! Where a topic's partitions end, asked by `ListOffsets` v1 over one open connection: a probe cheap enough to be asked every few
//! milliseconds (an admin client answers in tens, and costs the machine more than the mirror it watches).
//!
//! Written without heliostat's own protocol code: it is part of the judge.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

const LIST_OFFSETS: [u8; 4] = [0, 2, 0, 1]; // key 2, version 1
const CORRELATION_ID: [u8; 4] = [0, 0, 0, 1];
const LATEST: i64 = -1;
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// The probe for one topic of a single-broker cluster.
#[derive(Debug)]
pub struct EndOffsets {
    stream: TcpStream,
    request: Vec<u8>,
    partitions: usize,
}

// === impl EndOffsets ===

impl EndOffsets {
    pub fn connect(broker: &str, topic: &str, partitions: i32) -> Result<Self> {
        let stream = TcpStream::connect(broker).with_context(|| format!("cannot connect to {broker}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        let mut body = Vec::new();
        body.extend(LIST_OFFSETS);
        body.extend(CORRELATION_ID);
        body.extend((-1_i16).to_be_bytes()); // no client id
        body.extend((-1_i32).to_be_bytes()); // no replica
        body.extend(1_i32.to_be_bytes());
        body.extend(i16::try_from(topic.len())?.to_be_bytes());
        body.extend(topic.as_bytes());
        body.extend(partitions.to_be_bytes());
        for partition in 0..partitions {
            body.extend(partition.to_be_bytes());
            body.extend(LATEST.to_be_bytes());
        }
        let mut request = i32::try_from(body.len())?.to_be_bytes().to_vec();
        request.extend(body);
        Ok(Self {
            stream,
            request,
            partitions: usize::try_from(partitions)?,
        })
    }

    /// The end of each partition, by partition number.
    pub fn ask(&mut self) -> Result<Vec<i64>> {
        self.stream.write_all(&self.request)?;
        let mut length = [0; 4];
        self.stream
            .read_exact(&mut length)
            .context("the broker closed the probe's connection")?;
        let mut answer = vec![0; usize::try_from(i32::from_be_bytes(length))?];
        self.stream.read_exact(&mut answer)?;
        parse(&answer, self.partitions)
    }
}

/// Correlation id, one topic, its partitions: number, error code, timestamp, offset.
fn parse(answer: &[u8], partitions: usize) -> Result<Vec<i64>> {
    let rest = answer
        .strip_prefix(&CORRELATION_ID)
        .context("an answer to another request")?;
    let name_length: [u8; 2] = rest.get(4..6).context("the answer is cut short")?.try_into()?;
    let start = 6 + usize::from(u16::from_be_bytes(name_length)) + 4;
    let rows = rest.get(start..).context("the answer is cut short")?;
    ensure!(rows.len() == partitions * 22, "the answer has another shape");
    let mut ends = vec![0; partitions];
    for row in rows.chunks_exact(22) {
        let number = usize::try_from(i32::from_be_bytes(row[..4].try_into()?))?;
        let code = i16::from_be_bytes(row[4..6].try_into()?);
        if code != 0 {
            bail!("ListOffsets of partition {number} was refused with error code {code}");
        }
        *ends.get_mut(number).context("no such partition")? = i64::from_be_bytes(row[14..22].try_into()?);
    }
    Ok(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: i16) -> Vec<u8> {
        let mut bytes = CORRELATION_ID.to_vec();
        bytes.extend([0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 2]);
        for (partition, end) in [(1_i32, 7_i64), (0, 5)] {
            bytes.extend(partition.to_be_bytes());
            bytes.extend(code.to_be_bytes());
            bytes.extend(LATEST.to_be_bytes());
            bytes.extend(end.to_be_bytes());
        }
        bytes
    }

    #[test]
    fn ends_come_by_partition_number_whatever_their_order() {
        assert_eq!(parse(&answer(0), 2).unwrap(), [5, 7]);
    }

    #[test]
    fn a_refusal_and_a_cut_answer_are_errors() {
        assert!(
            parse(&answer(3), 2)
                .unwrap_err()
                .to_string()
                .contains("error code 3")
        );
        for length in 0..answer(0).len() {
            assert!(parse(&answer(0)[..length], 2).is_err(), "{length}");
        }
    }
}
