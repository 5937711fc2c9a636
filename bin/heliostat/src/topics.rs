//! `heliostat topics`: what `kafka-topics.sh` does, with its flags, on brokers of every age.
//!
//! The action is a word (`topics list`) or Kafka's flag (`topics --list`).

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Command;
use kafka_client::Cluster;
use kafka_client::admin::NewTopic;
use kafka_console::ConsoleError;
use kafka_console::topics::{self, ListedTopic, TopicDescription};
use kafka_wire::ErrorCode;
use kafka_wire::ids::NodeId;
use mirror_config::known::Side;
use mirror_core::topic_filter::TopicFilter;
use serde_json::{Value, json};

use crate::console::client_properties::ClientProperties;
use crate::console::connect::Way;
use crate::console::flags::{Flag, FlagError, Given, switch, value};
use crate::console::{describe, failed, help};
use crate::output::{self, Cell, Format, Table, Tone, number, text};
use crate::preflight::ask;
use crate::report;

pub(crate) const NAME: &str = "topics";

/// How long a created topic may take to be served, and a deleted one to be gone.
const LIMIT: Duration = Duration::from_secs(30);

/// The actions, as words and as flags.
const ACTIONS: [&str; 5] = ["create", "list", "describe", "alter", "delete"];

static FLAGS: &[Flag] = &[
    switch(
        "create",
        "Create a topic, and wait until its partitions are served",
    ),
    switch("list", "List the topics"),
    switch(
        "describe",
        "Show partitions, leaders, replicas and changed settings",
    ),
    switch("alter", "Give a topic more partitions"),
    switch("delete", "Delete topics, and wait until they are gone"),
    value("bootstrap-server", "HOST:PORT,..", "Brokers to ask first"),
    value(
        "zookeeper",
        "HOST:PORT,../CHROOT",
        "ZooKeeper, which knows the brokers (before Kafka 4.0)",
    ),
    value("command-config", "FILE", "Properties of a Java client"),
    value(
        "topic",
        "TOPIC",
        "The topic; but for --create a regular expression",
    ),
    value(
        "partitions",
        "COUNT",
        "Partitions of the topic; without it the brokers' default (Kafka 2.4)",
    ),
    value(
        "replication-factor",
        "COUNT",
        "Replicas of each; without it the brokers' default (Kafka 2.4)",
    ),
    value(
        "config",
        "KEY=VALUE",
        "A setting of the topic to create; may be repeated",
    ),
    switch("if-not-exists", "Create only what is not there"),
    switch("if-exists", "It is no error if the topic is not there"),
    switch("exclude-internal", "Leave out Kafka's own topics"),
    value("output", "FORMAT", "table (the default) or json"),
    switch("help", "Show this"),
];

/// The description for help and completion.
pub(crate) fn command() -> Command {
    let about = "Create, list, describe, grow and delete topics, with the flags of kafka-topics.sh";
    let command = describe(Command::new(NAME).about(about), FLAGS);
    command.arg(
        clap::Arg::new("action")
            .value_parser(ACTIONS)
            .help("What to do; the same as the flag of that name"),
    )
}

/// Does what the arguments behind the command's name say.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    // The action as a word is the action as a flag.
    let mut arguments = arguments.to_vec();
    if let Some(first) = arguments.first_mut()
        && ACTIONS.iter().any(|action| first == *action)
    {
        let mut flag = OsString::from("--");
        flag.push(&first);
        *first = flag;
    }
    let given = match Given::read(&arguments, FLAGS) {
        Ok(given) => given,
        Err(error) => return failed(&error),
    };
    if given.has("help") || arguments.is_empty() {
        return help(command());
    }
    let (asked, way) = match Asked::of(&given) {
        Ok(asked) => asked,
        Err(error) => return failed(&error),
    };
    let done = ask(async {
        match way.connect().await {
            Ok(cluster) => asked.carry_out(&cluster).await.map_err(|error| failed(&error)),
            Err(error) => Err(failed(&error)),
        }
    });
    match done {
        Ok(Ok(answer)) => match answer.print(asked.format) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error),
        },
        Ok(Err(code)) => code,
        Err(error) => failed(&error),
    }
}

struct Asked {
    action: Action,
    format: Format,
}

enum Action {
    Create { topic: NewTopic, unless_it_exists: bool },
    List { choice: Choice },
    Describe { choice: Choice, must_exist: bool },
    Alter { topic: Arc<str>, partitions: i32 },
    Delete { choice: Choice, must_exist: bool },
}

/// Which topics.
struct Choice {
    /// As it was given; a name or an expression.
    topic: Option<String>,
    filter: Option<TopicFilter>,
    without_internal: bool,
}

/// What there is to say.
enum Answer {
    Done { words: String, json: Value },
    Listed(Vec<ListedTopic>),
    Described(Vec<TopicDescription>),
}

// === impl Asked ===

impl Asked {
    fn of(given: &Given) -> Result<(Self, Way), FlagError> {
        let mut actions = ACTIONS.iter().filter(|action| given.has(action));
        let (Some(action), None) = (actions.next(), actions.next()) else {
            let text =
                "Command must include exactly one action: --list, --describe, --create, --alter or --delete";
            return Err(FlagError::Wrong(text.to_owned()));
        };
        let only_for = [
            ("config", &["create"][..]),
            ("partitions", &["create", "alter"]),
            ("replication-factor", &["create"]),
            ("if-not-exists", &["create"]),
            ("if-exists", &["alter", "delete", "describe"]),
            ("exclude-internal", &["list", "describe"]),
        ];
        for (flag, fitting) in only_for {
            let others: Vec<&str> = ACTIONS
                .into_iter()
                .filter(|action| !fitting.contains(action))
                .collect();
            given.excludes(flag, &others)?;
        }
        let properties = ClientProperties::read(given.one("command-config")?, given.pairs(&[]))?;
        let way = Way::of(given, &["bootstrap-server"], &properties, "heliostat-topics")?;
        properties.settle(Side::Producer, NAME)?;
        let must_exist = !given.has("if-exists");
        let action = match *action {
            "create" => Action::Create {
                topic: new_topic(given)?,
                unless_it_exists: given.has("if-not-exists"),
            },
            "list" => Action::List {
                choice: Choice::of(given)?,
            },
            "describe" => Action::Describe {
                choice: Choice::of(given)?,
                must_exist,
            },
            "alter" => Action::Alter {
                topic: given.required("topic")?.into(),
                partitions: partitions(given)?.ok_or(FlagError::Required("partitions"))?,
            },
            _ => {
                given.required("topic")?;
                let choice = Choice::of(given)?;
                Action::Delete { choice, must_exist }
            }
        };
        let format = match given.one("output")? {
            None | Some("table") => Format::Table,
            Some("json") => Format::Json,
            Some(other) => {
                return Err(crate::console::flags::invalid(
                    "output",
                    other,
                    "use table or json",
                ));
            }
        };
        Ok((Self { action, format }, way))
    }

    async fn carry_out(&self, cluster: &Cluster) -> Result<Answer, ConsoleError> {
        match &self.action {
            Action::Create {
                topic,
                unless_it_exists,
            } => create(cluster, topic, *unless_it_exists).await,
            Action::List { choice } => Ok(Answer::Listed(choice.of_cluster(cluster).await?)),
            Action::Describe { choice, must_exist } => {
                let names = choice.names(cluster, *must_exist).await?;
                Ok(Answer::Described(topics::describe(cluster, &names).await?))
            }
            Action::Alter { topic, partitions } => {
                topics::grow(cluster, topic, *partitions, LIMIT).await?;
                Ok(Answer::Done {
                    words: format!("Topic {topic} has {partitions} partitions."),
                    json: json!({ "altered": topic.as_ref(), "partitions": partitions }),
                })
            }
            Action::Delete { choice, must_exist } => {
                let names = choice.names(cluster, *must_exist).await?;
                topics::delete(cluster, &names, LIMIT).await?;
                let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
                Ok(Answer::Done {
                    words: match names.as_slice() {
                        [] => String::new(),
                        names => format!("Deleted {}.", names.join(", ")),
                    },
                    json: json!({ "deleted": names }),
                })
            }
        }
    }
}

async fn create(cluster: &Cluster, topic: &NewTopic, unless_it_exists: bool) -> Result<Answer, ConsoleError> {
    let name = topic.name.as_ref();
    if name.contains(['.', '_']) {
        report::line(
            "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. \
             To avoid issues it is best to use either, but not both.",
        );
    }
    match topics::create(cluster, topic, LIMIT).await {
        Ok(()) => Ok(Answer::Done {
            words: format!("Created topic {name}."),
            json: json!({ "created": name }),
        }),
        Err(ConsoleError::Call { reason, .. })
            if unless_it_exists && reason.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) =>
        {
            Ok(Answer::Done {
                words: format!("Topic {name} exists."),
                json: json!({ "exists": name }),
            })
        }
        Err(error) => Err(error),
    }
}

fn new_topic(given: &Given) -> Result<NewTopic, FlagError> {
    let advice = "use a number from 1 to 32767";
    let replication_factor: Option<i16> = given.number("replication-factor", advice)?;
    if let Some(factor) = replication_factor.filter(|factor| *factor < 1) {
        return Err(crate::console::flags::invalid(
            "replication-factor",
            &factor.to_string(),
            advice,
        ));
    }
    let configs = given.all(&["config"]).into_iter().map(|pair| {
        let split = pair
            .split_once('=')
            .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()));
        split.ok_or_else(|| crate::console::flags::invalid("config", pair, "write KEY=VALUE"))
    });
    Ok(NewTopic {
        name: given.required("topic")?.into(),
        partitions: partitions(given)?.unwrap_or(-1),
        replication_factor: replication_factor.unwrap_or(-1),
        configs: configs.collect::<Result<_, _>>()?,
    })
}

fn partitions(given: &Given) -> Result<Option<i32>, FlagError> {
    let advice = "use a number greater than 0";
    match given.number::<i32>("partitions", advice)? {
        Some(count) if count < 1 => Err(crate::console::flags::invalid(
            "partitions",
            &count.to_string(),
            advice,
        )),
        count => Ok(count),
    }
}

// === impl Choice ===

impl Choice {
    fn of(given: &Given) -> Result<Self, FlagError> {
        let topic = given.one("topic")?;
        let filter = topic.map(TopicFilter::mirror_maker).transpose();
        let filter = filter.map_err(|error| FlagError::Wrong(format!("--topic: {error}")))?;
        Ok(Self {
            topic: topic.map(str::to_owned),
            filter,
            without_internal: given.has("exclude-internal"),
        })
    }

    async fn of_cluster(&self, cluster: &Cluster) -> Result<Vec<ListedTopic>, ConsoleError> {
        let mut listed = topics::list(cluster).await?;
        listed.retain(|topic| self.holds(topic));
        Ok(listed)
    }

    fn holds(&self, topic: &ListedTopic) -> bool {
        let is_meant = match (&self.topic, &self.filter) {
            (Some(name), _) if **name == *topic.name => true,
            (_, Some(filter)) => filter.matches(&topic.name),
            (_, None) => true,
        };
        is_meant && !(topic.is_internal && self.without_internal)
    }

    /// The names, at least one unless they need not exist.
    async fn names(&self, cluster: &Cluster, must_exist: bool) -> Result<Vec<Arc<str>>, ConsoleError> {
        let names = self
            .of_cluster(cluster)
            .await?
            .into_iter()
            .map(|topic| topic.name);
        let names: Vec<_> = names.collect();
        match &self.topic {
            Some(topic) if names.is_empty() && must_exist => Err(ConsoleError::UnknownTopic {
                topic: topic.clone(),
                after: Duration::ZERO,
            }),
            Some(_) | None => Ok(names),
        }
    }
}

// === impl Answer ===

impl Answer {
    fn print(&self, format: Format) -> io::Result<()> {
        match (format, self) {
            (Format::Table, Self::Done { words, .. }) if words.is_empty() => Ok(()),
            (Format::Table, Self::Done { words, .. }) => output::print(&format!("{}\n", words.trim_end())),
            (Format::Table, Self::Listed(listed)) => {
                let names = listed.iter().map(|topic| format!("{}\n", topic.name));
                output::print(&names.collect::<String>())
            }
            (Format::Table, Self::Described(described)) => {
                output::print(&tables(described, output::is_coloured()))
            }
            (Format::Json, Self::Done { json, .. }) => output::json(json),
            (Format::Json, Self::Listed(listed)) => {
                let topics = listed
                    .iter()
                    .map(|topic| json!({ "name": topic.name.as_ref(), "internal": topic.is_internal }));
                output::json(&json!({ "topics": topics.collect::<Vec<_>>() }))
            }
            (Format::Json, Self::Described(described)) => {
                let topics: Vec<_> = described.iter().map(topic_json).collect();
                output::json(&json!({ "topics": topics }))
            }
        }
    }
}

/// For each topic a line as Kafka's tool has it, and its partitions.
fn tables(described: &[TopicDescription], coloured: bool) -> String {
    let mut out = String::new();
    for topic in described {
        let id = if topic.topic_id.is_zero() {
            String::new()
        } else {
            format!("\tTopicId: {}", topic.topic_id)
        };
        let settings = match &topic.settings {
            None => "unknown (the brokers are from before Kafka 0.11)".to_owned(),
            Some(settings) => {
                let pairs: Vec<_> = settings
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect();
                pairs.join(",")
            }
        };
        out.push_str(&format_line(topic, &id, &settings));
        let mut table = Table::new(&[
            number("partition"),
            number("leader"),
            text("replicas"),
            text("in sync"),
            text("state"),
        ]);
        for partition in &topic.partitions {
            let lacks = partition.in_sync.len() < partition.replicas.len();
            let state = match partition.leader {
                None => Cell::new("no leader", Tone::Bad),
                Some(_) if lacks => Cell::new("replicas lag", Tone::Caution),
                Some(_) => Cell::new("ok", Tone::Good),
            };
            table.row([
                partition.partition.to_string().into(),
                partition
                    .leader
                    .map_or("none".to_owned(), |leader| leader.to_string())
                    .into(),
                ids(&partition.replicas).into(),
                ids(&partition.in_sync).into(),
                state,
            ]);
        }
        out.push_str(&table.render(coloured));
    }
    out
}

fn format_line(topic: &TopicDescription, id: &str, settings: &str) -> String {
    format!(
        "Topic: {}{id}\tPartitionCount: {}\tReplicationFactor: {}\tConfigs: {settings}\n",
        topic.name,
        topic.partitions.len(),
        topic.replication_factor()
    )
}

fn ids(nodes: &[NodeId]) -> String {
    let ids: Vec<_> = nodes.iter().map(ToString::to_string).collect();
    ids.join(",")
}

fn topic_json(topic: &TopicDescription) -> Value {
    let numbers = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect::<Vec<_>>();
    let partitions = topic.partitions.iter().map(|partition| {
        json!({
            "partition": partition.partition,
            "leader": partition.leader.map(|leader| leader.0),
            "replicas": numbers(&partition.replicas),
            "in_sync": numbers(&partition.in_sync),
        })
    });
    json!({
        "name": topic.name.as_ref(),
        "topic_id": (!topic.topic_id.is_zero()).then(|| topic.topic_id.to_string()),
        "replication_factor": topic.replication_factor(),
        "partitions": partitions.collect::<Vec<_>>(),
        "settings": topic.settings,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kafka_console::topics::PartitionDescription;
    use kafka_wire::ids::TopicId;

    use super::*;

    fn asked(line: &str) -> Result<Action, String> {
        let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let given = Given::read(&arguments, FLAGS).map_err(|error| error.to_string())?;
        Asked::of(&given)
            .map(|(asked, _)| asked.action)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_walk_throughs_lines_are_understood() {
        let zookeeper = "zk0-source.x:2181,zk1-source.x:2181";
        let create = format!(
            "--create --replication-factor 2 --partitions 8 --topic testtopic --zookeeper {zookeeper}"
        );
        let Ok(Action::Create { topic, .. }) = asked(&create) else {
            panic!("{create}")
        };
        assert_eq!(
            (&*topic.name, topic.partitions, topic.replication_factor),
            ("testtopic", 8, 2)
        );
        assert!(matches!(
            asked(&format!("--list --zookeeper {zookeeper}")),
            Ok(Action::List { .. })
        ));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (line, words) in [
            ("--bootstrap-server a:1", "exactly one action"),
            ("--list --create --bootstrap-server a:1", "exactly one action"),
            ("--list", "bootstrap-server"),
            ("--list --bootstrap-server a", "has no port"),
            ("--list --bootstrap-server a:1 --zookeeper b:1", "Only one of"),
            (
                "--list --bootstrap-server a:1 --partitions 2",
                "can't be used with",
            ),
            ("--create --bootstrap-server a:1", "\"[topic]\""),
            (
                "--create --bootstrap-server a:1 --topic t --partitions 0",
                "greater than 0",
            ),
            (
                "--create --bootstrap-server a:1 --topic t --config x",
                "KEY=VALUE",
            ),
            ("--delete --bootstrap-server a:1", "\"[topic]\""),
            ("--alter --bootstrap-server a:1 --topic t", "\"[partitions]\""),
        ] {
            let error = asked(line).err().unwrap_or_default();
            assert!(error.contains(words), "{line}: {error}");
        }
    }

    #[test]
    fn a_description_shows_what_is_wrong() {
        let partition = |partition, leader: Option<i32>, in_sync: &[i32]| PartitionDescription {
            partition,
            leader: leader.map(NodeId),
            replicas: vec![NodeId(1), NodeId(2)],
            in_sync: in_sync.iter().copied().map(NodeId).collect(),
        };
        let topic = TopicDescription {
            name: "t".into(),
            topic_id: TopicId::ZERO,
            partitions: vec![
                partition(0, Some(1), &[1, 2]),
                partition(1, Some(2), &[2]),
                partition(2, None, &[]),
            ],
            settings: Some(BTreeMap::from([("retention.ms".to_owned(), "1".to_owned())])),
        };
        let expected = "\
Topic: t\tPartitionCount: 3\tReplicationFactor: 2\tConfigs: retention.ms=1
partition  leader  replicas  in sync  state
        0       1  1,2       1,2      ok
        1       2  1,2       2        replicas lag
        2    none  1,2                no leader
";
        assert_eq!(tables(&[topic], false), expected);
    }
}
