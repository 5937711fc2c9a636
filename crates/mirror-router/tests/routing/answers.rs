//! One scenario per answer, and the traps that have a name.

use kafka_record::Codec;
use mirror_router::{
    AbortedTransactions, Answer, DropCounts, Isolation, MergeBelow, RouterConfig, partition_for_key,
};

use crate::bench::{Bench, by_key, is_the_same_memory, never_merging, record, records};
use crate::source_log::BatchSpec;

#[test]
fn a_batch_is_forwarded_without_a_copy() {
    for codec in Codec::ALL {
        let mut bench = Bench::new(never_merging());
        let source = bench.route(&BatchSpec::plain(10, codec, records(20)));
        let (entries, batches) = bench.taken();
        assert_eq!(
            (entries[0].entry, entries[0].next_offset, entries[0].leader_epoch),
            (0, 30, 3)
        );
        assert_eq!((entries[0].records, entries[0].bytes), (20, source.len()));
        let [routed] = &batches[..] else {
            panic!("{batches:?}")
        };
        assert!(is_the_same_memory(routed, &source));
        assert_eq!(
            (routed.answer, routed.target_partition, routed.entries.clone()),
            (Answer::Forward, 5, 0..=0)
        );
        assert_eq!((routed.first_source_offset, routed.last_source_offset), (10, 29));
    }
}

#[test]
fn by_key_a_batch_of_one_partition_is_forwarded_after_a_look() {
    for codec in Codec::ALL {
        let mut bench = Bench::new(by_key(4));
        let source = bench.route(&BatchSpec::plain(
            0,
            codec,
            vec![record("a", "1"), record("a", "2")],
        ));
        let routed = bench.only_batch();
        assert!(is_the_same_memory(&routed, &source));
        assert_eq!(
            (routed.answer, routed.target_partition),
            (Answer::ForwardAfterLook, partition_for_key(b"a", 4))
        );
    }
}

#[test]
fn by_key_to_one_partition_needs_no_look() {
    let mut bench = Bench::new(by_key(1));
    bench.route(&BatchSpec::plain(0, Codec::Zstd, records(20)));
    let routed = bench.only_batch();
    assert_eq!((routed.answer, routed.target_partition), (Answer::Forward, 0));
}

#[test]
fn by_key_a_batch_is_split_and_each_part_keeps_its_order() {
    let mut bench = Bench::new(by_key(3));
    bench.route(&BatchSpec::plain(0, Codec::Lz4, records(30)));
    assert_eq!(bench.router.held_from(), Some(0));
    bench.flush();
    let batches = bench.batches();
    let mut targets: Vec<_> = batches.iter().map(|routed| routed.target_partition).collect();
    targets.sort_unstable();
    assert_eq!(targets, [0, 1, 2]);
    assert!(batches.iter().all(|routed| routed.answer == Answer::Split));
    let count: i32 = batches.iter().map(|routed| routed.batch.record_count()).sum();
    assert_eq!(count, 30);
}

#[test]
fn what_a_broker_would_refuse_or_misread_is_re_framed() {
    let gap = |spec: &mut BatchSpec| spec.records[1].offset_delta = 2;
    let append_time = |spec: &mut BatchSpec| spec.log_append_time = Some(77);
    let removed_at_the_end = |spec: &mut BatchSpec| spec.last_offset_delta = 9;
    let changes: [&dyn Fn(&mut BatchSpec); 3] = [&gap, &append_time, &removed_at_the_end];
    for change in changes {
        let mut bench = Bench::new(never_merging());
        let mut spec = BatchSpec::plain(0, Codec::Snappy, records(3));
        spec.records.remove(2);
        spec.last_offset_delta = 2;
        change(&mut spec);
        bench.route(&spec);
        bench.flush();
        let routed = bench.only_batch();
        assert_eq!(routed.answer, Answer::Reframe);
        assert_eq!(routed.batch.record_count(), 2);
        let timestamp = spec.log_append_time.unwrap_or(1_700_000_000_000);
        assert_eq!(
            (routed.batch.base_timestamp(), routed.batch.max_timestamp()),
            (timestamp, timestamp)
        );
    }
}

/// A fetch returns whole batches: Pinterest's mirror shipped the head of the first one twice until it cropped it.
#[test]
fn a_batch_that_begins_before_the_position_is_cropped() {
    let mut bench = Bench::starting_at(never_merging(), 7);
    bench.route(&BatchSpec::plain(0, Codec::None, records(5)));
    bench.route(&BatchSpec::plain(5, Codec::None, records(5)));
    bench.flush();
    let (entries, batches) = bench.taken();
    assert_eq!(
        (entries[0].next_offset, entries[0].dropped.already_mirrored),
        (7, 5)
    );
    assert_eq!(
        (
            entries[1].next_offset,
            entries[1].dropped.already_mirrored,
            entries[1].records
        ),
        (10, 2, 3)
    );
    let [routed] = &batches[..] else {
        panic!("{batches:?}")
    };
    assert_eq!(
        (
            routed.first_source_offset,
            routed.last_source_offset,
            routed.batch.record_count()
        ),
        (7, 9, 3)
    );
}

#[test]
fn another_codec_is_made_when_asked_for() {
    let mut bench = Bench::new(RouterConfig {
        target_codec: Some(Codec::Zstd),
        ..never_merging()
    });
    bench.route(&BatchSpec::plain(0, Codec::Gzip, records(50)));
    bench.flush();
    let routed = bench.only_batch();
    assert_eq!(
        (routed.batch.codec(), routed.answer),
        (Ok(Codec::Zstd), Answer::Reframe)
    );
    let source = bench.route(&BatchSpec::plain(50, Codec::Zstd, records(50)));
    assert!(
        is_the_same_memory(&bench.only_batch(), &source),
        "the right codec already"
    );
}

#[test]
fn small_batches_become_one_and_one_alone_goes_as_it_came() {
    let mut bench = Bench::new(RouterConfig {
        merge_below: MergeBelow::all(1000),
        ..RouterConfig::default()
    });
    let source = bench.route(&BatchSpec::plain(0, Codec::Lz4, records(1)));
    assert_eq!((bench.batches().len(), bench.router.held_from()), (0, Some(0)));
    bench.flush();
    let alone = bench.only_batch();
    assert!(is_the_same_memory(&alone, &source));
    assert_eq!((alone.answer, bench.router.held_from()), (Answer::Forward, None));

    for offset in 1..6 {
        bench.route(&BatchSpec::plain(offset, Codec::Lz4, records(1)));
    }
    assert_eq!((bench.batches().len(), bench.router.held_from()), (0, Some(1)));
    bench.flush();
    let merged = bench.only_batch();
    assert_eq!(
        (merged.answer, merged.entries, merged.batch.record_count()),
        (Answer::Merge, 1..=5, 5)
    );
    assert_eq!((merged.first_source_offset, merged.last_source_offset), (1, 5));
    assert_eq!(merged.batch.codec(), Ok(Codec::Lz4));
}

#[test]
fn a_full_merge_buffer_leaves_by_itself() {
    let config = RouterConfig {
        merge_below: MergeBelow::all(1000),
        merge_max_bytes: 600,
        ..RouterConfig::default()
    };
    let mut bench = Bench::new(config);
    for offset in 0..40 {
        bench.route(&BatchSpec::plain(
            offset,
            Codec::None,
            vec![record("k", &"v".repeat(50))],
        ));
        assert!(bench.router.buffered_bytes() < 600);
    }
    assert!(bench.batches().len() > 3);
}

/// docs/traps.md: a forwarded batch overtakes an earlier one that waits in a merge buffer.
#[test]
fn a_large_batch_never_overtakes_small_ones() {
    for config in [
        RouterConfig::default(),
        RouterConfig {
            partitioning: by_key(3).partitioning,
            ..RouterConfig::default()
        },
    ] {
        let config = RouterConfig {
            merge_below: MergeBelow::all(400),
            ..config
        };
        let mut bench = Bench::new(config);
        let same_key = |count: usize| vec![record("k", "some value"); count];
        bench.route(&BatchSpec::plain(0, Codec::None, same_key(1)));
        bench.route(&BatchSpec::plain(1, Codec::None, same_key(1)));
        bench.route(&BatchSpec::plain(2, Codec::None, same_key(100)));
        bench.route(&BatchSpec::plain(102, Codec::None, same_key(1)));
        bench.route(&BatchSpec::plain(103, Codec::Gzip, same_key(1)));
        bench.flush();
        let order: Vec<_> = bench
            .batches()
            .iter()
            .map(|routed| routed.first_source_offset)
            .collect();
        assert_eq!(order, [0, 2, 102, 103]);
    }
}

#[test]
fn many_open_lanes_leave_when_they_hold_too_much_together() {
    let mut bench = Bench::new(RouterConfig {
        buffered_max_bytes: 2000,
        ..by_key(50)
    });
    for turn in 0..20 {
        bench.route(&BatchSpec::plain(turn * 20, Codec::None, records(20)));
        assert!(bench.router.buffered_bytes() <= 2000);
    }
    assert!(!bench.batches().is_empty());
}

#[test]
fn small_batches_kept_whole_count_as_well() {
    let merging = MergeBelow::all(1000);
    let mut bench = Bench::new(RouterConfig {
        buffered_max_bytes: 2000,
        merge_below: merging,
        ..by_key(50)
    });
    for offset in 0..200 {
        bench.route(&BatchSpec::plain(
            offset,
            Codec::None,
            vec![record(&format!("key {offset}"), "value")],
        ));
        assert!(bench.router.buffered_bytes() <= 2000);
    }
    assert!(!bench.batches().is_empty());
}

#[test]
fn a_skipped_record_is_cut_out_of_a_batch_that_could_go_whole() {
    let mut bench = Bench::new(never_merging());
    bench.router.skip_record(11);
    bench.route(&BatchSpec::plain(10, Codec::Lz4, records(3)));
    bench.flush();
    let (entries, batches) = bench.taken();
    assert_eq!((entries[0].records, entries[0].dropped.too_large), (2, 1));
    assert_eq!(
        (batches[0].answer, batches[0].batch.record_count()),
        (Answer::Reframe, 2)
    );
}

#[test]
fn drops_are_counted_by_reason_and_move_the_position() {
    let mut bench = Bench::new(RouterConfig {
        isolation: Isolation::ReadCommitted,
        ..never_merging()
    });
    bench.aborted = AbortedTransactions::listed([(9, 0)]);
    let transactional = |offset, producer_id| BatchSpec {
        producer_id: Some(producer_id),
        ..BatchSpec::plain(offset, Codec::None, records(2))
    };
    bench.route(&transactional(0, 9));
    bench.route(&BatchSpec::marker(2, 9, false));
    let mut emptied = BatchSpec::plain(3, Codec::None, vec![]);
    emptied.last_offset_delta = 4;
    bench.route(&emptied);
    bench.route(&BatchSpec::plain(0, Codec::None, records(2)));
    bench.route(&transactional(8, 9));
    let (entries, batches) = bench.taken();
    let dropped: Vec<_> = entries.iter().map(|entry| entry.dropped).collect();
    let none = DropCounts::default();
    let expected = [
        DropCounts { aborted: 2, ..none },
        DropCounts { control: 1, ..none },
        DropCounts {
            empty_batches: 1,
            ..none
        },
        DropCounts {
            already_mirrored: 2,
            ..none
        },
        none,
    ];
    assert_eq!(dropped, expected);
    assert_eq!(
        entries.iter().map(|entry| entry.next_offset).collect::<Vec<_>>(),
        [2, 3, 8, 8, 10]
    );
    let [routed] = &batches[..] else {
        panic!("{batches:?}")
    };
    assert_eq!(
        routed.first_source_offset, 8,
        "the producer's next transaction is not void"
    );
}

/// The cleaner may remove an ABORT marker between two fetches; the second response does not list the transaction.
#[test]
fn an_aborted_transaction_counts_only_as_long_as_responses_list_it() {
    let mut bench = Bench::new(RouterConfig {
        isolation: Isolation::ReadCommitted,
        ..never_merging()
    });
    let transactional = |offset| BatchSpec {
        producer_id: Some(9),
        ..BatchSpec::plain(offset, Codec::None, records(2))
    };
    bench.aborted = AbortedTransactions::listed([(9, 0)]);
    bench.route(&transactional(0));
    bench.aborted = AbortedTransactions::listed([(9, 0)]);
    bench.route(&transactional(2));
    bench.aborted = AbortedTransactions::none();
    bench.route(&transactional(40));
    assert_eq!(bench.only_batch().first_source_offset, 40);
}

#[test]
fn under_read_uncommitted_transactions_are_flattened() {
    let mut bench = Bench::new(never_merging());
    let spec = BatchSpec {
        producer_id: Some(9),
        ..BatchSpec::plain(0, Codec::None, records(2))
    };
    bench.aborted = AbortedTransactions::listed([(9, 0)]);
    bench.route(&spec);
    let routed = bench.only_batch();
    assert_eq!(
        routed.batch.stamp(-1, -1, -1)[21..23],
        [0, 0],
        "no transactional bit"
    );
}
