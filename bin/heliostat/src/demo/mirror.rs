//! The mirror of the demonstration at work, in this process and as `heliostat run` would run it.

use mirror_config::Config;
use mirror_runtime::{Mirror, Outcome, RunError, StatusView};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::DemoError;
use crate::outside::Outside;

/// A mirror that runs. Dropping it ends it where it stands.
pub(super) struct RunningMirror {
    run: JoinSet<Result<Outcome, RunError>>,
    stop: oneshot::Sender<()>,
    view: StatusView,
    _outside: Outside,
}

// === impl RunningMirror ===

impl RunningMirror {
    pub(super) async fn start(config: Config) -> Result<Self, DemoError> {
        let mirror = Mirror::new(config)
            .map_err(DemoError::Mirror)?
            .without_progress_report();
        let outside = Outside::open(None, &mirror).await.map_err(DemoError::Outside)?;
        let view = mirror.view();
        let (stop, stopped) = oneshot::channel();
        let mut run = JoinSet::new();
        run.spawn(mirror.run(async move {
            // Either way it is to end.
            let _ = stopped.await;
        }));
        Ok(Self {
            run,
            stop,
            view,
            _outside: outside,
        })
    }

    pub(super) fn view(&self) -> StatusView {
        self.view.clone()
    }

    /// Why it ended although nobody asked it to; never ready while it runs.
    pub(super) async fn failed(&mut self) -> DemoError {
        match self.run.join_next().await {
            Some(Ok(Err(error))) => DemoError::Mirror(error),
            Some(Ok(Ok(Outcome::Drained | Outcome::AbortedOnSendFailure | Outcome::CatchUp(_))) | Err(_))
            | None => DemoError::MirrorEnded,
        }
    }

    /// Waits for what the target has not acknowledged, stores the positions and ends, as after SIGTERM.
    pub(super) async fn drain(mut self) -> Result<(), DemoError> {
        // Nobody hears it where the mirror has failed, which is told below.
        let _ = self.stop.send(());
        match self.run.join_next().await {
            Some(Ok(Ok(Outcome::Drained))) => Ok(()),
            Some(Ok(Err(error))) => Err(DemoError::Mirror(error)),
            Some(Ok(Ok(Outcome::AbortedOnSendFailure | Outcome::CatchUp(_))) | Err(_)) | None => {
                Err(DemoError::MirrorEnded)
            }
        }
    }
}
