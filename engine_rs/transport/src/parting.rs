//! How a connection ends: the other side gets to read what was said last.

use std::io::Result;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// So long the other side has to read it and to close too.
const LONGEST: Duration = Duration::from_secs(1);
/// Bytes that it may send meanwhile: more than HTTP/2 lets it send ahead.
const MOST: usize = 8 * 1024 * 1024;

/// A connection that takes what still comes in when it is shut down, and throws it away. A socket that is closed with bytes
/// to be read, or that gets some afterwards, is reset: then the other side's system throws away what it has not read yet, the
/// last answers and the reason for the end among it.
///
/// It says that it writes no vectors until the first bytes are written. HTTP/2 asks before, to decide which messages it copies
/// together with others, and which it writes one by one: from 256 bytes on where vectors are written, else from 1,024 on. An
/// order is in between, and a write costs more than many copies.
pub(crate) struct Parting<T> {
    io: T,
    has_written: bool,
    /// Since all was sent: until when, and how many bytes more.
    left: Option<(Pin<Box<Sleep>>, usize)>,
}

impl<T> Parting<T> {
    pub(crate) fn new(io: T) -> Self {
        Self { io, has_written: false, left: None }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Parting<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        pin!(&mut self.io).poll_read(context, buffer)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Parting<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.has_written = true;
        pin!(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[std::io::IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        pin!(&mut self.io).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.has_written && self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        pin!(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        let (until, room) = match &mut this.left {
            Some(left) => left,
            none => {
                ready!(pin!(&mut this.io).poll_shutdown(context))?;
                none.insert((Box::pin(sleep(LONGEST)), MOST))
            }
        };
        let mut thrown_away = [0; 4096];
        loop {
            if until.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut buffer = ReadBuf::new(&mut thrown_away);
            let broken = ready!(pin!(&mut this.io).poll_read(context, &mut buffer)).is_err();
            let came = buffer.filled().len();
            *room = room.saturating_sub(came);
            // Broken or closed by the other side: it has read what it wanted to.
            if broken || came == 0 || *room == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn it_writes_vectors_from_its_second_write_on() {
        let (ours, _theirs) = tokio::io::duplex(64);
        assert!(ours.is_write_vectored());
        let mut parting = Parting::new(ours);
        assert!(!parting.is_write_vectored(), "HTTP/2 asks now which answers it copies together");
        parting.write_all(b"settings").await.unwrap();
        assert!(parting.is_write_vectored());
    }
}
