//! What is wrong with a file, said before or better than FFmpeg says it: to it, a missing file, a directory and a cut
//! recording are one error, and a pipe is something to wait for.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use crate::{Error, ErrorKind, Result, SourceUrl};

/// Refuses a path that names anything but a readable file with something in it.
pub(crate) fn check(url: &SourceUrl, path: &Path) -> Result<()> {
    let error = |kind, message: &str| Err(Error::new(kind, url, message));
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return error(ErrorKind::NotFound, "there is no such file"),
        Err(e) => return error(ErrorKind::Unreadable, &format!("cannot be looked at: {e}")),
    };
    if metadata.is_dir() {
        return error(ErrorKind::NotAFile, "is a directory; name a file in it");
    }
    if !metadata.is_file() {
        return error(ErrorKind::NotAFile, "is a device, pipe or socket; name a file");
    }
    if metadata.len() == 0 {
        return error(ErrorKind::Empty, "is empty (0 bytes)");
    }
    match fs::File::open(path) {
        Ok(_) => Ok(()),
        Err(e) => error(ErrorKind::Unreadable, &format!("cannot be read: {e}")),
    }
}

/// A better explanation for an error of FFmpeg's, where the file gives one.
pub(crate) fn explain(url: &SourceUrl, path: &Path, error: Error) -> Error {
    if error.kind() == ErrorKind::FormatDenied && is_mp4(path) {
        let message = "is an mp4 without its index (moov): it was cut off; record to mkv or ts, or fragmented mp4";
        return Error::new(ErrorKind::Truncated, url, message);
    }
    error
}

/// Whether the file begins as ISO/IEC 14496-12 files do.
fn is_mp4(path: &Path) -> bool {
    let mut head = [0; 8];
    fs::File::open(path).and_then(|mut f| f.read_exact(&mut head)).is_ok() && &head[4..] == b"ftyp"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(path: &Path) -> Result<(), ErrorKind> {
        let url: SourceUrl = path.to_str().unwrap().parse().unwrap();
        check(&url, path).map_err(|e| {
            assert!(e.to_string().starts_with(path.to_str().unwrap()), "{e}");
            e.kind()
        })
    }

    #[test]
    fn each_kind_of_bad_path_has_its_own_error() {
        let dir = tempfile::tempdir().unwrap();
        let (empty, full) = (dir.path().join("empty.mp4"), dir.path().join("full.mp4"));
        fs::write(&empty, "").unwrap();
        fs::write(&full, "x").unwrap();
        assert_eq!(kind_of(&dir.path().join("missing.mp4")), Err(ErrorKind::NotFound));
        assert_eq!(kind_of(dir.path()), Err(ErrorKind::NotAFile));
        assert_eq!(kind_of(Path::new("/dev/zero")), Err(ErrorKind::NotAFile));
        assert_eq!(kind_of(&empty), Err(ErrorKind::Empty));
        assert_eq!(kind_of(&full.join("below")), Err(ErrorKind::Unreadable));
        assert_eq!(kind_of(&full), Ok(()));
    }
}
