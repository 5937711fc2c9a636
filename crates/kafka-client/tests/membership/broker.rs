//! One broker that coordinates one group, as much of it as a test needs. Every answer is laid out here by hand, in the
//! oldest version that has what is tested, so that nothing of the code under test has a part in it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::{Buf, BufMut as _, Bytes, BytesMut};
use kafka_wire::api_key::ApiKey;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the broker answers, and what it saw. Changed by the test at any time.
#[derive(Default)]
pub(crate) struct Group {
    /// A generation is complete with so many members.
    pub(crate) members_expected: usize,
    /// The answer to every heartbeat; cleared when a generation is complete.
    pub(crate) heartbeat_error: i16,
    /// The answer to every `JoinGroup`, instead of a generation.
    pub(crate) join_error: i16,
    /// Nothing is answered any more.
    pub(crate) silent: bool,
    /// Connection, client id and API of every request.
    pub(crate) seen: Vec<(usize, String, ApiKey)>,
    /// Members that left.
    pub(crate) left: Vec<String>,
    ids_given: usize,
    connections: usize,
    joining: Vec<(String, Bytes)>,
    members: Vec<(String, Bytes)>,
    shares: BTreeMap<String, Bytes>,
}

/// A running broker; ends with its owner.
pub(crate) struct Broker {
    pub(crate) address: String,
    pub(crate) group: Arc<Mutex<Group>>,
    _tasks: JoinSet<()>,
}

#[derive(Clone)]
struct Connection {
    number: usize,
    port: u16,
    group: Arc<Mutex<Group>>,
    /// Numbers of the latest complete generation and of the latest shared-out one.
    joined: watch::Sender<i32>,
    synced: watch::Sender<i32>,
}

// === impl Broker ===

impl Broker {
    pub(crate) async fn start(members_expected: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let group = Arc::new(Mutex::new(Group {
            members_expected,
            ..Group::default()
        }));
        let connection = Connection {
            number: 0,
            port: address.port(),
            group: Arc::clone(&group),
            joined: watch::channel(0).0,
            synced: watch::channel(0).0,
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut serving = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let number = {
                    let mut group = connection.group.lock().expect("nobody panics with it");
                    group.connections += 1;
                    group.connections
                };
                let connection = Connection {
                    number,
                    ..connection.clone()
                };
                serving.spawn(async move {
                    connection.serve(stream).await;
                });
            }
        });
        Self {
            address: address.to_string(),
            group,
            _tasks: tasks,
        }
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Group)) {
        change(&mut self.group.lock().expect("nobody panics with it"));
    }

    /// Client ids by connection, of those that sent requests of `api`.
    pub(crate) fn senders(&self, api: ApiKey) -> BTreeMap<usize, String> {
        let group = self.group.lock().expect("nobody panics with it");
        let of_api = group.seen.iter().filter(|(_, _, seen)| *seen == api);
        of_api
            .map(|(number, client_id, _)| (*number, client_id.clone()))
            .collect()
    }
}

// === impl Connection ===

impl Connection {
    /// One request after the other, as a broker does: nothing is read while an answer is waited for.
    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        loop {
            let length = stream.read_i32().await.ok()?;
            let mut frame = vec![0; usize::try_from(length).ok()?];
            stream.read_exact(&mut frame).await.ok()?;
            let mut frame = Bytes::from(frame);
            let api = ApiKey::from_code(frame.get_i16())?;
            let _version = frame.get_i16();
            let correlation_id = frame.get_i32();
            let client_id = text(&mut frame);
            let silent = {
                let mut group = self.group.lock().expect("nobody panics with it");
                group.seen.push((self.number, client_id, api));
                group.silent
            };
            if silent {
                continue;
            }
            let body = self.answer(api, frame).await?;
            let mut out = BytesMut::new();
            out.put_i32(i32::try_from(4 + body.len()).ok()?);
            out.put_i32(correlation_id);
            out.put_slice(&body);
            stream.write_all(&out).await.ok()?;
        }
    }

    async fn answer(&self, api: ApiKey, body: Bytes) -> Option<BytesMut> {
        let mut out = BytesMut::new();
        if api == ApiKey::ApiVersions {
            put_versions(&mut out);
        } else if api == ApiKey::Metadata {
            put_metadata(&mut out, self.port);
        } else if api == ApiKey::FindCoordinator {
            out.put_i16(0);
            put_broker(&mut out, self.port);
        } else if api == ApiKey::JoinGroup {
            self.join(body, &mut out).await;
        } else if api == ApiKey::SyncGroup {
            self.sync(body, &mut out).await;
        } else if api == ApiKey::Heartbeat {
            out.put_i16(self.group.lock().expect("nobody panics with it").heartbeat_error);
        } else if api == ApiKey::LeaveGroup {
            self.leave(body, &mut out);
        } else if api == ApiKey::DescribeGroups {
            put_described(&mut out);
        } else {
            return None;
        }
        Some(out)
    }

    /// `JoinGroup` v4.
    async fn join(&self, mut body: Bytes, out: &mut BytesMut) {
        let _group_id = text(&mut body);
        let _session_and_rebalance_timeout = body.get_i64();
        let mut member_id = text(&mut body);
        let _protocol_type = text(&mut body);
        let _protocols = body.get_i32();
        let protocol = text(&mut body);
        let metadata = bytes(&mut body);
        let mut joined = self.joined.subscribe();
        let before = *joined.borrow_and_update();
        let refused = {
            let mut group = self.group.lock().expect("nobody panics with it");
            if group.join_error != 0 {
                Some(group.join_error)
            } else if member_id.is_empty() {
                member_id = format!("m{}", group.ids_given);
                group.ids_given += 1;
                Some(79) // MEMBER_ID_REQUIRED
            } else {
                group.joining.push((member_id.clone(), metadata));
                if group.joining.len() == group.members_expected {
                    group.members = std::mem::take(&mut group.joining);
                    group.members.sort();
                    group.heartbeat_error = 0;
                    self.joined.send_replace(before + 1);
                }
                None
            }
        };
        out.put_i32(0); // throttle time
        if let Some(code) = refused {
            out.put_i16(code);
            out.put_i32(-1);
            put_text(out, "");
            put_text(out, "");
            put_text(out, &member_id);
            out.put_i32(0);
            return;
        }
        let generation = *joined.wait_for(|now| *now > before).await.expect("we send");
        let members = self.group.lock().expect("nobody panics with it").members.clone();
        let leader = members.first().expect("complete").0.clone();
        out.put_i16(0);
        out.put_i32(generation);
        put_text(out, &protocol);
        put_text(out, &leader);
        put_text(out, &member_id);
        if leader == member_id {
            out.put_i32(i32::try_from(members.len()).expect("few"));
            for (member, metadata) in members {
                put_text(out, &member);
                put_bytes(out, &metadata);
            }
        } else {
            out.put_i32(0);
        }
    }

    /// `SyncGroup` v0.
    async fn sync(&self, mut body: Bytes, out: &mut BytesMut) {
        let _group_id = text(&mut body);
        let generation = body.get_i32();
        let member_id = text(&mut body);
        let count = body.get_i32();
        if count > 0 {
            let mut group = self.group.lock().expect("nobody panics with it");
            for _ in 0..count {
                let member = text(&mut body);
                let share = bytes(&mut body);
                group.shares.insert(member, share);
            }
            self.synced.send_replace(generation);
        }
        let mut synced = self.synced.subscribe();
        synced.wait_for(|now| *now >= generation).await.expect("we send");
        let share = self
            .group
            .lock()
            .expect("nobody panics with it")
            .shares
            .get(&member_id)
            .cloned();
        out.put_i16(0);
        put_bytes(out, &share.unwrap_or_default());
    }

    /// `LeaveGroup` v0.
    fn leave(&self, mut body: Bytes, out: &mut BytesMut) {
        let _group_id = text(&mut body);
        let member_id = text(&mut body);
        self.group
            .lock()
            .expect("nobody panics with it")
            .left
            .push(member_id);
        out.put_i16(25); // UNKNOWN_MEMBER_ID: nobody minds
    }
}

/// `ApiVersions` v3: each API in the one version that is spoken here.
fn put_versions(out: &mut BytesMut) {
    let spoken = [
        (ApiKey::Metadata, 1),
        (ApiKey::FindCoordinator, 0),
        (ApiKey::JoinGroup, 4),
        (ApiKey::SyncGroup, 0),
        (ApiKey::Heartbeat, 0),
        (ApiKey::LeaveGroup, 0),
        (ApiKey::DescribeGroups, 0),
    ];
    out.put_i16(0);
    out.put_u8(u8::try_from(spoken.len() + 1).expect("few"));
    for (api, version) in spoken {
        out.put_i16(api.code());
        out.put_i16(version);
        out.put_i16(version);
        out.put_u8(0);
    }
    out.put_i32(0);
    out.put_u8(0);
}

/// `Metadata` v1: this broker, and the topic `other` with three partitions.
fn put_metadata(out: &mut BytesMut, port: u16) {
    out.put_i32(1);
    put_broker(out, port);
    out.put_i16(-1); // no rack
    out.put_i32(1); // controller
    out.put_i32(1);
    out.put_i16(0);
    put_text(out, "other");
    out.put_u8(0);
    out.put_i32(3);
    for partition in 0..3 {
        out.put_i16(0);
        out.put_i32(partition);
        out.put_i32(1);
        out.put_i32(0);
        out.put_i32(0);
    }
}

/// `DescribeGroups` v0: a stable group of Java consumers.
fn put_described(out: &mut BytesMut) {
    out.put_i32(1);
    out.put_i16(0);
    for field in ["g", "Stable", "consumer", "cooperative-sticky"] {
        put_text(out, field);
    }
    out.put_i32(0);
}

fn put_broker(out: &mut BytesMut, port: u16) {
    out.put_i32(1);
    put_text(out, "127.0.0.1");
    out.put_i32(i32::from(port));
}

fn put_text(out: &mut BytesMut, text: &str) {
    out.put_i16(i16::try_from(text.len()).expect("short"));
    out.put_slice(text.as_bytes());
}

fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    out.put_i32(i32::try_from(bytes.len()).expect("short"));
    out.put_slice(bytes);
}

fn text(from: &mut Bytes) -> String {
    let length = usize::try_from(from.get_i16()).expect("not null");
    String::from_utf8(from.split_to(length).to_vec()).expect("a text")
}

fn bytes(from: &mut Bytes) -> Bytes {
    let length = usize::try_from(from.get_i32()).expect("not null");
    from.split_to(length)
}
