//! Limit lines: what it costs this machine, now, to carry bytes from one loopback connection to another, by the simplest program.
//!
//! (a) reads and writes; (b) reads whole frames and takes one CRC32C over each. Both use 1 MiB, the size of a large batch. What they cost is the
//! CPU time of the relaying thread alone, as the mirror's is that of its process alone.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};

use crate::process_tree::thread_cpu_seconds;

const FRAME: usize = 1 << 20;

/// Which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// (a)
    ReadWrite,
    /// (b)
    FramesWithCrc,
}

/// CPU-seconds to relay about `bytes` (rounded up to whole frames), scaled to exactly `bytes`.
pub fn cpu_seconds(line: Line, bytes: u64) -> Result<f64> {
    let frames = bytes.div_ceil(FRAME as u64).max(1);
    let (source, relay_in) = pair()?;
    let (relay_out, end) = pair()?;
    let (cost, arrived) = thread::scope(|scope| {
        let writer = scope.spawn(move || send(source, frames));
        let reader = scope.spawn(move || drain(end));
        let relay = scope.spawn(move || relay(line, relay_in, relay_out));
        let cost = relay.join().map_err(|_panic| anyhow!("the relay panicked"))?;
        let arrived = reader.join().map_err(|_panic| anyhow!("the reader panicked"))?;
        writer.join().map_err(|_panic| anyhow!("the source panicked"))??;
        anyhow::Ok((cost?, arrived?))
    })?;
    let sent = frames * FRAME as u64;
    ensure!(
        arrived == sent,
        "{arrived} of {sent} bytes came through the relay"
    );
    Ok(cost * as_float(bytes) / as_float(sent))
}

/// Two ends of one loopback connection.
fn pair() -> Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen")?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    Ok((near, far))
}

/// Every frame starts with its length, as Kafka's do.
fn send(mut out: TcpStream, frames: u64) -> Result<()> {
    let mut frame: Vec<u8> = (0..FRAME).map(|at| (at % 251).to_le_bytes()[0]).collect();
    let length = u32::try_from(FRAME - 4).context("invariant: a frame is small")?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    for _ in 0..frames {
        out.write_all(&frame)?;
    }
    Ok(())
}

fn drain(mut from: TcpStream) -> Result<u64> {
    let mut buffer = vec![0; FRAME];
    let mut total = 0;
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(total),
            count => total += count as u64,
        }
    }
}

fn relay(line: Line, mut from: TcpStream, mut to: TcpStream) -> Result<f64> {
    let mut buffer = vec![0; FRAME];
    let before = thread_cpu_seconds()?;
    match line {
        Line::ReadWrite => loop {
            let count = from.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            to.write_all(&buffer[..count])?;
        },
        Line::FramesWithCrc => {
            let mut sum = 0;
            while let Some(length) = read_frame(&mut from, &mut buffer)? {
                sum ^= crc32c::crc32c(&buffer[4..length]);
                to.write_all(&buffer[..length])?;
            }
            std::hint::black_box(sum);
        }
    }
    Ok(thread_cpu_seconds()? - before)
}

/// Reads one frame, its length included; `None` at the end of the stream.
fn read_frame(from: &mut TcpStream, buffer: &mut [u8]) -> Result<Option<usize>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let whole = usize::try_from(u32::from_be_bytes(length))? + 4;
    let rest = buffer
        .get_mut(..whole)
        .context("a frame larger than the buffer")?;
    rest[..4].copy_from_slice(&length);
    from.read_exact(&mut rest[4..])?;
    Ok(Some(whole))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a count of bytes in a ratio of measurements"
)]
fn as_float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lines_carry_every_byte_and_cost_something() {
        for line in [Line::ReadWrite, Line::FramesWithCrc] {
            let cost = cpu_seconds(line, 32 << 20).unwrap();
            assert!(cost > 0.0 && cost < 30.0, "{line:?}: {cost}");
        }
    }
}
