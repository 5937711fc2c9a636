//! One step of the test command: what it runs, and when it has failed.

use std::path::Path;
use std::thread;

use anyhow::{Context, anyhow, ensure};

use crate::process::{Output, run_command, run_tests};
use crate::test_summary::TestSummary;
use crate::tidy;

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
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

#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) action: Action,
    pub(super) environment: &'static [(&'static str, &'static str)],
}

// === impl Step ===

impl Step {
    /// What a person types to run this step alone.
    pub(super) fn command_line(&self) -> String {
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

    pub(super) fn run(&self, root: &Path) -> anyhow::Result<TestSummary> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::words;

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
