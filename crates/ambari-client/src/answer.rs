//! What an answer means: hosts, or what is wrong.
//!
//! Ambari sends JSON as `text/plain` (`BaseService` of `ambari-server`), errors as `{"status": .., "message": ".."}`
//! (`JsonSerializer`), and says 403 to a wrong password, where the gateway before it says 401. The gateway's own errors are
//! pages for people. So the content type decides nothing, and the status decides before the body.

use std::fmt::Write;

use bytes::Bytes;
use serde::Deserialize;

use crate::{AmbariError, ClusterName, Component};

/// What came back, whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) body: Bytes,
}

/// Who was asked for what, for the words of an error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    /// Scheme, host and port.
    pub(crate) origin: &'a str,
    pub(crate) user: &'a str,
    pub(crate) cluster: &'a ClusterName,
    pub(crate) component: Component,
}

/// A host that runs the component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentHost {
    /// Its name, as the other nodes of the cluster know it.
    pub name: String,
    /// `STARTED`, `INSTALLED` (which means stopped), `INIT`, …; `None` where Ambari does not say.
    pub state: Option<String>,
    /// Somebody has put it aside for maintenance, so that Ambari raises no alerts.
    pub is_in_maintenance: bool,
}

#[derive(Deserialize)]
struct ComponentAnswer {
    host_components: Vec<HostComponent>,
}

#[derive(Deserialize)]
struct HostComponent {
    #[serde(rename = "HostRoles")]
    roles: HostRoles,
}

#[derive(Deserialize)]
struct HostRoles {
    host_name: String,
    state: Option<String>,
    maintenance_state: Option<String>,
}

#[derive(Deserialize)]
struct ClustersAnswer {
    items: Vec<ClusterItem>,
}

#[derive(Deserialize)]
struct ClusterItem {
    #[serde(rename = "Clusters")]
    cluster: ClusterFields,
}

#[derive(Deserialize)]
struct ClusterFields {
    cluster_name: String,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    message: String,
}

/// Most of the server's words that an error repeats, in characters.
const SAID_MAX: usize = 200;
/// Most clusters that an error names.
const CLUSTERS_MAX: usize = 10;
/// Longest host name there is (RFC 1035).
const HOST_BYTES_MAX: usize = 255;

const NO_MAINTENANCE: &str = "OFF";

// === impl Answer ===

impl Answer {
    /// Where it sends us, if it does.
    pub(crate) fn redirect(&self) -> Option<&str> {
        let is_redirect = matches!(self.status, 301 | 302 | 303 | 307 | 308);
        self.location.as_deref().filter(|_| is_redirect)
    }

    /// Does the server want to know who asks?
    pub(crate) fn asks_for_password(&self) -> bool {
        matches!(self.status, 401 | 403)
    }

    /// The hosts, in Ambari's order, each once; at least one.
    pub(crate) fn hosts(&self, question: Question<'_>) -> Result<Vec<ComponentHost>, AmbariError> {
        self.check_status(question)?;
        let answer: ComponentAnswer = serde_json::from_slice(&self.body)
            .map_err(|error| not_ambari(question, not_a_component(&self.body, &error)))?;
        let mut hosts: Vec<ComponentHost> = Vec::new();
        for HostComponent { roles } in answer.host_components {
            if !is_host_name(&roles.host_name) {
                let name = clean(&roles.host_name);
                return Err(not_ambari(question, format!("{name:?} is no host name")));
            }
            if hosts.iter().all(|host| host.name != roles.host_name) {
                hosts.push(ComponentHost {
                    name: roles.host_name,
                    state: roles.state.map(|state| clean(&state)),
                    is_in_maintenance: roles
                        .maintenance_state
                        .is_some_and(|state| state != NO_MAINTENANCE),
                });
            }
        }
        if hosts.is_empty() {
            return Err(AmbariError::NoHosts {
                cluster: question.cluster.clone(),
                component: question.component.name(),
            });
        }
        Ok(hosts)
    }

    /// The clusters that Ambari knows; none where it does not say.
    pub(crate) fn clusters(&self) -> Vec<String> {
        let answer = serde_json::from_slice(&self.body).unwrap_or(ClustersAnswer { items: Vec::new() });
        let names = answer
            .items
            .into_iter()
            .map(|item| clean(&item.cluster.cluster_name));
        names.take(CLUSTERS_MAX).collect()
    }

    fn check_status(&self, question: Question<'_>) -> Result<(), AmbariError> {
        let origin = question.origin.to_owned();
        let said = || self.said();
        Err(match self.status {
            200 => return Ok(()),
            401 | 403 => AmbariError::NotAdmitted {
                origin,
                user: clean(question.user),
                said: said(),
            },
            404 => self.not_found(question),
            502..=504 => AmbariError::Gateway { origin, said: said() },
            _ => AmbariError::Status { origin, said: said() },
        })
    }

    /// `ParentObjectNotFoundException` names the cluster, or the cluster and the service; a page of somebody else neither.
    fn not_found(&self, question: Question<'_>) -> AmbariError {
        let message = self.message().unwrap_or_default();
        let cluster = question.cluster.clone();
        let said = self.said();
        if message.contains("serviceName=") {
            let service = question.component.service();
            AmbariError::NoService {
                cluster,
                service,
                said,
            }
        } else if message.contains("clusterName=") {
            AmbariError::UnknownCluster {
                origin: question.origin.to_owned(),
                cluster,
                said,
                known: Vec::new(),
            }
        } else {
            not_ambari(question, said)
        }
    }

    /// Ambari's own words about an error.
    fn message(&self) -> Option<String> {
        let error: ErrorAnswer = serde_json::from_slice(&self.body).ok()?;
        Some(error.message).filter(|message| !message.trim().is_empty())
    }

    /// The status, and Ambari's words where there are any. A page is not repeated.
    fn said(&self) -> String {
        let mut said = format!("HTTP {}", self.status);
        if let Some(message) = self.message() {
            // Writing into a String cannot fail.
            let _ = write!(said, ": {}", clean(&message));
        }
        said
    }
}

/// May this stand in an address? It goes to shells and into files.
pub(crate) fn is_host_name(name: &str) -> bool {
    let is_host_character = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let starts_well = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    starts_well && name.len() <= HOST_BYTES_MAX && name.bytes().all(is_host_character)
}

fn not_ambari(question: Question<'_>, problem: impl Into<String>) -> AmbariError {
    AmbariError::NotAmbari {
        origin: question.origin.to_owned(),
        problem: problem.into(),
    }
}

fn not_a_component(body: &[u8], error: &serde_json::Error) -> String {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        None => "the answer is empty".to_owned(),
        Some(b'<') => "it is a page for people".to_owned(),
        // The place and the kind of the mistake; serde_json repeats a value only where it has the wrong type.
        Some(_) if error.is_data() => "JSON without host_components".to_owned(),
        Some(_) => format!("no JSON: {}", clean(&error.to_string())),
    }
}

/// A piece of a stranger's text for a terminal, on one line.
fn clean(text: &str) -> String {
    let mut shown = String::new();
    for (index, word) in text.split_whitespace().enumerate() {
        if index > 0 {
            shown.push(' ');
        }
        shown.extend(word.chars().filter(|letter| !letter.is_control()));
    }
    match shown.char_indices().nth(SAID_MAX) {
        Some((at, _)) => format!("{}…", &shown[..at]),
        None => shown,
    }
}

#[cfg(test)]
mod tests;
