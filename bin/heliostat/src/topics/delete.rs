//! `heliostat topics delete`: what was named, and nothing that only looks like it.
//!
//! Kafka's tool takes `--topic` for a regular expression, so that `a.b` deletes `a_b` as well. Here it is a name, or several
//! with commas between them, as long as all of its letters may stand in a name. Anything else is an expression, which has to
//! match whole names: what it matches is shown, and deleted with `--force` alone.
//!
//! A topic that holds state of Kafka's or of heliostat's (see `state_topic`) is never deleted by an expression, and by its
//! name with `--force` alone: without `__consumer_offsets` every group of the cluster has lost its positions.

use std::sync::Arc;

use kafka_client::Cluster;
use kafka_console::topics::{self, ListedTopic};
use mirror_core::topic_filter::TopicFilter;
use serde_json::json;

use super::LIMIT;
use super::answer::Answer;
use super::choice::is_names;
use super::state_topic::state_in;
use super::topics_error::{TopicsError, listed};
use crate::console::flag_error::{FlagError, topic_filter};
use crate::console::given::Given;
use crate::report;

pub(super) struct Delete {
    /// As it was given.
    topic: String,
    filter: TopicFilter,
    is_forced: bool,
    must_exist: bool,
}

/// What becomes of a cluster's topics.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    deleted: Vec<Arc<str>>,
    /// One sentence each, on what somebody may think is deleted as well.
    notes: Vec<String>,
}

// === impl Delete ===

impl Delete {
    pub(super) fn of(given: &Given) -> Result<Self, FlagError> {
        let topic = given.required("topic")?;
        Ok(Self {
            topic: topic.to_owned(),
            filter: topic_filter("topic", topic)?,
            is_forced: given.has("force"),
            must_exist: !given.has("if-exists"),
        })
    }

    pub(super) async fn carry_out(&self, cluster: &Cluster) -> Result<Answer, TopicsError> {
        let Plan { deleted, notes } = self.plan(&topics::list(cluster).await?)?;
        for note in notes {
            report::line(&note);
        }
        let done = topics::delete(cluster, &deleted, LIMIT).await;
        done.map_err(|error| TopicsError::or_too_old(error, "delete a topic", "0.10.1"))?;
        let names: Vec<&str> = deleted.iter().map(AsRef::as_ref).collect();
        Ok(Answer {
            text: match names.as_slice() {
                [] => String::new(),
                names => format!("Deleted {}.\n", names.join(", ")),
            },
            json: json!({ "deleted": names }),
        })
    }

    /// # Errors
    /// A topic that was named is not there, or an expression or a state topic was given without `--force`: nothing is
    /// deleted then.
    fn plan(&self, all: &[ListedTopic]) -> Result<Plan, TopicsError> {
        let matching = |topic: &&ListedTopic| self.filter.includes(&topic.name);
        let names = |topics: Vec<&ListedTopic>| -> Vec<Arc<str>> {
            topics.into_iter().map(|topic| Arc::clone(&topic.name)).collect()
        };
        if is_names(&self.topic) {
            return self.by_name(all, &names(all.iter().filter(matching).collect()));
        }
        let (state, matched): (Vec<_>, Vec<_>) = all
            .iter()
            .filter(matching)
            .partition(|topic| state_in(topic).is_some());
        let (state, matched) = (names(state), names(matched));
        if matched.is_empty() && self.must_exist {
            return Err(TopicsError::NothingMatches {
                pattern: self.topic.clone(),
            });
        }
        if !matched.is_empty() && !self.is_forced {
            return Err(TopicsError::Unforced {
                pattern: self.topic.clone(),
                matched,
            });
        }
        let kept = format!(
            "kept {}: what holds state of Kafka's or heliostat's is deleted by its name alone",
            listed(&state)
        );
        Ok(Plan {
            deleted: matched,
            notes: if state.is_empty() { Vec::new() } else { vec![kept] },
        })
    }

    fn by_name(&self, all: &[ListedTopic], matched: &[Arc<str>]) -> Result<Plan, TopicsError> {
        let mut deleted: Vec<Arc<str>> = Vec::new();
        let names = self.topic.split(',').map(str::trim);
        for name in names.filter(|name| !name.is_empty()) {
            match all.iter().find(|topic| *topic.name == *name) {
                Some(topic) if deleted.contains(&topic.name) => {}
                Some(topic)
                    if !self.is_forced
                        && let Some(state) = state_in(topic) =>
                {
                    return Err(TopicsError::HoldsState {
                        topic: Arc::clone(&topic.name),
                        state,
                    });
                }
                Some(topic) => deleted.push(Arc::clone(&topic.name)),
                None if self.must_exist => {
                    return Err(TopicsError::missing(name, all.iter().map(|topic| &*topic.name)));
                }
                None => {}
            }
        }
        let kept: Vec<_> = matched
            .iter()
            .filter(|name| !deleted.contains(name))
            .cloned()
            .collect();
        let note = || {
            let kept = listed(&kept);
            format!(
                "kept {kept}: \"{}\" is taken as a name, not as a regular expression",
                self.topic
            )
        };
        Ok(Plan {
            notes: if kept.is_empty() { Vec::new() } else { vec![note()] },
            deleted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::given;
    use crate::topics::TOOL;

    /// What a line deletes of a cluster with these topics, and its notes; or why nothing.
    fn plan(flags: &str, topics: &[&str]) -> Result<(Vec<String>, Vec<String>), String> {
        let all: Vec<_> = topics
            .iter()
            .map(|name| ListedTopic {
                name: Arc::from(*name),
                is_internal: name.starts_with("__"),
                partitions: 1,
            })
            .collect();
        let delete = given::asked(&TOOL, Delete::of, &format!("--delete {flags}"))?;
        let plan = delete.plan(&all).map_err(|error| error.to_string())?;
        let deleted = plan.deleted.iter().map(ToString::to_string);
        Ok((deleted.collect(), plan.notes))
    }

    fn deleted(flags: &str, topics: &[&str]) -> Vec<String> {
        plan(flags, topics).expect("a plan").0
    }

    #[test]
    fn a_name_with_a_dot_deletes_no_topic_beside_its_own() {
        let (own, notes) = plan("--topic a.b", &["a.b", "a_b", "xa.b"]).expect("a plan");
        assert_eq!(own, ["a.b"]);
        assert_eq!(
            notes,
            ["kept topic a_b: \"a.b\" is taken as a name, not as a regular expression"]
        );
        let missing = plan("--topic a.b --force", &["a_b"]).expect_err("it is not there");
        assert!(missing.starts_with("topic \"a.b\" does not exist"), "{missing}");
        assert_eq!(deleted("--topic a.b --if-exists", &["a_b"]), [""; 0]);
    }

    #[test]
    fn several_names_have_commas_between_them_and_must_all_exist() {
        assert_eq!(deleted("--topic a,c,a", &["a", "b", "c"]), ["a", "c"]);
        let missing = plan("--topic orders,oders2", &["orders", "orders2"]).expect_err("one is not there");
        assert_eq!(missing, "topic \"oders2\" does not exist: did you mean orders2?");
        assert_eq!(deleted("--topic a,z --if-exists", &["a"]), ["a"]);
    }

    #[test]
    fn an_expression_is_shown_first_and_matches_whole_names() {
        let topics = ["test1", "test2", "mytest1"];
        assert_eq!(
            plan("--topic test.*", &topics).expect_err("not forced"),
            "\"test.*\" is a regular expression that matches 2 topics: test1, test2: nothing was deleted; add --force to \
             delete them, or name topics, with commas between them"
        );
        assert_eq!(deleted("--topic test.* --force", &topics), ["test1", "test2"]);
        let nothing = plan("--topic x.* --force", &topics).expect_err("no match");
        assert!(nothing.starts_with("no topic matches \"x.*\""), "{nothing}");
        assert_eq!(deleted("--topic x.* --if-exists", &topics), [""; 0]);
    }

    #[test]
    fn kafkas_and_heliostats_own_topics_are_deleted_by_name_alone() {
        let topics = ["__consumer_offsets", "a", "heliostat-positions"];
        let (forced, notes) = plan("--topic .* --force", &topics).expect("a plan");
        assert_eq!(forced, ["a"]);
        assert_eq!(
            notes,
            [
                "kept 2 topics: __consumer_offsets, heliostat-positions: what holds state of Kafka's or heliostat's is \
              deleted by its name alone"
            ]
        );
    }

    #[test]
    fn the_positions_of_all_groups_are_not_deleted_without_force() {
        let topics = ["__consumer_offsets", "a", "heliostat-positions"];
        for line in [
            "--topic __consumer_offsets",
            "--topic a,__consumer_offsets --if-exists",
        ] {
            assert_eq!(
                plan(line, &topics).expect_err("not forced"),
                "topic \"__consumer_offsets\" holds the positions of every consumer group of the cluster: nothing was \
                 deleted; add --force if that may be lost"
            );
        }
        assert_eq!(
            plan("--topic heliostat-positions", &topics).expect_err("not forced"),
            "topic \"heliostat-positions\" holds the positions of heliostat's flows onto this cluster: nothing was \
             deleted; add --force if that may be lost"
        );
        for topic in ["__consumer_offsets", "heliostat-positions"] {
            assert_eq!(deleted(&format!("--topic {topic} --force"), &topics), [topic]);
        }
    }
}
