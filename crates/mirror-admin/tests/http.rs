//! The HTTP server over real connections: its answers, and what it does not put up with.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use mirror_admin::AdminError;
use mirror_admin::http::{bind, serve_http};
use mirror_core::status::{FlowState, FlowStatus, ProcessStatus, StatusSource};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// A process whose state the test sets.
#[derive(Default)]
struct Process {
    state: Mutex<FlowState>,
}

impl StatusSource for Process {
    fn status(&self) -> ProcessStatus {
        let flow = FlowStatus {
            name: "orders".to_owned(),
            state: *self.state.lock().expect("no test panicked"),
            ..FlowStatus::default()
        };
        ProcessStatus {
            version: "1.2.3".to_owned(),
            flows: vec![flow],
            ..ProcessStatus::default()
        }
    }
}

struct Server {
    process: Arc<Process>,
    port: u16,
    _task: JoinSet<()>,
}

impl Server {
    async fn start() -> Self {
        let process = Arc::new(Process::default());
        let listener = bind("127.0.0.1", 0).await.expect("a free port");
        let port = listener.address().expect("an address").port();
        let mut task = JoinSet::new();
        let source: Arc<dyn StatusSource> = Arc::<Process>::clone(&process);
        task.spawn(async move { match serve_http(listener, source).await {} });
        Self {
            process,
            port,
            _task: task,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port))
            .await
            .expect("a connection")
    }

    /// Sends these bytes and returns all that comes back until the server closes.
    async fn exchange(&self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request).await.expect("room in the buffers");
        read_to_end(&mut stream).await
    }

    async fn get(&self, path: &str) -> String {
        self.exchange(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
            .await
    }

    fn set_state(&self, state: FlowState) {
        *self.process.state.lock().expect("no test panicked") = state;
    }
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    match stream.read_to_end(&mut text).await {
        Ok(_) => {}
        // The server closed while part of a request was still unread.
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    String::from_utf8(text).expect("text")
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("a body").1
}

#[tokio::test]
async fn what_each_path_answers() {
    let server = Server::start().await;
    server.set_state(FlowState::Mirroring);

    let metrics = server.get("/metrics").await;
    assert!(metrics.starts_with("HTTP/1.1 200 "), "{metrics}");
    assert!(
        metrics.contains("content-type: text/plain; version=0.0.4"),
        "{metrics}"
    );
    assert!(
        metrics.contains("\nheliostat_acked_records_total{flow=\"orders\"} 0\n"),
        "{metrics}"
    );

    let status = server.get("/status").await;
    let parsed: ProcessStatus = serde_json::from_str(body(&status)).unwrap();
    assert_eq!(parsed, server.process.status());

    assert!(server.get("/healthz").await.starts_with("HTTP/1.1 200 "));
    assert!(server.get("/nothing").await.starts_with("HTTP/1.1 404 "));
    let posted = server.exchange(b"POST /status HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(posted.starts_with("HTTP/1.1 405 "), "{posted}");
    let head = server
        .exchange(b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    assert!(
        head.starts_with("HTTP/1.1 200 ") && body(&head).is_empty(),
        "{head}"
    );
}

#[tokio::test]
async fn readiness_follows_the_flows_and_health_does_not() {
    let server = Server::start().await;
    for (state, code) in [
        (FlowState::Connecting, 503),
        (FlowState::Mirroring, 200),
        (FlowState::Failed, 503),
    ] {
        server.set_state(state);
        let answer = server.get("/readyz").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{answer}");
        let told: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
        assert_eq!(told["ready"], code == 200);
        if code != 200 {
            assert_eq!(told["reasons"][0]["flow"], "orders");
        }
        assert!(server.get("/healthz").await.starts_with("HTTP/1.1 200 "));
    }
}

#[tokio::test]
async fn garbage_and_endless_heads_are_refused_and_the_server_goes_on() {
    let server = Server::start().await;
    let garbage = server
        .exchange(b"\x16\x03\x01\x02\x00 this is no HTTP\r\n\r\n")
        .await;
    assert!(garbage.starts_with("HTTP/1.1 400 "), "{garbage}");

    let mut endless = server.connect().await;
    endless.write_all(b"GET /metrics HTTP/1.1\r\n").await.unwrap();
    let line = format!("X-Padding: {}\r\n", "x".repeat(1000));
    // The server stops reading long before this; then writing fails, or the rest waits in the system's buffers.
    for _ in 0..100 {
        if endless.write_all(line.as_bytes()).await.is_err() {
            break;
        }
    }
    let refused = timeout(Duration::from_secs(20), read_to_end(&mut endless))
        .await
        .unwrap();
    assert!(
        refused.is_empty() || refused.starts_with("HTTP/1.1 431 "),
        "{refused}"
    );

    assert!(server.get("/healthz").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn who_says_nothing_is_hung_up_on() {
    let server = Server::start().await;
    let mut silent = server.connect().await;
    let mut slow = server.connect().await;
    slow.write_all(b"GET /metrics HT").await.unwrap();
    for stream in [&mut silent, &mut slow] {
        let ended = timeout(Duration::from_secs(20), read_to_end(stream)).await;
        let said = ended.expect("the server closes");
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408 "), "{said}");
    }
}

#[tokio::test]
async fn more_connections_than_are_served_wait_and_are_not_lost() {
    let server = Server::start().await;
    let mut held = Vec::new();
    for _ in 0..40 {
        held.push(server.connect().await);
    }
    // All places are taken by connections that say nothing: this one is served when their time is over.
    let answer = timeout(Duration::from_secs(20), server.get("/healthz"))
        .await
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_the_address() {
    let server = Server::start().await;
    let error = bind("127.0.0.1", server.port).await.unwrap_err();
    assert!(matches!(error, AdminError::Bind { .. }));
    assert!(
        error.to_string().contains(&format!("127.0.0.1:{}", server.port)),
        "{error}"
    );
    assert!(server.get("/healthz").await.starts_with("HTTP/1.1 200 "));
}
