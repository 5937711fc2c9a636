//! Where the state folder is when nobody says where: the usual places of a Linux host, in their usual order.

use std::path::{Path, PathBuf};

/// Variables of the process's environment that a default depends on. The caller reads them, so that resolving stays
/// a function of its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Environment {
    /// `STATE_DIRECTORY`: what systemd made for the unit's `StateDirectory=`; several are separated by colons.
    pub state_directory: Option<String>,
    /// `XDG_STATE_HOME`.
    pub xdg_state_home: Option<String>,
    /// `HOME`.
    pub home: Option<String>,
}

/// The folder's name below a folder that is not ours alone.
const OURS: &str = "heliostat";

/// The folder in the working directory, where there is no better place.
const FALLBACK: &str = "heliostat-state";

// === impl Environment ===

impl Environment {
    /// The state folder of a process that was told none. A path that is not absolute is as good as none (the XDG base
    /// directory specification says so for its variables, and systemd's are always absolute).
    pub fn state_folder(&self) -> PathBuf {
        let systemd = self.state_directory.as_deref();
        let systemd = systemd.and_then(|list| list.split(':').next());
        if let Some(folder) = systemd.and_then(absolute) {
            return folder.to_owned();
        }
        if let Some(folder) = self.xdg_state_home.as_deref().and_then(absolute) {
            return folder.join(OURS);
        }
        if let Some(folder) = self.home.as_deref().and_then(absolute) {
            return folder.join(".local/state").join(OURS);
        }
        PathBuf::from(FALLBACK)
    }

    /// Is this where a command in a shell looks? There systemd names no folder.
    pub(crate) fn is_usual(&self, folder: &Path) -> bool {
        let of_shell = Self {
            state_directory: None,
            ..self.clone()
        };
        of_shell.state_folder() == folder
    }
}

fn absolute(path: &str) -> Option<&Path> {
    Some(Path::new(path)).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Environment;

    #[track_caller]
    fn check(state_directory: &str, xdg_state_home: &str, home: &str, expected: &str) {
        let environment = Environment {
            state_directory: Some(state_directory.to_owned()),
            xdg_state_home: Some(xdg_state_home.to_owned()),
            home: Some(home.to_owned()),
        };
        assert_eq!(environment.state_folder(), Path::new(expected));
    }

    #[test]
    fn the_first_place_that_is_named() {
        check("/var/lib/mirror:/var/lib/b", "/x", "/h", "/var/lib/mirror");
        check("", "/x", "/h", "/x/heliostat");
        check("", "", "/h", "/h/.local/state/heliostat");
        check("", "", "", "heliostat-state");
        assert_eq!(
            Environment::default().state_folder(),
            Path::new("heliostat-state")
        );
    }

    /// The mirror below systemd has a folder that the operator's shell does not know.
    #[test]
    fn systemds_folder_has_to_be_named() {
        let environment = Environment {
            state_directory: Some("/var/lib/mirror".to_owned()),
            xdg_state_home: None,
            home: Some("/h".to_owned()),
        };
        assert!(!environment.is_usual(&environment.state_folder()));
        assert!(environment.is_usual(Path::new("/h/.local/state/heliostat")));
    }

    #[test]
    fn a_relative_path_is_as_good_as_none() {
        check("lib", "state", "/h", "/h/.local/state/heliostat");
    }
}
