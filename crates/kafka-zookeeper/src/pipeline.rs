//! Several calls under way at once. A server answers a session's requests in their order, so the way there and back, and the
//! ensemble's agreement on a write, are waited for once by many instead of by each.

use std::future::{Future, poll_fn};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::Poll;

/// Calls under way at once: half of what waits in a session's queue, so that others find room there.
const UNDER_WAY_MAX: usize = 32;

/// A call that is carried out when it is polled.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Carries out `calls`, begun in their order, and gives each outcome to `take` as it comes. After
/// [`ControlFlow::Break`] no more are begun; those under way are still waited for.
///
/// Cancelled, it drops what is under way: nobody knows then whether that was carried out.
pub async fn pipelined<T>(calls: Vec<Pending<'_, T>>, mut take: impl FnMut(T) -> ControlFlow<()>) {
    let mut calls = calls.into_iter();
    let mut under_way: Vec<Pending<'_, T>> = Vec::new();
    let mut all_begun = false;
    poll_fn(|context| {
        loop {
            while !all_begun && under_way.len() < UNDER_WAY_MAX {
                match calls.next() {
                    Some(call) => under_way.push(call),
                    None => all_begun = true,
                }
            }
            let before = under_way.len();
            under_way.retain_mut(|call| match call.as_mut().poll(context) {
                Poll::Ready(outcome) => {
                    all_begun |= take(outcome).is_break();
                    false
                }
                Poll::Pending => true,
            });
            if under_way.is_empty() && all_begun {
                return Poll::Ready(());
            }
            // What was begun in this turn was asked as well.
            if under_way.len() == before {
                return Poll::Pending;
            }
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use tokio::task::yield_now;

    use super::*;

    /// Runs `count` calls; returns the outcomes, and how many were under way at most.
    async fn run(count: usize, breaks_at: usize) -> (Vec<usize>, usize) {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let mut taken = Vec::new();
        let mut calls: Vec<Pending<'_, usize>> = Vec::new();
        for number in 0..count {
            let (now, most) = (&now, &most);
            calls.push(Box::pin(async move {
                most.fetch_max(now.fetch_add(1, Relaxed) + 1, Relaxed);
                for _ in 0..number % 3 {
                    yield_now().await;
                }
                now.fetch_sub(1, Relaxed);
                number
            }));
        }
        pipelined(calls, |number| {
            taken.push(number);
            if number == breaks_at {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .await;
        (taken, most.into_inner())
    }

    #[tokio::test]
    async fn all_calls_are_carried_out_and_only_so_many_at_once() {
        for count in [0, 1, 31, 32, 33, 1000] {
            let (mut taken, most) = run(count, usize::MAX).await;
            taken.sort_unstable();
            assert_eq!(taken, (0..count).collect::<Vec<_>>());
            assert!(most <= UNDER_WAY_MAX, "{most}");
            assert!(most > 1 || count < 3, "side by side, not one after the other");
        }
    }

    #[tokio::test]
    async fn after_a_break_none_is_begun_and_none_is_dropped() {
        let (taken, _) = run(1000, 1).await;
        assert!(
            taken.len() >= UNDER_WAY_MAX && taken.len() < 200,
            "{}",
            taken.len()
        );
    }
}
