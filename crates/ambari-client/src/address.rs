//! Where Ambari answers, and where a redirect leads: URLs, cut down to what is needed and to what is safe.
//!
//! A password travels over TLS, or in plain text to this very host, where the other end of an SSH tunnel listens. Every
//! other `http` URL is refused, and there is no switch for it: who has no TLS has a tunnel.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Where Ambari answers: `https://ambari.example:8443/folder`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    origin: Origin,
    /// Before `/api/v1`, where a proxy puts Ambari into a folder: empty, or `/folder`.
    folder: String,
}

/// What is wrong with a URL. The text is not repeated: people put passwords into URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", self.problem(), self.advice())]
pub enum UrlProblem {
    /// Neither `https://` nor `http://`.
    Scheme,
    /// `USER:PASSWORD@` before the host.
    UserInformation,
    /// Nothing that could be a host.
    Host,
    /// A port that does not exist.
    Port,
    /// A query, a fragment, or characters that no path has.
    Path,
    /// Plain text over a network.
    PlainText,
}

/// Scheme, host and port: who is spoken to. What may be said depends on it (RFC 6454).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) scheme: Scheme,
    /// A name in lower case or an IP address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// What one request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) origin: Origin,
    /// With its query; begins with a slash.
    pub(crate) path: String,
}

/// Longest path that is followed.
const PATH_BYTES_MAX: usize = 4096;
/// Longest host name there is (RFC 1035).
const HOST_BYTES_MAX: usize = 255;

// === impl BaseUrl ===

impl BaseUrl {
    /// Where the gateway of an `HDInsight` cluster answers. DNS does not tell upper and lower case apart.
    pub fn of_hdinsight(cluster: &crate::ClusterName) -> Self {
        let host = format!("{cluster}.azurehdinsight.net").to_ascii_lowercase();
        Self {
            origin: Origin {
                scheme: Scheme::Https,
                host,
                port: Scheme::Https.port(),
            },
            folder: String::new(),
        }
    }

    /// Is the password readable on its way? Only ever where it does not leave this host.
    pub(crate) fn is_plain_text(&self) -> bool {
        self.origin.scheme == Scheme::Http
    }

    pub(crate) fn place(&self, path: &str) -> Place {
        Place {
            origin: self.origin.clone(),
            path: format!("{}{path}", self.folder),
        }
    }
}

impl FromStr for BaseUrl {
    type Err = UrlProblem;

    fn from_str(text: &str) -> Result<Self, UrlProblem> {
        let (origin, path) = absolute(text.trim())?;
        let folder = path.trim_end_matches('/');
        if folder.contains(['?', '#']) {
            return Err(UrlProblem::Path);
        }
        Ok(Self {
            origin,
            folder: folder.to_owned(),
        })
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.origin, self.folder)
    }
}

// === impl UrlProblem ===

impl UrlProblem {
    /// What is wrong.
    pub fn problem(self) -> &'static str {
        match self {
            Self::Scheme => "the URL does not begin with https://",
            Self::UserInformation => {
                "the URL has a user's name or a password in it, and command lines and files are read by others"
            }
            Self::Host => "the URL has no valid host name",
            Self::Port => "the URL has no port between 1 and 65535",
            Self::Path => "the URL has more than a host and a folder",
            Self::PlainText => {
                "the URL begins with http://, which would send the password readable over the network"
            }
        }
    }

    /// What to do.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Scheme | Self::Host => "write it like https://CLUSTER.azurehdinsight.net",
            Self::UserInformation => "leave them out, and name the user and the password's file on their own",
            Self::Port => "leave it out, or write it like https://CLUSTER.azurehdinsight.net:8443",
            Self::Path => "leave out what follows, /api/v1 included",
            Self::PlainText => {
                "write https://, or ask through a tunnel to this host (ssh -L 8080:AMBARI:8080, then http://localhost:8080)"
            }
        }
    }
}

// === impl Place ===

impl Place {
    /// Where a `Location` leads from here (RFC 9110, section 10.2.2): another URL, or a path on the same host.
    pub(crate) fn follow(&self, location: &str) -> Result<Self, UrlProblem> {
        let location = location.split('#').next().unwrap_or_default();
        let target = if let Some(rest) = location.strip_prefix("//") {
            let (origin, path) = absolute(&format!("{}://{rest}", self.origin.scheme))?;
            Self { origin, path }
        } else if location.starts_with('/') {
            self.beside(checked_path(location)?)
        } else if location.contains("://") {
            let (origin, path) = absolute(location)?;
            Self { origin, path }
        } else {
            let path = self.path.split('?').next().unwrap_or_default();
            let folder = path.rsplit_once('/').map_or("", |(folder, _file)| folder);
            self.beside(checked_path(&format!("{folder}/{location}"))?)
        };
        // Whoever sends us from TLS to plain text is not the one whose certificate was checked.
        if self.origin.scheme == Scheme::Https && target.origin.scheme == Scheme::Http {
            return Err(UrlProblem::PlainText);
        }
        Ok(target)
    }

    fn beside(&self, path: String) -> Self {
        Self {
            origin: self.origin.clone(),
            path,
        }
    }
}

// === impl Origin ===

impl Origin {
    /// As the `Host` header has it: without the port where it is the scheme's own.
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port == self.scheme.port() {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }

    fn is_this_host(&self) -> bool {
        let is_loopback = |address: IpAddr| address.is_loopback();
        self.host == "localhost" || self.host.parse().is_ok_and(is_loopback)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.scheme, self.authority())
    }
}

// === impl Scheme ===

impl Scheme {
    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

/// Takes a whole URL apart; the path is at least `/`.
fn absolute(text: &str) -> Result<(Origin, String), UrlProblem> {
    let (scheme, rest) = text.split_once("://").ok_or(UrlProblem::Scheme)?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        _ => return Err(UrlProblem::Scheme),
    };
    // A password may hold what ends an authority; whatever stands before an @ is not looked at any further.
    if rest.contains('@') {
        return Err(UrlProblem::UserInformation);
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (host, port) = host_and_port(authority, scheme)?;
    let origin = Origin { scheme, host, port };
    if scheme == Scheme::Http && !origin.is_this_host() {
        return Err(UrlProblem::PlainText);
    }
    let path = match path {
        "" => "/".to_owned(),
        path => checked_path(path)?,
    };
    Ok((origin, path))
}

fn host_and_port(authority: &str, scheme: Scheme) -> Result<(String, u16), UrlProblem> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(UrlProblem::Host)?;
            let is_address = host.parse::<std::net::Ipv6Addr>().is_ok();
            (is_address.then_some(host).ok_or(UrlProblem::Host)?, port)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_host_character = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    if host.is_empty() || host.len() > HOST_BYTES_MAX || !host.bytes().all(is_host_character) {
        return Err(UrlProblem::Host);
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => scheme.port(),
        None => return Err(UrlProblem::Host),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let port = digits.parse().ok().filter(|port| *port > 0);
            port.ok_or(UrlProblem::Port)?
        }
        Some(_) => return Err(UrlProblem::Port),
    };
    Ok((host.to_ascii_lowercase(), port))
}

/// Only what a request line can hold.
fn checked_path(path: &str) -> Result<String, UrlProblem> {
    let is_fine = path.starts_with('/') && path.len() <= PATH_BYTES_MAX;
    if is_fine && path.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(path.to_owned())
    } else {
        Err(UrlProblem::Path)
    }
}

#[cfg(test)]
mod tests;
