//! Commands that run to their end in the workspace's folder.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::test_summary::TestSummary;

/// When what the tests print is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    AsItComes,
    AtTheEnd,
}

pub(crate) fn run_command(line: &[String], environment: &[(&str, &str)], root: &Path) -> anyhow::Result<()> {
    let status = command(line, root)?.envs(environment.iter().copied()).status();
    let status = status.with_context(|| format!("{} cannot be started", line[0]))?;
    ensure!(status.success(), "{status}");
    Ok(())
}

/// Shows the output and keeps the runner's summary lines.
pub(crate) fn run_tests(line: &[String], root: &Path, shown: Output) -> anyhow::Result<TestSummary> {
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

pub(crate) fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}
