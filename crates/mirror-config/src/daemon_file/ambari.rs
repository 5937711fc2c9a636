//! `ambari` in `[clusters.NAME]`: a cluster whose brokers Ambari knows.

use std::path::PathBuf;

use ambari_client::{BaseUrl, ClusterName, Password};

use super::keys;
use super::section::Section;
use crate::config::AmbariCluster;
use crate::defaults;
use crate::error::Place;

/// Reads it; `None` where it is not written, or where it is wrong, which has been said then.
pub(super) fn read(cluster: &Section<'_>) -> Option<AmbariCluster> {
    let section = cluster.section("ambari", &keys::AMBARI)?;
    let name = name(&section);
    let url = url(&section, name.as_ref());
    let password_file = required_text(&section, "password_file").map(PathBuf::from);
    let user = section.text("user").map(|written| written.value.to_owned());
    let ca_file = section
        .text("ca_file")
        .map(|written| PathBuf::from(written.value));
    let port = section.integer("port", 1..=u16::MAX.into());
    if let Some(file) = password_file
        .as_deref()
        .filter(|file| Password::is_readable_by_others(file))
    {
        let file = file.display();
        section.reading().warn(format!(
            "every user of this host may read the password in {file} ({}): chmod 600 {file}",
            section.place()
        ));
    }
    Some(AmbariCluster {
        url: url?,
        cluster: name?,
        user: user.unwrap_or_else(|| defaults::AMBARI_USER.to_owned()),
        password_file: password_file?,
        ca_file,
        port: port
            .and_then(|port| u16::try_from(port).ok())
            .unwrap_or(defaults::BROKER_PORT),
    })
}

fn required_text<'a>(section: &Section<'a>, key: &'static str) -> Option<&'a str> {
    if section.value(key).is_none() {
        section.missing(key);
    }
    section.text(key).map(|written| written.value)
}

fn name(section: &Section<'_>) -> Option<ClusterName> {
    let name = required_text(section, "cluster")?;
    let written = section.value("cluster")?;
    ClusterName::new(name)
        .ok()
        .or_else(|| section.wrong("cluster", &written.place))
}

/// Of a wrong one only the key is shown: people put passwords into URLs.
fn url(section: &Section<'_>, cluster: Option<&ClusterName>) -> Option<BaseUrl> {
    let Some(written) = section.text("url") else {
        return cluster.map(BaseUrl::of_hdinsight);
    };
    match written.value.parse::<BaseUrl>() {
        Ok(url) => Some(url),
        Err(problem) => {
            section.reading().invalid(
                problem.problem(),
                &without_value(written.place, "url"),
                problem.advice(),
            );
            None
        }
    }
}

fn without_value(place: Place, key: &str) -> Place {
    match place {
        Place::Line { file, line, .. } => Place::Line {
            file,
            line,
            setting: Some(key.to_owned()),
        },
        Place::File { .. } | Place::Flag { .. } => place,
    }
}

#[cfg(test)]
mod tests;
