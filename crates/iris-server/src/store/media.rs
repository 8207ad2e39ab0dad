//! Pictures as files: `<camera>/<day>/<event>.jpg` below one folder.
//!
//! A file is complete or not there: it is written beside its place, synced, and renamed. It is written before the
//! row that names it and deleted after, so a crash leaves a file too many, never one too few. Which files there
//! should be is known to the [`super::Store`].

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use iris_core::{EventId, WallTime};

use super::{Picture, PictureKind};
use crate::error::{Error, Result};
use crate::message::timestamp;

/// What the name of an unfinished file starts with.
const UNFINISHED: &str = ".new-";
/// The file that says to which database the folder belongs.
pub(super) const MARK: &str = ".iris-store";

/// The folder and the name of an event's picture.
fn place(id: EventId, started: Option<WallTime>, kind: PictureKind) -> (String, String) {
    let day = started.map_or_else(|| "undated".to_owned(), |at| timestamp(at).strftime("%Y-%m-%d").to_string());
    let suffix = match kind {
        PictureKind::Plain => "",
        PictureKind::Boxes => "-boxes",
    };
    (format!("{}/{day}", id.camera), format!("{id}{suffix}.jpg"))
}

/// The folder of the pictures.
#[derive(Debug, Clone)]
pub struct Media {
    root: PathBuf,
}

impl Media {
    /// The folder, made when missing.
    pub fn open(root: &Path) -> Result<Self> {
        make_folder(root)?;
        Ok(Self { root: root.to_owned() })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Writes an event's picture, in the place of an earlier one of the same kind. `started` is when the event
    /// began, by the wall clock.
    pub fn save(&self, id: EventId, started: Option<WallTime>, kind: PictureKind, jpeg: &[u8]) -> Result<Picture> {
        let (folder, name) = place(id, started, kind);
        let path = self.root.join(&folder);
        make_folder(&path)?;
        write_whole(&path, &name, jpeg)?;
        Ok(Picture { kind, path: format!("{folder}/{name}"), bytes: jpeg.len() as u64 })
    }

    /// The pictures of an event that were saved so far.
    pub fn saved(&self, id: EventId, started: Option<WallTime>) -> Vec<Picture> {
        let find = |kind| {
            let (folder, name) = place(id, started, kind);
            let path = format!("{folder}/{name}");
            self.size(&path).map(|bytes| Picture { kind, path, bytes })
        };
        PictureKind::ALL.into_iter().filter_map(find).collect()
    }

    /// Deletes a picture, and the day's folder if that was its last one. One that is gone already is no error.
    pub fn remove(&self, picture: &str) -> Result<()> {
        let Some(path) = self.resolve(picture) else { return Ok(()) };
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::file("delete", &path)(error));
            }
            _ => {}
        }
        if let Some(day) = path.parent() {
            // Fails as long as the folder holds another picture, which is as it should be.
            fs::remove_dir(day).ok();
        }
        Ok(())
    }

    /// The size of a picture's file in bytes, if it is there.
    pub fn size(&self, picture: &str) -> Option<u64> {
        let meta = fs::metadata(self.resolve(picture)?).ok()?;
        meta.is_file().then_some(meta.len())
    }

    /// All files, relative to the folder; unfinished ones too.
    pub fn files(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(Error::file("read", &folder))? {
                let entry = entry.map_err(Error::file("read", &folder))?;
                let path = entry.path();
                match entry.file_type().map_err(Error::file("read", &path))? {
                    kind if kind.is_dir() => folders.push(path),
                    _ => found.extend(path.strip_prefix(&self.root).ok().map(|p| p.to_string_lossy().into_owned())),
                }
            }
        }
        found.retain(|name| name != MARK);
        found.sort_unstable();
        Ok(found)
    }

    /// The path of a picture, if it lies within the folder.
    fn resolve(&self, picture: &str) -> Option<PathBuf> {
        let path = Path::new(picture);
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        (plain && !picture.is_empty()).then(|| self.root.join(path))
    }
}

/// Whether a file was never finished.
pub(crate) fn is_unfinished(picture: &str) -> bool {
    Path::new(picture).file_name().is_some_and(|name| name.to_string_lossy().starts_with(UNFINISHED))
}

/// Makes a folder that only we can read, and those above it, durably.
pub(super) fn make_folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        make_folder(above)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if !path.is_dir() => {
            return Err(Error::file("make", path)(error));
        }
        _ => {}
    }
    path.parent().filter(|above| !above.as_os_str().is_empty()).map_or(Ok(()), sync_folder)
}

/// Writes a file so that it is complete under its name or not there.
pub(super) fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let unfinished = folder.join(format!("{UNFINISHED}{name}"));
    let written = write_synced(&unfinished, bytes)
        .and_then(|()| fs::rename(&unfinished, folder.join(name)))
        .map_err(Error::file("write", &folder.join(name)));
    if written.is_err() {
        // The error that counts is the first; what this leaves behind, fsck finds.
        fs::remove_file(&unfinished).ok();
    }
    written.and_then(|()| sync_folder(folder))
}

fn write_synced(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> Result<()> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(Error::file("sync", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_of_an_event_is_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let media = Media::open(&folder.path().join("media")).expect("opened");
        let camera = iris_core::CameraId::new("gate").expect("a valid id");
        let id = EventId { camera, epoch: iris_core::Epoch::first(1), n: 1 };
        let started = Some(WallTime { unix_micros: 1_700_000_000_000_000 });
        assert!(media.saved(id, started).is_empty());
        let boxes = media.save(id, started, PictureKind::Boxes, b"with boxes").expect("saved");
        assert_eq!(media.saved(id, started), std::slice::from_ref(&boxes));
        let plain = media.save(id, started, PictureKind::Plain, b"plain").expect("saved");
        assert_eq!(plain.path, "gate/2023-11-14/gate-1.0-1.jpg");
        assert_eq!(media.saved(id, started), [plain, boxes]);
    }
}
