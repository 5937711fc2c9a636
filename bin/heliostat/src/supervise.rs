//! A run under signals: the first asks it to drain, the second ends the process at once.

use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// The signals that ask a process to end.
pub(crate) struct EndSignals {
    interrupt: Signal,
    terminate: Signal,
}

/// How a supervised run ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End<T> {
    /// By itself, or because it was asked to.
    Run(T),
    /// A second signal came before it had drained.
    Killed(SignalKind),
}

// === impl EndSignals ===

impl EndSignals {
    /// From here on SIGTERM and SIGINT no longer end the process by themselves.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> SignalKind {
        tokio::select! {
            Some(()) = self.interrupt.recv() => SignalKind::interrupt(),
            Some(()) = self.terminate.recv() => SignalKind::terminate(),
            else => std::future::pending().await,
        }
    }
}

/// The exit code of a process that a signal killed, as a shell tells it: 130 and 143.
pub(crate) fn killed_by(signal: SignalKind) -> ExitCode {
    u8::try_from(128 + signal.as_raw_value()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Runs until the run ends by itself, drains after a first signal, or is left behind at a second one.
pub(crate) async fn until_end<Run: Future>(
    run: impl FnOnce(oneshot::Receiver<()>) -> Run,
    mut signals: EndSignals,
) -> End<Run::Output> {
    supervise(run, async || signals.next().await).await
}

async fn supervise<Run: Future>(
    run: impl FnOnce(oneshot::Receiver<()>) -> Run,
    mut next_signal: impl AsyncFnMut() -> SignalKind,
) -> End<Run::Output> {
    let (ask, asked) = oneshot::channel();
    let run = Box::pin(run(asked));
    let killed = async {
        let first = next_signal().await;
        tracing::info!(signal = first.as_raw_value(), "Start clean shutdown.");
        // A run that no longer listens is about to end by itself.
        let _ = ask.send(());
        next_signal().await
    };
    tokio::select! {
        output = run => End::Run(output),
        signal = killed => End::Killed(signal),
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::signal::unix::SignalKind;
    use tokio::sync::oneshot;

    use super::{End, supervise};

    /// Gives these signals one after the other, then none.
    async fn with_signals<Run: Future>(
        signals: &[SignalKind],
        run: impl FnOnce(oneshot::Receiver<()>) -> Run,
    ) -> End<Run::Output> {
        let mut signals = signals.iter();
        let next = async || match signals.next() {
            Some(signal) => *signal,
            None => pending().await,
        };
        supervise(run, next).await
    }

    #[tokio::test]
    async fn a_run_that_ends_by_itself() {
        assert_eq!(with_signals(&[], async |_| 7).await, End::Run(7));
    }

    #[tokio::test]
    async fn the_first_signal_asks() {
        let drained = with_signals(&[SignalKind::terminate()], async |asked| asked.await.is_ok()).await;
        assert_eq!(drained, End::Run(true));
    }

    #[tokio::test]
    async fn the_second_signal_kills() {
        let signals = [SignalKind::terminate(), SignalKind::interrupt()];
        let end = with_signals(&signals, async |_| pending::<()>().await).await;
        assert_eq!(end, End::Killed(SignalKind::interrupt()));
    }
}
