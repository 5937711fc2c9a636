//! From a name to an open socket: every address of the name is tried, and none of them holds up the others.
//!
//! As RFC 8305 (Happy Eyeballs) has it: addresses of both families take turns, and the next attempt begins when the one
//! before has failed or has not answered for a quarter of a second. The first that is made is used. So a name with a dead
//! IPv6 address, or a rule of a firewall that drops packets, costs a moment instead of a connection time-out.

use std::io;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

/// The next address is tried after this, while the one before has not answered (RFC 8305, section 5).
const NEXT_ATTEMPT_AFTER: Duration = Duration::from_millis(250);

/// An address that could not be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAttempt {
    /// Where to.
    pub address: SocketAddr,
    /// The system's words, or that nobody answered.
    pub reason: String,
}

/// What came of each attempt, where `asked` is what was to be connected to: the port is the name's, and a name that is an
/// address stands there already.
pub fn tried(asked: &str, failed: &[FailedAttempt]) -> String {
    let attempts = failed.iter().map(|FailedAttempt { address, reason }| {
        if asked == address.to_string() {
            reason.clone()
        } else {
            format!("{}: {reason}", address.ip())
        }
    });
    attempts.collect::<Vec<_>>().join(", ")
}

/// Looks up `host:port`. The answer is not empty, and its families alternate.
///
/// # Errors
/// The reason why there is no address.
pub async fn resolve(address: &str, limit: Duration) -> Result<Vec<SocketAddr>, String> {
    match timeout(limit, lookup_host(address)).await {
        Ok(Ok(found)) => {
            let mut addresses: Vec<_> = found.collect();
            addresses.dedup();
            if addresses.is_empty() {
                return Err("no address found".to_owned());
            }
            Ok(alternating(addresses))
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_elapsed) => Err(format!("the name was not resolved within {limit:?}")),
    }
}

/// Connects to the first of the addresses that accepts; each attempt takes at most `limit`.
///
/// # Errors
/// Every address with its reason, in the order of `addresses`.
pub async fn connect_any(
    addresses: &[SocketAddr],
    limit: Duration,
) -> Result<(SocketAddr, TcpStream), Vec<FailedAttempt>> {
    first_of(addresses, limit, TcpStream::connect).await
}

async fn first_of<T, Attempt>(
    addresses: &[SocketAddr],
    limit: Duration,
    attempt: impl Fn(SocketAddr) -> Attempt,
) -> Result<(SocketAddr, T), Vec<FailedAttempt>>
where
    T: Send + 'static,
    Attempt: Future<Output = io::Result<T>> + Send + 'static,
{
    let mut waiting = addresses.iter().copied().enumerate();
    let mut running = JoinSet::new();
    let mut failed = Vec::new();
    let mut next_at = Instant::now();
    loop {
        tokio::select! {
            biased;
            Some(ended) = running.join_next() => match ended {
                Ok((_, address, Ok(made))) => return Ok((address, made)),
                Ok((place, address, Err(reason))) => {
                    failed.push((place, FailedAttempt { address, reason }));
                    next_at = Instant::now();
                }
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => resume_unwind(panic),
                    Err(error) => unreachable!("invariant: nobody else ends these tasks: {error}"),
                },
            },
            () = sleep_until(next_at), if waiting.len() > 0 => {
                if let Some((place, address)) = waiting.next() {
                    let attempt = attempt(address);
                    running.spawn(async move { (place, address, within(limit, attempt).await) });
                }
                next_at = Instant::now() + NEXT_ATTEMPT_AFTER;
            }
            else => break,
        }
    }
    failed.sort_by_key(|(place, _)| *place);
    Err(failed.into_iter().map(|(_, failed)| failed).collect())
}

async fn within<T>(limit: Duration, attempt: impl Future<Output = io::Result<T>>) -> Result<T, String> {
    match timeout(limit, attempt).await {
        Ok(made) => made.map_err(|error| error.to_string()),
        Err(_elapsed) => Err(format!("no answer within {limit:?}")),
    }
}

/// The family that the resolver prefers first, then the two in turns, each in its own order.
fn alternating(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let preferred = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == preferred);
    let mut second = second.into_iter();
    let mut all = Vec::new();
    for address in first {
        all.push(address);
        all.extend(second.next());
    }
    all.extend(second);
    all
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn a_failed_connection_names_its_address_once() {
        let attempt = |address: &str, reason: &str| FailedAttempt {
            address: address.parse().expect("an address"),
            reason: reason.to_owned(),
        };
        for (address, failed, expected) in [
            (
                "127.0.0.1:9092",
                vec![attempt("127.0.0.1:9092", "refused")],
                "refused",
            ),
            ("[::1]:9092", vec![attempt("[::1]:9092", "refused")], "refused"),
            (
                "wn0:9092",
                vec![
                    attempt("10.0.0.4:9092", "refused"),
                    attempt("10.0.0.5:9092", "no answer"),
                ],
                "10.0.0.4: refused, 10.0.0.5: no answer",
            ),
        ] {
            assert_eq!(tried(address, &failed), expected, "{address}");
        }
    }

    #[test]
    fn families_take_turns_and_the_preferred_one_begins() {
        let found = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"]);
        let expected = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"]);
        assert_eq!(alternating(found), expected);
        assert_eq!(alternating(addresses(&["1.1.1.1:1"])), addresses(&["1.1.1.1:1"]));
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_hangs_does_not_eat_the_time_of_the_next() {
        let all = addresses(&["[::1]:1", "1.1.1.1:1"]);
        let began = Instant::now();
        let made = first_of(&all, Duration::from_secs(10), async |address: SocketAddr| {
            if address.is_ipv6() { pending().await } else { Ok(7) }
        });
        assert_eq!(made.await, Ok((all[1], 7)));
        assert_eq!(began.elapsed(), NEXT_ATTEMPT_AFTER);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_refusal_the_next_is_tried_at_once_and_all_reasons_are_told() {
        let all = addresses(&["[::1]:1", "1.1.1.1:1", "1.1.1.2:1"]);
        let began = Instant::now();
        let limit = Duration::from_secs(10);
        let failed = first_of::<(), _>(&all, limit, async |address: SocketAddr| {
            if address == "1.1.1.1:1".parse().unwrap() {
                pending().await
            } else {
                Err(io::Error::other("refused"))
            }
        });
        let failed = failed.await.unwrap_err();
        let reasons: Vec<_> = failed.iter().map(|failed| failed.reason.as_str()).collect();
        assert_eq!(reasons, ["refused", "no answer within 10s", "refused"]);
        assert_eq!(
            failed.iter().map(|failed| failed.address).collect::<Vec<_>>(),
            all
        );
        assert_eq!(began.elapsed(), limit, "the hanging one was tried at once");
    }
}
