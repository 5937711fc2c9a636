//! Which topics a flow mirrors: expressions as MirrorMaker's users write them, always matched against the whole name.
//!
//! Expressions are Java's (`java.util.regex.Pattern`), look-around included, because that is what stands in the files
//! we are a drop-in for: `^(?!_|connect-).*` is everyday use. See `java_syntax` for what is translated and refused.
//!
//! Invariant: a broker's own topics ([`INTERNAL_TOPICS`]) and reserved names ([`TopicFilter::reserving`]) never match,
//! whatever the expressions say.

mod builtin;
mod java_syntax;

use fancy_regex::Regex;

/// The brokers' own state. Copying it to another cluster would corrupt that cluster's groups and transactions.
/// (Java's consumers leave them out by `exclude.internal.topics=true`; the list is `Topic.INTERNAL_TOPICS`.)
pub const INTERNAL_TOPICS: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// Where a flow keeps its positions on its target, when its file names no other topic.
pub const POSITIONS_TOPIC: &str = "heliostat-positions";

/// The topics of one flow: any expression of the include list, none of the exclude list, no internal topic.
#[derive(Debug, Clone)]
pub struct TopicFilter {
    include: Vec<TopicExpression>,
    exclude: Vec<TopicExpression>,
    builtin_exclusions: bool,
    reserved: Vec<String>,
}

/// What a filter says about one topic, with the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicVerdict {
    /// Mirror it.
    Mirrored,
    /// No expression of the include list matches the whole name.
    NotIncluded,
    /// An expression of the exclude list matches the whole name.
    Excluded,
    /// The brokers' own topic.
    Internal,
    /// A built-in exclusion, with its expression; the include list matches.
    BuiltIn(&'static str),
    /// A topic that the mirror itself writes on one of the clusters; the include list matches.
    Reserved,
    /// An expression needs too many steps of backtracking for this name; it is not mirrored, and that is worth a
    /// warning.
    Undecided,
}

/// An expression that cannot be used. `Display` is MirrorMaker's own text; the cause says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{expression} is an invalid regex.")]
pub struct TopicFilterError {
    /// The expression after normalisation, as MirrorMaker quotes it.
    pub expression: String,
    /// What is wrong with it.
    #[source]
    pub cause: ExpressionError,
}

/// Why an expression cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// Java knows it, we do not.
    #[error(
        "{syntax} at character {at} is not supported here; write the characters it stands for as a [class]"
    )]
    Unsupported {
        /// The piece of the expression.
        syntax: String,
        /// Its place in the expression, from 0.
        at: usize,
    },
    /// A brace that begins no repetition. Java refuses it, too.
    #[error(
        "the brace at character {at} begins no repetition like {{2}}; in a topic list a comma means \"or\", so {{1,3}} cannot be written"
    )]
    Brace {
        /// Its place in the expression, from 0.
        at: usize,
    },
    /// The expression ends in the middle of something.
    #[error("the expression ends inside {what}")]
    Incomplete {
        /// What was not finished.
        what: &'static str,
    },
    /// Not a regular expression at all.
    #[error("{0}")]
    Syntax(String),
}

#[derive(Debug, Clone)]
struct TopicExpression {
    whole_name: Regex,
}

// === impl TopicFilter ===

impl TopicFilter {
    /// The value of `--whitelist` or `--include`, normalised as MirrorMaker does (`kafka.consumer.TopicFilter`): trimmed,
    /// each comma made an "or", spaces deleted, quotes stripped at both ends.
    pub fn mirror_maker(raw: &str) -> Result<Self, TopicFilterError> {
        let expression = normalise(raw);
        Ok(Self {
            include: vec![TopicExpression::compile(&expression)?],
            exclude: Vec::new(),
            builtin_exclusions: false,
            reserved: Vec::new(),
        })
    }

    /// The lists of a configuration file; each item is one expression, taken as it is written.
    pub fn from_lists<S: AsRef<str>>(include: &[S], exclude: &[S]) -> Result<Self, TopicFilterError> {
        let compile = |list: &[S]| {
            list.iter()
                .map(|expression| TopicExpression::compile(expression.as_ref()))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            include: compile(include)?,
            exclude: compile(exclude)?,
            builtin_exclusions: false,
            reserved: Vec::new(),
        })
    }

    /// Leaves out what [`Self::builtin_exclusions`] lists, too.
    #[must_use]
    pub fn with_builtin_exclusions(mut self) -> Self {
        self.builtin_exclusions = true;
        self
    }

    /// Never matches these names.
    #[must_use]
    pub fn reserving(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.reserved.extend(names);
        self
    }

    /// The expressions of the built-in exclusions.
    pub fn builtin_exclusions() -> impl Iterator<Item = &'static str> {
        builtin::EXCLUSIONS.into_iter().map(|(expression, _)| expression)
    }

    /// Is this topic mirrored?
    pub fn matches(&self, topic: &str) -> bool {
        self.verdict(topic) == TopicVerdict::Mirrored
    }

    /// Does an expression of the include list match the whole name? Also of a topic that is never mirrored.
    pub fn includes(&self, topic: &str) -> bool {
        any_matches(&self.include, topic) == Some(true)
    }

    /// As [`Self::matches`], with the reason.
    pub fn verdict(&self, topic: &str) -> TopicVerdict {
        if INTERNAL_TOPICS.contains(&topic) {
            return TopicVerdict::Internal;
        }
        match any_matches(&self.exclude, topic) {
            Some(true) => return TopicVerdict::Excluded,
            Some(false) => {}
            None => return TopicVerdict::Undecided,
        }
        match any_matches(&self.include, topic) {
            Some(true) => self.verdict_on_included(topic),
            Some(false) => TopicVerdict::NotIncluded,
            None => TopicVerdict::Undecided,
        }
    }

    fn verdict_on_included(&self, topic: &str) -> TopicVerdict {
        if self.reserved.iter().any(|name| name == topic) {
            return TopicVerdict::Reserved;
        }
        match builtin::exclusion_of(topic) {
            Some(expression) if self.builtin_exclusions => TopicVerdict::BuiltIn(expression),
            _ => TopicVerdict::Mirrored,
        }
    }
}

/// `None` when no expression matches and at least one could not be decided.
fn any_matches(expressions: &[TopicExpression], topic: &str) -> Option<bool> {
    let mut decided = true;
    for expression in expressions {
        match expression.whole_name.is_match(topic) {
            Ok(true) => return Some(true),
            Ok(false) => {}
            Err(_backtracking) => decided = false,
        }
    }
    decided.then_some(false)
}

fn normalise(raw: &str) -> String {
    // Java's trim() cuts everything up to and including the space character, not Unicode's white space.
    let trimmed = raw.trim_matches(|character| character <= ' ');
    let joined = trimmed.replace(',', "|").replace(' ', "");
    joined.trim_matches(['"', '\'']).to_owned()
}

// === impl TopicExpression ===

impl TopicExpression {
    fn compile(expression: &str) -> Result<Self, TopicFilterError> {
        let error = |cause| TopicFilterError {
            expression: expression.to_owned(),
            cause,
        };
        let syntax = |cause: fancy_regex::Error| error(ExpressionError::Syntax(cause.to_string()));
        let translated = java_syntax::translate(expression).map_err(error)?;
        // Alone first: inside the anchors' group `a)|(b` would become a valid expression.
        Regex::new(&translated).map_err(syntax)?;
        let whole_name = Regex::new(&format!(r"\A(?:{translated})\z")).map_err(syntax)?;
        Ok(Self { whole_name })
    }
}

#[cfg(test)]
mod tests;
