//! What a rule reports: where, what, and why the rule exists.

use std::fmt;

/// A house rule: its short name and the sentence a person reads when it is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) reason: &'static str,
}

/// One broken rule at one place. `line` counts from 1; 0 stands for the file as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) what: String,
}

/// Collects what the rules find.
#[derive(Debug, Default)]
pub(crate) struct Report {
    violations: Vec<Violation>,
}

// === impl Report ===

impl Report {
    pub(crate) fn add(&mut self, rule: Rule, path: &str, line: usize, what: impl Into<String>) {
        self.violations.push(Violation {
            rule,
            path: path.to_owned(),
            line,
            what: what.into(),
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.violations.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.violations.len()
    }

    /// `path:line` of every violation, sorted: what the rules' own tests compare.
    #[cfg(test)]
    pub(crate) fn places(&self) -> Vec<String> {
        let mut places: Vec<String> = self
            .violations
            .iter()
            .map(|found| format!("{}:{}", found.path, found.line))
            .collect();
        places.sort();
        places
    }
}

/// One block per rule: its reason first, then every place, so that fifty places do not repeat it.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted: Vec<&Violation> = self.violations.iter().collect();
        sorted.sort();
        let mut current = None;
        for found in sorted {
            if current != Some(found.rule) {
                writeln!(f, "\n{}: {}", found.rule.name, found.rule.reason)?;
                current = Some(found.rule);
            }
            writeln!(f, "  {}:{}: {}", found.path, found.line, found.what)?;
        }
        Ok(())
    }
}
