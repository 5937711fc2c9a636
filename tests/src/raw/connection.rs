//! Produce v3, Fetch v4 and Fetch v2 over one blocking connection each.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};

const PRODUCE: (i16, i16) = (0, 3);
const FETCH: (i16, i16) = (1, 4);
/// The one that brokers of 0.10 have. Later ones answer it, too, but convert record batches to message sets for it.
const OLD_FETCH: (i16, i16) = (1, 2);
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Sends these bytes as the records of one partition (acks=all) and gives the base offset; fails with Kafka's error code otherwise.
pub fn produce(broker: &str, topic: &str, partition: i32, records: &[u8]) -> Result<i64> {
    let mut body = Vec::new();
    put_text(&mut body, None)?; // transactional id
    body.extend((-1_i16).to_be_bytes()); // acks=all
    body.extend(10_000_i32.to_be_bytes());
    put_partition(&mut body, topic, partition)?;
    body.extend(i32::try_from(records.len())?.to_be_bytes());
    body.extend(records);
    let answer = exchange(broker, PRODUCE, &body)?;
    let mut answer = Answer { bytes: &answer };
    answer.partition_head()?;
    let error = answer.short()?;
    if error != 0 {
        bail!("Produce to {topic}-{partition} was refused with error code {error}");
    }
    answer.long()
}

/// The record batches of a partition from `offset` on, up to about `max_bytes`, as they lie in the log.
pub fn fetch(broker: &str, topic: &str, partition: i32, offset: i64, max_bytes: i32) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    body.extend((-1_i32).to_be_bytes()); // no replica
    body.extend(0_i32.to_be_bytes()); // no wait
    body.extend(0_i32.to_be_bytes()); // no minimum
    body.extend(max_bytes.to_be_bytes());
    body.push(0); // read_uncommitted
    put_partition(&mut body, topic, partition)?;
    body.extend(offset.to_be_bytes());
    body.extend(max_bytes.to_be_bytes());
    let answer = exchange(broker, FETCH, &body)?;
    let mut answer = Answer { bytes: &answer };
    answer.take(4)?; // throttle time
    answer.partition_head()?;
    let error = answer.short()?;
    if error != 0 {
        bail!("Fetch of {topic}-{partition} at {offset} was refused with error code {error}");
    }
    answer.take(8 + 8)?; // high watermark, last stable offset
    let aborted = usize::try_from(answer.int()?).unwrap_or(0);
    answer.take(aborted * 16)?;
    let length = usize::try_from(answer.int()?).unwrap_or(0);
    Ok(answer.take(length)?.to_vec())
}

/// As [`fetch`], from a broker of 0.10: its message set.
pub fn fetch_message_set(
    broker: &str,
    topic: &str,
    partition: i32,
    offset: i64,
    max_bytes: i32,
) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    body.extend((-1_i32).to_be_bytes()); // no replica
    body.extend(0_i32.to_be_bytes()); // no wait
    body.extend(0_i32.to_be_bytes()); // no minimum
    put_partition(&mut body, topic, partition)?;
    body.extend(offset.to_be_bytes());
    body.extend(max_bytes.to_be_bytes());
    let answer = exchange(broker, OLD_FETCH, &body)?;
    let mut answer = Answer { bytes: &answer };
    answer.take(4)?; // throttle time
    answer.partition_head()?;
    let error = answer.short()?;
    if error != 0 {
        bail!("Fetch of {topic}-{partition} at {offset} was refused with error code {error}");
    }
    answer.take(8)?; // high watermark
    let length = usize::try_from(answer.int()?).unwrap_or(0);
    Ok(answer.take(length)?.to_vec())
}

/// One topic with one partition: the shape of all our requests.
fn put_partition(body: &mut Vec<u8>, topic: &str, partition: i32) -> Result<()> {
    body.extend(1_i32.to_be_bytes());
    put_text(body, Some(topic))?;
    body.extend(1_i32.to_be_bytes());
    body.extend(partition.to_be_bytes());
    Ok(())
}

fn put_text(body: &mut Vec<u8>, text: Option<&str>) -> Result<()> {
    body.extend(
        text.map_or(Ok(-1), |text| i16::try_from(text.len()))?
            .to_be_bytes(),
    );
    body.extend(text.unwrap_or_default().as_bytes());
    Ok(())
}

/// Sends one request and reads its answer, without the correlation id.
fn exchange(broker: &str, (api, version): (i16, i16), body: &[u8]) -> Result<Vec<u8>> {
    let mut request = Vec::new();
    request.extend(api.to_be_bytes());
    request.extend(version.to_be_bytes());
    request.extend(1_i32.to_be_bytes());
    put_text(&mut request, Some("kit"))?;
    request.extend(body);
    let mut stream = TcpStream::connect(broker).with_context(|| format!("cannot connect to {broker}"))?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.write_all(&i32::try_from(request.len())?.to_be_bytes())?;
    stream.write_all(&request)?;
    let mut length = [0; 4];
    stream
        .read_exact(&mut length)
        .context("the broker closed the connection: it does not take this request")?;
    let mut answer = vec![0; usize::try_from(i32::from_be_bytes(length))?];
    stream
        .read_exact(&mut answer)
        .context("the answer is cut short")?;
    if answer.get(..4) != Some(&[0, 0, 0, 1]) {
        bail!("an answer to another request");
    }
    answer.drain(..4);
    Ok(answer)
}

struct Answer<'a> {
    bytes: &'a [u8],
}

// === impl Answer ===

impl<'a> Answer<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .bytes
            .split_at_checked(length)
            .context("the answer is too short")?;
        self.bytes = rest;
        Ok(taken)
    }

    fn short(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.take(2)?.try_into()?))
    }

    fn int(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.take(4)?.try_into()?))
    }

    fn long(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.take(8)?.try_into()?))
    }

    /// One topic with one partition, up to its error code.
    fn partition_head(&mut self) -> Result<()> {
        self.take(4)?;
        let name = usize::try_from(self.short()?)?;
        self.take(name + 4 + 4).map(drop)
    }
}
