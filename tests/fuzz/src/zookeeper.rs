//! Target `zookeeper`: what a server of ZooKeeper answers, and the documents that brokers and tools left there.
//!
//! Input: a byte that chooses what is read, then its bytes.
//!
//! - (A) What is made of an answer is no longer than the answer.
//! - (B) Of a document as many entries are read as its reader allows, and no endpoint without a port.

use kafka_zookeeper::registration::Registration;
use kafka_zookeeper::{answer, topic_settings};

pub(crate) fn one_input(input: &[u8]) {
    let Some((choice, bytes)) = input.split_first() else {
        return;
    };
    match choice % 5 {
        0 => children(bytes),
        1 => data(bytes),
        2 => drop(answer::stat(bytes)),
        3 => registration(bytes),
        _ => settings(bytes),
    }
}

fn children(bytes: &[u8]) {
    if let Ok(names) = answer::children(bytes) {
        let length: usize = names.iter().map(|name| name.len() + 4).sum();
        assert!(length <= bytes.len(), "(A) {} names", names.len());
        assert!(names.is_sorted());
    }
}

fn data(bytes: &[u8]) {
    if let Ok((data, _)) = answer::data(bytes) {
        assert!(data.len() < bytes.len(), "(A)");
    }
}

fn registration(bytes: &[u8]) {
    if let Ok(registration) = Registration::parse(7, bytes) {
        assert!(registration.endpoints.len() <= 64, "(B)");
        assert!(
            registration.endpoints.iter().all(|endpoint| endpoint.port != 0),
            "(B)"
        );
        let plaintext = registration.plaintext();
        assert!(plaintext.is_none_or(|endpoint| endpoint.protocol.eq_ignore_ascii_case("PLAINTEXT")));
    }
}

fn settings(bytes: &[u8]) {
    if let Ok(settings) = topic_settings::parse(bytes) {
        assert!(settings.len() <= 512, "(B)");
    }
}
