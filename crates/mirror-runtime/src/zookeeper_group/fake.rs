//! A server that answers as ZooKeeper does, as far as this side of it asks: nodes in memory, and answers that get lost on
//! order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The session of somebody else.
const OTHERS: i64 = 99;

const NO_NODE: i32 = -101;
const NO_AUTH: i32 = -102;
const BAD_VERSION: i32 = -103;
const NODE_EXISTS: i32 = -110;
const NOT_EMPTY: i32 = -111;

pub(super) struct FakeZooKeeper {
    pub(super) address: String,
    state: Arc<Mutex<State>>,
    kick: watch::Sender<u32>,
    _serving: JoinSet<()>,
}

#[derive(Default)]
struct State {
    nodes: BTreeMap<String, Node>,
    zxid: i64,
    sessions: i64,
    over: BTreeSet<i64>,
    /// Writes that are still answered; the one behind them is carried out, and its answer lost.
    answered_writes: Option<u32>,
    /// The next claim is not carried out, and the connection is gone.
    loses_a_claim: bool,
    /// Nobody may write below `owners`.
    no_owners: bool,
    /// So many claims find that the folders above their node were removed a moment ago.
    removed_folders: u32,
    /// How often somebody looked who an owner is.
    owners_read: u32,
    /// Answers are kept back until so many writes have come whose path holds this.
    together: Option<(u32, &'static str)>,
}

#[derive(Clone)]
struct Node {
    data: Vec<u8>,
    created: i64,
    written: i64,
    version: i32,
    owner: i64,
}

/// Reads a request.
struct Fields<'a>(&'a [u8]);

// === impl Fields ===

impl Fields<'_> {
    fn i32(&mut self) -> i32 {
        let (first, rest) = self.0.split_first_chunk::<4>().unwrap();
        self.0 = rest;
        i32::from_be_bytes(*first)
    }

    fn buffer(&mut self) -> Vec<u8> {
        let length = usize::try_from(self.i32()).unwrap();
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes.to_vec()
    }

    fn path(&mut self) -> String {
        String::from_utf8(self.buffer()).unwrap()
    }
}

// === impl FakeZooKeeper ===

impl FakeZooKeeper {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state: Arc<Mutex<State>> = Arc::default();
        let kick = watch::Sender::new(0);
        let mut serving = JoinSet::new();
        let (shared, kicks) = (Arc::clone(&state), kick.clone());
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                let mut kicked = kicks.subscribe();
                connections.spawn(async move {
                    tokio::select! {
                        biased;
                        _ = kicked.changed() => {}
                        () = serve(stream, &state) => {}
                    }
                });
            }
        });
        Self {
            address,
            state,
            kick,
            _serving: serving,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Somebody else makes or writes a node.
    pub(super) fn set(&self, path: &str, text: &str) {
        let mut state = self.state();
        if state.set(path, text.as_bytes(), -1).is_err() {
            state.create(path, text.as_bytes(), 0).unwrap();
        }
    }

    /// Somebody else makes a node that ends with their session.
    pub(super) fn set_ephemeral(&self, path: &str, text: &str) {
        self.state().create(path, text.as_bytes(), OTHERS).unwrap();
    }

    pub(super) fn delete(&self, path: &str) {
        self.state().nodes.remove(path).unwrap();
    }

    /// A topic that was deleted comes back, or a new one comes.
    pub(super) fn make_topic(&self, name: &str, json: &str) {
        let path = format!("/brokers/topics/{name}");
        let mut state = self.state();
        state.nodes.remove(&path);
        state.create(&path, json.as_bytes(), 0).unwrap();
    }

    pub(super) fn text(&self, path: &str) -> Option<String> {
        let node = self.state().nodes.get(path).cloned()?;
        Some(String::from_utf8(node.data).unwrap())
    }

    /// How often the node was written since it was made.
    pub(super) fn version(&self, path: &str) -> i32 {
        self.state().nodes[path].version
    }

    /// After so many writes one more is carried out, and its answer gets lost with the connection.
    pub(super) fn lose_an_answer_after(&self, writes: u32) {
        self.state().answered_writes = Some(writes);
    }

    /// The server ends in the middle of the next claim.
    pub(super) fn lose_a_claim(&self) {
        self.state().loses_a_claim = true;
    }

    /// Whoever makes a node below `owners` is refused.
    pub(super) fn refuse_owners(&self) {
        self.state().no_owners = true;
    }

    /// The next writes below such a path are answered when so many have come, not before.
    pub(super) fn answer_together(&self, writes: u32, path: &'static str) {
        self.state().together = Some((writes, path));
    }

    /// Has everything that was kept back been answered?
    pub(super) fn has_answered(&self) -> bool {
        self.state().together.is_none()
    }

    pub(super) fn owners_read(&self) -> u32 {
        self.state().owners_read
    }

    /// Somebody removes the folder above an owner's node as often as it was made.
    pub(super) fn remove_folders(&self, times: u32) {
        self.state().removed_folders = times;
    }

    /// Ends every session, and what it held.
    pub(super) fn end_sessions(&self) {
        {
            let mut state = self.state();
            let last = state.sessions;
            state.over.extend(1..=last);
            state
                .nodes
                .retain(|_, node| node.owner == 0 || node.owner == OTHERS);
        }
        self.kick.send_modify(|kicks| *kicks += 1);
    }
}

// === impl State ===

impl State {
    /// Is the answer to this kept back? A server answers in order: so is each one behind another that is.
    fn keeps_back(&mut self, code: i32, request: &[u8], behind_another: bool) -> bool {
        if let Some((left, path)) = &mut self.together
            && [1, 2, 5].contains(&code)
            && String::from_utf8_lossy(request).contains(*path)
        {
            *left -= 1;
            if *left == 0 {
                self.together = None;
            }
            return self.together.is_some();
        }
        self.together.is_some() && behind_another
    }

    fn next_zxid(&mut self) -> i64 {
        self.zxid += 1;
        self.zxid
    }

    fn create(&mut self, path: &str, data: &[u8], owner: i64) -> Result<Vec<u8>, i32> {
        if self.nodes.contains_key(path) {
            return Err(NODE_EXISTS);
        }
        let zxid = self.next_zxid();
        let node = Node {
            data: data.to_vec(),
            created: zxid,
            written: zxid,
            version: 0,
            owner,
        };
        self.nodes.insert(path.to_owned(), node);
        Ok(buffer(path.as_bytes()))
    }

    fn set(&mut self, path: &str, data: &[u8], version: i32) -> Result<Vec<u8>, i32> {
        let zxid = self.next_zxid();
        let node = self.nodes.get_mut(path).ok_or(NO_NODE)?;
        if version != -1 && version != node.version {
            return Err(BAD_VERSION);
        }
        node.data = data.to_vec();
        node.version += 1;
        node.written = zxid;
        Ok(stat(node))
    }

    fn children(&self, path: &str) -> Vec<String> {
        let below = format!("{path}/");
        let names = self.nodes.keys().filter_map(|node| {
            let rest = node.strip_prefix(&below)?;
            Some(rest.split('/').next().unwrap_or(rest).to_owned())
        });
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The nodes above a node are taken as given.
    fn answer(&mut self, session: i64, code: i32, fields: &mut Fields<'_>) -> Result<Vec<u8>, i32> {
        let path = fields.path();
        match code {
            1 if path.contains("/owners/") && self.no_owners => Err(NO_AUTH),
            1 if path.contains("/owners/t/") && self.removed_folders > 0 => {
                self.removed_folders -= 1;
                Err(NO_NODE)
            }
            1 => {
                let data = fields.buffer();
                let [_one, _rights] = [fields.i32(), fields.i32()];
                let [_scheme, _id] = [fields.path(), fields.path()];
                let owner = if fields.i32() == 1 { session } else { 0 };
                self.create(&path, &data, owner)
            }
            2 if !self.children(&path).is_empty() => Err(NOT_EMPTY),
            2 => self.nodes.remove(&path).map(|_| Vec::new()).ok_or(NO_NODE),
            3 => self.nodes.get(&path).map(stat).ok_or(NO_NODE),
            4 => {
                self.owners_read += u32::from(path.contains("/owners/"));
                let node = self.nodes.get(&path).ok_or(NO_NODE)?;
                Ok([buffer(&node.data), stat(node)].concat())
            }
            5 => {
                let data = fields.buffer();
                self.set(&path, &data, fields.i32())
            }
            8 => {
                let names = self.children(&path);
                if names.is_empty() && !self.nodes.contains_key(&path) {
                    return Err(NO_NODE);
                }
                let count = i32::try_from(names.len()).unwrap();
                let names = names.iter().flat_map(|name| buffer(name.as_bytes()));
                Ok(count.to_be_bytes().into_iter().chain(names).collect())
            }
            other => panic!("nobody here asks {other}"),
        }
    }
}

async fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let Some(hello) = frame(&mut stream).await else {
        return;
    };
    let asked = i64::from_be_bytes(hello[16..24].try_into().unwrap());
    let session = {
        let mut state = state.lock().unwrap();
        if asked == 0 {
            state.sessions += 1;
            state.sessions
        } else if state.over.contains(&asked) {
            0
        } else {
            asked
        }
    };
    let milliseconds: i32 = if session == 0 { 0 } else { 6_000 };
    let welcome = [
        &[0; 4][..],
        &milliseconds.to_be_bytes(),
        &session.to_be_bytes(),
        &buffer(&[7; 16]),
    ]
    .concat();
    if stream.write_all(&buffer(&welcome)).await.is_err() {
        return;
    }
    let mut kept_back = Vec::new();
    while let Some(request) = frame(&mut stream).await {
        let mut fields = Fields(&request);
        let (xid, code) = (fields.i32(), fields.i32());
        let (answer, zxid, keeps_back) = {
            let mut state = state.lock().unwrap();
            let is_claim = code == 1 && String::from_utf8_lossy(&request).contains("/owners/t/");
            if is_claim && std::mem::take(&mut state.loses_a_claim) {
                return;
            }
            let answer = match code {
                11 | -11 => Ok(Vec::new()),
                code => state.answer(session, code, &mut fields),
            };
            let path = String::from_utf8_lossy(&request);
            if (code == 5 || code == 1) && path.contains("/offsets/t/") && answer.is_ok() {
                match &mut state.answered_writes {
                    Some(0) => {
                        state.answered_writes = None;
                        return;
                    }
                    Some(left) => *left -= 1,
                    None => {}
                }
            }
            let keeps_back = state.keeps_back(code, &request, !kept_back.is_empty());
            (answer, state.zxid, keeps_back)
        };
        kept_back.extend(answer_frame(xid, zxid, answer));
        if !keeps_back && stream.write_all(&std::mem::take(&mut kept_back)).await.is_err() {
            return;
        }
    }
}

fn answer_frame(xid: i32, zxid: i64, answer: Result<Vec<u8>, i32>) -> Vec<u8> {
    let (error, body) = match answer {
        Ok(body) => (0, body),
        Err(code) => (code, Vec::new()),
    };
    let answer = [
        &xid.to_be_bytes()[..],
        &zxid.to_be_bytes(),
        &i32::to_be_bytes(error),
        &body,
    ];
    buffer(&answer.concat())
}

async fn frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let length = stream.read_u32().await.ok()?;
    let mut frame = vec![0; usize::try_from(length).ok()?];
    stream.read_exact(&mut frame).await.ok()?;
    Some(frame)
}

fn buffer(bytes: &[u8]) -> Vec<u8> {
    let length = i32::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes()[..], bytes].concat()
}

fn stat(node: &Node) -> Vec<u8> {
    [
        &node.created.to_be_bytes()[..],
        &node.written.to_be_bytes(),
        &[0; 16],
        &node.version.to_be_bytes(),
        &[0; 8],
        &node.owner.to_be_bytes(),
        &[0; 16],
    ]
    .concat()
}
