//! What a running process shows and hears: its HTTP address, if it was given one, and the control socket in its state
//! folder.

use std::sync::Arc;

use mirror_admin::AdminError;
use mirror_admin::control::{bind_control, serve_control};
use mirror_admin::http::{bind, serve_http};
use mirror_config::AdminConfig;
use mirror_runtime::Mirror;
use tokio::task::JoinSet;

/// The servers of a process. Dropping it ends them.
pub(crate) struct Outside {
    _servers: JoinSet<()>,
}

// === impl Outside ===

impl Outside {
    /// Opens both. An HTTP address that was asked for and cannot be had is an error; without a control socket the
    /// mirror only cannot be spoken to, so that is a warning.
    pub(crate) async fn open(admin: Option<&AdminConfig>, mirror: &Mirror) -> Result<Self, AdminError> {
        let mut servers = JoinSet::new();
        if let Some(admin) = admin {
            let listener = bind(&admin.listen.host, admin.listen.port).await?;
            let source = Arc::new(mirror.view());
            servers.spawn(async move { match serve_http(listener, source).await {} });
            tracing::info!(address = %admin.listen, "listening: /metrics /healthz /readyz /status");
        }
        if let Some(path) = mirror.control_socket() {
            match bind_control(&path) {
                Ok(listener) => {
                    let orders = mirror.control();
                    servers.spawn(async move { match serve_control(listener, orders).await {} });
                }
                Err(error) => {
                    tracing::warn!("heliostat halts, resume and skip cannot reach this process: {error}");
                }
            }
        }
        Ok(Self { _servers: servers })
    }
}
