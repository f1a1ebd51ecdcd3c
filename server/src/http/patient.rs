//! A stream that gives up on a peer who says nothing at first, or does not take what is sent.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// As long as the preface by which HTTP/2 is told from HTTP/1.1 (RFC 9113 section 3.4); no request is shorter.
const OPENING: usize = 24;

/// Fails when the first bytes do not come within `head`, and when less than `least` bytes of what waits to be sent are taken
/// within `patience`.
///
/// What is read later has timers of its own: hyper's for heads and dead peers, [`super::body`]'s for bodies.
pub(super) struct Patient<S> {
    inner: S,
    patience: Duration,
    least: u64,
    /// Runs until the opening is read, and how much of it is still to come.
    opening: Option<(Pin<Box<Sleep>>, usize)>,
    /// Runs from when a write has to wait until all is sent or enough was taken; how much was taken meanwhile.
    timer: Option<(Pin<Box<Sleep>>, u64)>,
}

impl<S> Patient<S> {
    pub(super) fn new(inner: S, head: Duration, patience: Duration, least: u64) -> Self {
        Self { inner, patience, least, opening: Some((Box::pin(sleep(head)), OPENING)), timer: None }
    }

    /// Notes that so many bytes were taken: enough of them start the patience anew.
    fn taken(&mut self, bytes: usize) {
        if let Some((_, taken)) = &mut self.timer {
            *taken = taken.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
            if *taken >= self.least {
                self.timer = None;
            }
        }
    }

    /// Waits, and turns a wait that lasts too long into an error.
    fn wait<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let patience = self.patience;
        let (timer, _) = self.timer.get_or_insert_with(|| (Box::pin(sleep(patience)), 0));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Everything is sent, or waits.
    fn sent(&mut self, poll: Poll<io::Result<()>>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if poll.is_pending() {
            return self.wait(context);
        }
        self.timer = None;
        poll
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        let poll = Pin::new(&mut this.inner).poll_read(context, into);
        if let Some((timer, left)) = &mut this.opening {
            *left = left.saturating_sub(into.filled().len() - before);
            if *left == 0 {
                this.opening = None;
            } else if poll.is_pending() {
                ready!(timer.as_mut().poll(context));
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        poll
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.inner).poll_write(context, bytes);
        match poll {
            Poll::Ready(Ok(taken)) => this.taken(taken),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => return this.wait(context),
        }
        poll
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.inner).poll_flush(context);
        this.sent(poll, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.inner).poll_shutdown(context);
        this.sent(poll, context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_peer_who_takes_nothing_is_given_up() {
        let (ours, _theirs) = duplex(16);
        let error = Patient::new(ours, Duration::from_secs(3_600), Duration::from_millis(1), 1)
            .write_all(&[0; 64])
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_peer_who_says_too_little_is_given_up() {
        let (ours, mut theirs) = duplex(64);
        theirs.write_all(&[7; OPENING - 1]).await.unwrap();
        let mut heard = Vec::new();
        let error = Patient::new(ours, Duration::from_millis(1), Duration::from_secs(3_600), 1)
            .read_to_end(&mut heard)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(heard.len(), OPENING - 1);
    }

    #[tokio::test]
    async fn after_the_opening_the_caller_decides_how_long_to_wait() {
        let (ours, mut theirs) = duplex(64);
        let mut patient = Patient::new(ours, Duration::from_secs(3_600), Duration::from_secs(3_600), 16);
        theirs.write_all(&[7; OPENING]).await.unwrap();
        patient.read_exact(&mut [0; OPENING]).await.unwrap();
        assert!(patient.opening.is_none());
    }

    #[tokio::test]
    async fn enough_progress_starts_the_patience_anew_and_little_does_not() {
        let (ours, mut theirs) = duplex(16);
        let mut patient = Patient::new(ours, Duration::from_secs(3_600), Duration::from_secs(3_600), 16);
        assert_eq!(patient.write(&[7; 16]).await.unwrap(), 16);
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(Pin::new(&mut patient).poll_write(&mut context, &[7; 16]).is_pending());
        for left in [15, 0] {
            assert!(patient.timer.is_some(), "{left} of 16 bytes are still to be taken");
            theirs.read_exact(&mut vec![0; 16 - left.max(1)]).await.unwrap();
            assert_eq!(patient.write(&[7; 16]).await.unwrap(), 16 - left.max(1));
        }
        assert!(patient.timer.is_none());
    }

    #[tokio::test]
    async fn a_peer_who_takes_a_byte_now_and_then_is_given_up() {
        let (ours, mut theirs) = duplex(16);
        let mut patient = Patient::new(ours, Duration::from_secs(3_600), Duration::from_millis(20), 1 << 20);
        let read = async {
            while theirs.read_u8().await.is_ok() {
                tokio::task::yield_now().await
            }
        };
        let write = async { patient.write_all(&vec![0; 1 << 30]).await.unwrap_err().kind() };
        tokio::select! {
            kind = write => assert_eq!(kind, io::ErrorKind::TimedOut),
            () = read => panic!("the reader has ended"),
        }
    }
}
