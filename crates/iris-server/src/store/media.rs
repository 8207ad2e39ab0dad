//! Pictures and clips as files: `<camera>/<day>/<event>.jpg` and `.mp4` below one folder.
//!
//! A file is complete or not there: it is written beside its place, synced, and renamed. It is written before the
//! row that names it and deleted after, so a crash leaves a file too many, never one too few. Which files there
//! should be is known to the [`super::Store`].

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use iris_core::{EventId, WallTime};

use super::{MediaFile, MediaKind};
use crate::error::{Error, Result};
use crate::message::timestamp;

/// What the name of an unfinished file starts with.
const UNFINISHED: &str = ".new-";
/// The file that says to which database the folder belongs.
pub(super) const MARK: &str = ".iris-store";

/// The folder and the name of an event's picture.
fn place(id: EventId, started: Option<WallTime>, kind: MediaKind) -> (String, String) {
    let day = started.map_or_else(|| "undated".to_owned(), |at| timestamp(at).strftime("%Y-%m-%d").to_string());
    let suffix = match kind {
        MediaKind::Plain => ".jpg",
        MediaKind::Boxes => "-boxes.jpg",
        MediaKind::Clip => ".mp4",
    };
    (format!("{}/{day}", id.camera), format!("{id}{suffix}"))
}

/// The folder of the files.
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

    /// Writes an event's pictures, in the place of earlier ones of the same kinds. `started` is when the event began, by the
    /// wall clock.
    pub fn save<const N: usize>(
        &self,
        id: EventId,
        started: Option<WallTime>,
        pictures: [(MediaKind, &[u8]); N],
    ) -> Result<[MediaFile; N]> {
        self.put(id, started, &pictures, |unfinished, jpeg| write_synced(unfinished, jpeg))?;
        Ok(pictures.map(|(kind, jpeg)| file(id, started, kind, jpeg.len() as u64)))
    }

    /// Gives an event the pictures of another one, as further names of the same files.
    ///
    /// # Errors
    /// They are gone, or files cannot have two names where the folder lies.
    pub fn share(&self, id: EventId, started: Option<WallTime>, pictures: &[MediaFile; 2]) -> Result<[MediaFile; 2]> {
        let link = |unfinished: &Path, file: &&MediaFile| {
            // One that an earlier crash left would be in the way.
            fs::remove_file(unfinished).ok();
            fs::hard_link(self.root.join(&file.path), unfinished)
        };
        self.put(id, started, &pictures.each_ref().map(|file| (file.kind, file)), link)?;
        Ok(pictures.each_ref().map(|shared| file(id, started, shared.kind, shared.bytes)))
    }

    /// Makes each file with `make`, then puts all in their places.
    fn put<T>(
        &self,
        id: EventId,
        started: Option<WallTime>,
        files: &[(MediaKind, T)],
        make: impl Fn(&Path, &T) -> io::Result<()>,
    ) -> Result<()> {
        let (folder, _) = place(id, started, MediaKind::Plain);
        let folder = self.root.join(folder);
        make_folder(&folder)?;
        for (kind, from) in files {
            put_in_place(&folder, &place(id, started, *kind).1, |unfinished| make(unfinished, from))?;
        }
        sync_folder(&folder)
    }

    /// Begins the clip of an event, which takes its place once it is finished.
    pub fn begin_clip(&self, id: EventId, started: Option<WallTime>) -> Result<Unfinished> {
        let (folder, name) = place(id, started, MediaKind::Clip);
        let path = self.root.join(&folder);
        make_folder(&path)?;
        Unfinished::create(path, name, folder)
    }

    /// The pictures of an event that were saved so far.
    pub fn saved(&self, id: EventId, started: Option<WallTime>) -> Vec<MediaFile> {
        let find = |kind| {
            let (folder, name) = place(id, started, kind);
            let path = format!("{folder}/{name}");
            self.size(&path).map(|bytes| MediaFile { kind, path, bytes })
        };
        [MediaKind::Plain, MediaKind::Boxes].into_iter().filter_map(find).collect()
    }

    /// Deletes a file, and the day's folder if that was its last one. One that is gone already is no error.
    pub fn remove(&self, file: &str) -> Result<()> {
        let Some(path) = self.resolve(file) else { return Ok(()) };
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::file("delete", &path)(error));
            }
            _ => {}
        }
        if let Some(day) = path.parent() {
            // Fails as long as the folder holds another file, which is as it should be.
            fs::remove_dir(day).ok();
        }
        Ok(())
    }

    /// The size of a file in bytes, if it is there.
    pub fn size(&self, file: &str) -> Option<u64> {
        let meta = fs::metadata(self.resolve(file)?).ok()?;
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

    /// Where a file lies, if that is within the folder.
    pub fn resolve(&self, file: &str) -> Option<PathBuf> {
        let path = Path::new(file);
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        (plain && !file.is_empty()).then(|| self.root.join(path))
    }
}

fn file(id: EventId, started: Option<WallTime>, kind: MediaKind, bytes: u64) -> MediaFile {
    let (folder, name) = place(id, started, kind);
    MediaFile { kind, path: format!("{folder}/{name}"), bytes }
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
pub(crate) fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    put_in_place(folder, name, |unfinished| write_synced(unfinished, bytes))?;
    sync_folder(folder)
}

/// Has a file made under another name, and gives it its own once it is complete. It stays there once the folder is synced.
fn put_in_place(folder: &Path, name: &str, make: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
    let unfinished = folder.join(format!("{UNFINISHED}{name}"));
    let made = make(&unfinished)
        .and_then(|()| fs::rename(&unfinished, folder.join(name)))
        .map_err(Error::file("write", &folder.join(name)));
    if made.is_err() {
        // The error that counts is the first; what this leaves behind, fsck finds.
        fs::remove_file(&unfinished).ok();
    }
    made
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A file that is being written. Dropped before it is finished, it is deleted.
#[derive(Debug)]
pub struct Unfinished {
    file: File,
    folder: PathBuf,
    name: String,
    /// The folder, relative to that of all files.
    within: String,
    bytes: u64,
    finished: bool,
}

impl Unfinished {
    fn create(folder: PathBuf, name: String, within: String) -> Result<Self> {
        let path = folder.join(format!("{UNFINISHED}{name}"));
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let file = file.map_err(Error::file("write", &path))?;
        Ok(Self { file, folder, name, within, bytes: 0, finished: false })
    }

    /// Adds to its end.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(Error::file("write", &self.folder.join(&self.name)))?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Puts other bytes in the place of its first ones.
    pub fn rewrite_start(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_all_at(bytes, 0);
        written.map_err(Error::file("write", &self.folder.join(&self.name)))
    }

    /// How many bytes it has.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Puts it in its place, durably.
    pub fn finish(mut self, kind: MediaKind) -> Result<MediaFile> {
        let place = self.folder.join(&self.name);
        let moved = self.file.sync_all().and_then(|()| fs::rename(self.path(), &place));
        moved.map_err(Error::file("write", &place))?;
        self.finished = true;
        sync_folder(&self.folder)?;
        Ok(MediaFile { kind, path: format!("{}/{}", self.within, self.name), bytes: self.bytes })
    }

    fn path(&self) -> PathBuf {
        self.folder.join(format!("{UNFINISHED}{}", self.name))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.finished {
            // What cannot be deleted, fsck finds.
            fs::remove_file(self.path()).ok();
        }
    }
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
        let [boxes] = media.save(id, started, [(MediaKind::Boxes, b"with boxes")]).expect("saved");
        assert_eq!(media.saved(id, started), std::slice::from_ref(&boxes));
        let [plain] = media.save(id, started, [(MediaKind::Plain, b"plain")]).expect("saved");
        assert_eq!(plain.path, "gate/2023-11-14/gate-1.0-1.jpg");
        assert_eq!(media.saved(id, started), [plain, boxes]);
    }

    #[test]
    fn events_share_files_until_the_last_one_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let media = Media::open(folder.path()).expect("opened");
        let camera = iris_core::CameraId::new("gate").expect("a valid id");
        let id = |n| EventId { camera, epoch: iris_core::Epoch::first(1), n };
        let content = |file: &MediaFile| fs::read(folder.path().join(&file.path)).expect("there");
        let first =
            media.save(id(1), None, [(MediaKind::Plain, b"plain"), (MediaKind::Boxes, b"boxes")]).expect("saved");
        let left_by_a_crash = folder.path().join("gate/undated/.new-gate-1.0-2.jpg");
        fs::write(left_by_a_crash, "pl").expect("written");
        let second = media.share(id(2), None, &first).expect("shared");
        assert_eq!(second.each_ref().map(content), [b"plain", b"boxes"]);
        assert_eq!(media.files().expect("read").len(), 4);
        // A better picture of the first is none of the second's.
        media.save(id(1), None, [(MediaKind::Plain, b"better")]).expect("saved");
        media.remove(&first[1].path).expect("removed");
        assert_eq!(second.each_ref().map(content), [b"plain", b"boxes"]);
        media.share(id(3), None, &first).expect_err("one is gone");
    }
}
