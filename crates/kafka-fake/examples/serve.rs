//! Serves one embedded cluster on the loopback address until Ctrl-C, for trials with real clients.
//!
//! ```text
//! cargo run -p kafka-fake --example serve [brokers] [first port] [release, for example 3.9]
//! ```
#![expect(clippy::print_stdout, reason = "it tells whoever started it where to connect")]

use std::error::Error;

use kafka_fake::{FakeCluster, KafkaRelease};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let brokers: u16 = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let first_port: u16 = arguments.next().map_or(Ok(9092), |text| text.parse())?;
    let release = match arguments.next().as_deref() {
        Some("0.11") => KafkaRelease::V0_11,
        Some("1.1") => KafkaRelease::V1_1,
        Some("2.4") => KafkaRelease::V2_4,
        Some("3.2") => KafkaRelease::V3_2,
        Some("3.9") => KafkaRelease::V3_9,
        Some("4.1") | None => KafkaRelease::V4_1,
        Some(other) => return Err(format!("{other} is not imitated").into()),
    };
    let cluster = FakeCluster::builder()
        .brokers(brokers)
        .ports(first_port..first_port + brokers)
        .release(release)
        .default_partitions(3)
        .default_replication_factor(brokers)
        .start_tcp()
        .await?;
    println!("{}", cluster.bootstrap());
    tokio::signal::ctrl_c().await?;
    for reason in cluster.unserved() {
        println!("closed a connection: {reason}");
    }
    cluster.shutdown().await;
    Ok(())
}
