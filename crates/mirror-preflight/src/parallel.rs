//! Futures side by side: all at once, or a few at a time.

use std::panic::resume_unwind;

use tokio::task::JoinSet;

/// Runs all to their ends; the answers stand in the order of the questions. Dropping the future ends them all.
pub(crate) async fn all<T: Send + 'static>(work: Vec<impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    at_most(usize::MAX, work).await
}

/// As [`all`], with at most `width` of them under way at a time (at least one).
pub(crate) async fn at_most<T: Send + 'static>(
    width: usize,
    work: Vec<impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let mut waiting = work.into_iter().enumerate();
    let mut running = JoinSet::new();
    let mut done = Vec::new();
    loop {
        while running.len() < width.max(1)
            && let Some((place, future)) = waiting.next()
        {
            running.spawn(async move { (place, future.await) });
        }
        match running.join_next().await {
            Some(Ok(answer)) => done.push(answer),
            Some(Err(error)) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(error) => unreachable!("invariant: nobody else ends these tasks: {error}"),
            },
            None => break,
        }
    }
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, answer)| answer).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::task::yield_now;

    use super::at_most;

    #[tokio::test]
    async fn answers_keep_their_order_and_few_run_at_a_time() {
        let running = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let work = (0..20_usize).map(|number| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                for _ in 0..20 - number {
                    yield_now().await;
                }
                running.fetch_sub(1, Ordering::Relaxed);
                number
            }
        });
        assert_eq!(at_most(3, work.collect()).await, (0..20).collect::<Vec<_>>());
        assert_eq!(most.load(Ordering::Relaxed), 3);
    }
}
