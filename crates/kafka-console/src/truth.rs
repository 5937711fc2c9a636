//! Properties that are true or false.

/// A property whose value is neither.
///
/// Kafka's tools take everything but `true` for false (`trim().equalsIgnoreCase("true")` in `LineMessageReader` and
/// `DefaultMessageFormatter`), so that `parse.key=yes` writes keys into values, and nobody is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is neither true nor false, but {text:?}: write {name}=true or {name}=false")]
pub struct NotTrueOrFalse {
    /// The property.
    pub name: &'static str,
    /// Its value.
    pub text: String,
}

/// What a property says, in letters of any case and with spaces around it; `None` where it is not set.
pub(crate) fn truth(name: &'static str, text: Option<String>) -> Result<Option<bool>, NotTrueOrFalse> {
    let Some(text) = text else { return Ok(None) };
    let word = text.trim();
    if word.eq_ignore_ascii_case("true") {
        Ok(Some(true))
    } else if word.eq_ignore_ascii_case("false") {
        Ok(Some(false))
    } else {
        Err(NotTrueOrFalse { name, text })
    }
}
