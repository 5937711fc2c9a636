//! Answers as Ambari and its gateway send them, and as others do.

use proptest::prelude::*;

use super::*;

/// Ambari 2.x, asked without fields.
const BROKERS: &str = r#"{
  "href" : "http://hn0.example:8080/api/v1/clusters/dest-hdi/services/KAFKA/components/KAFKA_BROKER",
  "ServiceComponentInfo" : {
    "category" : "SLAVE",
    "cluster_name" : "dest-hdi",
    "component_name" : "KAFKA_BROKER",
    "service_name" : "KAFKA",
    "started_count" : 2,
    "state" : "STARTED",
    "total_count" : 2
  },
  "host_components" : [
    {
      "href" : "http://hn0.example:8080/api/v1/clusters/dest-hdi/hosts/wn0-dest.x/host_components/KAFKA_BROKER",
      "HostRoles" : {
        "cluster_name" : "dest-hdi",
        "component_name" : "KAFKA_BROKER",
        "host_name" : "wn0-dest.x"
      }
    },
    {
      "href" : "http://hn0.example:8080/api/v1/clusters/dest-hdi/hosts/wn1-dest.x/host_components/KAFKA_BROKER",
      "HostRoles" : {
        "cluster_name" : "dest-hdi",
        "component_name" : "KAFKA_BROKER",
        "host_name" : "wn1-dest.x"
      }
    }
  ]
}"#;

fn cluster() -> ClusterName {
    ClusterName::new("dest-hdi").unwrap()
}

fn hosts(status: u16, body: &str) -> Result<Vec<ComponentHost>, AmbariError> {
    let answer = Answer {
        status,
        location: None,
        body: Bytes::copy_from_slice(body.as_bytes()),
    };
    answer.hosts(Question {
        origin: "https://a.example",
        user: "admin",
        cluster: &cluster(),
        component: Component::KafkaBroker,
    })
}

#[track_caller]
fn error(status: u16, body: &str) -> String {
    hosts(status, body).unwrap_err().to_string()
}

#[test]
fn hosts_in_ambaris_order() {
    let names: Vec<_> = hosts(200, BROKERS)
        .unwrap()
        .into_iter()
        .map(|host| {
            assert!(
                host.state.is_none() && !host.is_in_maintenance,
                "nothing else was said"
            );
            host.name
        })
        .collect();
    assert_eq!(names, ["wn0-dest.x", "wn1-dest.x"]);
}

#[test]
fn states_and_hosts_that_are_listed_twice() {
    let body = r#"{"host_components":[
        {"HostRoles":{"host_name":"b","state":"INSTALLED","maintenance_state":"ON"}},
        {"HostRoles":{"host_name":"a","state":"STARTED","maintenance_state":"OFF"}},
        {"HostRoles":{"host_name":"b","state":"STARTED","maintenance_state":"IMPLIED_FROM_HOST"}}]}"#;
    let hosts = hosts(200, body).unwrap();
    let shown: Vec<_> = hosts
        .iter()
        .map(|host| (host.name.as_str(), host.state.as_deref(), host.is_in_maintenance))
        .collect();
    assert_eq!(
        shown,
        [("b", Some("INSTALLED"), true), ("a", Some("STARTED"), false)]
    );
}

#[test]
fn a_password_that_is_wrong() {
    // Ambari's own, and the gateway's, which is a page or nothing.
    assert_eq!(
        error(
            403,
            r#"{ "status" : 403, "message" : "Unable to sign in. Invalid username/password combination." }"#
        ),
        "https://a.example does not let user admin in with this password (HTTP 403: Unable to sign in. Invalid \
         username/password combination.): check the password and the user's name, which was chosen when the cluster was made"
    );
    for body in ["", "<html>Unauthorized</html>"] {
        let words = error(401, body);
        assert!(
            words.contains("user admin") && words.contains("(HTTP 401)"),
            "{words}"
        );
    }
}

#[test]
fn a_cluster_or_a_service_that_is_not_there() {
    let cluster = r#"{"status":404,"message":"Parent Cluster resource doesn't exist.  Cluster not found, clusterName=dest-hdi.  Cluster not found, clusterName=dest-hdi"}"#;
    assert!(matches!(
        hosts(404, cluster),
        Err(AmbariError::UnknownCluster { .. })
    ));
    let service = r#"{"status":404,"message":"Parent Service resource doesn't exist.  Service not found, clusterName=dest-hdi, serviceName=KAFKA"}"#;
    assert_eq!(
        error(404, service),
        "cluster dest-hdi has no service KAFKA (HTTP 404: Parent Service resource doesn't exist. Service not found, \
         clusterName=dest-hdi, serviceName=KAFKA): it is not a cluster of the kind that runs it, or another cluster was meant"
    );
    let component = r#"{"status":404,"message":"The requested resource doesn't exist: ServiceComponent not found, clusterName=dest-hdi, serviceName=KAFKA, serviceComponentName=KAFKA_BROKER"}"#;
    assert!(matches!(
        hosts(404, component),
        Err(AmbariError::NoService { .. })
    ));
    assert_eq!(
        error(404, "<html>nginx</html>"),
        "https://a.example answers, but not as Ambari does (HTTP 404): check the URL"
    );
    assert_eq!(
        error(200, r#"{"host_components":[]}"#),
        "no host of cluster dest-hdi has KAFKA_BROKER: is the cluster still being made?"
    );
}

#[test]
fn a_gateway_without_ambari_behind_it() {
    for status in [502, 503, 504] {
        let words = error(status, "<html><h1>Bad gateway</h1></html>");
        assert!(
            words.starts_with("the gateway at https://a.example gets no answer"),
            "{words}"
        );
        assert!(
            words.contains(&status.to_string()) && !words.contains("<h1>"),
            "{words}"
        );
    }
    let words = error(500, r#"{"status":500,"message":"Server Error"}"#);
    assert!(words.contains("(HTTP 500: Server Error)"), "{words}");
}

#[test]
fn somebody_else_than_ambari() {
    for (body, problem) in [
        ("", "the answer is empty"),
        ("  <!DOCTYPE html><html>Sign in</html>", "it is a page for people"),
        ("{}", "JSON without host_components"),
        (
            r#"{"host_components":[{"HostRoles":{}}]}"#,
            "JSON without host_components",
        ),
        (
            r#"{"host_components":[{"HostRoles":{"host_name":"a;rm -r x"}}]}"#,
            "\"a;rm -r x\" is no host name",
        ),
        (
            r#"{"host_components":[{"HostRoles":{"host_name":"-e"}}]}"#,
            "\"-e\" is no host name",
        ),
        (
            r#"{"host_components":[{"HostRoles":{"host_name":"a,b"}}]}"#,
            "\"a,b\" is no host name",
        ),
    ] {
        assert_eq!(
            error(200, body),
            format!("https://a.example answers, but not as Ambari does ({problem}): check the URL")
        );
    }
    let words = error(200, "hello");
    assert!(words.contains("no JSON: expected value at line 1"), "{words}");
}

#[test]
fn a_strangers_words_are_short_and_steer_no_terminal() {
    let long = format!(r#"{{"message":"\u001b[2Ja\nb {}"}}"#, "x".repeat(5000));
    let words = error(500, &long);
    assert!(
        words.contains("[2Ja b xxx") && words.contains('…') && words.len() < 500,
        "{words}"
    );
    assert!(!words.contains(char::is_control), "{words}");
}

#[test]
fn clusters_that_there_are() {
    let clusters = |body: &str| {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let answer = Answer {
            status: 200,
            location: None,
            body,
        };
        answer.clusters()
    };
    assert_eq!(
        clusters(
            r#"{"items":[{"Clusters":{"cluster_name":"source-hdi"}},{"Clusters":{"cluster_name":"b"}}]}"#
        ),
        ["source-hdi", "b"]
    );
    assert!(clusters("<html>").is_empty());
}

#[test]
fn redirects_are_those_with_a_place() {
    let redirect = |status, location: Option<&str>| {
        let location = location.map(str::to_owned);
        let answer = Answer {
            status,
            location,
            body: Bytes::new(),
        };
        answer.redirect().is_some()
    };
    for status in [301, 302, 303, 307, 308] {
        assert!(
            redirect(status, Some("/x")) && !redirect(status, None),
            "{status}"
        );
    }
    for status in [200, 201, 300, 304, 404] {
        assert!(!redirect(status, Some("/x")), "{status}");
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_hosts_or_an_error(status in 100_u16..600, body in "\\PC{0,200}") {
        if let Ok(hosts) = hosts(status, &body) {
            prop_assert!(hosts.iter().all(|host| is_host_name(&host.name)));
        }
    }

    #[test]
    fn a_damaged_answer_is_hosts_or_an_error(at in 0..BROKERS.len(), with in "[ -~]{0,3}") {
        let damaged = format!("{}{with}{}", &BROKERS[..at], BROKERS.get(at + 1..).unwrap_or_default());
        if let Ok(hosts) = hosts(200, &damaged) {
            prop_assert!(hosts.iter().all(|host| is_host_name(&host.name)));
        }
    }
}
