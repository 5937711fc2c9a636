//! Every entry of every corpus, and thousands of mutations of it, through its target: in each run the same.
//!
//! The corpora are what the fuzzer starts from and what it has found. A finding gets its entry with a telling name; its
//! test is the one of its target, which names the entry that fails.

mod counting_allocator;
mod mutation;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use counting_allocator::{CountingAllocator, peak_of};
use fuzz::{TARGETS, Target, responses};
use mutation::{Numbers, mutate};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

struct Entry {
    name: String,
    bytes: Vec<u8>,
}

/// One test for each target, so that they run beside each other and a failure names its target. The number is that of
/// mutations, shared among the corpus's entries.
macro_rules! replays {
    ($($target:ident: $mutations:literal)+) => {
        $(
            #[test]
            fn $target() {
                replay(stringify!($target), $mutations);
            }
        )+

        #[test]
        fn every_target_is_replayed_and_every_corpus_has_a_target() {
            let replayed = [$(stringify!($target)),+];
            assert_eq!(TARGETS.iter().map(|target| target.name).collect::<Vec<_>>(), replayed);
            let mut corpora: Vec<String> = fs::read_dir(corpora())
                .expect("the folder of corpora")
                .map(|corpus| corpus.expect("a folder").file_name().into_string().expect("UTF-8"))
                .collect();
            corpora.sort();
            assert_eq!(corpora, replayed);
        }
    };
}

replays! {
    codecs: 4000
    daemon_file: 4000
    frames: 4000
    group_protocol: 4000
    mirror_maker: 300 // a misspelt name is compared with all names: slow without optimisation
    position_metadata: 4000
    position_records: 4000
    properties: 4000
    record_batches: 8000
    responses: 8000
    router: 8000
    zookeeper: 8000
}

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// By name, so that the order does not depend on the file system.
fn corpus(target: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = fs::read_dir(corpora().join(target))
        .expect("every target has a corpus")
        .map(|file| file.expect("a file of the corpus"))
        .map(|file| Entry {
            name: file.file_name().into_string().expect("UTF-8"),
            bytes: fs::read(file.path()).expect("a readable entry"),
        })
        .collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!entries.is_empty(), "the corpus of {target} is empty");
    entries
}

fn replay(name: &str, mutations: usize) {
    let target = fuzz::target(name).expect("a target of this name");
    let entries = corpus(name);
    for entry in &entries {
        run(target, &entry.bytes, &entry.name);
    }
    for number in 0..mutations {
        let mut numbers = Numbers::from_seed(u64::try_from(number).expect("a small number"));
        let entry = &entries[number % entries.len()];
        let other = &entries[numbers.below(entries.len())];
        let mut bytes = entry.bytes.clone();
        mutate(&mut bytes, &other.bytes, &mut numbers);
        run(target, &bytes, &format!("{}, mutation {number}", entry.name));
    }
}

/// Runs one input and says which one it was where something does not hold.
fn run(target: &Target, input: &[u8], name: &str) {
    let mut held = 0;
    let outcome = catch_unwind(AssertUnwindSafe(|| held = peak_of(|| (target.one_input)(input))));
    assert!(outcome.is_ok(), "{}: {name} (above): {input:02x?}", target.name);
    assert!(
        held <= target.held_max(input.len()),
        "{}: {name} held {held} bytes for {} bytes of input: {input:02x?}",
        target.name,
        input.len()
    );
}

/// Otherwise a layout that has changed would leave entries that are refused at their first byte, and nothing behind them
/// would be tried.
#[test]
fn the_corpus_of_responses_is_accepted_and_has_every_api() {
    let entries = corpus("responses");
    let accepted: BTreeSet<_> = entries
        .iter()
        .map(|entry| responses::accepted(&entry.bytes).unwrap_or_else(|| panic!("{} is refused", entry.name)))
        .map(|(api, _)| api)
        .collect();
    assert_eq!(
        responses::apis().collect::<BTreeSet<_>>(),
        accepted,
        "an API has no entry"
    );
}

#[test]
fn the_counter_sees_what_is_held_and_forgets_what_is_freed() {
    let peak = peak_of(|| {
        for _ in 0..10 {
            drop(std::hint::black_box(Vec::<u8>::with_capacity(1 << 16)));
        }
    });
    assert!((1 << 16..1 << 17).contains(&peak), "{peak}");
}

#[test]
fn a_mutation_is_the_same_in_every_run_and_another_by_another_number() {
    let mutated = |number| {
        let mut bytes = (0..64).collect();
        mutate(&mut bytes, b"other", &mut Numbers::from_seed(number));
        bytes
    };
    assert_eq!(mutated(7), mutated(7));
    let distinct: BTreeSet<Vec<u8>> = (0..1000).map(mutated).collect();
    assert!(distinct.len() > 900, "{}", distinct.len());
}
