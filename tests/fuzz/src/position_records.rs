//! Target `position_records`: the records of a topic of positions.
//!
//! Input: a key, a line end, its value, a line end, and so on. An empty value is a tombstone.
//!
//! - (A) What is read is written and read again as the same.
//! - (B) Compaction, which keeps the last record of each key, changes nothing of what the records say together.

use std::collections::BTreeMap;

use mirror_core::position_record::{
    ClaimValue, PositionFold, PositionRecordKey, PositionValue, StoredClaim, StoredPositions,
};

pub(crate) fn one_input(input: &[u8]) {
    let mut lines = input.split(|byte| *byte == b'\n');
    let mut fold = PositionFold::default();
    let mut last_of_each_key = BTreeMap::new();
    let mut log_offset = 0;
    while let Some(key) = lines.next() {
        let value = lines.next().filter(|value| !value.is_empty());
        let read = read_again(key, value);
        let applied = fold.apply(log_offset, Some(key), value).is_ok();
        assert_eq!(read, applied, "the fold takes what can be read, and nothing else");
        if applied {
            last_of_each_key.insert(key, (log_offset, value));
        }
        log_offset += 1;
    }

    let mut in_log_order: Vec<_> = last_of_each_key.into_iter().collect();
    in_log_order.sort_by_key(|(_, (log_offset, _))| *log_offset);
    let mut compacted = PositionFold::default();
    for (key, (log_offset, value)) in in_log_order {
        compacted
            .apply(log_offset, Some(key), value)
            .expect("invariant: it was taken in before");
    }
    check_same(&fold.settle(), &compacted.settle());
}

/// Can a record be read? If so, does each half read what it writes?
fn read_again(key: &[u8], value: Option<&[u8]>) -> bool {
    let Ok(key) = PositionRecordKey::decode(key) else {
        return false;
    };
    let is_position = matches!(key, PositionRecordKey::Position(_));
    let written = match &key {
        PositionRecordKey::Position(key) => key.to_string(),
        PositionRecordKey::Claim(key) => key.to_string(),
    };
    assert_eq!(PositionRecordKey::decode(written.as_bytes()), Ok(key));
    let Some(value) = value else {
        return true;
    };
    if is_position {
        let read = PositionValue::decode(value);
        if let Ok(value) = &read {
            assert_eq!(
                PositionValue::decode(value.to_string().as_bytes()).as_ref(),
                Ok(value)
            );
        }
        read.is_ok()
    } else {
        let read = ClaimValue::decode(value);
        if let Ok(value) = &read {
            assert_eq!(
                ClaimValue::decode(value.to_string().as_bytes()).as_ref(),
                Ok(value)
            );
        }
        read.is_ok()
    }
}

fn check_same(all: &StoredPositions, compacted: &StoredPositions) {
    assert!(
        all.iter().eq(compacted.iter()),
        "positions differ behind compaction"
    );
    assert!(
        all.claims().eq(compacted.claims()),
        "claims differ behind compaction"
    );
    assert!(
        all.position_keys().eq(compacted.position_keys()),
        "keys differ behind compaction"
    );
    assert_eq!(all.fence_max(), compacted.fence_max());
    for StoredClaim { claim, .. } in all.claims() {
        assert!(all.fence(&claim.flow) >= claim.fence && all.fence_max() >= claim.fence);
        assert_eq!(all.holder(claim.fence), compacted.holder(claim.fence));
    }
}
