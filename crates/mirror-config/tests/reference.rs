//! The committed reference against the tables it is written from.

use std::fs;
use std::path::Path;

use mirror_config::{Environment, daemon_file};

#[test]
fn the_committed_reference_is_what_the_tables_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    for page in mirror_config::reference::pages() {
        let committed = fs::read_to_string(folder.join(page.file)).unwrap_or_default();
        assert!(
            committed == page.text,
            "docs/reference/{} is stale: run `cargo xtask docs` and commit what it writes",
            page.file
        );
    }
}

#[test]
fn the_examples_of_the_guide_are_taken() {
    const CLUSTERS: &str = "[clusters.eu]\nbootstrap = [\"a:1\"]\n[clusters.us]\nbootstrap = [\"b:1\"]\n";
    // Behind an example of a source alone.
    const FLOW: &str = "[clusters.other]\nbootstrap = [\"b:1\"]\n[[flows]]\nfrom = \"source\"\nto = \"other\"\ntopics = [\"x\"]\n";
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let guide = fs::read_to_string(guide).unwrap();
    let mut examples = 0;
    for block in guide.split("```toml\n").skip(1) {
        let (example, _) = block.split_once("```").unwrap();
        let clusters = if example.contains("[clusters") {
            ""
        } else {
            CLUSTERS
        };
        let flow = if example.contains("[[flows]]") { "" } else { FLOW };
        let text = format!("{clusters}{example}{flow}");
        let resolved = daemon_file::resolve_text("x", &text, &Environment::default());
        assert!(resolved.is_ok(), "{example}\n{resolved:?}");
        examples += 1;
    }
    assert_eq!(examples, 4);
}
