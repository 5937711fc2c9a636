//! A flow for tests, as a command line and two files give it.

use std::fs;

use mirror_config::mirror_maker::{Command, parse, resolve};
use mirror_config::{Environment, FlowConfig};

/// The flow of MirrorMaker's command line with these bootstrap servers and with `flags` behind the files.
pub(crate) fn flow(source: &str, target: &str, flags: &[&str]) -> FlowConfig {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let consumer = format!("bootstrap.servers={source}\ngroup.id=g\n");
    let mut arguments = vec![
        "--consumer.config".to_owned(),
        file("consumer.properties", consumer),
        "--producer.config".to_owned(),
        file("producer.properties", format!("bootstrap.servers={target}\n")),
        "--include".to_owned(),
        ".*".to_owned(),
    ];
    arguments.extend(flags.iter().map(|flag| (*flag).to_owned()));
    let Ok(Command::Mirror(flags)) = parse(&arguments) else {
        panic!("{arguments:?} is no command line")
    };
    let resolved = resolve(&flags, &Environment::default()).unwrap();
    resolved.config.flows.into_iter().next().unwrap()
}
