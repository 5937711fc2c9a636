//! Two hundred simulations hold, and a simulation repeats itself.

use std::sync::Mutex;

use mirror_simulation::seeds::{self, Seeds};
use mirror_simulation::simulate;

const SEEDS: u64 = 200;

#[test]
fn two_hundred_seeds_hold() {
    let failures = Mutex::new(Vec::new());
    let seeds = Seeds {
        from: 0,
        count: SEEDS,
        threads: seeds::threads(),
    };
    let summary = seeds::run(&seeds, |failure| {
        failures.lock().unwrap().push(failure.to_string());
    });
    println!("{summary}");
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert_eq!(summary.seeds, SEEDS);
    // A plan that does nothing would hold as well.
    assert!(summary.records > 50_000 && summary.duplicates > 0, "{summary}");
}

#[test]
fn one_seed_is_one_run() {
    for seed in [7, 47, 155] {
        let traces = [(); 2].map(|()| {
            simulate(seed)
                .map_err(|failure| failure.to_string())
                .unwrap()
                .trace
        });
        let [first, second] = traces.each_ref().map(mirror_simulation::trace::Trace::snapshot);
        let differing = first.iter().zip(&second).find(|(one, other)| one != other);
        assert!(
            differing.is_none(),
            "seed {seed} parts at {}\nand            {}",
            differing.unwrap().0,
            differing.unwrap().1
        );
        assert_eq!(traces[0].hash(), traces[1].hash(), "seed {seed}");
        assert!(first.len() > 100, "seed {seed} does nothing");
    }
}
