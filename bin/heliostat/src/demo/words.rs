//! Numbers and times as people read them, and what is said before the first record.

use std::path::Path;
use std::time::Duration;

use super::Demo;
use super::clusters::{Clusters, SOURCE_PARTITIONS, TOPIC};

/// A number with its thousands apart: `200,000`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// So many of something whose plural has an s.
pub(super) fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count))
}

/// Seconds with one decimal.
pub(super) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// What stands on the screen before the first record: what runs, and how to join in.
pub(super) fn introduction(demo: &Demo, clusters: &Clusters, program: &Path, file: &Path) -> String {
    let source = clusters.source.bootstrap();
    let target = clusters.target.bootstrap();
    let first = |addresses: &str| addresses.split(',').next().unwrap_or_default().to_owned();
    let (first_source, first_target) = (first(&source), first(&target));
    let (program, file) = (shell_word(program), shell_word(file));
    let plan = demo.load_plan();
    let amount = if demo.records.is_some() {
        counted(plan.records, "record")
    } else {
        "records".to_owned()
    };
    let rate = grouped(plan.rate);
    let end = if demo.exits {
        "Then both clusters are compared, record by record.".to_owned()
    } else {
        "Ctrl-C ends it: the mirror catches up, and both clusters are compared, record by record.".to_owned()
    };
    format!(
        "Two Kafka clusters in this process, in memory, on loopback ports:\n\
         \x20 source  {source}\n\
         \x20 target  {target}\n\
         A load writes {amount} to {TOPIC} ({SOURCE_PARTITIONS} partitions) on the source, {rate} a second; heliostat mirrors \
         them.\n\
         {end}\n\
         \n\
         Join in from another terminal:\n\
         \x20 {program} consume --bootstrap-server {first_target} --topic {TOPIC} --from-beginning --max-messages 5\n\
         \x20 echo hello | {program} produce --bootstrap-server {first_source} --topic {TOPIC}\n\
         \x20 {program} status -c {file} --partitions\n\
         \x20 {program} plan -c {file}\n\
         Kafka's own kafka-console-consumer.sh and kafka-console-producer.sh take the same flags.\n"
    )
}

/// A path as a shell reads it.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |character: char| character.is_alphanumeric() || "/._-+".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::{counted, grouped, seconds, shell_word};

    #[test]
    fn numbers() {
        let numbers = [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        for (number, expected) in numbers {
            assert_eq!(grouped(number), expected);
        }
        assert_eq!(
            (counted(1, "broker"), counted(2000, "broker")),
            ("1 broker".into(), "2,000 brokers".into())
        );
        assert_eq!(seconds(Duration::from_millis(1260)), "1.3 s");
    }

    #[test]
    fn a_path_survives_the_shell() {
        assert_eq!(shell_word(Path::new("/a/b-c.toml")), "/a/b-c.toml");
        assert_eq!(shell_word(Path::new("/it's here")), r"'/it'\''s here'");
    }
}
