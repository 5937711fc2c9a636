//! Reading a batch back from a scripted leader: each answer is laid out here by hand, so that nothing of the code under
//! test has a part in it. Fetch v5 and `ListOffsets` v1 are the oldest versions that have what is tested.
#![forbid(unsafe_code)]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use kafka_client::read_back::{PlaceInLog, ReadBack, read_back, read_batch, read_on};
use kafka_client::{AddressMap, ClientError, Cluster, ClusterSettings, ConnectionSettings};
use kafka_record::{Batch, BatchBuilder, Codec, CodecContexts};
use kafka_wire::api_key::ApiKey;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicId, TopicPartition};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// The offset that is asked for.
const OFFSET: i64 = 100;

/// What the leader answers to one request.
#[derive(Debug, Clone)]
enum Answer {
    /// A partition in a Fetch answer.
    Fetched {
        error: i16,
        high_watermark: i64,
        log_start: i64,
        records: Bytes,
    },
    /// A Fetch answer without any partition.
    Throttled,
    /// A `ListOffsets` answer.
    Listed { error: i16, offset: i64 },
}

/// A request as the leader saw it: its API, its version, and its bytes from the client id on.
type Asked = (ApiKey, i16, Bytes);

/// A leader that answers by script and keeps what it was asked.
struct Leader {
    cluster: Cluster,
    asked: Arc<Mutex<Vec<Asked>>>,
    _tasks: JoinSet<()>,
}

/// One side of a connection to the leader.
struct Served {
    stream: TcpStream,
    port: u16,
    /// The newest version of Fetch that is offered.
    fetch_version: i16,
    script: Arc<Mutex<Vec<Answer>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

// === impl Leader ===

impl Leader {
    async fn start(script: &[Answer]) -> Self {
        Self::with_fetch_up_to(script, 5).await
    }

    async fn with_fetch_up_to(script: &[Answer], fetch_version: i16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let script = Arc::new(Mutex::new(script.iter().rev().cloned().collect()));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let kept = Arc::clone(&asked);
        tasks.spawn(async move {
            let mut serving = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let served = Served {
                    stream,
                    port: address.port(),
                    fetch_version,
                    script: Arc::clone(&script),
                    asked: Arc::clone(&kept),
                };
                serving.spawn(async move {
                    served.serve().await;
                });
            }
        });
        let settings = ClusterSettings {
            alias: "target".to_owned(),
            bootstrap: vec![address.to_string()],
            addresses: AddressMap::default(),
            connection: ConnectionSettings {
                client_id: Arc::from("test"),
                connect_timeout: PATIENCE,
                request_timeout: PATIENCE,
                response_bytes_max: 1 << 16,
                network: kafka_client::Network::Tcp,
            },
        };
        let cluster = Cluster::connect(settings).await.expect("the leader answers");
        Self {
            cluster,
            asked,
            _tasks: tasks,
        }
    }

    async fn read_back(&self) -> Result<ReadBack, ClientError> {
        read_back(&self.cluster, &place()).await
    }

    /// The APIs that were asked, in order.
    fn asked(&self) -> Vec<ApiKey> {
        locked(&self.asked).iter().map(|(api, ..)| *api).collect()
    }
}

// === impl Served ===

impl Served {
    async fn serve(mut self) -> Option<()> {
        loop {
            let length = self.stream.read_i32().await.ok()?;
            let mut frame = vec![0; usize::try_from(length).ok()?];
            self.stream.read_exact(&mut frame).await.ok()?;
            let mut frame = Bytes::from(frame);
            let api = ApiKey::from_code(frame.get_i16())?;
            let version = frame.get_i16();
            let mut answer = BytesMut::new();
            answer.put_i32(frame.get_i32()); // correlation id
            if api == ApiKey::ApiVersions {
                self.versions(&mut answer);
            } else if api == ApiKey::Metadata {
                self.metadata(&mut answer);
            } else {
                locked(&self.asked).push((api, version, frame));
                let scripted = locked(&self.script).pop()?;
                write(&scripted, &mut answer);
            }
            self.stream
                .write_i32(i32::try_from(answer.len()).ok()?)
                .await
                .ok()?;
            self.stream.write_all(&answer).await.ok()?;
        }
    }

    /// `ApiVersions` v3: error, compact array of key, oldest and newest version; throttle time.
    fn versions(&self, answer: &mut BytesMut) {
        answer.put_i16(0);
        answer.put_u8(4);
        for (api, oldest, newest) in [
            (ApiKey::Fetch, 4, self.fetch_version),
            (ApiKey::ListOffsets, 1, 1),
            (ApiKey::Metadata, 1, 1),
        ] {
            answer.put_i16(api.code());
            answer.put_i16(oldest);
            answer.put_i16(newest);
            answer.put_u8(0);
        }
        answer.put_i32(0);
        answer.put_u8(0);
    }

    /// `Metadata` v1: broker 1 is this one, in no rack, and the controller; no topics.
    fn metadata(&self, answer: &mut BytesMut) {
        answer.put_i32(1);
        answer.put_i32(1);
        put_string(answer, "127.0.0.1");
        answer.put_i32(i32::from(self.port));
        answer.put_i16(-1);
        answer.put_i32(1);
        answer.put_i32(0);
    }
}

fn write(answer: &Answer, out: &mut BytesMut) {
    match answer {
        Answer::Throttled => {
            out.put_i32(1000);
            out.put_i32(0);
        }
        Answer::Fetched {
            error,
            high_watermark,
            log_start,
            records,
        } => {
            out.put_i32(0); // throttle time
            out.put_i32(1);
            put_string(out, "orders");
            out.put_i32(1);
            out.put_i32(3);
            out.put_i16(*error);
            out.put_i64(*high_watermark);
            out.put_i64(-1); // last stable offset
            out.put_i64(*log_start);
            out.put_i32(-1); // aborted transactions
            out.put_i32(i32::try_from(records.len()).expect("small"));
            out.put_slice(records);
        }
        Answer::Listed { error, offset } => {
            out.put_i32(1);
            put_string(out, "orders");
            out.put_i32(1);
            out.put_i32(3);
            out.put_i16(*error);
            out.put_i64(-1); // timestamp
            out.put_i64(*offset);
        }
    }
}

fn put_string(out: &mut BytesMut, text: &str) {
    out.put_i16(i16::try_from(text.len()).expect("short"));
    out.put_slice(text.as_bytes());
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn place() -> PlaceInLog {
    PlaceInLog {
        leader: NodeId(1),
        tp: TopicPartition::new("orders", 3),
        topic_id: TopicId::ZERO,
        offset: OFFSET,
    }
}

/// A batch as the log holds it: three records from `base_offset` on, by producer 77 from sequence 12 on.
fn batch(base_offset: i64) -> Bytes {
    let mut builder = BatchBuilder::new();
    for value in [b"a", b"b", b"c"] {
        builder.push_fields(1_700_000_000_000, None, Some(value), &[]);
    }
    let batch = builder
        .finish(Codec::None, None, &mut CodecContexts::new())
        .expect("a batch");
    let mut bytes = BytesMut::from(&batch.stamp(77, 0, 12)[..]);
    bytes.put_slice(batch.payload());
    // What the broker writes over it when it appends: base offset and leader epoch, both outside the checksum.
    bytes[..8].copy_from_slice(&base_offset.to_be_bytes());
    bytes[12..16].copy_from_slice(&9_i32.to_be_bytes());
    bytes.freeze()
}

fn fetched(high_watermark: i64, records: Bytes) -> Answer {
    Answer::Fetched {
        error: 0,
        high_watermark,
        log_start: 7,
        records,
    }
}

fn listed(offset: i64) -> Answer {
    Answer::Listed { error: 0, offset }
}

fn out_of_range() -> Answer {
    Answer::Fetched {
        error: ErrorCode::OFFSET_OUT_OF_RANGE.0,
        high_watermark: -1,
        log_start: 1,
        records: Bytes::new(),
    }
}

#[tokio::test]
async fn the_batch_that_holds_the_offset_is_described_and_one_request_is_enough() {
    // A log may hand out the batch before, too, and the next one cut short.
    let mut records = BytesMut::from(&batch(96)[..]);
    records.put_slice(&batch(99));
    records.put_slice(&batch(102)[..70]);
    let leader = Leader::start(&[fetched(105, records.freeze())]).await;
    let read = leader.read_back().await.unwrap();
    assert_eq!((read.log_start, read.log_end), (7, 105));
    let read = read.batch.unwrap();
    assert_eq!(
        (read.magic, read.base_offset, read.last_offset, read.record_count),
        (2, 99, 101, 3)
    );
    assert_eq!(
        (read.leader_epoch, read.producer_id, read.base_sequence),
        (9, 77, 12)
    );
    assert_eq!(read.crc.to_be_bytes(), batch(99)[17..21]);
    assert_eq!(read.max_timestamp, 1_700_000_000_000);
    assert_eq!(leader.asked(), [ApiKey::Fetch]);
}

#[tokio::test]
async fn one_byte_is_asked_for_so_that_exactly_one_batch_comes() {
    let leader = Leader::start(&[fetched(105, batch(100))]).await;
    leader.read_back().await.unwrap();
    let (_, _, mut request) = locked(&leader.asked).remove(0);
    let client_id = usize::try_from(request.get_i16()).unwrap();
    request.advance(client_id);
    let mut numbers = [0; 4]; // replica id, longest wait, least and most bytes
    numbers.fill_with(|| request.get_i32());
    assert_eq!(numbers, [-1, 0, 1, 1]);
    assert_eq!(request.get_i8(), 0, "also what an open transaction wrote");
}

#[tokio::test]
async fn without_a_topic_id_the_topic_is_asked_for_by_name() {
    for (topic_id, version) in [(TopicId::ZERO, 12), (TopicId([1; 16]), 17)] {
        // The script is empty: the leader looks at the request and hangs up.
        let leader = Leader::with_fetch_up_to(&[], 17).await;
        let place = PlaceInLog { topic_id, ..place() };
        read_back(&leader.cluster, &place).await.unwrap_err();
        let asked = locked(&leader.asked);
        assert!(matches!(asked[..], [(ApiKey::Fetch, asked, _)] if asked == version));
    }
}

#[tokio::test]
async fn a_high_watermark_that_lags_behind_its_own_answer_cuts_nothing_off() {
    let leader = Leader::start(&[fetched(100, batch(100))]).await;
    assert_eq!(leader.read_back().await.unwrap().log_end, 103);
}

#[tokio::test]
async fn a_gap_shows_the_batch_behind_it_and_holds_no_record() {
    let answer = fetched(120, batch(110));
    let leader = Leader::start(&[answer.clone(), answer]).await;
    let read = leader.read_back().await.unwrap();
    assert_eq!(read.batch.unwrap().base_offset, 110);
    assert_eq!(read_batch(&leader.cluster, &place()).await.unwrap(), None);
}

#[tokio::test]
async fn the_whole_batch_is_handed_out() {
    let leader = Leader::start(&[fetched(105, batch(98))]).await;
    let read = read_batch(&leader.cluster, &place()).await.unwrap();
    assert_eq!(read.map(|read| bytes_of(&read)), Some(batch(98)));
}

#[tokio::test]
async fn reading_on_gives_all_batches_of_the_answer_and_asks_once_more_for_none() {
    let both: Bytes = [batch(98), batch(101)].concat().into();
    let leader = Leader::start(&[fetched(105, Bytes::new()), fetched(105, both.clone())]).await;
    let read = read_on(&leader.cluster, &place(), 4096).await.unwrap();
    assert_eq!(read, both);
    let gone = Leader::start(&[fetched(90, Bytes::new()), fetched(90, Bytes::new())]).await;
    let read = read_on(&gone.cluster, &place(), 4096).await.unwrap();
    assert!(read.is_empty());
}

#[tokio::test]
async fn a_lost_tail_is_told_from_a_watermark_that_still_lags() {
    // Lost: the list of offsets confirms the end.
    let leader = Leader::start(&[fetched(90, Bytes::new()), listed(90)]).await;
    let read = leader.read_back().await.unwrap();
    assert_eq!((read.log_start, read.log_end, read.batch), (7, 90, None));

    // Not known yet: the broker says so, and so do we.
    let not_available = Answer::Listed {
        error: ErrorCode::OFFSET_NOT_AVAILABLE.0,
        offset: -1,
    };
    let leader = Leader::start(&[fetched(90, Bytes::new()), not_available]).await;
    let error = leader.read_back().await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::OFFSET_NOT_AVAILABLE), "{error}");

    // It caught up between the two questions: the batch is looked for once more.
    let script = [fetched(90, Bytes::new()), listed(103), fetched(103, batch(100))];
    let leader = Leader::start(&script).await;
    let read = leader.read_back().await.unwrap();
    assert_eq!((read.log_end, read.batch.unwrap().base_offset), (103, 100));
    assert_eq!(
        leader.asked(),
        [ApiKey::Fetch, ApiKey::ListOffsets, ApiKey::Fetch]
    );
}

#[tokio::test]
async fn an_offset_out_of_range_is_an_answer_with_both_ends_of_the_log() {
    for (start, end) in [(150, 200), (0, 50)] {
        let leader = Leader::start(&[out_of_range(), listed(start), listed(end)]).await;
        let read = leader.read_back().await.unwrap();
        assert_eq!((read.log_start, read.log_end, read.batch), (start, end, None));
    }
    let leader = Leader::start(&[out_of_range(), listed(150), listed(200)]).await;
    assert_eq!(read_batch(&leader.cluster, &place()).await.unwrap(), None);
}

#[tokio::test]
async fn before_log_starts_were_in_the_answer_they_are_asked_for() {
    let answer = Answer::Fetched {
        error: 0,
        high_watermark: 105,
        log_start: -1,
        records: batch(100),
    };
    let leader = Leader::start(&[answer, listed(33)]).await;
    assert_eq!(leader.read_back().await.unwrap().log_start, 33);
}

#[tokio::test]
async fn a_partition_that_cannot_be_read_now_is_an_error_and_no_fact() {
    let moved = Answer::Fetched {
        error: ErrorCode::NOT_LEADER_OR_FOLLOWER.0,
        high_watermark: -1,
        log_start: -1,
        records: Bytes::new(),
    };
    for (answer, code) in [
        (moved, ErrorCode::NOT_LEADER_OR_FOLLOWER),
        (Answer::Throttled, ErrorCode::THROTTLING_QUOTA_EXCEEDED),
    ] {
        let leader = Leader::start(&[answer]).await;
        let error = leader.read_back().await.unwrap_err();
        assert_eq!(error.code(), Some(code), "{error}");
    }
}

#[tokio::test]
async fn a_batch_that_fails_its_checksum_is_never_taken_for_the_one_we_know() {
    let mut damaged = BytesMut::from(&batch(100)[..]);
    *damaged.last_mut().unwrap() ^= 1;
    let leader = Leader::start(&[fetched(105, damaged.freeze())]).await;
    let error = leader.read_back().await.unwrap_err();
    assert!(
        matches!(error, ClientError::Corrupt { offset: OFFSET, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn an_entry_of_an_old_format_is_told_as_such() {
    let mut entry = BytesMut::new();
    entry.put_i64(105); // the last record of a compressed set
    entry.put_i32(22);
    entry.put_u32(0xf9fc_e5bb); // checksum
    entry.put_i8(1); // magic
    entry.put_i8(1); // gzip
    entry.put_i64(1_700_000_000_000);
    entry.put_i32(-1); // key
    entry.put_i32(0); // value
    let entry = entry.freeze();
    let answer = fetched(110, entry.clone());
    let leader = Leader::start(&[answer.clone(), answer]).await;
    let read = leader.read_back().await.unwrap().batch.unwrap();
    // One offset and the checksum is what an entry shows without being decompressed.
    assert_eq!((read.magic, read.base_offset, read.last_offset), (1, 105, 105));
    assert_eq!((read.crc, read.record_count), (0xf9fc_e5bb, -1));
    let whole = read_batch(&leader.cluster, &place()).await.unwrap();
    assert_eq!(whole.map(|whole| bytes_of(&whole)), Some(entry.clone()));

    let mut damaged = BytesMut::from(&entry[..]);
    *damaged.last_mut().unwrap() ^= 1;
    let leader = Leader::start(&[fetched(110, damaged.freeze())]).await;
    let error = leader.read_back().await.unwrap_err();
    assert!(matches!(error, ClientError::Corrupt { .. }), "{error}");
}

fn bytes_of(batch: &Batch) -> Bytes {
    match batch {
        Batch::V2(batch) => batch.bytes().clone(),
        Batch::Legacy(set) => set.bytes.clone(),
    }
}
