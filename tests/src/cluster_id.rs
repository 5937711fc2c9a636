//! New cluster ids, for clusters that are formatted with one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cache;

/// 22 characters of URL-safe base64: what Kafka takes for a cluster id.
pub(crate) fn new_cluster_id() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut bits = cache::fingerprint(&[
        &now.to_le_bytes(),
        &std::process::id().to_le_bytes(),
        &count.to_le_bytes(),
    ]);
    // The first and the last character carry fixed bits: no leading minus, no stray bits after the 16th byte.
    let mut id = String::from("H");
    for _ in 0..20 {
        id.push(char::from(ALPHABET[(bits & 63) as usize]));
        bits = bits.rotate_right(6).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    id.push('A');
    id
}
