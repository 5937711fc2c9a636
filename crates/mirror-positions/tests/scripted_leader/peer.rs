//! A broker of one topic with one partition, over a local socket: it keeps what is produced, answers fetches one batch at a
//! time, and misbehaves as told. The versions it offers are the oldest that the client speaks, whose bytes can be
//! written by hand.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use kafka_record::{BatchBuilder, Codec, CodecContexts, RecordBatch};
use kafka_wire::api_key::ApiKey;

pub(crate) const TOPIC: &str = "positions";

/// What the peer speaks: API and version.
const VERSIONS: [(ApiKey, i16); 5] = [
    (ApiKey::Produce, 3),
    (ApiKey::Fetch, 4),
    (ApiKey::ListOffsets, 1),
    (ApiKey::Metadata, 4),
    (ApiKey::DescribeConfigs, 1),
];

/// The peer, listening until the test ends.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    broker: Arc<Mutex<Broker>>,
}

/// The broker's side: its log and its faults.
#[derive(Default)]
pub(crate) struct Broker {
    log: Vec<RecordBatch>,
    high_watermark: i64,
    log_start: i64,
    faults: VecDeque<(ApiKey, Fault)>,
    /// The batches of all produce requests as they came, those that were not kept as well.
    pub(crate) produced: Vec<Bytes>,
    /// How often metadata was asked for.
    pub(crate) looks: usize,
    pub(crate) max_message_bytes: usize,
}

/// What happens at the next request of an API instead of, or beside, a proper answer.
pub(crate) enum Fault {
    /// The connection ends; nothing was done.
    Close,
    /// It is done, but nobody hears of it.
    CloseAfter,
    /// The partition is answered with this code; nothing was done.
    Code(i16),
    /// On its way the position turns into another one, which only the checksum tells.
    Damage,
    /// An answer without partitions: a client over its quota.
    Throttle,
    /// Something else happens right before.
    Before(fn(&mut Broker)),
    /// Something else happens right after.
    After(fn(&mut Broker)),
}

// === impl Peer ===

impl Peer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let broker = Arc::new(Mutex::new(Broker {
            max_message_bytes: 1_048_588,
            ..Broker::default()
        }));
        let shared = Arc::clone(&broker);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let broker = Arc::clone(&shared);
                thread::spawn(move || serve(stream, address, &broker));
            }
        });
        Self { address, broker }
    }

    pub(crate) fn broker(&self) -> MutexGuard<'_, Broker> {
        self.broker.lock().expect("no connection panicked")
    }
}

// === impl Broker ===

impl Broker {
    pub(crate) fn fault(&mut self, api: ApiKey, fault: Fault) {
        self.faults.push_back((api, fault));
    }

    /// Appends one batch of records.
    pub(crate) fn append(&mut self, records: &[(String, Option<String>)]) {
        let mut builder = BatchBuilder::new();
        for (key, value) in records {
            let value = value.as_ref().map(String::as_bytes);
            builder.push_fields(0, Some(key.as_bytes()), value, &[]);
        }
        let batch = builder
            .finish(Codec::None, None, &mut CodecContexts::new())
            .expect("a small batch");
        let mut bytes = BytesMut::from(&batch.stamp(-1, -1, -1)[..]);
        bytes.put_slice(batch.payload());
        self.keep(&bytes);
    }

    fn keep(&mut self, batch: &[u8]) {
        let mut bytes = BytesMut::from(batch);
        // The base offset stands before what the checksum covers.
        bytes[..8].copy_from_slice(&self.high_watermark.to_be_bytes());
        let batch = RecordBatch::parse(bytes.freeze()).expect("a whole batch");
        self.high_watermark = batch.header.next_offset();
        self.log.push(batch);
    }

    /// The cleaner removes the batch at this offset.
    pub(crate) fn clean(&mut self, offset: i64) {
        self.log.retain(|batch| batch.header.base_offset != offset);
    }

    /// Everything below `offset` is deleted.
    pub(crate) fn delete_before(&mut self, offset: i64) {
        self.log.retain(|batch| batch.header.base_offset >= offset);
        self.log_start = offset;
    }

    fn next_fault(&mut self, api: ApiKey) -> Option<Fault> {
        let index = self.faults.iter().position(|(of, _)| *of == api)?;
        self.faults.remove(index).map(|(_, fault)| fault)
    }

    /// The answer's body; `None` ends the connection.
    fn answer(&mut self, api: ApiKey, mut request: Bytes, address: SocketAddr) -> Option<Bytes> {
        let fault = self.next_fault(api);
        let mut code = 0;
        match &fault {
            Some(Fault::Close) => {
                if api == ApiKey::Produce {
                    self.produced.push(produced_batch(&mut request));
                }
                return None;
            }
            Some(Fault::Code(refused)) => code = *refused,
            Some(Fault::Before(act)) => act(self),
            _ => {}
        }
        let body = if api == ApiKey::Metadata {
            self.looks += 1;
            metadata(address)
        } else if api == ApiKey::DescribeConfigs {
            self.configs()
        } else if api == ApiKey::ListOffsets {
            self.list_offsets(code, &mut request)
        } else if api == ApiKey::Fetch {
            self.fetch(code, fault.as_ref(), &mut request)
        } else {
            assert_eq!(api, ApiKey::Produce, "no other was offered");
            self.produce(code, &mut request)
        };
        match fault {
            Some(Fault::CloseAfter) => return None,
            Some(Fault::After(act)) => act(self),
            _ => {}
        }
        Some(body)
    }

    fn configs(&self) -> Bytes {
        let mut body = BytesMut::new();
        body.put_i32(0); // throttle time
        body.put_i32(1);
        body.put_i16(0);
        body.put_i16(-1); // no message
        body.put_i8(2); // a topic
        put_string(&mut body, TOPIC);
        body.put_i32(2);
        let batch_bytes = self.max_message_bytes.to_string();
        for (name, value) in [("cleanup.policy", "compact"), ("max.message.bytes", &batch_bytes)] {
            put_string(&mut body, name);
            put_string(&mut body, value);
            body.put_slice(&[0, 1, 0]); // may be changed, set on the topic, no secret
            body.put_i32(0); // no synonyms
        }
        body.freeze()
    }

    fn list_offsets(&self, code: i16, request: &mut Bytes) -> Bytes {
        request.advance(4 + 4 + 2 + TOPIC.len() + 4 + 4); // replica, topics, name, partitions, number
        let offset = match request.get_i64() {
            -1 => self.high_watermark,
            -2 => self.log_start,
            other => panic!("asked for the offset at {other}"),
        };
        let mut body = one_partition();
        body.put_i16(code);
        body.put_i64(-1);
        body.put_i64(if code == 0 { offset } else { -1 });
        body.freeze()
    }

    fn fetch(&self, code: i16, fault: Option<&Fault>, request: &mut Bytes) -> Bytes {
        request.advance(4 * 4 + 1 + 4 + 2 + TOPIC.len() + 4 + 4);
        let offset = request.get_i64();
        let mut body = BytesMut::new();
        if matches!(fault, Some(Fault::Throttle)) {
            body.put_i32(1); // throttle time
            body.put_i32(0); // no topics
            return body.freeze();
        }
        let in_range = (self.log_start..=self.high_watermark).contains(&offset);
        let code = if code == 0 && !in_range { 1 } else { code };
        let found = self.log.iter().find(|batch| batch.header.next_offset() > offset);
        let mut records = BytesMut::new();
        if let Some(batch) = found.filter(|_| code == 0) {
            records.put_slice(batch.bytes());
        }
        if matches!(fault, Some(Fault::Damage)) {
            let damaged = records.windows(8).position(|bytes| bytes == b"offset=1");
            let digit = damaged.and_then(|at| records.get_mut(at + 7));
            *digit.expect("a position whose offset begins with 1") = b'7';
        }
        body.put_i32(0); // throttle time
        body.put_slice(&one_partition());
        body.put_i16(code);
        body.put_i64(self.high_watermark);
        body.put_i64(self.high_watermark); // last stable offset
        body.put_i32(0); // no aborted transactions
        put_bytes(&mut body, &records);
        body.freeze()
    }

    fn produce(&mut self, code: i16, request: &mut Bytes) -> Bytes {
        let batch = produced_batch(request);
        if code == 0 {
            self.keep(&batch);
        }
        self.produced.push(batch);
        let mut body = one_partition();
        body.put_i16(code);
        body.put_i64(-1); // base offset: nobody asks
        body.put_i64(-1);
        body.put_i32(0); // throttle time
        body.freeze()
    }
}

/// Answers one connection until it ends.
fn serve(mut stream: TcpStream, address: SocketAddr, broker: &Mutex<Broker>) -> Option<()> {
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length).ok()?;
        let mut frame = vec![0; usize::try_from(i32::from_be_bytes(length)).ok()?];
        stream.read_exact(&mut frame).ok()?;
        let mut frame = Bytes::from(frame);
        let api = ApiKey::from_code(frame.get_i16())?;
        let _version = frame.get_i16();
        let correlation_id = frame.get_i32();
        let body = if api == ApiKey::ApiVersions {
            api_versions()
        } else {
            let client_id = usize::try_from(frame.get_i16()).ok()?;
            frame.advance(client_id);
            broker.lock().ok()?.answer(api, frame, address)?
        };
        let mut answer = BytesMut::new();
        answer.put_i32(i32::try_from(4 + body.len()).ok()?);
        answer.put_i32(correlation_id);
        answer.put_slice(&body);
        stream.write_all(&answer).ok()?;
    }
}

/// Version 3: error, APIs as a compact array, throttle time.
fn api_versions() -> Bytes {
    let mut body = BytesMut::new();
    body.put_i16(0);
    body.put_u8(u8::try_from(VERSIONS.len() + 1).expect("few"));
    for (api, version) in VERSIONS {
        body.put_i16(api.code());
        body.put_i16(version);
        body.put_i16(version);
        body.put_u8(0);
    }
    body.put_i32(0);
    body.put_u8(0);
    body.freeze()
}

fn metadata(address: SocketAddr) -> Bytes {
    let mut body = BytesMut::new();
    body.put_i32(0); // throttle time
    body.put_i32(1);
    body.put_i32(1); // broker 1
    put_string(&mut body, &address.ip().to_string());
    body.put_i32(i32::from(address.port()));
    body.put_i16(-1); // no rack
    put_string(&mut body, "cluster");
    body.put_i32(1); // controller
    body.put_i32(1);
    body.put_i16(0);
    put_string(&mut body, TOPIC);
    body.put_u8(0); // not internal
    body.put_i32(1);
    body.put_i16(0);
    body.put_i32(0); // partition 0
    body.put_i32(1); // its leader
    body.put_i32(0);
    body.put_i32(0);
    body.freeze()
}

/// One topic, one partition, its number.
fn one_partition() -> BytesMut {
    let mut body = BytesMut::new();
    body.put_i32(1);
    put_string(&mut body, TOPIC);
    body.put_i32(1);
    body.put_i32(0);
    body
}

fn produced_batch(request: &mut Bytes) -> Bytes {
    request.advance(2 + 2 + 4 + 4 + 2 + TOPIC.len() + 4 + 4);
    let length = usize::try_from(request.get_i32()).expect("a length");
    request.copy_to_bytes(length)
}

fn put_string(body: &mut BytesMut, text: &str) {
    body.put_i16(i16::try_from(text.len()).expect("short"));
    body.put_slice(text.as_bytes());
}

fn put_bytes(body: &mut BytesMut, bytes: &[u8]) {
    body.put_i32(i32::try_from(bytes.len()).expect("short"));
    body.put_slice(bytes);
}
