//! Frames on streams.

use protocol::{FRAME_BYTES_MAX, FrameError, decode_frame, encode_frame};
use quinn::{ReadExactError, RecvStream, SendStream};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a frame did not come or go.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The peer ended the stream where a frame could begin: often no error at all.
    #[error("the stream has ended")]
    Ended,
    /// The peer reset the stream, or the connection is gone, or it ended within a frame.
    #[error("the stream broke: {0}")]
    Read(#[from] ReadExactError),
    /// The peer stopped reading, or the connection is gone.
    #[error("the stream broke: {0}")]
    Write(#[from] quinn::WriteError),
    /// The bytes are no such frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// Reads one frame. **Not** cancel safe: a dropped read loses what it had taken.
///
/// # Errors
/// [`StreamError::Ended`] at a clean end; otherwise what broke.
pub async fn read_frame<T: DeserializeOwned>(recv: &mut RecvStream) -> Result<T, StreamError> {
    let mut length = [0; 4];
    match recv.read_exact(&mut length).await {
        Ok(()) => {}
        Err(ReadExactError::FinishedEarly(0)) => return Err(StreamError::Ended),
        Err(error) => return Err(error.into()),
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > FRAME_BYTES_MAX {
        return Err(FrameError::TooLong(length).into());
    }
    let mut body = vec![0; length];
    recv.read_exact(&mut body).await?;
    Ok(decode_frame(&body)?)
}

/// Writes one frame. **Not** cancel safe: a dropped write may leave half a frame.
///
/// # Errors
/// If the frame is too long or the peer no longer listens.
pub async fn write_frame<T: Serialize>(
    send: &mut SendStream,
    frame: &T,
) -> Result<(), StreamError> {
    let bytes = encode_frame(frame)?;
    send.write_all(&bytes).await?;
    Ok(())
}
