//! `cargo xtask test`: everything that must hold before a change lands, in order of cost.
//!
//! One profile (dev, see `docs/adr/0006-test-command-and-profile.md`) and one set of features serve the build, the tests
//! and the binary that the tests on real Kafka start: every cargo call selects the whole workspace, and test targets are
//! chosen by name.

mod step;
mod targets;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;

use self::step::{Action, Step};
use self::targets::{featured_line, featured_test_targets, kafka_line, test_targets};
use crate::errands::DENY;
use crate::metadata::{self, Package};
use crate::process::words;
use crate::requirements;
use crate::test_summary::TestSummary;

/// Test targets that mostly wait (for outages, sessions, elections): they run one test at a time beside the others, which
/// would else wait for them.
const BESIDE: &[&str] = &["e2e_cluster", "e2e_zookeeper"];

/// Runs all steps, or all but those that start real Kafka brokers when `fast`.
pub(crate) fn run(root: &Path, fast: bool) -> anyhow::Result<()> {
    requirements::check(!fast)?;
    let steps = steps(&metadata::read(root)?, fast);
    let mut times: Vec<(&str, Duration)> = Vec::new();
    let mut tests = TestSummary::default();
    for step in &steps {
        println!("\n=== {}: {}", step.name, step.command_line());
        let started = Instant::now();
        let outcome = step.run(root);
        times.push((step.name, started.elapsed()));
        match outcome {
            Ok(summary) => tests.add(summary),
            Err(error) => {
                print_times(&times);
                bail!(
                    "step {} failed ({error:#}); to run it alone: {}",
                    step.name,
                    step.command_line()
                );
            }
        }
    }
    print_times(&times);
    println!();
    tests.print();
    if fast {
        println!("(--fast: nothing was tried on real Kafka)");
    }
    Ok(())
}

fn steps(packages: &[Package], fast: bool) -> Vec<Step> {
    let (kafka, others) = test_targets(packages);
    let featured = featured_test_targets(packages);
    let step = |name, action| Step {
        name,
        action,
        environment: &[],
    };
    let mut unit = words("cargo test --workspace --locked --lib --bins");
    unit.extend(others.iter().flat_map(|name| ["--test".to_owned(), name.clone()]));
    let mut steps = vec![
        step("format", Action::Run(words("cargo fmt --all --check"))),
        step("tidy", Action::Tidy),
        step(
            "clippy",
            Action::Run(words(
                "cargo clippy --workspace --all-targets --locked -- -D warnings",
            )),
        ),
        step(
            "build",
            Action::Run(words("cargo build --workspace --all-targets --locked")),
        ),
        step(
            "unit and property tests",
            Action::RunTests(unit, 1 + others.len()),
        ),
        step(
            "doc tests",
            Action::RunTests(words("cargo test --workspace --locked --doc"), 0),
        ),
        Step {
            name: "docs",
            action: Action::Run(words(
                "cargo doc --workspace --no-deps --document-private-items --locked",
            )),
            environment: &[("RUSTDOCFLAGS", "-D warnings")],
        },
        step("deny", Action::Run(words(DENY))),
    ];
    if !featured.is_empty() {
        // After the others, in a build of their own: what is planted for these tests is in nothing else.
        steps.push(step(
            "tests with features of their own",
            Action::RunTests(featured_line(&featured), featured.len()),
        ));
    }
    if !fast {
        let binaries_min = kafka.len().max(1);
        let (beside, others): (Vec<_>, Vec<_>) = kafka
            .into_iter()
            .partition(|name| BESIDE.contains(&name.as_str()));
        // They mostly wait for brokers: three at a time fit on two cores, and more would starve each other.
        let line = kafka_line(&others, 2);
        let action = if beside.is_empty() {
            Action::RunTests(line, binaries_min)
        } else {
            Action::RunTestsBeside {
                line,
                beside: kafka_line(&beside, 1),
                binaries_min,
            }
        };
        steps.push(step("tests on real Kafka", action));
    }
    steps
}

fn print_times(times: &[(&str, Duration)]) {
    println!("\n=== times");
    for (name, time) in times {
        println!("{:>7.1} s  {name}", time.as_secs_f64());
    }
    let total: Duration = times.iter().map(|(_, time)| *time).sum();
    println!("{:>7.1} s  in all", total.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Target;

    fn packages() -> Vec<Package> {
        let target = |name: &str, kind: &str, root: &str| Target {
            name: name.into(),
            kind: kind.into(),
            root: root.into(),
            required_features: Vec::new(),
        };
        let package = |name: &str, targets| Package {
            name: name.into(),
            targets,
            ..Package::default()
        };
        let bugs = Target {
            required_features: vec!["seeded-bugs".into()],
            ..target(
                "seeded_bugs",
                "test",
                "crates/mirror-simulation/tests/seeded_bugs.rs",
            )
        };
        vec![
            package("mirror-simulation", vec![bugs]),
            package(
                "kafka-client",
                vec![target("peer", "test", "crates/kafka-client/tests/peer.rs")],
            ),
            package(
                "integration",
                vec![
                    target("integration", "lib", "tests/src/lib.rs"),
                    target("e2e_codecs", "test", "tests/e2e/codecs.rs"),
                    target("e2e_cluster", "test", "tests/e2e/cluster.rs"),
                    target("flows", "test", "tests/flows/main.rs"),
                ],
            ),
        ]
    }

    #[test]
    fn every_test_target_runs_in_exactly_one_step() {
        let lines: Vec<String> = steps(&packages(), false).iter().map(Step::command_line).collect();
        for name in ["peer", "e2e_codecs", "e2e_cluster", "flows", "seeded_bugs"] {
            let runs = lines
                .iter()
                .filter(|line| line.contains(&format!("--test {name}")))
                .count();
            assert_eq!(runs, 1, "{name} in {lines:?}");
        }
    }

    #[test]
    fn fast_leaves_out_real_kafka_and_nothing_else() {
        let all = steps(&packages(), false);
        let fast = steps(&packages(), true);
        let left_out: Vec<&str> = all
            .iter()
            .map(|step| step.name)
            .filter(|name| !fast.iter().any(|step| step.name == *name))
            .collect();
        assert_eq!(left_out, ["tests on real Kafka"]);
    }

    #[test]
    fn without_tests_on_real_kafka_their_step_cannot_pass() {
        let steps = steps(&packages()[..2], false);
        let last = steps.last().expect("there are steps");
        assert!(matches!(last.action, Action::RunTests(_, 1..)), "{last:?}");
    }
}
