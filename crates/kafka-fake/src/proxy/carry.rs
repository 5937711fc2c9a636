//! The bytes of one connection carried through a link, both ways at once.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::time::{Instant, sleep_until};

use super::{Direction, Link};

/// Most bytes that travel as one piece: small enough that a slow line delivers evenly.
const PIECE_BYTES: usize = 4 << 10;

/// How a direction ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The sender had no more to say, and all of it arrived.
    Finished,
    /// The connection is broken.
    Broken,
}

/// Carries until both sides have finished, or one breaks. Dropping the streams tells both.
pub(crate) async fn carry(
    client: impl AsyncRead + AsyncWrite + Unpin,
    broker: impl AsyncRead + AsyncWrite + Unpin,
    link: Link,
) {
    let (from_client, to_client) = split(client);
    let (from_broker, to_broker) = split(broker);
    let there = one_way(from_client, to_broker, link.to_broker);
    let back = one_way(from_broker, to_client, link.to_client);
    tokio::pin!(there, back);
    let (mut is_there, mut is_back) = (true, true);
    while is_there || is_back {
        let end = tokio::select! {
            biased;
            end = &mut there, if is_there => { is_there = false; end }
            end = &mut back, if is_back => { is_back = false; end }
        };
        if end == End::Broken {
            return;
        }
    }
}

/// Bytes on their way, and when they arrive.
struct Piece {
    due: Instant,
    bytes: Bytes,
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    direction: Direction,
) -> End {
    if direction.cut_after == Some(0) {
        return End::Broken;
    }
    if to.write_all(&direction.prefix).await.is_err() {
        return End::Broken;
    }
    let window = direction.window_bytes.max(1);
    let mut line = Line::new(direction);
    let mut is_open = true;
    while is_open || !line.under_way.is_empty() {
        let due = line.under_way.front().map(|piece| piece.due);
        let room = window.saturating_sub(line.bytes_under_way).min(PIECE_BYTES);
        let mut taken = BytesMut::with_capacity(room);
        let mut limited = (&mut from).take(u64::try_from(room).unwrap_or(0));
        tokio::select! {
            biased;
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                if line.deliver(&mut to).await != Ok(()) {
                    return End::Broken;
                }
            }
            read = limited.read_buf(&mut taken), if is_open && room > 0 => {
                match read {
                    Ok(0) => is_open = false,
                    Ok(_) => line.take(taken),
                    Err(_broken) => return End::Broken,
                }
            }
        }
    }
    // The other side may be gone already, and then knows.
    let _closed = to.shutdown().await;
    End::Finished
}

/// One direction at work.
struct Line {
    direction: Direction,
    under_way: VecDeque<Piece>,
    bytes_under_way: usize,
    /// Bytes that entered the line.
    entered: u64,
    /// Bytes that left it.
    arrived: u64,
    /// When the last byte has entered, at the line's speed.
    free_at: Instant,
}

/// The receiver is gone, or the line was cut.
#[derive(Debug, PartialEq, Eq)]
struct Broken;

// === impl Line ===

impl Line {
    fn new(direction: Direction) -> Self {
        Self {
            direction,
            under_way: VecDeque::new(),
            bytes_under_way: 0,
            entered: 0,
            arrived: 0,
            free_at: Instant::now(),
        }
    }

    fn take(&mut self, mut bytes: BytesMut) {
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        for (place, bits) in &self.direction.flips {
            let index = place
                .checked_sub(self.entered)
                .and_then(|index| usize::try_from(index).ok());
            if let Some(byte) = index.and_then(|index| bytes.get_mut(index)) {
                *byte ^= bits;
            }
        }
        self.entered += count;
        self.free_at =
            self.free_at.max(Instant::now()) + time_to_enter(count, self.direction.bytes_per_second);
        self.bytes_under_way += bytes.len();
        self.under_way.push_back(Piece {
            due: self.free_at + self.direction.delay,
            bytes: bytes.freeze(),
        });
    }

    async fn deliver(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> Result<(), Broken> {
        self.direction.gate.pass().await;
        let Some(mut piece) = self.under_way.pop_front() else {
            return Ok(());
        };
        self.bytes_under_way -= piece.bytes.len();
        let left = self
            .direction
            .cut_after
            .map(|cut| cut.saturating_sub(self.arrived));
        if let Some(left) = left {
            piece.bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        }
        self.arrived += u64::try_from(piece.bytes.len()).unwrap_or(u64::MAX);
        let written: io::Result<()> = async {
            to.write_all(&piece.bytes).await?;
            to.flush().await
        }
        .await;
        let is_cut = self.direction.cut_after.is_some_and(|cut| self.arrived >= cut);
        if written.is_err() || is_cut {
            return Err(Broken);
        }
        Ok(())
    }
}

fn time_to_enter(bytes: u64, bytes_per_second: Option<u64>) -> Duration {
    let Some(speed) = bytes_per_second else {
        return Duration::ZERO;
    };
    Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / speed.max(1))
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;
    use crate::fault::Gate;

    const TEXT: &[u8] = b"0123456789";

    /// What arrives of `sent` at the broker's end, and after how long.
    async fn arrived(sent: &[u8], to_broker: Direction) -> (Vec<u8>, Duration) {
        let ((mut client, outer), (inner, mut broker)) = (duplex(1 << 20), duplex(1 << 20));
        let began = Instant::now();
        let link = Link {
            to_broker,
            ..Link::default()
        };
        let mut read = Vec::new();
        let both_ends = async {
            // On a link that breaks at once the client may hear of it first.
            let _sent = client.write_all(sent).await.and(client.shutdown().await);
            broker.read_to_end(&mut read).await.unwrap();
            drop(broker);
        };
        tokio::join!(carry(outer, inner, link), both_ends);
        (read, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_link_of_defaults_changes_nothing() {
        let (read, time) = arrived(TEXT, Direction::default()).await;
        assert_eq!((read.as_slice(), time), (TEXT, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn exactly_so_many_bytes_arrive_before_the_cut() {
        for cut in 0..=10 {
            let direction = Direction {
                cut_after: Some(cut),
                ..Direction::default()
            };
            let (read, _) = arrived(TEXT, direction).await;
            assert_eq!(read, TEXT[..usize::try_from(cut).unwrap()]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_prefix_comes_first() {
        let direction = Direction {
            prefix: Bytes::from_static(b"alert"),
            ..Direction::default()
        };
        let (read, _) = arrived(TEXT, direction).await;
        assert_eq!(read, b"alert0123456789");
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_of_one_direction_breaks_both() {
        let ((mut client, outer), (inner, mut broker)) = (duplex(64), duplex(64));
        let mut link = Link::default();
        link.to_broker.cut_after = Some(1);
        let mut read = Vec::new();
        let client_end = async {
            client.write_all(b"x").await.unwrap();
            client.read_to_end(&mut read).await.unwrap();
        };
        tokio::join!(carry(outer, inner, link), client_end);
        assert!(read.is_empty() && broker.write_all(b"y").await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn the_named_bits_turn_and_no_others() {
        let sent = vec![0; 10_000];
        let direction = Direction {
            flips: vec![(0, 1), (9_999, 0x80)],
            ..Direction::default()
        };
        let (read, _) = arrived(&sent, direction).await;
        assert_eq!((read[0], read[9_999]), (1, 0x80));
        assert!(read[1..9_999].iter().all(|byte| *byte == 0));
    }

    #[tokio::test(start_paused = true)]
    async fn delay_and_speed_add_up() {
        let direction = Direction {
            delay: Duration::from_millis(200),
            bytes_per_second: Some(1 << 20),
            window_bytes: 1 << 20,
            ..Direction::default()
        };
        let (read, time) = arrived(&vec![7; 512 << 10], direction).await;
        assert_eq!(read.len(), 512 << 10);
        assert!(
            (Duration::from_millis(700)..Duration::from_millis(705)).contains(&time),
            "{time:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_lets_so_much_travel_in_one_delay() {
        let direction = Direction {
            delay: Duration::from_millis(100),
            window_bytes: 1_000,
            ..Direction::default()
        };
        let (_, time) = arrived(&vec![7; 5_000], direction).await;
        assert!(
            (Duration::from_millis(500)..Duration::from_millis(510)).contains(&time),
            "{time:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_arrives_while_the_gate_is_closed() {
        let gate = Gate::closed();
        let direction = Direction {
            gate: gate.clone(),
            ..Direction::default()
        };
        let opening = async {
            tokio::time::advance(Duration::from_secs(3)).await;
            gate.open();
        };
        let ((read, time), ()) = tokio::join!(arrived(TEXT, direction), opening);
        assert_eq!(read, TEXT);
        assert!(time >= Duration::from_secs(3));
    }
}
