//! Lines of JSON over a socket, no longer than agreed.

use std::io::{self, ErrorKind};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};

/// Reads one line of at most `bytes_max` bytes, its end not counted and not returned. What comes behind it is left
/// unread. A line that is too long or does not end is an error, and no more than `bytes_max` is kept of it.
pub(super) async fn read(stream: impl AsyncRead + Unpin, bytes_max: usize) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let mut line = Vec::new();
    BufReader::new(stream.take(limit))
        .read_until(b'\n', &mut line)
        .await?;
    if line.pop_if(|last| *last == b'\n').is_some() {
        return Ok(line);
    }
    Err(if line.len() > bytes_max {
        io::Error::new(
            ErrorKind::InvalidData,
            format!("the line is longer than {bytes_max} bytes"),
        )
    } else {
        io::Error::new(ErrorKind::UnexpectedEof, "the line does not end")
    })
}

/// Writes a line.
pub(super) async fn write(stream: &mut (impl AsyncWrite + Unpin), mut text: Vec<u8>) -> io::Result<()> {
    text.push(b'\n');
    stream.write_all(&text).await?;
    stream.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_is_read_up_to_its_bound() {
        assert_eq!(read(&b"abc\nd"[..], 3).await.unwrap(), b"abc");
        assert_eq!(read(&b"\n"[..], 3).await.unwrap(), b"");
        for (bytes, kind) in [
            (&b"abcd\n"[..], ErrorKind::InvalidData),
            (b"abcdefgh", ErrorKind::InvalidData),
            (b"abc", ErrorKind::UnexpectedEof),
            (b"", ErrorKind::UnexpectedEof),
        ] {
            assert_eq!(read(bytes, 3).await.unwrap_err().kind(), kind, "{bytes:?}");
        }
    }
}
