//! The receiving half of a connection: cuts frames out of the stream and hands each to whoever waits for it.
//!
//! Invariants:
//! (A) answers belong to requests in the order these were sent, and the correlation id must agree: anything else ends
//!     the connection, so that a late or foreign answer is never taken for another's;
//! (B) memory follows the bytes that arrived: a length prefix alone makes us allocate no more than the caller expected
//!     (a fetch has reserved that much in the memory budget) or what a doubling of the received bytes gives;
//! (C) every waiter gets an answer or an error, whatever ends the connection.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use kafka_wire::api_key::ApiKey;
use kafka_wire::frame::check_frame_length;
use kafka_wire::header::decode_response_header;
use tokio::io::AsyncReadExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::error::{ClientError, io_reason};
use crate::transport::ReadHalf;

/// The least room offered to one read of the socket, in bytes.
const READ_BYTES_MIN: usize = 16 * 1024;
/// A growth step for a frame whose size nobody expected, in bytes.
const GROWTH_BYTES: usize = 256 * 1024;
/// Length of a frame's prefix.
const PREFIX_BYTES: usize = 4;

/// A request on its way: what is needed to take its answer.
pub(crate) struct Pending {
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) deadline: Instant,
    pub(crate) timeout: Duration,
    /// The answer may be as large as this without growing step by step.
    pub(crate) expected_bytes: usize,
    pub(crate) reply: oneshot::Sender<Result<Bytes, ClientError>>,
}

/// The reading task of one connection.
pub(crate) struct FrameReader {
    pub(crate) address: String,
    pub(crate) half: ReadHalf,
    pub(crate) announced: mpsc::Receiver<Pending>,
    /// No frame may be larger, in bytes.
    pub(crate) frame_bytes_max: usize,
    pub(crate) pending: VecDeque<Pending>,
    pub(crate) buffer: BytesMut,
}

/// Why a connection ended.
enum Ended {
    TimedOut,
    Lost(String),
}

// === impl FrameReader ===

impl FrameReader {
    pub(crate) async fn run(mut self) {
        let ended = self.read_until_end().await;
        self.fail_waiters(&ended);
    }

    async fn read_until_end(&mut self) -> Ended {
        let mut accepting = true;
        loop {
            match self.take_frames() {
                Ok(()) => {}
                Err(reason) => return Ended::Lost(reason),
            }
            self.make_room();
            let deadline = self.pending.front().map(|pending| pending.deadline);
            tokio::select! {
                biased;
                announced = self.announced.recv(), if accepting => match announced {
                    Some(pending) => self.pending.push_back(pending),
                    None if self.pending.is_empty() => return Ended::Lost("closed by heliostat".to_owned()),
                    None => accepting = false,
                },
                read = self.half.read_buf(&mut self.buffer) => match read {
                    Ok(0) => return Ended::Lost("closed by the broker".to_owned()),
                    Ok(_) => {}
                    Err(error) => return Ended::Lost(io_reason(&error)),
                },
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    return Ended::TimedOut;
                }
            }
        }
    }

    /// The length of the frame at the front, once its prefix is there.
    fn frame_length(&self) -> Result<Option<usize>, String> {
        let Some(prefix) = self.buffer.first_chunk::<PREFIX_BYTES>() else {
            return Ok(None);
        };
        check_frame_length(i32::from_be_bytes(*prefix), self.frame_bytes_max)
            .map(Some)
            .map_err(|error| error.to_string())
    }

    fn take_frames(&mut self) -> Result<(), String> {
        while let Some(length) = self.frame_length()? {
            if self.buffer.len() - PREFIX_BYTES < length {
                return Ok(());
            }
            self.buffer.advance(PREFIX_BYTES);
            let frame = self.buffer.split_to(length).freeze();
            self.deliver(frame)?;
        }
        Ok(())
    }

    fn deliver(&mut self, mut frame: Bytes) -> Result<(), String> {
        // The writer announces before it writes, so the waiter of any honest answer is known or in the channel.
        if self.pending.is_empty()
            && let Ok(pending) = self.announced.try_recv()
        {
            self.pending.push_back(pending);
        }
        let Some(pending) = self.pending.pop_front() else {
            return Err("the peer sent an answer to no request".to_owned());
        };
        match decode_response_header(pending.api, pending.version, &mut frame) {
            Ok(correlation_id) if correlation_id == pending.correlation_id => {
                // A waiter that gave up is no error: its answer is dropped here, in order.
                drop(pending.reply.send(Ok(frame)));
                Ok(())
            }
            Ok(correlation_id) => {
                let reason = format!(
                    "answer {correlation_id} came where {} to {} was due",
                    pending.correlation_id, pending.api
                );
                self.pending.push_front(pending);
                Err(reason)
            }
            Err(error) => {
                self.pending.push_front(pending);
                Err(error.to_string())
            }
        }
    }

    fn make_room(&mut self) {
        let spare = self.buffer.capacity() - self.buffer.len();
        let Ok(Some(length)) = self.frame_length() else {
            if spare < READ_BYTES_MIN / 2 {
                self.buffer.reserve(READ_BYTES_MIN);
            }
            return;
        };
        let missing = (PREFIX_BYTES + length).saturating_sub(self.buffer.len());
        if spare >= missing {
            return;
        }
        let expected = self.pending.front().map_or(0, |pending| pending.expected_bytes);
        if length <= expected {
            self.buffer.reserve(missing);
        } else if spare < READ_BYTES_MIN / 2 {
            self.buffer
                .reserve(missing.min(self.buffer.len().max(GROWTH_BYTES)));
        }
    }

    fn fail_waiters(&mut self, ended: &Ended) {
        self.announced.close();
        while let Ok(pending) = self.announced.try_recv() {
            self.pending.push_back(pending);
        }
        for (index, pending) in self.pending.drain(..).enumerate() {
            let address = self.address.clone();
            let error = match ended {
                Ended::TimedOut if index == 0 => ClientError::TimedOut {
                    address,
                    api: pending.api,
                    waited: pending.timeout,
                },
                Ended::TimedOut => ClientError::Lost {
                    address,
                    reason: "closed because an earlier request was not answered in time".to_owned(),
                },
                Ended::Lost(reason) => ClientError::Lost {
                    address,
                    reason: reason.clone(),
                },
            };
            drop(pending.reply.send(Err(error)));
        }
    }
}
