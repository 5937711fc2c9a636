//! Reads the summary lines that cargo's test runner prints, because exit code 0 alone does not say that a test ran.

use anyhow::{Context, ensure};

/// The summaries of one or more test binaries.
#[derive(Debug, Default)]
pub(crate) struct TestSummary {
    lines: Vec<String>,
    passed: u64,
    failed: u64,
}

// === impl TestSummary ===

impl TestSummary {
    /// Takes one line of a test run's output; other lines than summaries are ignored.
    pub(crate) fn handle_line(&mut self, line: &str) -> anyhow::Result<()> {
        let Some(counts) = line.strip_prefix("test result: ") else {
            return Ok(());
        };
        let count = |word: &str| {
            let before = counts
                .split_once(&format!(" {word}"))
                .with_context(|| format!("no {word} in: {line}"))?
                .0;
            let number = before.rsplit([' ', ';']).next().unwrap_or_default();
            number
                .parse::<u64>()
                .with_context(|| format!("{word} is not counted in: {line}"))
        };
        let passed = count("passed")?;
        self.passed += passed;
        self.failed += count("failed")?;
        ensure!(
            count("ignored")? == 0,
            "a test was ignored, and a test that does not run proves nothing: {line}"
        );
        ensure!(
            count("filtered out")? == 0,
            "a test was filtered out, so this was not all of them: {line}"
        );
        if passed > 0 {
            self.lines.push(line.to_owned());
        }
        Ok(())
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.lines.extend(other.lines);
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// How many test binaries ran at least one test.
    pub(crate) fn binaries(&self) -> usize {
        self.lines.len()
    }

    /// The runner's own lines, then the sum.
    pub(crate) fn print(&self) {
        for line in &self.lines {
            println!("{line}");
        }
        println!("{} passed, {} failed", self.passed, self.failed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";

    #[test]
    fn counts_add_up() {
        let mut summary = TestSummary::default();
        summary
            .handle_line("test a::b ... ok")
            .expect("no summary, no matter");
        summary.handle_line(GOOD).expect("good");
        let mut other = TestSummary::default();
        other
            .handle_line(&GOOD.replace("12 passed; 0 failed", "3 passed; 2 failed"))
            .expect("still readable");
        other
            .handle_line(&GOOD.replace("12", "0"))
            .expect("an empty binary");
        summary.add(other);
        assert_eq!((summary.passed, summary.failed, summary.binaries()), (15, 2, 2));
    }

    #[test]
    fn what_did_not_run_is_an_error() {
        for bad in ["0 ignored", "0 filtered out"] {
            let line = GOOD.replace(bad, &bad.replace('0', "1"));
            assert!(TestSummary::default().handle_line(&line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_summary_of_another_shape_is_an_error() {
        assert!(
            TestSummary::default()
                .handle_line("test result: splendid")
                .is_err()
        );
    }
}
