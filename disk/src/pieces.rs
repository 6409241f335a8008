//! Reading a file piece by piece, for who sends it.

use crate::run;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// A file that is read from its beginning in pieces, each off the threads that serve.
#[derive(Debug)]
pub struct Pieces {
    /// Gone while it is read from, and after an error.
    file: Option<File>,
    length: u64,
    piece_bytes: usize,
}

impl Pieces {
    /// Opens a file to be read in pieces of so many bytes, which is at least 1.
    ///
    /// # Errors
    /// If it can't be opened.
    pub async fn open(path: &Path, piece_bytes: usize) -> io::Result<Self> {
        let path = path.to_owned();
        let open = move || {
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            Ok(Self {
                file: Some(file),
                length,
                piece_bytes,
            })
        };
        run(open).await
    }

    /// The file's length in bytes when it was opened.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The next bytes, as many as a piece has if the file doesn't end before; none at its end. **Not** cancel safe:
    /// after a dropped call there are no more.
    ///
    /// # Errors
    /// If it can't be read; there are no more then.
    pub async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.file.take() else {
            return Ok(None);
        };
        let most = self.piece_bytes as u64;
        let read = move || {
            let mut piece = Vec::with_capacity(most as usize);
            (&file).take(most).read_to_end(&mut piece)?;
            io::Result::Ok((file, piece))
        };
        let (file, piece) = run(read).await?;
        self.file = Some(file);
        Ok((!piece.is_empty()).then_some(piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::runtime::Builder;

    #[test]
    fn pieces_together_are_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let runtime = Builder::new_current_thread().build().unwrap();
        for length in [0, 1, 9, 10, 11, 20] {
            let bytes: Vec<u8> = (0..length).collect();
            let path = dir.path().join("file");
            std::fs::write(&path, &bytes).unwrap();
            runtime.block_on(async {
                let mut pieces = Pieces::open(&path, 10).await.unwrap();
                assert_eq!(pieces.length(), length.into());
                let mut read = Vec::new();
                while let Some(piece) = pieces.next().await.unwrap() {
                    assert!(piece.len() <= 10);
                    read.extend_from_slice(&piece);
                }
                assert_eq!(read, bytes);
            });
        }
    }
}
