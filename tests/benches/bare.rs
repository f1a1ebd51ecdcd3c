//! A TLS server that does nothing else, with the relay's key: what the machine can do at all on the same line.

use std::net::SocketAddr;
use std::path::Path;

use himaya_tests::binaries::proxy::Ends;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_rustls::client::TlsStream;
use tokio_rustls::server;

/// How much is written at once: as much as a page of the relay's.
const PIECE: usize = 64 << 10;

/// Either end of a line that is as fast as TLS lets it be.
#[derive(Clone)]
pub struct Bare {
    ends: Ends,
    address: SocketAddr,
    /// What every connection is told.
    tell: broadcast::Sender<Vec<u8>>,
}

impl Bare {
    /// Serves on a port of its own as long as the runtime lives. A connection that sends a number is sent as many bytes.
    pub async fn start(relay: &Path) -> anyhow::Result<Self> {
        let ends = Ends::of(relay)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (tell, _) = broadcast::channel(4);
        let serving = Self { ends, address, tell };
        let bare = serving.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let bare = bare.clone();
                // Without it the first byte waits for an acknowledgement.
                let _slow = stream.set_nodelay(true);
                tokio::spawn(async move {
                    if let Ok(stream) = bare.ends.accept(stream).await {
                        // Whoever goes away ends its connection.
                        let _ended = bare.serve(stream).await;
                    }
                });
            }
        });
        Ok(serving)
    }

    async fn serve(&self, mut stream: server::TlsStream<TcpStream>) -> std::io::Result<()> {
        let mut told = self.tell.subscribe();
        let piece = vec![0x5a; PIECE];
        // So that whoever connects knows that it will be told.
        stream.write_u8(0).await?;
        stream.flush().await?;
        loop {
            tokio::select! {
                asked = stream.read_u64() => {
                    let mut left = usize::try_from(asked?).unwrap_or(usize::MAX);
                    while let Some(some) = piece.get(..left.min(PIECE)).filter(|some| !some.is_empty()) {
                        stream.write_all(some).await?;
                        left -= some.len();
                    }
                    stream.flush().await?;
                }
                Ok(some) = told.recv() => {
                    stream.write_all(&some).await?;
                    stream.flush().await?;
                }
            }
        }
    }

    /// A connection to the bare server; its first byte has been read.
    pub async fn connect(&self) -> anyhow::Result<TlsStream<TcpStream>> {
        let mut stream = self.connect_to(self.address).await?;
        stream.read_u8().await?;
        Ok(stream)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A connection to somebody else with the same key.
    pub async fn connect_to(&self, address: SocketAddr) -> anyhow::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        self.ends.connect(stream).await
    }

    /// Sends the same bytes to every connection.
    pub fn tell_all(&self, bytes: Vec<u8>) {
        // Without any connection there is nobody to tell.
        let _told = self.tell.send(bytes);
    }

    /// Has so many bytes sent and reads them.
    pub async fn ask_for(stream: &mut TlsStream<TcpStream>, bytes: u64) -> anyhow::Result<()> {
        stream.write_u64(bytes).await?;
        stream.flush().await?;
        skip(stream, bytes).await
    }
}

/// Reads so many bytes and forgets them.
pub async fn skip(stream: &mut TlsStream<TcpStream>, bytes: u64) -> anyhow::Result<()> {
    let mut some = vec![0; PIECE];
    let mut left = bytes;
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
        let Some(some) = some.get_mut(..most) else { break };
        let read = stream.read(some).await?;
        anyhow::ensure!(read > 0, "the line ended {left} bytes early");
        left -= u64::try_from(read)?;
    }
    Ok(())
}
