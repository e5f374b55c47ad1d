//! How a child that hands something out says what comes: frames, each with its kind and length.

use super::{Frame, Said};
use bytes::Bytes;
use std::io::{self, Write};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Content: eight bytes that say how much is done with it, and the bytes.
const DATA: u8 = 0;
/// All else, as JSON.
const SAID: u8 = 1;
/// Bytes of a frame; what a child sends that is itself taken over has its bound, too.
const LONGEST: u32 = 4 << 20;

/// Writes a piece of content.
pub(super) fn data(out: &mut impl Write, done: u64, data: &[u8]) -> io::Result<()> {
    head(out, DATA, data.len() + 8)?;
    out.write_all(&done.to_le_bytes())?;
    out.write_all(data)
}

/// Writes anything else.
pub(super) fn said(out: &mut impl Write, said: &Said) -> io::Result<()> {
    let text = serde_json::to_vec(said)?;
    head(out, SAID, text.len())?;
    out.write_all(&text)
}

fn head(out: &mut impl Write, kind: u8, length: usize) -> io::Result<()> {
    let fits = u32::try_from(length).ok().filter(|length| *length <= LONGEST);
    let length = fits.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a frame is too long"))?;
    out.write_all(&[kind])?;
    out.write_all(&length.to_le_bytes())
}

/// The next one. The end of what is read is an error: the last one says that it is.
pub(super) async fn next(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Frame> {
    let wrong = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let kind = from.read_u8().await?;
    let length = from.read_u32_le().await?;
    match kind {
        _ if length > LONGEST => Err(wrong("a frame is too long")),
        DATA if length >= 8 => {
            let done = from.read_u64_le().await?;
            let mut data = vec![0; length as usize - 8];
            from.read_exact(&mut data).await?;
            Ok(Frame::Data { done, data: Bytes::from(data) })
        }
        SAID => {
            let mut text = vec![0; length as usize];
            from.read_exact(&mut text).await?;
            Ok(Frame::Said(serde_json::from_slice(&text)?))
        }
        _ => Err(wrong("a frame is none")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read_and_what_is_cut_off_or_none_is_an_error() {
        let mut out = Vec::new();
        data(&mut out, 7, b"abc").unwrap();
        said(&mut out, &Said::Unscanned(3)).unwrap();
        let mut from = out.as_slice();
        assert_eq!(next(&mut from).await.unwrap(), Frame::Data { done: 7, data: Bytes::from_static(b"abc") });
        assert_eq!(next(&mut from).await.unwrap(), Frame::Said(Said::Unscanned(3)));
        assert!(next(&mut from).await.is_err());
        for cut in 0..out.len() {
            let mut from = &out[..cut];
            let mut read = 0;
            while next(&mut from).await.is_ok() {
                read += 1;
            }
            assert!(read < 2);
        }
        for bad in [&[9, 0, 0, 0, 0][..], &[0, 1, 0, 0, 0, 1], &[0, 255, 255, 255, 255], &[1, 1, 0, 0, 0, b'{']] {
            let mut from = bad;
            assert!(next(&mut from).await.is_err(), "{bad:?}");
        }
        assert!(data(&mut Vec::new(), 0, &vec![0; LONGEST as usize]).is_err());
    }
}
