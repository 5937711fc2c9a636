//! A question to Ambari: its redirects, its deadline, and to whom the password may go.
//!
//! (A) The password goes to the origin that the user gave, and to no other, whatever a redirect says.
//! (B) Once a redirect led elsewhere it is not sent any more, even if another one leads back.
//! (C) No redirect leads from TLS to plain text (`address`).

use std::path::Path;
use std::time::Duration;

use hyper::header::HeaderValue;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use crate::answer::{Answer, Question};
use crate::component::CLUSTERS_PATH;
use crate::exchange::{self, Times};
use crate::{AmbariError, BaseUrl, ClusterName, Component, ComponentHost, Password, trust};

/// Ambari, as one user sees one cluster.
pub struct Ambari {
    base: BaseUrl,
    cluster: ClusterName,
    user: String,
    authorization: HeaderValue,
    /// `None` only where plain text goes to this host, and the host believes no CA.
    tls: Option<TlsConnector>,
    patience: Patience,
}

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For one address of the server to be connected; the next is tried then.
    pub connect: Duration,
    /// For a whole question, its redirects included.
    pub question: Duration,
}

/// Redirects in a row that are followed; curl follows fifty, and nobody needs more than two.
const REDIRECTS_MAX: usize = 5;

// === impl Ambari ===

impl Ambari {
    /// Puts together who asks whom; nothing is sent yet. `ca_file` holds CAs beside the system's.
    ///
    /// # Errors
    /// A user's name that cannot be sent, or certificates that cannot be read.
    pub fn new(
        base: BaseUrl,
        cluster: ClusterName,
        user: &str,
        password: &Password,
        ca_file: Option<&Path>,
    ) -> Result<Self, AmbariError> {
        let tls = match trust::connector(ca_file) {
            Ok(tls) => Some(tls),
            Err(AmbariError::NoRoots { .. }) if base.is_plain_text() => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            authorization: password.authorization(user)?,
            base,
            cluster,
            user: user.to_owned(),
            tls,
            patience: Patience::default(),
        })
    }

    /// Waits so long instead of the usual.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// The hosts that have this component, in Ambari's order, each once; at least one.
    pub async fn hosts(&self, component: Component) -> Result<Vec<ComponentHost>, AmbariError> {
        let (answer, origin) = self.ask(&component.path(&self.cluster)).await?;
        let hosts = answer.hosts(Question {
            origin: &origin,
            user: &self.user,
            cluster: &self.cluster,
            component,
        });
        match hosts {
            Err(AmbariError::UnknownCluster {
                origin,
                cluster,
                said,
                known: _,
            }) => Err(AmbariError::UnknownCluster {
                origin,
                cluster,
                said,
                known: self.clusters().await,
            }),
            hosts => hosts,
        }
    }

    /// The clusters there are, for the words of an error: none if Ambari does not say.
    async fn clusters(&self) -> Vec<String> {
        match self.ask(CLUSTERS_PATH).await {
            Ok((answer, _origin)) => answer.clusters(),
            Err(_unanswered) => Vec::new(),
        }
    }

    /// The answer behind all redirects, and who gave it.
    async fn ask(&self, path: &str) -> Result<(Answer, String), AmbariError> {
        let times = Times {
            connect: self.patience.connect,
            limit: self.patience.question,
            deadline: Instant::now() + self.patience.question,
        };
        let mut place = self.base.place(path);
        let mut authorization = Some(&self.authorization);
        for _ in 0..=REDIRECTS_MAX {
            let answer = Box::pin(exchange::get(&place, authorization, self.tls.as_ref(), times)).await?;
            let origin = place.origin.to_string();
            let Some(location) = answer.redirect() else {
                if authorization.is_none() && answer.asks_for_password() {
                    return Err(AmbariError::RedirectedAway {
                        origin: self.base.to_string(),
                        to: origin,
                    });
                }
                return Ok((answer, origin));
            };
            let next = place
                .follow(location)
                .map_err(|problem| AmbariError::Redirect { origin, problem })?;
            if next.origin != place.origin {
                authorization = None;
            }
            place = next;
        }
        Err(AmbariError::TooManyRedirects {
            origin: place.origin.to_string(),
        })
    }
}

impl std::fmt::Debug for Ambari {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Ambari");
        shown.field("base", &self.base).field("cluster", &self.cluster);
        shown.field("user", &self.user).finish_non_exhaustive()
    }
}

// === impl Patience ===

impl Default for Patience {
    /// Ten seconds for an address, thirty for a question: somebody may be looking at the terminal.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            question: Duration::from_secs(30),
        }
    }
}
