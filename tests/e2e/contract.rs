//! `MirrorMaker` 1's contract on the command line, as 3.9.2 keeps it: each case is run against both programs. Ours ends with the same code, and
//! says in one sentence what `MirrorMaker` says in a stack trace. Where we differ on purpose, the table says how and why.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use integration::process::{Process, Signal, describe};
use integration::program::Program;
use integration::scenario::{self, lone_scenario};
use integration::{scratch, wait};

const LIMIT: Duration = Duration::from_secs(30);
/// How a JVM ends after SIGTERM, whatever its program does meanwhile.
const JVM_AFTER_SIGTERM: i32 = 143;

/// The files that the cases name. Nobody listens on port 1.
const FILES: &[(&str, &str)] = &[
    ("c", "bootstrap.servers=127.0.0.1:1\ngroup.id=contract\n"),
    ("p", "bootstrap.servers=127.0.0.1:1\n"),
    ("c-no-group", "bootstrap.servers=127.0.0.1:1\n"),
    ("c-no-brokers", "group.id=contract\n"),
    ("c-no-port", "bootstrap.servers=127.0.0.1\ngroup.id=contract\n"),
    (
        "c-no-such-host",
        "bootstrap.servers=no.such.host.invalid:9092\ngroup.id=contract\n",
    ),
    ("p-no-such-host", "bootstrap.servers=no.such.host.invalid:9092\n"),
    ("p-empty", ""),
    (
        "c-zookeeper",
        "zookeeper.connect=no.such.host.invalid:2181\ngroup.id=contract\n",
    ),
    (
        "c-bad-value",
        "bootstrap.servers=127.0.0.1:1\ngroup.id=contract\nauto.offset.reset=banana\n",
    ),
    ("p-bad-value", "bootstrap.servers=127.0.0.1:1\nacks=banana\n"),
    (
        "c-bad-escape",
        "bootstrap.servers=127.0.0.1:1\ngroup.id=contract\nclient.rack=\\u00zz\n",
    ),
];

/// The flags that `GOOD` stands for.
const GOOD: &str = "--consumer.config c --producer.config p --whitelist a";

/// Name; flags; exit code (`runs`: it goes on until SIGTERM; `theirs/ours` where they differ); what `MirrorMaker` writes, which proves that the
/// case is the one it claims to be; what our one sentence must contain, whatever case the letters are in.
///
/// Where they differ: a class that it cannot find leaves `MirrorMaker` running all the same, without the handler; here nothing can run one, and
/// records must not go past it unseen. `MirrorMaker` without a stream copies nothing and calls that a success.
const CASES: &str = r#"
no-consumer-file    | --producer.config p --whitelist a | 1 | Missing required argument "[consumer.config]" | missing required argument "[consumer.config]"
no-producer-file    | --consumer.config c --whitelist a | 1 | Missing required argument "[producer.config]" | missing required argument "[producer.config]"
no-topics           | --consumer.config c --producer.config p | 1 | include list must be specified | include list must be specified

bad-regex           | --consumer.config c --producer.config p --whitelist a[ | 255 | a[ is an invalid regex. | a[ is an invalid regex + --whitelist
bad-regex-include   | --consumer.config c --producer.config p --include (a | 255 | (a is an invalid regex. | (a is an invalid regex + --include
bad-once-normalised | --consumer.config c --producer.config p --whitelist='a,*' | 255 | a|* is an invalid regex. | a|* is an invalid regex
empty-regex         | --consumer.config c --producer.config p --whitelist= | 255 | Topic pattern to subscribe to cannot be empty | invalid regex + --whitelist
look-around         | --consumer.config c --producer.config p --whitelist ^(?!_|connect-).* | runs | Starting mirror maker thread |
include-wins        | --consumer.config c --producer.config p --whitelist a[ --include a | runs | Starting mirror maker thread |

no-such-file        | --consumer.config nowhere --producer.config p --whitelist a | 1 | NoSuchFileException: nowhere | cannot read + --consumer.config nowhere
no-such-file-target | --consumer.config c --producer.config nowhere --whitelist a | 1 | NoSuchFileException: nowhere | cannot read + --producer.config nowhere
a-folder            | --consumer.config . --producer.config p --whitelist a | 1 | Is a directory | cannot read + is a directory + --consumer.config .
bad-escape          | --consumer.config c-bad-escape --producer.config p --whitelist a | 1 | Malformed \uxxxx encoding | malformed \uxxxx encoding + c-bad-escape:3
two-files           | --consumer.config c GOOD | 1 | Found multiple arguments for option consumer.config | consumer.config

no-group            | --consumer.config c-no-group --producer.config p --whitelist a | 255 | you must provide a valid group.id | valid group.id + c-no-group
no-brokers          | --consumer.config c-no-brokers --producer.config p --whitelist a | 1 | No resolvable bootstrap urls given | bootstrap.servers + c-no-brokers
no-brokers-target   | --consumer.config c --producer.config p-empty --whitelist a | 1 | No resolvable bootstrap urls given | bootstrap.servers + p-empty
no-port             | --consumer.config c-no-port --producer.config p --whitelist a | 1 | Invalid url in bootstrap.servers: 127.0.0.1 | bootstrap.servers + c-no-port
no-such-host        | --consumer.config c-no-such-host --producer.config p --whitelist a | 1 | No resolvable bootstrap urls given in bootstrap.servers | no resolvable bootstrap urls given in bootstrap.servers + no.such.host.invalid:9092 + source
no-such-host-target | --consumer.config c --producer.config p-no-such-host --whitelist a | 1 | No resolvable bootstrap urls given in bootstrap.servers | no resolvable bootstrap urls given in bootstrap.servers + no.such.host.invalid:9092 + target
bad-value           | --consumer.config c-bad-value --producer.config p --whitelist a | 1 | Invalid value banana for configuration auto.offset.reset | auto.offset.reset + banana + c-bad-value:3
bad-value-target    | --consumer.config c --producer.config p-bad-value --whitelist a | 1 | Invalid value banana for configuration acks | acks + banana + p-bad-value:2
zookeeper-alone     | --consumer.config c-zookeeper --producer.config p --whitelist a | 1 | No resolvable bootstrap urls given | no resolvable bootstrap urls given in zookeeper.connect + no.such.host.invalid:2181 + source

unknown-flag        | GOOD --frob | 1 | frob is not a recognized option | frob is not a recognized option
abbreviated-flag    | GOOD --num.stream 2 | 1 | num.stream is not a recognized option | num.stream is not a recognized option
unknown-beside      | --version --frob | 1 | frob is not a recognized option | frob is not a recognized option
blacklist           | GOOD --blacklist b | 1 | blacklist is not a recognized option | blacklist
num-producers       | GOOD --num.producers 1 | 1 | num.producers is not a recognized option | num.producers
queue-size          | GOOD --queue.size 9 | 1 | queue.size is not a recognized option | queue.size
new-producer        | GOOD --new.producer | 1 | new.producer is not a recognized option | new.producer
no-argument         | GOOD --num.streams | 1 | Option num.streams requires an argument | num.streams + requires an argument
streams-no-number   | GOOD --num.streams x | 1 | Cannot parse argument 'x' of option num.streams | cannot parse argument + x + num.streams
interval-no-number  | GOOD --offset.commit.interval.ms x | 1 | Cannot parse argument 'x' of option offset.commit.interval.ms | cannot parse argument + offset.commit.interval.ms
abort-no-boolean    | GOOD --abort.on.send.failure banana | 1 | For input string: "banana" | banana + abort.on.send.failure
no-stream           | GOOD --num.streams 0 | 0/1 | Starting mirror maker | cannot parse argument "0" of option num.streams
equal-signs         | --consumer.config=c --producer.config=p --include=a --num.streams=2 --abort.on.send.failure=false | runs | Starting mirror maker thread |
new-consumer        | GOOD --new.consumer | runs | Starting mirror maker thread |
a-word-too-many     | GOOD more | runs | Starting mirror maker thread |
message-handler     | GOOD --message.handler org.example.Handler | runs/1 | ClassNotFoundException: org.example.Handler | message handler + org.example.Handler
rebalance-listener  | GOOD --consumer.rebalance.listener org.example.Listener | 1 | ClassNotFoundException: org.example.Listener | rebalance listener + org.example.Listener
"#;

/// One row of the table.
#[derive(Debug)]
struct Case {
    name: &'static str,
    flags: Vec<&'static str>,
    /// `None`: it goes on.
    their_code: Option<i32>,
    our_code: Option<i32>,
    their_words: &'static str,
    our_words: Vec<&'static str>,
}

// === impl Case ===

impl Case {
    fn of(row: &'static str) -> Result<Self> {
        let columns: Vec<&str> = row.split(" |").map(str::trim).collect();
        let [name, flags, codes, their_words, our_words] = columns[..] else {
            bail!("not five columns: {row}");
        };
        let (theirs, ours) = codes.split_once('/').unwrap_or((codes, codes));
        let code = |text: &str| match text {
            "runs" => Ok(None),
            number => number
                .parse()
                .map(Some)
                .with_context(|| format!("no exit code: {row}")),
        };
        Ok(Self {
            name,
            flags: flags
                .split(' ')
                .flat_map(|word| if word == "GOOD" { GOOD } else { word }.split(' '))
                .collect(),
            their_code: code(theirs)?,
            our_code: code(ours)?,
            their_words,
            our_words: our_words.split(" + ").filter(|word| !word.is_empty()).collect(),
        })
    }

    fn all() -> Result<Vec<Self>> {
        CASES
            .lines()
            .filter(|line| !line.is_empty())
            .map(Self::of)
            .collect()
    }
}

/// Starts one program for one case; waits for its end, or for what shows that it goes on, and then stops it.
fn ended(program: Program, case: &Case, folder: &Path) -> Result<Process> {
    let mut process = program.start_in(folder, case.name, &case.flags)?;
    let (code, goes_on, after_sigterm) = match program {
        Program::MirrorMaker => (case.their_code, case.their_words, JVM_AFTER_SIGTERM),
        Program::Heliostat => (case.our_code, "not connected yet", 0),
    };
    if code.is_none() {
        wait::wait_until(&format!("it writes {goes_on:?}"), LIMIT, || {
            let found = written(&process)?.contains(goes_on);
            process.check_running()?;
            Ok(found)
        })?;
        process.signal(Signal::Term)?;
    }
    let wanted = code.unwrap_or(after_sigterm);
    let status = process.wait(LIMIT)?;
    ensure!(
        status.code() == Some(wanted),
        "{}, wanted {wanted}\n{}",
        describe(status),
        process.last_words()
    );
    Ok(process)
}

fn written(process: &Process) -> Result<String> {
    Ok(process.stdout_text()? + &process.stderr_text()?)
}

fn check_theirs(case: &Case, folder: &Path) -> Result<()> {
    let process = ended(Program::MirrorMaker, case, folder)?;
    ensure!(
        written(&process)?.contains(case.their_words),
        "not what MirrorMaker says: {:?}\n{}",
        case.their_words,
        process.last_words()
    );
    Ok(())
}

fn check_ours(case: &Case, folder: &Path) -> Result<()> {
    let process = ended(Program::Heliostat, case, folder)?;
    let text = process.stderr_text()?;
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error:")).collect();
    let wanted = usize::from(case.our_code.is_some());
    let said_all = errors.iter().all(|line| {
        let line = line.to_lowercase();
        case.our_words
            .iter()
            .all(|word| line.contains(&word.to_lowercase()))
    });
    ensure!(
        errors.len() == wanted && said_all && !text.contains("panicked"),
        "wanted one line with {:?}\n{}",
        case.our_words,
        process.last_words()
    );
    Ok(())
}

/// Runs `check` for every case, two at a time; the error names every case that failed.
fn for_all(folder: &Path, check: fn(&Case, &Path) -> Result<()>) -> Result<()> {
    let run = |cases: &[Case]| -> Vec<String> {
        cases
            .iter()
            .filter_map(|case| {
                check(case, folder)
                    .err()
                    .map(|error| format!("{}: {error:?}", case.name))
            })
            .collect()
    };
    let cases = Case::all()?;
    let (left, right) = cases.split_at(cases.len() / 2);
    let failed: Vec<String> = thread::scope(|scope| {
        let left = scope.spawn(|| run(left));
        let mut failed = run(right);
        failed.extend(
            left.join()
                .map_err(|panic| anyhow!("a case panicked: {panic:?}"))?,
        );
        Ok::<_, anyhow::Error>(failed)
    })?;
    ensure!(
        failed.is_empty(),
        "{} of {} cases:\n{}",
        failed.len(),
        cases.len(),
        failed.join("\n\n")
    );
    Ok(())
}

fn write_files(name: &str) -> Result<PathBuf> {
    let folder = scratch::path(name)?;
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for (file, text) in FILES {
        fs::write(folder.join(file), text).with_context(|| format!("cannot write {file}"))?;
    }
    Ok(folder)
}

#[test]
fn mirror_maker_ends_and_speaks_as_the_table_says() {
    lone_scenario("contract-theirs", || {
        for_all(&write_files("contract-theirs")?, check_theirs)
    });
}

#[test]
fn heliostat_ends_with_the_same_code_and_one_clear_sentence() {
    lone_scenario("contract-ours", || {
        for_all(&write_files("contract-ours")?, check_ours)
    });
}

/// The flags of a usage text: the first word of each line that begins with two dashes.
fn flags(usage: &str) -> Vec<&str> {
    usage
        .lines()
        .filter(|line| line.starts_with("--"))
        .filter_map(|line| line.split([' ', ',']).next())
        .filter(|flag| flag.chars().any(char::is_alphabetic))
        .collect()
}

/// Without a flag and with `--help`: the usage on standard error, 1 (since 2.2). Every flag of theirs is explained in ours.
#[test]
fn help_names_every_flag_and_ends_with_1() {
    lone_scenario("contract-help", || {
        let folder = write_files("contract-help")?;
        for (name, given) in [
            ("nothing", &[][..]),
            ("help", &["--help"][..]),
            ("help-first", &["--help", "--num.streams", "2"][..]),
        ] {
            let mut usages = Vec::new();
            for program in [Program::MirrorMaker, Program::Heliostat] {
                let mut process = program.start_in(&folder, name, given)?;
                let status = process.wait(LIMIT)?;
                let text = process.stderr_text()?;
                ensure!(
                    status.code() == Some(1),
                    "{name}: {}\n{}",
                    describe(status),
                    process.last_words()
                );
                ensure!(
                    text.contains("This tool helps to continuously copy data between two Kafka clusters."),
                    "{name}: {text}"
                );
                usages.push(text);
            }
            let (theirs, ours) = (flags(&usages[0]), flags(&usages[1]));
            ensure!(theirs.len() >= 13, "{theirs:?}");
            let missing: Vec<_> = theirs.iter().filter(|flag| !ours.contains(flag)).collect();
            ensure!(missing.is_empty(), "not in our usage: {missing:?}");
            ensure!(!usages[1].contains("error:"), "{}", usages[1]);
        }
        Ok(())
    });
}

#[test]
fn version_is_the_last_line_on_standard_output_and_ends_with_0() {
    lone_scenario("contract-version", || {
        let folder = write_files("contract-version")?;
        for (program, begins) in [
            (Program::MirrorMaker, "3.9.2"),
            (Program::Heliostat, "heliostat "),
        ] {
            let mut process = program.start_in(&folder, "version", &["--version"])?;
            let status = process.wait(LIMIT)?;
            let text = process.stdout_text()?;
            ensure!(
                status.code() == Some(0) && text.lines().last().is_some_and(|line| line.starts_with(begins)),
                "{}\n{}",
                describe(status),
                process.last_words()
            );
            scenario::report(text.trim());
        }
        Ok(())
    });
}
