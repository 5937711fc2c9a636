//! The client: what it asks, what it believes, where the password goes, and what it says of servers that are not as they should be.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::Duration;

use ambari_client::{Ambari as Client, AmbariError, ClusterName, Component, Password, Patience};
use anyhow::{Context, Result, ensure};
use integration::ambari::{Ambari, AmbariOptions, Certificate, Manner};
use tokio::runtime;

/// Asks this server, as a user who has read its documents.
struct Question {
    url: String,
    cluster: &'static str,
    user: &'static str,
    password: &'static str,
    patience: Duration,
    believes_ca: bool,
}

// === impl Question ===

impl Question {
    fn of(server: &Ambari) -> Self {
        Self {
            url: server.url(),
            cluster: "source-hdi",
            user: "admin",
            password: "correct horse",
            patience: Duration::from_secs(20),
            believes_ca: true,
        }
    }

    fn ask(&self, server: &Ambari, component: Component) -> Result<Vec<String>, AmbariError> {
        let password = Password::new(self.password.to_owned().into())?;
        let ca_file = server.ca_file();
        let client = Client::new(
            self.url.parse().map_err(AmbariError::Url)?,
            ClusterName::new(self.cluster)?,
            self.user,
            &password,
            self.believes_ca.then_some(ca_file.as_path()),
        )?;
        let client = client.with_patience(Patience {
            connect: self.patience,
            question: self.patience,
        });
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime without threads can be had");
        let hosts = runtime.block_on(client.hosts(component))?;
        Ok(hosts.into_iter().map(|host| host.name).collect())
    }

    /// Asks for the brokers and gives the words of the error.
    fn refused(&self, server: &Ambari) -> Result<String> {
        let answer = self.ask(server, Component::KafkaBroker);
        let error = answer.err().context("it was answered")?;
        let mut words = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            words = format!("{words}: {error}");
            cause = error.source();
        }
        let all = format!("{words} {error:?}");
        ensure!(!all.contains(self.password), "the password is in: {all}");
        ensure!(!all.contains("Basic "), "the header is in: {all}");
        Ok(words)
    }
}

fn refused(manner: Manner) -> Result<(Ambari, String)> {
    let server = Ambari::with_manner(manner)?;
    let words = Question::of(&server).refused(&server)?;
    Ok((server, words))
}

#[track_caller]
fn assert_has(words: &str, pieces: &[&str]) {
    for piece in pieces {
        assert!(words.contains(piece), "{piece:?} is not in: {words}");
    }
}

#[test]
fn the_two_paths_of_the_walk_through() -> Result<()> {
    let server = Ambari::start(AmbariOptions::default())?;
    let question = Question::of(&server);
    let zookeeper = question.ask(&server, Component::ZooKeeperServer)?;
    assert_eq!(zookeeper, ["zk0-source.x", "zk1-source.x", "zk6-source.x"]);
    let brokers = question.ask(&server, Component::KafkaBroker)?;
    assert_eq!(brokers, ["wn0-source.x", "wn1-source.x", "wn2-source.x"]);
    let seen = server.seen();
    let paths: Vec<_> = seen
        .iter()
        .filter_map(|seen| seen.path.split('?').next())
        .collect();
    let base = "/api/v1/clusters/source-hdi/services";
    assert_eq!(
        paths,
        [
            format!("{base}/ZOOKEEPER/components/ZOOKEEPER_SERVER"),
            format!("{base}/KAFKA/components/KAFKA_BROKER")
        ]
    );
    assert_eq!(seen[0].host, format!("localhost:{}", server.port()));
    Ok(())
}

#[test]
fn a_wrong_password_as_ambari_and_as_its_gateway_say_it() -> Result<()> {
    for (status, words) in [(403, "HTTP 403: Unable to sign in."), (401, "(HTTP 401)")] {
        let server = Ambari::start(AmbariOptions {
            wrong_password: status,
            ..AmbariOptions::default()
        })?;
        let question = Question {
            password: "canary",
            ..Question::of(&server)
        };
        assert_has(
            &question.refused(&server)?,
            &["does not let user admin in", words],
        );
        let question = Question {
            user: "other",
            ..Question::of(&server)
        };
        assert_has(&question.refused(&server)?, &["user other"]);
    }
    Ok(())
}

#[test]
fn an_unknown_cluster_and_those_that_there_are() -> Result<()> {
    let server = Ambari::start(AmbariOptions::default())?;
    let question = Question {
        cluster: "Source-HDI",
        ..Question::of(&server)
    };
    let words = question.refused(&server)?;
    assert_has(
        &words,
        &[
            "has no cluster Source-HDI",
            "it has source-hdi",
            "upper and lower case differ",
        ],
    );
    Ok(())
}

#[test]
fn a_cluster_without_kafka() -> Result<()> {
    let server = Ambari::start(AmbariOptions {
        brokers: None,
        ..AmbariOptions::default()
    })?;
    let question = Question::of(&server);
    assert_has(
        &question.refused(&server)?,
        &["cluster source-hdi has no service KAFKA"],
    );
    assert_eq!(question.ask(&server, Component::ZooKeeperServer)?.len(), 3);
    let server = Ambari::start(AmbariOptions {
        brokers: Some(Vec::new()),
        ..AmbariOptions::default()
    })?;
    assert_has(
        &Question::of(&server).refused(&server)?,
        &["no host of cluster source-hdi has KAFKA_BROKER"],
    );
    Ok(())
}

#[test]
fn gateways_without_ambari_and_pages_for_people() -> Result<()> {
    for status in [502, 503, 504] {
        let (_server, words) = refused(Manner::Page(status, "<html>Gateway</html>"))?;
        assert_has(
            &words,
            &[
                "the gateway at https://localhost:",
                "no answer from Ambari",
                &status.to_string(),
            ],
        );
    }
    let (_server, words) = refused(Manner::Page(500, "oh"))?;
    assert_has(&words, &["answers with an error (HTTP 500)"]);
    let (_server, words) = refused(Manner::Page(200, "<html>Sign in</html>"))?;
    assert_has(&words, &["not as Ambari does", "a page for people"]);
    let (_server, words) = refused(Manner::Page(200, "{\"x\": 1"))?;
    assert_has(&words, &["no JSON"]);
    Ok(())
}

#[test]
fn answers_that_do_not_come_or_do_not_end() -> Result<()> {
    for manner in [Manner::Silent, Manner::Stuck] {
        let server = Ambari::with_manner(manner)?;
        let question = Question {
            patience: Duration::from_millis(500),
            ..Question::of(&server)
        };
        assert_has(
            &question.refused(&server)?,
            &["no answer from https://localhost:", "within 0.5 s"],
        );
    }
    let (_server, words) = refused(Manner::Endless)?;
    assert_has(&words, &["has more than 8388608 bytes"]);
    let (_server, words) = refused(Manner::Garbage)?;
    assert_has(
        &words,
        &["broke before the whole answer was there", "invalid HTTP"],
    );
    Ok(())
}

#[test]
fn a_certificate_of_nobody_we_know() -> Result<()> {
    let server = Ambari::start(AmbariOptions::default())?;
    let question = Question {
        believes_ca: false,
        ..Question::of(&server)
    };
    let words = question.refused(&server)?;
    assert!(
        words.contains("--ca-file") || words.contains("no certificates of CAs"),
        "{words}"
    );
    assert_eq!(
        server.seen(),
        [],
        "the password does not go to whom we do not believe"
    );
    Ok(())
}

#[test]
fn a_certificate_of_another_host_and_one_that_has_ended() -> Result<()> {
    for (certificate, words) in [
        (Certificate::OtherName, "certificate is that of another host"),
        (Certificate::Expired, "certificate is out of date"),
    ] {
        let server = Ambari::start(AmbariOptions {
            certificate,
            ..AmbariOptions::default()
        })?;
        assert_has(
            &Question::of(&server).refused(&server)?,
            &["no safe connection to https://localhost:", words],
        );
        assert_eq!(server.seen(), []);
    }
    let server = Ambari::start(AmbariOptions::default())?;
    let by_address = Question {
        url: format!("https://127.0.0.1:{}", server.port()),
        ..Question::of(&server)
    };
    assert_has(
        &by_address.refused(&server)?,
        &["certificate is that of another host"],
    );
    Ok(())
}

#[test]
fn plain_text_where_tls_is_asked_for_and_the_other_way_round() -> Result<()> {
    let plain = Ambari::start(AmbariOptions {
        certificate: Certificate::None,
        ..AmbariOptions::default()
    })?;
    let question = Question {
        url: format!("https://localhost:{}", plain.port()),
        ..Question::of(&plain)
    };
    assert_has(&question.refused(&plain)?, &["this port does not speak TLS"]);
    assert_eq!(plain.seen(), []);
    // A tunnel's end on this host.
    assert_eq!(Question::of(&plain).ask(&plain, Component::KafkaBroker)?.len(), 3);
    let secure = Ambari::start(AmbariOptions::default())?;
    let question = Question {
        url: format!("http://localhost:{}", secure.port()),
        ..Question::of(&secure)
    };
    assert_has(&question.refused(&secure)?, &["broke before"]);
    Ok(())
}

#[test]
fn a_redirect_on_the_same_host_keeps_the_password() -> Result<()> {
    let path = "/moved/api/v1/clusters/source-hdi/services/KAFKA/components/KAFKA_BROKER";
    let server = Ambari::with_manner(Manner::Redirect(path.to_owned()))?;
    let brokers = Question::of(&server).ask(&server, Component::KafkaBroker)?;
    assert_eq!(brokers.len(), 3);
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|seen| seen.authorization.is_some()), "{seen:?}");
    Ok(())
}

#[test]
fn a_redirect_to_another_host_loses_the_password() -> Result<()> {
    let stranger = Ambari::start(AmbariOptions {
        certificate: Certificate::None,
        ..AmbariOptions::default()
    })?;
    let server = Ambari::start(AmbariOptions {
        certificate: Certificate::None,
        manner: Manner::Redirect(format!("{}/moved/x", stranger.url())),
        ..AmbariOptions::default()
    })?;
    let words = Question::of(&server).refused(&server)?;
    assert_has(
        &words,
        &[
            "redirects to",
            &stranger.url(),
            "asks for the password",
            "give that as the URL",
        ],
    );
    let seen = stranger.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].authorization, None, "a stranger gets no password");
    Ok(())
}

#[test]
fn redirects_that_are_not_followed() -> Result<()> {
    let plain = Ambari::start(AmbariOptions {
        certificate: Certificate::None,
        ..AmbariOptions::default()
    })?;
    let (_server, words) = refused(Manner::Redirect(format!("{}/moved/x", plain.url())))?;
    assert_has(
        &words,
        &["redirects to where we do not go", "readable over the network"],
    );
    assert_eq!(plain.seen(), []);
    let (server, words) = refused(Manner::Redirect("/again".to_owned()))?;
    assert_has(&words, &["redirects again and again"]);
    assert_eq!(server.seen().len(), 6, "one question and five redirects");
    Ok(())
}

#[test]
fn nobody_there() -> Result<()> {
    let server = Ambari::start(AmbariOptions::default())?;
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let question = Question {
        url: format!("https://localhost:{port}"),
        ..Question::of(&server)
    };
    let refused = format!("127.0.0.1:{port}: Connection refused");
    assert_has(
        &question.refused(&server)?,
        &["cannot connect to https://localhost:", &refused],
    );
    let question = Question {
        url: "https://no-such-cluster.invalid".to_owned(),
        ..Question::of(&server)
    };
    assert_has(
        &question.refused(&server)?,
        &["the name no-such-cluster.invalid cannot be resolved"],
    );
    Ok(())
}

#[test]
fn a_ca_file_that_is_none() -> Result<()> {
    let password = Password::new("x".to_owned().into())?;
    let made = Client::new(
        "https://localhost".parse()?,
        ClusterName::new("c")?,
        "admin",
        &password,
        Some(Path::new("no-such-file.pem")),
    );
    let words = made.err().context("it was taken")?.to_string();
    assert_has(&words, &["cannot use the CA's file", "no-such-file.pem"]);
    Ok(())
}
