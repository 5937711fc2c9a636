//! The control socket with both its ends, and with ends that do not behave.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kafka_wire::TopicPartition;
use mirror_admin::AdminError;
use mirror_admin::control::{Order, SOCKET_NAME, ask, bind_control, find_sockets, serve_control};
use mirror_core::control::{ControlReply, ControlRequest, ResumeFrom};
use mirror_core::status::{FlowStatus, PartitionStatus, ProcessStatus};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

struct Server {
    folder: TempDir,
    orders: mpsc::Receiver<Order>,
    tasks: JoinSet<()>,
}

impl Server {
    fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let listener = bind_control(&folder.path().join(SOCKET_NAME)).expect("a socket");
        let (sender, orders) = mpsc::channel(1);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { match serve_control(listener, sender).await {} });
        Self {
            folder,
            orders,
            tasks,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(SOCKET_NAME)
    }

    /// Sends these bytes and returns what comes back.
    async fn exchange(&self, request: &[u8]) -> String {
        let mut stream = UnixStream::connect(self.path()).await.expect("a connection");
        // A server that refuses early may close before all is written.
        let _ = stream.write_all(request).await;
        let mut text = String::new();
        let _ = timeout(PATIENCE, stream.read_to_string(&mut text))
            .await
            .expect("the server closes");
        text
    }
}

fn resume() -> ControlRequest {
    ControlRequest::Resume {
        flow: None,
        tp: TopicPartition::new("orders", 3),
        from: ResumeFrom::Earliest,
        accept_loss: None,
    }
}

fn done() -> ControlReply {
    ControlReply::Done {
        words: "goes on".to_owned(),
    }
}

#[tokio::test]
async fn a_request_arrives_as_it_was_meant_and_so_does_the_reply() {
    let mut server = Server::start();
    let path = server.path();
    let carry_out = async {
        let (request, reply) = server.orders.recv().await.unwrap();
        assert_eq!(request, resume());
        reply.send(done()).unwrap();
    };
    let request = resume();
    let (reply, ()) = tokio::join!(ask(&path, &request, PATIENCE), carry_out);
    assert_eq!(reply.unwrap(), done());
}

#[tokio::test]
async fn a_large_reply_comes_whole() {
    let mut server = Server::start();
    let path = server.path();
    let partitions = (0..20_000).map(|partition| PartitionStatus {
        topic: "a-topic-with-a-long-name".to_owned(),
        partition,
        ..PartitionStatus::default()
    });
    let status = ControlReply::Status(ProcessStatus {
        flows: vec![FlowStatus {
            partitions: partitions.collect(),
            ..FlowStatus::default()
        }],
        ..ProcessStatus::default()
    });
    let sent = status.clone();
    let carry_out = async {
        let (_, reply) = server.orders.recv().await.unwrap();
        reply.send(sent).unwrap();
    };
    let (reply, ()) = tokio::join!(ask(&path, &ControlRequest::Status, PATIENCE), carry_out);
    assert!(reply.unwrap() == status);
}

#[tokio::test]
async fn whoever_drops_an_order_leaves_the_operator_in_doubt_and_says_so() {
    let mut server = Server::start();
    let path = server.path();
    let forget = async { drop(server.orders.recv().await.unwrap()) };
    let request = resume();
    let (reply, ()) = tokio::join!(ask(&path, &request, PATIENCE), forget);
    let error = reply.unwrap_err();
    assert!(matches!(error, AdminError::NoAnswer { .. }), "{error}");
    assert!(error.to_string().contains("heliostat halts"), "{error}");
}

#[tokio::test]
async fn garbage_is_refused_and_reaches_nobody() {
    let mut server = Server::start();
    for garbage in [
        &b"\n"[..],
        b"hello\n",
        b"{\"command\":\"restart\"}\n",
        b"{\"command\":\"resume\"}\n",
        b"\xff\xfe\n",
        b"[[[[[[[[[[[[\n",
    ] {
        let answer = server.exchange(garbage).await;
        assert!(answer.starts_with(r#"{"reply":"refused""#), "{answer}");
    }
    assert!(server.orders.try_recv().is_err());
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_off() {
    let mut server = Server::start();
    let answer = server.exchange(&vec![b'x'; 1 << 20]).await;
    // Closing with bytes unread may take the refusal away; what counts is that it ends.
    assert!(answer.is_empty() || answer.contains("longer than"), "{answer}");
    assert!(server.orders.try_recv().is_err());
}

#[tokio::test]
async fn who_says_nothing_is_sent_away_and_keeps_nobody_waiting() {
    let mut server = Server::start();
    let path = server.path();
    let mut silent = UnixStream::connect(&path).await.unwrap();
    let mut slow = UnixStream::connect(&path).await.unwrap();
    slow.write_all(b"{\"command\":").await.unwrap();

    let carry_out = async {
        let (_, reply) = server.orders.recv().await.unwrap();
        reply.send(done()).unwrap();
    };
    let request = resume();
    let (reply, ()) = tokio::join!(ask(&path, &request, PATIENCE), carry_out);
    assert_eq!(reply.unwrap(), done());

    for stream in [&mut silent, &mut slow] {
        let mut answer = String::new();
        let ended = timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
        ended.expect("the server closes").unwrap();
        assert!(answer.contains("in time"), "{answer}");
    }
}

#[tokio::test]
async fn only_its_owner_can_open_the_socket() {
    let server = Server::start();
    let mode = fs::metadata(server.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn the_socket_of_a_dead_process_is_replaced() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(SOCKET_NAME);
    // Unlike ours, the system's listener leaves its socket behind.
    drop(UnixListener::bind(&path).unwrap());
    let error = ask(&path, &ControlRequest::Halts, PATIENCE).await.unwrap_err();
    assert!(matches!(error, AdminError::NobodyThere { .. }), "{error}");

    let ours = bind_control(&path).unwrap();
    UnixStream::connect(&path).await.unwrap();
    drop(ours);
    assert!(!path.exists());
    let error = ask(&path, &ControlRequest::Halts, PATIENCE).await.unwrap_err();
    assert!(matches!(error, AdminError::NobodyThere { .. }), "{error}");
}

#[tokio::test]
async fn a_file_in_the_sockets_place_is_not_removed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(SOCKET_NAME);
    fs::write(&path, "precious").unwrap();
    assert!(matches!(bind_control(&path), Err(AdminError::InTheWay { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

#[test]
fn a_path_that_is_too_long_is_explained() {
    let path = Path::new("/").join("x".repeat(200)).join(SOCKET_NAME);
    let error = bind_control(&path).unwrap_err();
    assert!(error.to_string().contains("the system allows 107"), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_none_of_ours_is_not_taken_for_one() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(SOCKET_NAME);
    let listener = UnixListener::bind(&path).unwrap();
    let answer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = stream.read(&mut [0; 1024]).await.unwrap();
        assert!(request > 0);
        stream.write_all(b"{\"reply\":\"maybe\"}\n").await.unwrap();
    };
    let (reply, ()) = tokio::join!(ask(&path, &ControlRequest::Halts, PATIENCE), answer);
    assert!(
        matches!(reply, Err(AdminError::NotUnderstood { .. })),
        "{reply:?}"
    );
}

#[tokio::test]
async fn a_process_that_never_answers_is_not_waited_for() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(SOCKET_NAME);
    let _listener = UnixListener::bind(&path).unwrap();
    let reply = ask(&path, &ControlRequest::Halts, Duration::from_millis(50)).await;
    assert!(matches!(reply, Err(AdminError::TimedOut { .. })), "{reply:?}");
}

#[test]
fn the_sockets_of_a_state_folder_are_found_in_order() {
    let folder = TempDir::new().unwrap();
    assert_eq!(
        find_sockets(&folder.path().join("none")).unwrap(),
        Vec::<PathBuf>::new()
    );
    let mut expected = Vec::new();
    for slot in ["a/0", "a/1", "b/0"] {
        let slot = folder.path().join(slot);
        fs::create_dir_all(&slot).unwrap();
        let socket = slot.join(SOCKET_NAME);
        fs::write(&socket, "").unwrap();
        expected.push(socket);
    }
    fs::create_dir_all(folder.path().join("b/1")).unwrap();
    fs::write(folder.path().join("a/lock"), "").unwrap();
    assert_eq!(find_sockets(folder.path()).unwrap(), expected);
}

#[tokio::test]
async fn the_server_survives_more_operators_than_it_serves() {
    let mut server = Server::start();
    let path = server.path();
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(UnixStream::connect(&path).await.unwrap());
    }
    let carry_out = async {
        let (_, reply) = server.orders.recv().await.unwrap();
        reply.send(done()).unwrap();
    };
    let request = resume();
    let (reply, ()) = tokio::join!(ask(&path, &request, PATIENCE), carry_out);
    assert_eq!(reply.unwrap(), done());
    assert_eq!(server.tasks.len(), 1, "it still serves");
}
