//! JVMs of the kit: the class path of a version, our own Java code, and class archives that make a start cheap.
//!
//! A JVM spends most of a broker's start loading classes. Each version's first use writes an archive of them (class data sharing); with it a
//! broker is up in under a second instead of three to five.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

use crate::cache;
use crate::jars::{self, Jars};
use crate::scratch;

/// Our Java sources: file name and text.
const SOURCES: &[(&str, &str)] = &[
    ("Admins.java", include_str!("../java/kit/Admins.java")),
    ("Dump.java", include_str!("../java/kit/Dump.java")),
    ("Load.java", include_str!("../java/kit/Load.java")),
    ("OldProducer.java", include_str!("../java/kit/OldProducer.java")),
    ("OldTopics.java", include_str!("../java/kit/OldTopics.java")),
    ("Operations.java", include_str!("../java/kit/Operations.java")),
    ("Positions.java", include_str!("../java/kit/Positions.java")),
    ("Producers.java", include_str!("../java/kit/Producers.java")),
    ("Readers.java", include_str!("../java/kit/Readers.java")),
    ("RecordFile.java", include_str!("../java/kit/RecordFile.java")),
    ("Rights.java", include_str!("../java/kit/Rights.java")),
    ("Supervised.java", include_str!("../java/kit/Supervised.java")),
    ("Tool.java", include_str!("../java/kit/Tool.java")),
    ("Topics.java", include_str!("../java/kit/Topics.java")),
    ("Znodes.java", include_str!("../java/kit/Znodes.java")),
];

const LOG4J: &str = "log4j.rootLogger=INFO, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n
";

const LOG4J2: &str = "rootLogger.level=INFO
rootLogger.appenderRefs=out
rootLogger.appenderRef.out.ref=OUT
appender.out.type=Console
appender.out.name=OUT
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=[%d] %p %m (%c)%n
";

/// What a JVM does with a class archive.
#[derive(Debug, Clone)]
pub(crate) enum Archive {
    Use(PathBuf),
    /// Written when the JVM exits in an orderly way.
    Write(PathBuf),
}

/// How to start Java programs of one Kafka version.
#[derive(Debug, Clone)]
pub struct Jvm {
    pub jars: Jars,
    class_path: String,
}

// === impl Jvm ===

impl Jvm {
    pub fn of(version: &str) -> Result<Self> {
        java_version()?;
        let jars = Jars::of(version)?;
        let class_path = format!("{}:{}", tool_jar()?.display(), jars.class_path()?);
        Ok(Self { jars, class_path })
    }

    /// A command that runs `main` and ends with this process. The caller adds the program's arguments.
    pub(crate) fn supervised(
        &self,
        heap_mb: u32,
        archive: &Archive,
        before_main: &[&str],
        main: &str,
    ) -> Result<Command> {
        let mut command = self.bare(heap_mb, archive)?;
        command.arg("kit.Supervised").args(before_main).arg(main);
        Ok(command)
    }

    /// A command up to the class path; the caller adds the main class.
    pub(crate) fn bare(&self, heap_mb: u32, archive: &Archive) -> Result<Command> {
        let mut command = Command::new("java");
        command.arg(format!("-Xmx{heap_mb}m"));
        // The first compiler and the plain collector: half the CPU of a start, and enough for tests.
        command.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
        match archive {
            Archive::Use(path) => command.arg(format!("-XX:SharedArchiveFile={}", path.display())),
            Archive::Write(path) => command.arg(format!("-XX:ArchiveClassesAtExit={}", path.display())),
        };
        // A class archive that does not fit is no error, only a slower start.
        command.args(["-Xshare:auto", "-Xlog:disable", "-Xlog:all=error:stderr"]);
        self.add_settings(&mut command)?;
        Ok(command)
    }

    /// A command with exactly these JVM options (a race must not be run with the kit's own), ending with this process all the same.
    pub fn stock(&self, options: &[&str], main: &str) -> Result<Command> {
        let mut command = Command::new("java");
        command.args(options);
        self.add_settings(&mut command)?;
        command.arg("kit.Supervised").arg(main);
        Ok(command)
    }

    /// A command that runs `main` as a script would, whatever becomes of its standard input. Only for children of a
    /// [`crate::process::Process`], whose group ends with it.
    pub(crate) fn unsupervised(&self, heap_mb: u32, archive: &Archive, main: &str) -> Result<Command> {
        let mut command = self.bare(heap_mb, archive)?;
        command.arg(main);
        Ok(command)
    }

    /// As [`Jvm::unsupervised`], but nothing below a warning gets between the rows that a tool prints: what Kafka's scripts see to, too.
    pub(crate) fn quiet(&self, heap_mb: u32, archive: &Archive, main: &str) -> Result<Command> {
        let path = scratch::shared_file("log4j-quiet.properties", &LOG4J.replace("INFO", "WARN"))?;
        let mut command = self.bare(heap_mb, archive)?;
        command
            .arg(format!("-Dlog4j.configuration=file:{}", path.display()))
            .arg(main);
        Ok(command)
    }

    /// Logging and the class path; the latter in a file, so that a list of processes stays readable.
    fn add_settings(&self, command: &mut Command) -> Result<()> {
        let (property, file, text) = if self.jars.version.number.starts_with("4.") {
            ("log4j2.configurationFile", "log4j2.properties", LOG4J2)
        } else {
            ("log4j.configuration", "log4j.properties", LOG4J)
        };
        let path = scratch::shared_file(file, text)?;
        command.arg(format!("-D{property}=file:{}", path.display()));
        let path = scratch::path("class-path")?;
        fs::write(&path, format!("-cp {}", self.class_path))
            .with_context(|| format!("cannot write {}", path.display()))?;
        command.arg(format!("@{}", path.display()));
        Ok(())
    }

    /// Names this JVM's archives in the cache: jars, our code and the JVM itself are all part of it.
    pub(crate) fn archive_entry(&self) -> Result<String> {
        let print = cache::fingerprint(&[self.class_path.as_bytes(), java_version()?.as_bytes()]);
        Ok(format!(
            "classes-{}-{:08x}",
            self.jars.version.number,
            print >> 32
        ))
    }
}

/// Our Java code as a jar (class archives refuse folders), compiled against the kit's own version.
fn tool_jar() -> Result<PathBuf> {
    let texts: Vec<&[u8]> = SOURCES.iter().map(|(_, text)| text.as_bytes()).collect();
    let name = format!("tool-{:016x}", cache::fingerprint(&texts));
    let folder = cache::entry(&name, |folder| {
        let sources = folder.join("kit");
        fs::create_dir(&sources).context("cannot create the source folder")?;
        let mut compiler = Command::new("javac");
        compiler
            .args(["--release", "17", "-Xlint:all,-classfile", "-Werror", "-cp"])
            .arg(Jars::of(jars::V3_9_2)?.class_path()?);
        compiler.arg("-d").arg(folder.join("classes"));
        for (file, text) in SOURCES {
            let path = sources.join(file);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            compiler.arg(path);
        }
        run(&mut compiler)?;
        let mut packer = Command::new("jar");
        packer
            .arg("cf")
            .arg(folder.join("tool.jar"))
            .arg("-C")
            .arg(folder.join("classes"))
            .arg(".");
        run(&mut packer)
    })?;
    Ok(folder.join("tool.jar"))
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let run = command.output().with_context(|| {
        format!("cannot run {program}: install a JDK 17 (Debian: openjdk-17-jdk-headless)")
    })?;
    if !run.status.success() {
        bail!(
            "{program} failed:\n{}{}",
            String::from_utf8_lossy(&run.stdout),
            String::from_utf8_lossy(&run.stderr)
        );
    }
    Ok(())
}

/// What `java -version` says; fails where there is no Java.
fn java_version() -> Result<&'static str> {
    static VERSION: OnceLock<Result<String, String>> = OnceLock::new();
    let version = VERSION.get_or_init(|| match Command::new("java").arg("-version").output() {
        Ok(run) if run.status.success() => Ok(String::from_utf8_lossy(&run.stderr).into_owned()),
        Ok(run) => Err(format!(
            "java -version failed: {}",
            String::from_utf8_lossy(&run.stderr)
        )),
        Err(error) => Err(format!(
            "cannot run java: {error}: install a JDK 17 (Debian: openjdk-17-jdk-headless)"
        )),
    });
    match version {
        Ok(version) => Ok(version),
        Err(error) => bail!("{error}"),
    }
}

/// Where the broker's and the tool's archives lie in an archive folder.
pub(crate) fn archive_paths(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join("broker.jsa"), folder.join("tool.jsa"))
}
