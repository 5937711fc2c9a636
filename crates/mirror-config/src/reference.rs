//! The reference pages of the documentation, written from the tables that the resolvers go by.
//!
//! `cargo xtask docs` writes them into `docs/reference`, and a test fails when what is committed there is stale: a page
//! that nobody has to remember is never wrong.

use std::fmt::Write;

use crate::daemon_file::keys::{DURATION, Default, Key, SECTIONS, SIZE, SectionKeys};
use crate::known::{KnownProperty, Side, Treatment, properties_of};
use crate::mirror_maker::{FLAGS, Flag};

/// A page: its file name below `docs/reference`, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// File name.
    pub file: &'static str,
    /// Markdown, with a line end behind the last line.
    pub text: String,
}

const GENERATED: &str =
    "<!-- Written by `cargo xtask docs`; changes belong into the tables of crates/mirror-config. -->\n";

/// All pages.
pub fn pages() -> [Page; 3] {
    [
        Page {
            file: "configuration.md",
            text: configuration(),
        },
        Page {
            file: "mirror-maker-flags.md",
            text: mirror_maker_flags(),
        },
        Page {
            file: "properties.md",
            text: properties(),
        },
    ]
}

// === heliostat.toml ===

fn configuration() -> String {
    let mut page = Writer::page("heliostat.toml: every key");
    page.paragraph(
        "For `heliostat run -c heliostat.toml`. [The guide](../configuration.md) tells which of these one needs. A key that \
         is not listed here is an error, and so is a value that its key cannot have; everything wrong in a file is said at \
         once. Sizes are numbers of bytes or have a unit (`B`, `KiB`, `MiB`, `GiB`, `kB`, `MB`, `GB`); durations always \
         have one (`ms`, `s`, `min`, `h`, `d`).",
    );
    for section in SECTIONS {
        page.heading(section_title(section));
        page.paragraph(section.help);
        page.table(
            ["key", "value", "without it", "what it does"],
            section.keys.iter().map(key_row),
        );
    }
    page.text
}

fn section_title(section: &SectionKeys) -> String {
    if section.title.starts_with('[') {
        format!("`{}`", section.title)
    } else if section.help.starts_with("A table inside `[clusters.NAME]`") {
        format!("`{}` in `[clusters.NAME]`", section.title)
    } else if section.help.starts_with("A table inside") {
        format!("`{}` in `[[flows]]`", section.title)
    } else {
        "The file".to_owned()
    }
}

fn key_row(key: &Key) -> [String; 4] {
    let name = format!("`{}`", key.name);
    let (without, help) = match key.default {
        Default::Required => ("required".to_owned(), cell(key.help)),
        Default::Value(value) => (format!("`{}`", value.replace('|', "\\|")), cell(key.help)),
        Default::Described(words) => (cell(words), cell(key.help)),
        Default::Refused { reason, advice } => {
            return [
                name,
                "refused".to_owned(),
                String::new(),
                cell(&format!("{reason}: {advice}.")),
            ];
        }
    };
    // Their units stand at the top of the page.
    let form = match key.form {
        DURATION => "a duration",
        SIZE => "a size",
        form => form,
    };
    [name, cell(form), without, help]
}

// === MirrorMaker's flags ===

fn mirror_maker_flags() -> String {
    let mut page = Writer::page("heliostat mirror-maker: every flag");
    page.paragraph(
        "MirrorMaker 1's flags in the form of Kafka 3.9, with its defaults and exit codes, and ours behind them. `--flag \
         VALUE` and `--flag=VALUE` are the same; a name is never abbreviated. Our own flags have two spellings: words with dots \
         between them in MirrorMaker's style, or with dashes. A word that belongs to no flag is not read, as by MirrorMaker, \
         and a warning names it.",
    );
    for (title, is_ours) in [("MirrorMaker's", false), ("heliostat's own", true)] {
        page.heading(title);
        let flags = FLAGS.iter().filter(|flag| flag.is_ours == is_ours);
        page.table(["flag", "value", "what it does"], flags.map(flag_row));
    }
    page.heading("Exit codes");
    page.table(
        ["code", "when"],
        [
            [
                "0",
                "a signal asked it to end, and it drained; or it has caught up, with `--until.caught.up`; or `--version`",
            ],
            [
                "3",
                "`--until.caught.up` ended it and something is missing, as the table it prints says, or no topic of the source matches; or a signal came before",
            ],
            [
                "4",
                "`--until.caught.up` ended it, and all that is missing belongs to transactions that did not end",
            ],
            [
                "1",
                "the command line or a file is wrong, or no bootstrap name can be resolved; also `--help`",
            ],
            ["130, 143", "a second SIGINT or SIGTERM did not let it drain"],
            [
                "255",
                "no `group.id`, an invalid list of topics, a record that the target refused for good (with \
                 `--abort.on.send.failure true`), or a mirror that failed",
            ],
        ]
        .map(|row| row.map(cell)),
    );
    page.text
}

fn flag_row(flag: &Flag) -> [String; 3] {
    let value = flag.argument.map(cell).unwrap_or_default();
    let help = flag.help.trim_start_matches("heliostat's own: ");
    let mut letters = help.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    let help = first.unwrap_or_default() + letters.as_str();
    let also = flag.dashed().map(|dashed| format!(" or `--{dashed}`"));
    [
        format!("`--{}`{}", flag.name, also.unwrap_or_default()),
        value,
        cell(&help),
    ]
}

// === Properties of Java's clients ===

fn properties() -> String {
    let mut page = Writer::page("Properties of the Java clients");
    page.paragraph(
        "What `heliostat mirror-maker` does with each line of MirrorMaker's two `.properties` files. Every name that a Java \
         client up to 4.x knows is here, and those that only the Scala clients before knew. Any other name is one warning \
         with file and line, and is ignored.",
    );
    for (title, side) in [
        ("The consumer's file", Side::Consumer),
        ("The producer's file", Side::Producer),
    ] {
        page.heading(title);
        page.paragraph(match side {
            Side::Consumer => "The cluster that is read: `--consumer.config`.",
            Side::Producer => "The cluster that is written: `--producer.config`.",
        });
        for (kind, is_kind) in KINDS {
            let mut known: Vec<_> = properties_of(side)
                .filter(|known| is_kind(known.treatment))
                .collect();
            known.sort_by_key(|known| known.name);
            page.subheading(kind);
            page.table(["property", "here"], known.into_iter().map(property_row));
        }
    }
    page.text
}

type Kind = (&'static str, fn(Treatment) -> bool);

const KINDS: [Kind; 4] = [
    ("Honoured", |treatment| {
        matches!(treatment, Treatment::Honoured(_))
    }),
    ("A ceiling under our memory budget", |treatment| {
        matches!(treatment, Treatment::Ceiling(_))
    }),
    ("Refused", |treatment| {
        matches!(treatment, Treatment::Refused { .. })
    }),
    ("Without meaning here", |treatment| {
        matches!(treatment, Treatment::NoMeaning(_))
    }),
];

fn property_row(known: &KnownProperty) -> [String; 2] {
    let all = if known.name.ends_with('.') { "*" } else { "" };
    let here = match known.treatment {
        Treatment::Honoured(text) | Treatment::Ceiling(text) | Treatment::NoMeaning(text) => text.to_owned(),
        Treatment::Refused {
            harmless,
            reason,
            advice,
        } => {
            let harmless: Vec<_> = harmless
                .iter()
                .filter(|value| !value.is_empty())
                .copied()
                .collect();
            match harmless[..] {
                [] => format!("{reason}: {advice}"),
                _ => format!("{reason}: {advice}. It passes as {}", harmless.join(" or ")),
            }
        }
    };
    [format!("`{}{all}`", known.name), cell(&here)]
}

// === Markdown ===

struct Writer {
    text: String,
}

/// Text in a cell: no bar ends the cell, and nothing is taken for a tag.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "\\<")
}

// === impl Writer ===

impl Writer {
    fn page(title: &str) -> Self {
        Self {
            text: format!("{GENERATED}\n# {title}\n"),
        }
    }

    fn heading(&mut self, title: impl AsRef<str>) {
        self.line(&format!("\n## {}", title.as_ref()));
    }

    fn subheading(&mut self, title: &str) {
        self.line(&format!("\n### {title}"));
    }

    fn paragraph(&mut self, text: &str) {
        self.line(&format!("\n{text}"));
    }

    fn table<const COLUMNS: usize>(
        &mut self,
        head: [&str; COLUMNS],
        rows: impl IntoIterator<Item = [String; COLUMNS]>,
    ) {
        self.line(&format!("\n| {} |", head.join(" | ")));
        self.line(&format!("|{}", "---|".repeat(COLUMNS)));
        for row in rows {
            self.line(&format!("| {} |", row.join(" | ")));
        }
    }

    fn line(&mut self, line: &str) {
        // Writing into a String cannot fail.
        let _ = writeln!(self.text, "{line}");
    }
}
