//! Proves the kit itself on real brokers.

use integration::admin::{Isolation, NewTopic};
use integration::cluster::{Cluster, ClusterOptions};
use integration::produce::{Load, Producer};

#[test]
fn starts() {
    for version in ["3.9.2", "4.3.0"] {
        let t = std::time::Instant::now();
        let cluster = Cluster::start(version, &ClusterOptions::default()).unwrap();
        println!("{version} up {:?}", t.elapsed());
        let topic = "t".to_owned();
        cluster.admin().create_topic(&NewTopic::new(&topic, 3)).unwrap();
        println!("topic {:?}", t.elapsed());
        Producer::open(&cluster.bootstrap(), &[])
            .unwrap()
            .generate(&Load::new(&topic, 100_000))
            .unwrap();
        println!("produced {:?}", t.elapsed());
        let dump = cluster
            .admin()
            .dump(&[topic], Isolation::ReadUncommitted)
            .unwrap();
        println!("dumped {:?}", t.elapsed());
        assert_eq!(dump.record_count(), 100_000);
    }
}
