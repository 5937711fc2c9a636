//! Lines of a byte stream, ended as Java's `BufferedReader.readLine` ends them: by `\n`, `\r` or `\r\n`.
//!
//! Bytes that are no UTF-8 stay as they are. (Java's tool decodes them and writes U+FFFD instead.)

use std::io::{self, BufRead};

/// Bytes of the longest line: what no broker would take in one request (`socket.request.max.bytes`, 100 MiB).
pub const LINE_BYTES_MAX: usize = 100 * 1024 * 1024;

/// One line without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: u64,
    /// What stands in it.
    pub bytes: Vec<u8>,
}

/// Reads lines. Holds one line and the reader's buffer, nothing else.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    read: u64,
    /// The beginning of a line whose end has not come yet.
    pending: Vec<u8>,
    /// The last line ended with `\r`: a `\n` that comes next belongs to that end.
    behind_carriage_return: bool,
    line_bytes_max: usize,
}

// === impl Lines ===

impl<R: BufRead> Lines<R> {
    /// Lines of up to [`LINE_BYTES_MAX`].
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            read: 0,
            pending: Vec::new(),
            behind_carriage_return: false,
            line_bytes_max: LINE_BYTES_MAX,
        }
    }

    /// Lines read so far.
    pub fn read(&self) -> u64 {
        self.read
    }

    /// Takes the lines that can be had without waiting for more than one read of the source: at least one, `None` at the
    /// end. A last line without an end counts, an empty rest does not.
    ///
    /// # Errors
    /// The source fails, or a line is longer than the limit; the error names the line.
    pub fn next_lines(&mut self) -> io::Result<Option<Vec<Line>>> {
        let mut lines = Vec::new();
        loop {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                if !self.pending.is_empty() {
                    lines.push(numbered(&mut self.read, &mut self.pending));
                }
                return Ok((!lines.is_empty()).then_some(lines));
            }
            let length = available.len();
            let mut rest = available;
            if self.behind_carriage_return {
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
                self.behind_carriage_return = false;
            }
            while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
                let (text, end_and_rest) = rest.split_at(end);
                self.pending.extend_from_slice(text);
                bounded(self.read, self.pending.len(), self.line_bytes_max)?;
                lines.push(numbered(&mut self.read, &mut self.pending));
                rest = match end_and_rest {
                    [b'\r'] => {
                        self.behind_carriage_return = true;
                        &[]
                    }
                    [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
                    [] => &[],
                };
            }
            self.pending.extend_from_slice(rest);
            bounded(self.read, self.pending.len(), self.line_bytes_max)?;
            self.reader.consume(length);
            if !lines.is_empty() {
                return Ok(Some(lines));
            }
        }
    }
}

fn numbered(read: &mut u64, pending: &mut Vec<u8>) -> Line {
    *read += 1;
    Line {
        number: *read,
        bytes: std::mem::take(pending),
    }
}

fn bounded(read: u64, length: usize, length_max: usize) -> io::Result<()> {
    if length <= length_max {
        return Ok(());
    }
    let number = read + 1;
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        format!("line {number} has more than {length_max} bytes"),
    ))
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use super::*;

    /// A source that gives one piece with each read.
    struct Pieces(Vec<&'static [u8]>);

    impl Read for Pieces {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0);
            out.get_mut(..piece.len())
                .expect("a large buffer")
                .copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    fn reads(pieces: &[&'static [u8]]) -> Vec<Vec<(u64, Vec<u8>)>> {
        let mut lines = Lines::new(BufReader::new(Pieces(pieces.to_vec())));
        let mut reads = Vec::new();
        while let Some(read) = lines.next_lines().expect("no error") {
            reads.push(read.into_iter().map(|line| (line.number, line.bytes)).collect());
        }
        reads
    }

    fn texts(pieces: &[&'static [u8]]) -> Vec<Vec<u8>> {
        reads(pieces)
            .into_iter()
            .flatten()
            .map(|(_, bytes)| bytes)
            .collect()
    }

    #[test]
    fn all_three_ends_end_a_line() {
        assert_eq!(texts(&[b"a\nb\r\nc\rd"]), [b"a", b"b", b"c", b"d"]);
        assert_eq!(texts(&[b"\n\r\n\r\r"]), [b"", b"", b"", b""]);
        assert_eq!(texts(&[b""]), [b""; 0]);
        assert_eq!(texts(&[b"a\n"]), [b"a"]);
    }

    #[test]
    fn an_end_may_be_cut_between_two_reads() {
        assert_eq!(texts(&[b"a\r", b"\nb\n"]), [b"a", b"b"]);
        assert_eq!(texts(&[b"a\r", b"b"]), [b"a", b"b"]);
        assert_eq!(texts(&[b"a\r", b"\n"]), [b"a"]);
    }

    #[test]
    fn bytes_are_kept() {
        assert_eq!(texts(&[b"\xff\x00\xfe\n"]), [b"\xff\x00\xfe"]);
    }

    #[test]
    fn whole_lines_do_not_wait_for_the_rest() {
        let reads = reads(&[b"a\nb\nc", b"c\n"]);
        assert_eq!(
            reads,
            [
                vec![(1, b"a".to_vec()), (2, b"b".to_vec())],
                vec![(3, b"cc".to_vec())]
            ]
        );
    }

    #[test]
    fn a_line_has_a_limit_and_the_error_names_it() {
        let mut lines = Lines {
            line_bytes_max: 3,
            ..Lines::new(BufReader::new(Pieces(vec![b"abc\nabcd\n"])))
        };
        let error = lines.next_lines().expect_err("line 2 is too long");
        assert_eq!(error.to_string(), "line 2 has more than 3 bytes");
    }
}
