//! JSON lines, appended to a file.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use iris_core::WallTime;

use super::{Failure, Sink};
use crate::store::Outgoing;

/// A file to which each message is appended as a line and synced. It is opened anew after it was moved away, so
/// that log rotation works.
#[derive(Debug)]
pub struct JsonLines {
    path: PathBuf,
    file: Option<File>,
}

impl JsonLines {
    /// The file is opened with the first message.
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    fn append(&mut self, lines: &str) -> io::Result<()> {
        let mut file = self.current()?;
        let end = file.metadata()?.len();
        let written = file.write_all(lines.as_bytes()).and_then(|()| file.sync_data());
        match written {
            Ok(()) => self.file = Some(file),
            // Half a line must not stay; if even that fails, the next opening ends the line.
            Err(_) => drop(file.set_len(end)),
        }
        written
    }

    /// The file at the path: the one that is open, if it is still that one.
    fn current(&mut self) -> io::Result<File> {
        let there = std::fs::metadata(&self.path).ok();
        match self.file.take() {
            Some(file) if there.is_some_and(|there| same(&there, &file)) => Ok(file),
            _ => self.open(),
        }
    }

    fn open(&self) -> io::Result<File> {
        let mut file = OpenOptions::new().append(true).read(true).create(true).mode(0o600).open(&self.path)?;
        if file.metadata()?.len() > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
            }
        }
        Ok(file)
    }
}

fn same(there: &Metadata, file: &File) -> bool {
    file.metadata().is_ok_and(|open| (open.dev(), open.ino()) == (there.dev(), there.ino()))
}

impl Sink for JsonLines {
    fn batch(&self) -> usize {
        64
    }

    fn tell(&mut self, messages: &[&Outgoing], _now: WallTime) -> Result<(), Failure> {
        let lines: String = messages.iter().flat_map(|message| [message.body.as_str(), "\n"]).collect();
        self.append(&lines).map_err(|error| Failure::Unreachable(format!("{}: {error}", self.path.display())))
    }
}
