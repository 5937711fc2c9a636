//! What the test command needs from the machine, checked before the first step: a missing tool is an error that names
//! the package to install, never a skipped test.

use std::process::{Command, Stdio};

use anyhow::bail;

/// The version of cargo-deny that `.ci/run` installs; its checks and its configuration format change between versions.
pub(crate) const CARGO_DENY_VERSION: &str = "0.20.2";

struct Requirement {
    /// A command that succeeds, without output of interest, when the tool is usable.
    probe: &'static [&'static str],
    needed_for: &'static str,
    install: &'static str,
}

const ALWAYS: &[Requirement] = &[
    Requirement {
        probe: &["git", "--version"],
        needed_for: "tidy lists the files with it",
        install: "apt-get install git",
    },
    Requirement {
        probe: &["cc", "--version"],
        needed_for: "zstd is C and compiled here",
        install: "apt-get install gcc libc6-dev",
    },
    Requirement {
        probe: &["cargo", "fmt", "--version"],
        needed_for: "the format check",
        install: "rustup component add rustfmt",
    },
    Requirement {
        probe: &["cargo", "clippy", "--version"],
        needed_for: "the lints",
        install: "rustup component add clippy",
    },
];

const REAL_KAFKA: &[Requirement] = &[
    Requirement {
        probe: &["java", "-version"],
        needed_for: "real Kafka brokers and Java's own clients run on it",
        install: "apt-get install openjdk-17-jdk-headless",
    },
    Requirement {
        probe: &["javac", "-version"],
        needed_for: "the test kit's Java programs are compiled with it",
        install: "apt-get install openjdk-17-jdk-headless",
    },
    Requirement {
        probe: &["mvn", "--version"],
        needed_for: "Kafka's jars come through it",
        install: "apt-get install maven",
    },
    Requirement {
        probe: &["python3", "-c", "import ensurepip, venv"],
        needed_for: "librdkafka, the second independent client, comes as a Python wheel into an environment of its own",
        install: "apt-get install python3-venv",
    },
    Requirement {
        probe: &["promtool", "--version"],
        needed_for: "a real Prometheus scrapes the mirror, and tries the alerting rules",
        install: "apt-get install prometheus",
    },
];

/// Checks everything at once, so that one message names all that is missing.
pub(crate) fn check(real_kafka: bool) -> anyhow::Result<()> {
    let wanted = ALWAYS.iter().chain(REAL_KAFKA.iter().filter(|_| real_kafka));
    let mut missing: Vec<String> = wanted
        .filter(|requirement| !succeeds(requirement.probe))
        .map(|requirement| {
            let command = requirement.probe.join(" ");
            format!(
                "  {command}: fails ({}); on Debian: {}",
                requirement.needed_for, requirement.install
            )
        })
        .collect();
    missing.extend(deny_problem());
    if missing.is_empty() {
        return Ok(());
    }
    bail!(
        "this machine lacks what the test command needs:\n{}",
        missing.join("\n")
    )
}

fn deny_problem() -> Option<String> {
    let found = Command::new("cargo")
        .args(["deny", "--version"])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let found = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    let is_wanted = found.split(' ').nth(1) == Some(CARGO_DENY_VERSION);
    let found = if found.is_empty() { "missing" } else { &found };
    (!is_wanted).then(|| {
        format!("  cargo deny: {found}; cargo install cargo-deny --locked --version {CARGO_DENY_VERSION}")
    })
}

fn succeeds(probe: &[&str]) -> bool {
    let Some((program, arguments)) = probe.split_first() else {
        return false;
    };
    let outcome = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    outcome.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_tells_a_missing_tool_from_a_present_one() {
        assert!(succeeds(&["cargo", "--version"]));
        assert!(!succeeds(&["cargo", "no-such-command"]));
        assert!(!succeeds(&["no-such-program-anywhere"]));
    }

    #[test]
    fn ci_installs_the_version_that_is_asked_for_here() {
        let script = include_str!("../../../.ci/run");
        assert!(script.contains(&format!("cargo_deny_version={CARGO_DENY_VERSION}\n")));
    }

    #[test]
    fn ci_installs_every_debian_package_that_is_asked_for_here() {
        let script = include_str!("../../../.ci/run");
        for requirement in ALWAYS.iter().chain(REAL_KAFKA) {
            if let Some(packages) = requirement.install.strip_prefix("apt-get install ") {
                for package in packages.split(' ') {
                    assert!(script.contains(package), ".ci/run does not install {package}");
                }
            }
        }
    }
}
