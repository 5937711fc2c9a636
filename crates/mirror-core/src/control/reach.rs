//! How a suggested command reaches the process it is for: with the file or the state folder in it, since without them the
//! command asks the processes of the usual folder, which know nothing of the halt.

use std::path::Path;

use super::written::InShell;

const PROGRAM: &str = "heliostat ";
/// The commands that look for a process.
const COMMANDS: [&str; 4] = ["resume", "skip", "halts", "status"];

/// What a command needs to find the process; nothing where it looks in the right place by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach(Option<String>);

// === impl Reach ===

impl Reach {
    /// By the file that the process was started with.
    pub fn by_file(file: &Path) -> Self {
        Self(Some(format!("-c {}", InShell(&file.display().to_string()))))
    }

    /// By its state folder.
    pub fn by_state_folder(folder: &Path) -> Self {
        let folder = folder.display().to_string();
        Self(Some(format!("--state-dir {}", InShell(&folder))))
    }

    /// Words in which each suggested command names the process. A command that names one already is left as it is.
    pub fn name_in(&self, words: &str) -> String {
        let Some(flag) = &self.0 else {
            return words.to_owned();
        };
        let mut named = String::new();
        let mut rest = words;
        while let Some((before, behind)) = rest.split_once(PROGRAM) {
            named.push_str(before);
            named.push_str(PROGRAM);
            rest = behind;
            if let Some((command, behind)) = command_of(behind) {
                named.push_str(command);
                if !names_a_process(behind) {
                    named.push(' ');
                    named.push_str(flag);
                }
                rest = behind;
            }
        }
        named.push_str(rest);
        named
    }
}

fn command_of(words: &str) -> Option<(&'static str, &str)> {
    COMMANDS.iter().find_map(|command| {
        let behind = words.strip_prefix(command)?;
        let is_longer = behind.starts_with(|letter: char| letter.is_alphanumeric() || letter == '-');
        (!is_longer).then_some((*command, behind))
    })
}

fn names_a_process(behind: &str) -> bool {
    [" --state-dir ", " -c "]
        .iter()
        .any(|flag| behind.starts_with(flag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggested_command_asked_the_usual_folder_and_found_no_halt() {
        let advice =
            "Raise it, then: heliostat resume uh:0 --from position. Or leave it out: heliostat skip uh:0@2";
        let by_file = Reach::by_file(Path::new("h.toml"));
        assert_eq!(
            by_file.name_in(advice),
            "Raise it, then: heliostat resume -c h.toml uh:0 --from position. Or leave it out: heliostat skip -c h.toml \
             uh:0@2"
        );
        let by_folder = Reach::by_state_folder(Path::new("/var/lib/my mirror"));
        assert_eq!(
            by_folder.name_in("not halted: see heliostat halts"),
            "not halted: see heliostat halts --state-dir '/var/lib/my mirror'"
        );
        assert_eq!(Reach::default().name_in(advice), advice);
    }

    #[test]
    fn a_process_is_named_once_and_only_in_commands() {
        let reach = Reach::by_file(Path::new("h.toml"));
        for words in [
            "heliostat skip --state-dir /s uh:0@2",
            "a heliostat mirrors it",
            "heliostat run",
            "see heliostat statuses",
            "heliostat ",
        ] {
            assert_eq!(reach.name_in(words), words);
        }
    }
}
