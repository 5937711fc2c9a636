//! What the server says: Ambari's JSON as text, its errors, and the pages of a gateway.

use std::sync::{Mutex, PoisonError};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, LOCATION, WWW_AUTHENTICATE};
use hyper::{Request, Response};
use serde_json::{Value, json};

use super::base64::base64;
use super::{AmbariOptions, Manner, Seen};

type Answer = Response<Full<Bytes>>;

/// Paths below this are answered as if it were not there: where redirects lead.
const MOVED: &str = "/moved";

pub(super) async fn answer<Body>(
    request: &Request<Body>,
    authority: &str,
    options: &AmbariOptions,
    seen: &Mutex<Vec<Seen>>,
) -> Answer {
    let header = |name| {
        let value = request.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let path = request.uri().to_string();
    let authorization = header(AUTHORIZATION);
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(Seen {
        host: header(HOST).unwrap_or_default(),
        path: path.clone(),
        authorization: authorization.clone(),
    });
    match &options.manner {
        Manner::Silent => return std::future::pending().await,
        Manner::Page(status, page) => return html(*status, page),
        Manner::Redirect(to) if !path.starts_with(MOVED) => {
            let mut answer = html(302, "<html>moved</html>");
            if let Ok(to) = to.parse() {
                answer.headers_mut().insert(LOCATION, to);
            }
            return answer;
        }
        Manner::Ready | Manner::Redirect(_) | Manner::Stuck | Manner::Endless | Manner::Garbage => {}
    }
    // One gateway serves many clusters and tells them apart by this.
    if header(HOST).as_deref() != Some(authority) {
        return html(404, "<html>no such host</html>");
    }
    if authorization.as_deref() != Some(&expected(options)) {
        return not_admitted(options);
    }
    let path = path.strip_prefix(MOVED).unwrap_or(&path);
    ambari(path.split('?').next().unwrap_or_default(), options)
}

fn ambari(path: &str, options: &AmbariOptions) -> Answer {
    let rest = path.strip_prefix("/api/v1/clusters").unwrap_or("?");
    let parts: Vec<&str> = rest.split('/').skip(1).collect();
    match parts[..] {
        [] => text(
            200,
            &json!({"items": [{"Clusters": {"cluster_name": options.cluster, "version": "HDP-2.6"}}]}),
        ),
        [cluster, "services", service, "components", component] => {
            if cluster != options.cluster {
                return error(
                    404,
                    &format!(
                        "Parent Cluster resource doesn't exist.  Cluster not found, clusterName={cluster}"
                    ),
                );
            }
            let hosts = match (service, component) {
                ("ZOOKEEPER", "ZOOKEEPER_SERVER") => Some(&options.zookeeper),
                ("KAFKA", "KAFKA_BROKER") => options.brokers.as_ref(),
                _ => None,
            };
            match hosts {
                Some(hosts) => text(200, &of_component(cluster, service, component, hosts)),
                None => error(
                    404,
                    &format!(
                        "Parent Service resource doesn't exist.  Service not found, clusterName={cluster}, serviceName={service}"
                    ),
                ),
            }
        }
        _ => error(404, "The requested resource doesn't exist."),
    }
}

/// As Ambari 2.6 answers, shortened to one of its many counts.
fn of_component(cluster: &str, service: &str, component: &str, hosts: &[&str]) -> Value {
    let base = format!("http://hn0.example:8080/api/v1/clusters/{cluster}");
    let hosts: Vec<Value> = hosts
        .iter()
        .map(|host| {
            json!({
                "href": format!("{base}/hosts/{host}/host_components/{component}"),
                "HostRoles": {
                    "cluster_name": cluster,
                    "component_name": component,
                    "host_name": host,
                    "maintenance_state": "OFF",
                    "state": "STARTED",
                },
            })
        })
        .collect();
    json!({
        "href": format!("{base}/services/{service}/components/{component}"),
        "ServiceComponentInfo": {
            "cluster_name": cluster,
            "component_name": component,
            "service_name": service,
            "started_count": hosts.len(),
        },
        "host_components": hosts,
    })
}

fn not_admitted(options: &AmbariOptions) -> Answer {
    if options.wrong_password == 401 {
        let mut answer = html(401, "");
        let realm = "Basic realm=\"ambari\"";
        answer
            .headers_mut()
            .extend(realm.parse().map(|realm| (WWW_AUTHENTICATE, realm)));
        return answer;
    }
    error(
        options.wrong_password,
        "Unable to sign in. Invalid username/password combination.",
    )
}

/// The header that the right user sends.
fn expected(options: &AmbariOptions) -> String {
    format!(
        "Basic {}",
        base64(format!("{}:{}", options.user, options.password).as_bytes())
    )
}

fn error(status: u16, message: &str) -> Answer {
    text(status, &json!({"status": status, "message": message}))
}

/// JSON that says it is text: Ambari's habit.
fn text(status: u16, body: &Value) -> Answer {
    response(status, "text/plain", format!("{body:#}"))
}

fn html(status: u16, page: &str) -> Answer {
    response(status, "text/html", page.to_owned())
}

fn response(status: u16, content_type: &str, body: String) -> Answer {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, content_type)
        .body(Full::from(body))
        .unwrap_or_default()
}
