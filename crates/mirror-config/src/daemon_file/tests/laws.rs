//! The tables of keys against the readers: a reference that promises more than the code does is worse than none.

use std::collections::BTreeSet;

use toml::de::DeTable;

use super::super::keys::{
    AMBARI, COMPRESSION, Default, FLOW as FLOW_KEYS, RENAME, ROOT, SECTIONS, SectionKeys,
};
use super::super::reading::Reading;
use super::super::section::Section;
use super::{CLUSTERS, EVERYTHING, FLOW, config};
use crate::state_folder::Environment;

#[test]
fn a_name_is_read_if_and_only_if_it_stands_in_a_table() {
    let reading = Reading::new("x", EVERYTHING);
    let document = DeTable::parse(EVERYTHING).unwrap();
    let root = Section::open(&reading, &ROOT, document.get_ref(), 0);
    super::super::read(&root, &Environment::default());
    let refused = |default| matches!(default, Default::Refused { .. });
    let known: BTreeSet<_> = SECTIONS
        .iter()
        .flat_map(|section| section.keys.iter().map(|key| (section.title, key)))
        .filter(|(_, key)| !refused(key.default))
        .map(|(title, key)| (title, key.name))
        .collect();
    assert_eq!(*reading.asked.borrow(), known);
}

#[test]
fn names_in_a_section_are_all_different() {
    for section in SECTIONS {
        let names: BTreeSet<_> = section.keys.iter().map(|key| key.name).collect();
        assert_eq!(names.len(), section.keys.len(), "{}", section.title);
    }
}

/// A file with this line in this section; all else has its default.
fn with_line(section: &SectionKeys, line: &str) -> String {
    let line = if line.is_empty() {
        String::new()
    } else {
        format!("{line}\n")
    };
    match section.title {
        title if title == AMBARI.title => {
            let ambari = format!("[clusters.source.ambari]\ncluster = \"c\"\npassword_file = \"p\"\n{line}");
            format!(
                "{}{FLOW}",
                CLUSTERS.replacen("[clusters.source]\nbootstrap = [\"a:1\"]\n", &ambari, 1)
            )
        }
        "[clusters.NAME]" => format!(
            "{}{FLOW}",
            CLUSTERS.replacen("[\"a:1\"]\n", &format!("[\"a:1\"]\n{line}"), 1)
        ),
        title if title == FLOW_KEYS.title => format!("{CLUSTERS}{FLOW}{line}"),
        title if line.is_empty() && (title == RENAME.title || title == COMPRESSION.title) => {
            format!("{CLUSTERS}{FLOW}")
        }
        title if title == RENAME.title || title == COMPRESSION.title => {
            format!("{CLUSTERS}{FLOW}{title}.{line}")
        }
        title => format!("{CLUSTERS}{FLOW}{title}\n{line}"),
    }
}

#[test]
fn writing_a_default_changes_nothing() {
    let mut defaults = 0;
    for section in SECTIONS.into_iter().filter(|section| **section != ROOT) {
        let without = format!("{:?}", config(&with_line(section, "")));
        for key in section.keys {
            let Default::Value(value) = key.default else {
                continue;
            };
            defaults += 1;
            let with = config(&with_line(section, &format!("{} = {value}", key.name)));
            assert_eq!(format!("{with:?}"), without, "{} {}", section.title, key.name);
        }
    }
    assert!(defaults > 20, "{defaults}");
}

#[test]
fn help_is_whole_sentences() {
    for section in SECTIONS {
        assert!(section.help.ends_with('.'), "{}", section.title);
        for key in section.keys {
            match key.default {
                Default::Refused { reason, advice } => {
                    assert!(!reason.ends_with('.') && !advice.ends_with('.'), "{}", key.name);
                }
                Default::Required | Default::Value(_) | Default::Described(_) => {
                    assert!(key.help.ends_with('.') && !key.form.is_empty(), "{}", key.name);
                }
            }
        }
    }
}
