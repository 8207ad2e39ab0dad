//! The pictures of an event: what the camera saw, and the same with the object marked.

use std::collections::{HashMap, VecDeque};

use iris_core::{Event, EventId, Evidence, Frame, Moment};

use crate::error::Error;
use crate::picture::{self, Colour, Encoding, Pen, Picture};
use crate::store::{Media, MediaFile, MediaKind};

/// The quality of stored pictures, 1 to 100.
const QUALITY: u8 = 85;
/// How many pictures are remembered for other events.
const LATEST: usize = 64;

/// Why an event has no picture.
#[derive(Debug, thiserror::Error)]
pub enum NoPicture {
    /// It could not be encoded.
    #[error(transparent)]
    Encode(#[from] picture::Error),
    /// It could not be written.
    #[error(transparent)]
    Write(#[from] Error),
}

/// Keeps the best picture of each event, plain and with its box. Events are told more than once, and several of them may be
/// about one object: what was saved and is still the best is not made again.
#[derive(Debug)]
pub struct Album {
    media: Media,
    /// What the pictures of each open event show.
    shown: HashMap<EventId, Evidence>,
    /// The latest pictures and what they show, for other events that show the same.
    latest: VecDeque<(Evidence, [MediaFile; 2])>,
}

impl Album {
    /// An album whose files lie in `media`.
    pub fn new(media: Media) -> Self {
        Self { media, shown: HashMap::new(), latest: VecDeque::with_capacity(LATEST) }
    }

    /// The files of an event, of which those that show less than `frame` does are replaced. Without a frame: the files
    /// that there are.
    ///
    /// # Errors
    /// A full disk, mostly. The event is worth storing without its pictures; they are tried again when it is told again.
    pub fn keep(&mut self, event: &Event, class: &str, frame: Option<&Frame>) -> Result<Vec<MediaFile>, NoPicture> {
        let shown = self.shown.remove(&event.id) == Some(event.evidence);
        let files = match frame.filter(|_| !shown) {
            Some(frame) => self.save(event, class, frame)?.to_vec(),
            None => self.saved(event),
        };
        if event.ended.is_none() && (shown || frame.is_some()) {
            self.shown.insert(event.id, event.evidence);
        }
        Ok(files)
    }

    /// Writes the pictures of an event in the place of earlier ones.
    fn save(&mut self, event: &Event, class: &str, frame: &Frame) -> Result<[MediaFile; 2], NoPicture> {
        let Event { id, started: Moment { wall, .. }, evidence, .. } = *event;
        if let Some((_, files)) = self.latest.iter().find(|(shown, _)| *shown == evidence)
            // Else they were deleted, or the folder lies where files have one name each.
            && let Ok(files) = self.media.share(id, wall, files)
        {
            return Ok(files);
        }
        let [plain, boxes] = draw(&evidence, class, frame)?;
        let files = self.media.save(id, wall, [(MediaKind::Plain, &plain), (MediaKind::Boxes, &boxes)])?;
        self.latest.truncate(LATEST - 1);
        self.latest.push_front((evidence, files.clone()));
        Ok(files)
    }

    /// The files of an event that there are.
    pub fn saved(&self, event: &Event) -> Vec<MediaFile> {
        self.media.saved(event.id, event.started.wall)
    }
}

/// What the camera saw as a JPEG file, and the same with the object marked.
fn draw(evidence: &Evidence, class: &str, frame: &Frame) -> Result<[Vec<u8>; 2], picture::Error> {
    // Once for both files.
    let mut picture = Picture::of(frame).recode(Encoding::JPEG);
    let plain = picture.to_jpeg(QUALITY)?;
    let (best, colour) = (&evidence.best, Colour::nth(evidence.track.n));
    let mut pen = Pen::new(&mut picture);
    pen.outline(best.rect, colour);
    pen.label(best.rect, &format!("{class} {}%", (best.score * 100.0).round()), colour);
    Ok([plain, picture.to_jpeg(QUALITY)?])
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use iris_core::frame::{FrameInfo, OwnedPlanes};
    use iris_core::{
        Best, CameraId, ClassId, ColorMatrix, ColorRange, Epoch, EventKind, FrameKey, MediaTime, Moment, PixelFormat,
        Rect, Size, Stamps, TrackId,
    };

    use super::*;

    const SIZE: Size = Size { width: 64, height: 48 };

    fn moment(seconds: i64) -> Moment {
        Moment { media: MediaTime::from_millis(seconds * 1000), wall: None }
    }

    /// An event that begins in second 1, best seen in frame `best`.
    fn event(best: u64, ended: Option<i64>) -> Event {
        let (camera, epoch) = (CameraId::new("yard").expect("a valid id"), Epoch::first(1));
        let key = FrameKey { camera, epoch, seq: best };
        let best = Best { key, at: moment(1), rect: Rect::new(8.0, 8.0, 40.0, 40.0), score: 0.9 };
        let evidence = Evidence { track: TrackId { camera, epoch, n: 1 }, class: ClassId(0), best, size: SIZE };
        let id = EventId { camera, epoch, n: 1 };
        Event { id, kind: EventKind::Track, started: moment(1), ended: ended.map(moment), evidence }
    }

    fn frame(event: &Event) -> Frame {
        let info = FrameInfo {
            key: event.evidence.best.key,
            at: moment(1),
            stamps: Stamps::default(),
            format: PixelFormat::Gray,
            range: ColorRange::Limited,
            matrix: ColorMatrix::Bt709,
            size: SIZE,
        };
        Frame::new(info, OwnedPlanes::new(vec![(vec![90; 64 * 48], 64)]))
    }

    /// Tells an event with its picture, and says which of its two files that wrote.
    fn told(album: &mut Album, event: &Event) -> Vec<bool> {
        for file in album.saved(event) {
            std::fs::write(album.media.resolve(&file.path).expect("a place"), "old").expect("written");
        }
        let files = album.keep(event, "person", Some(&frame(event))).expect("kept");
        files.iter().map(|file| file.bytes > 3).collect()
    }

    #[test]
    fn a_picture_is_made_again_only_for_a_better_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut album = Album::new(Media::open(folder.path()).expect("opened"));
        let (new, old) = (vec![true; 2], vec![false; 2]);
        assert_eq!(told(&mut album, &event(4, None)), new);
        assert_eq!(told(&mut album, &event(4, None)), old);
        assert_eq!(told(&mut album, &event(9, None)), new);
        let another_class =
            Event { evidence: Evidence { class: ClassId(3), ..event(9, None).evidence }, ..event(9, None) };
        assert_eq!(told(&mut album, &another_class), new, "the class stands in the picture");
        assert_eq!(told(&mut album, &event(9, Some(5))), new);
        assert!(album.shown.is_empty(), "what is over is forgotten");
    }

    #[test]
    fn events_that_show_the_same_share_their_pictures() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut album = Album::new(Media::open(folder.path()).expect("opened"));
        let number = |n, best, ended| {
            let event = event(best, ended);
            Event { id: EventId { n, ..event.id }, ..event }
        };
        let mut keep = |event: &Event| album.keep(event, "person", Some(&frame(event))).expect("kept");
        let is_file_of = |a: &[MediaFile], b: &[MediaFile]| {
            let inode = |file: &MediaFile| std::fs::metadata(folder.path().join(&file.path)).expect("there").ino();
            a.iter().map(inode).eq(b.iter().map(inode))
        };
        let first = keep(&number(1, 4, None));
        let second = keep(&number(2, 4, Some(2)));
        assert!(first != second && is_file_of(&first, &second));
        let better = keep(&number(3, 9, None));
        assert!(!is_file_of(&better, &second));
        let first = keep(&number(1, 9, Some(5)));
        assert!(is_file_of(&first, &better) && !is_file_of(&first, &second));
        std::fs::remove_file(folder.path().join(&better[0].path)).expect("removed");
        let made_again = keep(&number(4, 9, Some(5)));
        assert!(!is_file_of(&made_again, &first));
        for n in 0..2 * LATEST as u32 {
            keep(&number(10 + n, 100 + u64::from(n), Some(5)));
        }
        assert_eq!(album.latest.len(), LATEST);
    }

    #[test]
    fn an_event_without_a_picture_keeps_those_it_has() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut album = Album::new(Media::open(folder.path()).expect("opened"));
        assert_eq!(album.keep(&event(4, None), "person", None).expect("kept"), []);
        let files = album.keep(&event(4, None), "person", Some(&frame(&event(4, None)))).expect("kept");
        assert_eq!(files.len(), 2);
        assert_eq!(album.keep(&event(9, Some(5)), "person", None).expect("kept"), files);
    }

    #[test]
    fn what_could_not_be_saved_is_tried_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut album = Album::new(Media::open(folder.path()).expect("opened"));
        let in_the_way = folder.path().join("yard");
        std::fs::write(&in_the_way, "no folder").expect("written");
        let event = event(4, None);
        let error = album.keep(&event, "person", Some(&frame(&event))).expect_err("no folder");
        assert!(matches!(error, NoPicture::Write(_)), "{error}");
        std::fs::remove_file(in_the_way).expect("removed");
        assert_eq!(told(&mut album, &event), [true; 2]);
    }
}
