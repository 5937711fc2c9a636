//! URLs as people type them, and where redirects lead.

use proptest::prelude::*;

use super::*;
use crate::ClusterName;

#[track_caller]
fn shown(text: &str) -> Result<String, UrlProblem> {
    BaseUrl::from_str(text).map(|url| url.to_string())
}

#[test]
fn urls_as_people_type_them() {
    for (text, expected) in [
        (
            "https://source-hdi.azurehdinsight.net",
            "https://source-hdi.azurehdinsight.net",
        ),
        (
            "https://Source-HDI.azurehdinsight.net/",
            "https://source-hdi.azurehdinsight.net",
        ),
        (" HTTPS://a.example:443 ", "https://a.example"),
        ("https://a.example:8443/ambari/", "https://a.example:8443/ambari"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ] {
        assert_eq!(shown(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_no_url_of_ambari() {
    for (text, problem) in [
        ("source-hdi.azurehdinsight.net", UrlProblem::Scheme),
        ("ftp://a.example", UrlProblem::Scheme),
        ("https://", UrlProblem::Host),
        ("https:///api", UrlProblem::Host),
        ("https://_a b.example", UrlProblem::Host),
        ("https://[::1", UrlProblem::Host),
        ("https://[a]", UrlProblem::Host),
        ("https://[::1]8443", UrlProblem::Host),
        ("https://a.example:0", UrlProblem::Port),
        ("https://a.example:65536", UrlProblem::Port),
        ("https://a.example:", UrlProblem::Port),
        ("https://a.example:+1", UrlProblem::Port),
        ("https://a.example/?x", UrlProblem::Path),
        ("https://a.example#x", UrlProblem::Path),
        ("https://a.example/a b", UrlProblem::Path),
        ("http://headnodehost:8080", UrlProblem::PlainText),
        ("http://a.example:8080", UrlProblem::PlainText),
        ("http://localhost.example", UrlProblem::PlainText),
    ] {
        assert_eq!(shown(text), Err(problem), "{text}");
    }
}

#[test]
fn a_password_in_a_url_is_refused_and_not_repeated() {
    for (scheme, rest) in [
        ("https", "admin:canary@a.example"),
        ("https", "admin@a.example"),
        ("https", "admin:canary/x@a.example"),
        ("http", "admin:canary@localhost"),
    ] {
        let text = format!("{scheme}://{rest}");
        let problem = shown(&text).unwrap_err();
        assert_eq!(problem, UrlProblem::UserInformation, "{text}");
        assert!(!format!("{problem} {problem:?}").contains("canary"));
    }
}

#[test]
fn the_gateway_of_a_cluster() {
    let url = BaseUrl::of_hdinsight(&ClusterName::new("Source-HDI").unwrap());
    assert_eq!(url.to_string(), "https://source-hdi.azurehdinsight.net");
    assert_eq!(Ok(url), "https://source-hdi.azurehdinsight.net".parse());
}

#[track_caller]
fn followed(from: &str, location: &str) -> Result<String, UrlProblem> {
    let base: BaseUrl = from.parse().unwrap();
    let place = base.place("/api/v1/x?y=1").follow(location)?;
    Ok(format!("{}{}", place.origin, place.path))
}

#[test]
fn where_a_redirect_leads() {
    let base = "https://a.example/ambari";
    for (location, expected) in [
        ("/api/v1/z", "https://a.example/api/v1/z"),
        ("z", "https://a.example/ambari/api/v1/z"),
        ("?y=2", "https://a.example/ambari/api/v1/?y=2"),
        ("https://A.example:443/z#top", "https://a.example/z"),
        ("https://b.example", "https://b.example/"),
        ("//b.example:8443/z", "https://b.example:8443/z"),
    ] {
        assert_eq!(followed(base, location).as_deref(), Ok(expected), "{location}");
    }
}

#[test]
fn no_redirect_leads_out_of_tls() {
    for location in ["http://a.example/", "http://localhost:8080/", "http://[::1]/"] {
        assert_eq!(
            followed("https://a.example", location),
            Err(UrlProblem::PlainText),
            "{location}"
        );
    }
    let local = followed("http://localhost:8080", "http://127.0.0.1:8081/z");
    assert_eq!(local.as_deref(), Ok("http://127.0.0.1:8081/z"));
}

proptest! {
    #[test]
    fn whatever_is_typed_is_taken_or_refused(text in "(https?://)?[ -~]{0,40}") {
        if let Ok(url) = BaseUrl::from_str(&text) {
            prop_assert_eq!(BaseUrl::from_str(&url.to_string()), Ok(url));
        }
    }

    #[test]
    fn whatever_a_server_says_is_followed_or_refused(location in "\\PC{0,40}") {
        let base = BaseUrl::from_str("https://a.example").unwrap();
        if let Ok(place) = base.place("/x").follow(&location) {
            prop_assert_eq!(place.origin.scheme, Scheme::Https);
            prop_assert!(place.path.starts_with('/') && place.path.is_ascii());
        }
    }
}
