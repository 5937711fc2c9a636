//! A password that shows itself to nobody but the server.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hyper::header::HeaderValue;
use zeroize::Zeroizing;

use crate::{AmbariError, base64};

/// A password. Its memory is wiped when it is dropped, and `Debug` does not show it.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// Longest password that is taken, in bytes: who has a longer one named another file.
const BYTES_MAX: usize = 1024;

/// Everyone on this host may read a file of such a mode.
const READABLE_BY_OTHERS: u32 = 0o004;

// === impl Password ===

impl Password {
    /// Takes a password as it was typed, or as an environment variable has it.
    ///
    /// # Errors
    /// An empty one, one of several lines, or one that is longer than any password.
    pub fn new(text: Zeroizing<String>) -> Result<Self, AmbariError> {
        let problem = if text.is_empty() {
            "it is empty"
        } else if text.len() > BYTES_MAX {
            "it has more than 1024 bytes"
        } else if text.contains(char::is_control) {
            "it has a line end or another control character in it"
        } else {
            return Ok(Self(text));
        };
        Err(AmbariError::Password { problem })
    }

    /// Reads a file that holds the password and nothing else; one line end behind it does not count.
    ///
    /// # Errors
    /// A file that cannot be read, or that holds no password.
    pub fn from_file(file: &Path) -> Result<Self, AmbariError> {
        let unreadable = |reason| AmbariError::PasswordFile {
            file: file.to_owned(),
            reason,
        };
        let text = read(file).map_err(|error| unreadable(error.to_string()))?;
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        match Self::new(Zeroizing::new(line.to_owned())) {
            Err(AmbariError::Password { problem }) => Err(unreadable(problem.to_owned())),
            password => password,
        }
    }

    /// May everyone on this host read the file? Its owner should know; it is used all the same, for the folder may be
    /// closed.
    pub fn is_readable_by_others(file: &Path) -> bool {
        let mode = file.metadata().map(|metadata| metadata.permissions().mode());
        mode.is_ok_and(|mode| mode & READABLE_BY_OTHERS != 0)
    }

    /// The value of the `Authorization` header (RFC 7617). hyper shows it to nobody either.
    pub(crate) fn authorization(&self, user: &str) -> Result<HeaderValue, AmbariError> {
        // A colon would end the name, and the server would look for another user.
        if user.is_empty() || user.contains(|letter: char| letter == ':' || letter.is_control()) {
            return Err(AmbariError::User);
        }
        let pair = Zeroizing::new(format!("{user}:{}", *self.0));
        let value = Zeroizing::new(format!("Basic {}", *base64::encode(pair.as_bytes())));
        let mut value = HeaderValue::from_str(&value).map_err(|_not_ascii| AmbariError::User)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(..)")
    }
}

fn read(file: &Path) -> io::Result<Zeroizing<String>> {
    // Room for all that is read, so that no copy is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES_MAX + 4));
    let limit = u64::try_from(BYTES_MAX + 3).unwrap_or(u64::MAX);
    File::open(file)?.take(limit).read_to_end(&mut bytes)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(io::Error::other("it is not UTF-8")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn password(text: &str) -> Result<Password, AmbariError> {
        Password::new(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn nothing_shows_it() {
        let password = password("canary").unwrap();
        assert_eq!(format!("{password:?}"), "Password(..)");
        let header = password.authorization("admin").unwrap();
        assert_eq!(format!("{header:?}"), "Sensitive");
        assert_eq!(header.to_str().unwrap(), "Basic YWRtaW46Y2FuYXJ5");
    }

    #[test]
    fn what_is_no_password_or_user() {
        for text in ["", "a\nb", "a\u{0}", &"x".repeat(1025)] {
            let error = password(text).unwrap_err();
            assert!(matches!(error, AmbariError::Password { .. }), "{text:?}");
        }
        let password = password("ü x").unwrap();
        for user in ["", "a:b", "a\nb"] {
            assert!(
                matches!(password.authorization(user), Err(AmbariError::User)),
                "{user:?}"
            );
        }
        assert!(password.authorization("jürgen@domain.example").is_ok());
    }

    #[test]
    fn a_file_with_or_without_a_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        let header = |content: &[u8]| {
            fs::write(&file, content).unwrap();
            let password = Password::from_file(&file)?;
            password
                .authorization("a")
                .map(|header| header.to_str().unwrap().to_owned())
        };
        let expected = "Basic YTpx";
        for content in [&b"q"[..], b"q\n", b"q\r\n"] {
            assert_eq!(header(content).unwrap(), expected);
        }
        assert_ne!(
            header(b" q").unwrap(),
            expected,
            "a blank may be part of a password"
        );
        for content in [&b""[..], b"\n", b"q\n\n", b"q\nr\n", b"\xff", &[b'q'; 2000]] {
            let error = header(content).unwrap_err();
            assert!(matches!(error, AmbariError::PasswordFile { .. }), "{error}");
            assert!(!error.to_string().contains("q\n"), "{error}");
        }
        let error = Password::from_file(&folder.path().join("other")).unwrap_err();
        assert!(error.to_string().contains("No such file"), "{error}");
    }

    #[test]
    fn a_file_that_everyone_may_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        fs::write(&file, "x").unwrap();
        for (mode, open) in [(0o600, false), (0o640, false), (0o644, true), (0o604, true)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Password::is_readable_by_others(&file), open, "{mode:o}");
        }
    }
}
