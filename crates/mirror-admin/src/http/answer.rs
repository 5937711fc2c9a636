//! One request, one answer.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use hyper::{Method, Request, Response, StatusCode};
use mirror_core::status::StatusSource;
use serde::Serialize;

use super::heart::Heart;
use crate::metrics;
use crate::readiness::Readiness;

const TEXT: &str = "text/plain; charset=utf-8";
/// Prometheus's text format.
const METRICS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON: &str = "application/json";

const PATHS: &str = "/metrics /healthz /readyz /status\n";

pub(super) fn answer<Body>(
    request: &Request<Body>,
    source: &dyn StatusSource,
    heart: &Heart,
) -> Response<Full<Bytes>> {
    if *request.method() != Method::GET && *request.method() != Method::HEAD {
        let mut refused = response(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n");
        refused
            .headers_mut()
            .insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match request.uri().path() {
        "/metrics" => response(StatusCode::OK, METRICS_TEXT, metrics::render(&source.status())),
        "/healthz" if heart.beats() => response(StatusCode::OK, TEXT, "ok\n"),
        "/healthz" => response(
            StatusCode::SERVICE_UNAVAILABLE,
            TEXT,
            "the event loop stands still\n",
        ),
        "/readyz" => {
            let readiness = Readiness::of(&source.status());
            let code = if readiness.ready {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            };
            json(code, &readiness)
        }
        "/status" => json(StatusCode::OK, &source.status()),
        "/" => response(StatusCode::OK, TEXT, PATHS),
        _ => response(StatusCode::NOT_FOUND, TEXT, PATHS),
    }
}

fn json(code: StatusCode, value: &impl Serialize) -> Response<Full<Bytes>> {
    match serde_json::to_vec(value) {
        Ok(text) => response(code, JSON, text),
        Err(error) => response(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n")),
    }
}

fn response(code: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        hyper::header::HeaderValue::from_static(content_type),
    );
    headers.insert(CACHE_CONTROL, hyper::header::HeaderValue::from_static("no-store"));
    response
}
