//! As much of HTTP/1.1 (RFC 9112) as a put and its answer are.

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The most bytes of a head.
const HEAD_MAX: usize = 64 << 10;
const HEAD_END: &[u8] = b"\r\n\r\n";

/// A request or an answer: its head, and a body of the length that the head gives.
pub(super) struct Message {
    /// First line and fields, with the empty line.
    head: String,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// Reads the next message; `None` when the peer has closed between two.
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> anyhow::Result<Option<Self>> {
        let mut head = Vec::new();
        while !head.ends_with(HEAD_END) {
            ensure!(head.len() < HEAD_MAX, "a head of more than {HEAD_MAX} bytes");
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) if head.is_empty() => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        let head = String::from_utf8(head).context("a head that is not text")?;
        let mut message = Self { head, body: Vec::new() };
        let length = message.field("content-length").map_or(Ok(0), str::parse)?;
        message.body.resize(length, 0);
        stream.read_exact(&mut message.body).await?;
        Ok(Some(message))
    }

    /// Whether the first line begins so.
    pub(super) fn starts_with(&self, start: &str) -> bool {
        self.head.starts_with(start)
    }

    /// The status of an answer.
    pub(super) fn status(&self) -> Option<u16> {
        self.head.split(' ').nth(1)?.parse().ok()
    }

    /// Adds a line to the fields; nothing when it is empty.
    pub(super) fn add_header(&mut self, line: &str) {
        if let Some(end) = self.head.find("\r\n") {
            self.head.insert_str(end + 2, line);
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.body].concat()
    }

    fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.into_iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}
