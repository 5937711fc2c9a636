//! What a topic is called on the target.

use std::sync::Arc;

/// The rule from a topic's name on the source to its name on the target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rename {
    /// Stands in front of the source's name; empty keeps the name.
    pub prefix: String,
}

// === impl Rename ===

impl Rename {
    /// The name on the target. Without a prefix it is the very same allocation.
    pub fn target_name(&self, source: &Arc<str>) -> Arc<str> {
        if self.prefix.is_empty() {
            Arc::clone(source)
        } else {
            Arc::from(format!("{}{source}", self.prefix))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Rename;

    #[test]
    fn a_prefix_stands_in_front() {
        let rename = Rename {
            prefix: "eu.".to_owned(),
        };
        assert_eq!(&*rename.target_name(&Arc::from("orders")), "eu.orders");
    }

    #[test]
    fn without_a_prefix_nothing_is_allocated() {
        let source: Arc<str> = Arc::from("orders");
        assert!(Arc::ptr_eq(&Rename::default().target_name(&source), &source));
    }
}
