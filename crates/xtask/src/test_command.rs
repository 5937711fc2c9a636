//! `cargo xtask test`: everything that must hold before a change lands, in order of cost.
//!
//! One profile (dev, see `docs/adr/0006-test-command-and-profile.md`) and one set of features serve the build, the tests
//! and the binary that the tests on real Kafka start: every cargo call selects the whole workspace, and test targets are
//! chosen by name.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};

use crate::metadata::{self, Package};
use crate::test_summary::TestSummary;
use crate::{requirements, tidy};

/// Test targets that mostly wait (for outages, sessions, elections): they run one test at a time beside the others, which would else wait for
/// them.
const BESIDE: &[&str] = &["e2e_cluster", "e2e_zookeeper"];

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    Tidy,
    /// A command that must exit with 0.
    Run(Vec<String>),
    /// As `Run`, and at least this many test binaries must have run at least one test each.
    RunTests(Vec<String>, usize),
    /// As `RunTests`, and the second command at the same time; what it prints comes when the first is over.
    RunTestsBeside {
        line: Vec<String>,
        beside: Vec<String>,
        binaries_min: usize,
    },
}

/// When what the tests print is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    AsItComes,
    AtTheEnd,
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    action: Action,
    environment: &'static [(&'static str, &'static str)],
}

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

/// `cargo xtask deny`: licences, bans, sources and version floors of everything we link.
pub(crate) fn deny(root: &Path) -> anyhow::Result<()> {
    deny_step().run(root).map(|_| ())
}

/// `cargo xtask docs`: the generated pages; a test of `mirror-config` fails when they are stale.
pub(crate) fn docs(root: &Path) -> anyhow::Result<()> {
    let line = words("cargo run --quiet --package mirror-config --example reference -- docs/reference");
    run_command(&line, &[], root)
}

/// `cargo xtask kafka ..`: the test kit's own binary, for trials by hand.
pub(crate) fn kafka(root: &Path, arguments: &[String]) -> anyhow::Result<()> {
    let [command, rest @ ..] = arguments else {
        bail!("which command? try: cargo xtask kafka up")
    };
    ensure!(
        command == "up",
        "unknown command {command}; there is: cargo xtask kafka up"
    );
    let mut line = words("cargo run --quiet --package integration --bin kafka_up --");
    line.extend_from_slice(rest);
    run_command(&line, &[], root)
}

/// `cargo xtask sim ..`: the simulation's own binary, in the profile of the tests, where overflows are seen.
pub(crate) fn sim(root: &Path, arguments: &[String]) -> anyhow::Result<()> {
    let mut line = words("cargo run --quiet --locked --package mirror-simulation --bin simulate --");
    line.extend_from_slice(arguments);
    run_command(&line, &[], root)
}

/// `cargo xtask show`: the first minute on real Kafka.
pub(crate) fn show(root: &Path) -> anyhow::Result<()> {
    run_command(&words("cargo build --quiet --locked --bin heliostat"), &[], root)?;
    let show = words("cargo run --quiet --locked --package integration --bin show");
    run_command(&show, &[], root)
}

/// `cargo xtask matrix`: every version to every other on real Kafka.
pub(crate) fn matrix(root: &Path) -> anyhow::Result<()> {
    run_command(&words("cargo build --quiet --locked --bin heliostat"), &[], root)?;
    let matrix = words("cargo run --quiet --locked --package integration --bin matrix");
    run_command(&matrix, &[], root)
}

/// `cargo xtask bench race ..`: heliostat beside MirrorMaker, in release.
pub(crate) fn bench(root: &Path, arguments: &[String]) -> anyhow::Result<()> {
    let [command, rest @ ..] = arguments else {
        bail!("which benchmark? try: cargo xtask bench race --help")
    };
    ensure!(
        command == "race" || command == "record_speed",
        "unknown benchmark {command}; there are: race, record_speed"
    );
    run_command(
        &words("cargo build --quiet --release --locked --bin heliostat"),
        &[],
        root,
    )?;
    let mut line = words("cargo run --quiet --release --locked --package benches --bin");
    line.extend([command.clone(), "--".to_owned()]);
    line.extend_from_slice(rest);
    run_command(&line, &[], root)
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
        deny_step(),
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

fn kafka_line(targets: &[String], threads: usize) -> Vec<String> {
    let mut line = words("cargo test --workspace --locked");
    line.extend(
        targets
            .iter()
            .flat_map(|name| ["--test".to_owned(), name.clone()]),
    );
    line.extend(words(&format!("-- --test-threads={threads}")));
    line
}

fn deny_step() -> Step {
    let line = words("cargo deny --workspace --locked check bans licenses sources");
    Step {
        name: "deny",
        action: Action::Run(line),
        environment: &[],
    }
}

/// Names of the test targets, those on real Kafka (`tests/e2e`) first, all others second.
fn test_targets(packages: &[Package]) -> (Vec<String>, Vec<String>) {
    let targets = packages
        .iter()
        .flat_map(|package| &package.targets)
        .filter(|target| target.kind == "test" && target.required_features.is_empty());
    let (kafka, others): (Vec<_>, Vec<_>) = targets.partition(|target| target.root.starts_with("tests/e2e/"));
    let names = |targets: Vec<&metadata::Target>| targets.iter().map(|target| target.name.clone()).collect();
    (names(kafka), names(others))
}

/// Test targets that are only built with features of their package: each with them, as cargo wants them written.
fn featured_test_targets(packages: &[Package]) -> Vec<(String, Vec<String>)> {
    let of_package = |package: &Package| {
        let targets = package.targets.iter().filter(|target| target.kind == "test");
        let featured = targets.filter(|target| !target.required_features.is_empty());
        let named = featured.map(|target| {
            let features = target.required_features.iter();
            let features = features.map(|feature| format!("{}/{feature}", package.name));
            (target.name.clone(), features.collect())
        });
        named.collect::<Vec<_>>()
    };
    packages.iter().flat_map(of_package).collect()
}

fn featured_line(featured: &[(String, Vec<String>)]) -> Vec<String> {
    let features: Vec<&str> = featured
        .iter()
        .flat_map(|(_, features)| features.iter().map(String::as_str))
        .collect();
    let mut line = words("cargo test --workspace --locked --features");
    line.push(features.join(","));
    line.extend(
        featured
            .iter()
            .flat_map(|(name, _)| ["--test".to_owned(), name.clone()]),
    );
    line
}

// === impl Step ===

impl Step {
    /// What a person types to run this step alone.
    fn command_line(&self) -> String {
        let line = match &self.action {
            Action::Tidy => "cargo xtask tidy".to_owned(),
            Action::Run(line) | Action::RunTests(line, _) => line.join(" "),
            Action::RunTestsBeside { line, beside, .. } => {
                format!("{}; {}", line.join(" "), beside.join(" "))
            }
        };
        let settings = self
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={value:?} "));
        settings.collect::<String>() + &line
    }

    fn run(&self, root: &Path) -> anyhow::Result<TestSummary> {
        match &self.action {
            Action::Tidy => tidy::run(root).map(|()| TestSummary::default()),
            Action::Run(line) => run_command(line, self.environment, root).map(|()| TestSummary::default()),
            Action::RunTests(line, binaries_min) => {
                let summary = run_tests(line, root, Output::AsItComes)?;
                at_least(*binaries_min, summary)
            }
            Action::RunTestsBeside {
                line,
                beside,
                binaries_min,
            } => thread::scope(|scope| {
                let running = scope.spawn(|| run_tests(beside, root, Output::AtTheEnd));
                let summary = run_tests(line, root, Output::AsItComes);
                let of_beside = running
                    .join()
                    .map_err(|panic| anyhow!("it panicked: {panic:?}"))?;
                let mut summary = summary?;
                summary.add(of_beside.with_context(|| beside.join(" "))?);
                at_least(*binaries_min, summary)
            }),
        }
    }
}

/// A test binary that ran nothing is as bad as one that failed.
fn at_least(binaries_min: usize, summary: TestSummary) -> anyhow::Result<TestSummary> {
    let binaries = summary.binaries();
    ensure!(
        binaries >= binaries_min,
        "only {binaries} of at least {binaries_min} test binaries ran a test"
    );
    Ok(summary)
}

fn run_command(line: &[String], environment: &[(&str, &str)], root: &Path) -> anyhow::Result<()> {
    let status = command(line, root)?.envs(environment.iter().copied()).status();
    let status = status.with_context(|| format!("{} cannot be started", line[0]))?;
    ensure!(status.success(), "{status}");
    Ok(())
}

/// Shows the output and keeps the runner's summary lines.
fn run_tests(line: &[String], root: &Path, shown: Output) -> anyhow::Result<TestSummary> {
    let mut command = command(line, root)?;
    if shown == Output::AtTheEnd {
        command.stderr(Stdio::null()); // cargo's own lines; the tests' failures are on standard output
    }
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo cannot be started")?;
    let output = child
        .stdout
        .take()
        .context("invariant: standard output was asked for as a pipe")?;
    let mut summary = TestSummary::default();
    let mut problem = Ok(());
    let mut kept = String::new();
    // Tests may print bytes that are not UTF-8: show them as they can be shown.
    for text in BufReader::new(output).split(b'\n') {
        let text = text.context("the tests' output cannot be read")?;
        let text = String::from_utf8_lossy(&text);
        problem = problem.and(summary.handle_line(&text));
        match shown {
            Output::AsItComes => println!("{text}"),
            Output::AtTheEnd => {
                kept.push_str(&text);
                kept.push('\n');
            }
        }
    }
    print!("{kept}");
    let status = child.wait().context("cargo's exit code cannot be read")?;
    ensure!(status.success(), "{status}");
    problem?;
    Ok(summary)
}

fn command(line: &[String], root: &Path) -> anyhow::Result<Command> {
    let (program, arguments) = line.split_first().context("an empty command")?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root);
    Ok(command)
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
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
    fn each_of_two_commands_side_by_side_counts() {
        let step = |line: &str, beside: &str| Step {
            name: "x",
            action: Action::RunTestsBeside {
                line: words(line),
                beside: words(beside),
                binaries_min: 0,
            },
            environment: &[],
        };
        assert!(step("true", "true").run(Path::new(".")).is_ok());
        assert!(step("true", "false").run(Path::new(".")).is_err());
        assert!(step("false", "true").run(Path::new(".")).is_err());
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

    #[test]
    fn a_failing_command_fails_its_step() {
        let step = Step {
            name: "x",
            action: Action::Run(words("false")),
            environment: &[],
        };
        assert!(step.run(Path::new(".")).is_err());
    }

    #[test]
    fn a_run_without_tests_fails_its_step() {
        let step = Step {
            name: "x",
            action: Action::RunTests(words("cargo --version"), 1),
            environment: &[],
        };
        let error = step.run(Path::new(".")).expect_err("no test ran");
        assert!(error.to_string().contains("only 0 of at least 1"), "{error}");
    }
}
