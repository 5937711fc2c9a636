//! The commands of a page of the documentation, so that a test runs what a reader copies.
//!
//! A fenced block of language `sh` is a step. A word behind the language says how it is run: `given` (the reader's own values; the test
//! has others), `mirror` (goes on until the page says Ctrl+C). Where the page presses Ctrl+C it has the comment `<!-- Ctrl+C -->`, and
//! where it opens another shell `<!-- a new shell -->`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// What the reader does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Puts his own values into these lines.
    Given(String),
    /// Runs these lines to their end.
    Run(String),
    /// Starts what goes on running.
    Mirror(String),
    /// Ends it.
    Interrupt,
    /// Goes on in another shell, which knows no variable of the one before.
    NewShell,
}

const INTERRUPT: &str = "<!-- Ctrl+C -->";
const NEW_SHELL: &str = "<!-- a new shell -->";
const FENCE: &str = "```";

/// The steps of a page below `docs`, in order.
pub fn steps(name: &str) -> Result<Vec<Step>> {
    parse(&text(name)?)
}

/// All of a page below `docs`.
pub fn text(name: &str) -> Result<String> {
    let path = docs().join(name);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn parse(text: &str) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line == INTERRUPT {
            steps.push(Step::Interrupt);
        }
        if line == NEW_SHELL {
            steps.push(Step::NewShell);
        }
        let Some(info) = line.strip_prefix(FENCE) else {
            continue;
        };
        let mut block = String::new();
        loop {
            let line = lines.next().context("a block without an end")?;
            if line == FENCE {
                break;
            }
            block.push_str(line);
            block.push('\n');
        }
        match info.split(' ').collect::<Vec<_>>()[..] {
            ["sh"] => steps.push(Step::Run(block)),
            ["sh", "given"] => steps.push(Step::Given(block)),
            ["sh", "mirror"] => steps.push(Step::Mirror(block)),
            _ => ensure!(!info.starts_with("sh"), "nobody knows how to run {info:?}"),
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::{Step, parse};

    #[test]
    fn blocks_in_order_and_other_languages_left_out() {
        let page = "# T\n```sh given\nexport A=1\n```\ntext\n```sh\na\nb\n```\n```toml\nx = 1\n```\n```sh mirror\nm\n```\n<!-- a new shell -->\n<!-- Ctrl+C -->\n";
        let expected = [
            Step::Given("export A=1\n".to_owned()),
            Step::Run("a\nb\n".to_owned()),
            Step::Mirror("m\n".to_owned()),
            Step::NewShell,
            Step::Interrupt,
        ];
        assert_eq!(parse(page).unwrap(), expected);
        assert!(parse("```sh\n").is_err() && parse("```sh later\n```\n").is_err());
    }
}
