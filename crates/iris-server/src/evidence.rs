//! The pictures of an event: what the camera saw, and the same with the object marked.

use iris_core::{Event, Frame};

use crate::error::Error;
use crate::picture::{self, Colour, Pen, Picture};
use crate::store::{Media, MediaFile, MediaKind};

/// The quality of stored pictures, 1 to 100.
const QUALITY: u8 = 85;

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

/// Writes the best picture of an event, plain and with its box, in the place of earlier ones of the same event.
///
/// # Errors
/// A full disk, mostly. The event is worth storing without its pictures.
pub fn save(media: &Media, event: &Event, class: &str, frame: &Frame) -> Result<Vec<MediaFile>, NoPicture> {
    let mut picture = Picture::of(frame);
    let wall = event.started.wall;
    let plain = media.save(event.id, wall, MediaKind::Plain, &picture.to_jpeg(QUALITY)?)?;
    let (best, colour) = (&event.evidence.best, Colour::nth(event.evidence.track.n));
    let mut pen = Pen::new(&mut picture);
    pen.outline(best.rect, colour);
    pen.label(best.rect, &format!("{class} {}%", (best.score * 100.0).round()), colour);
    let boxes = media.save(event.id, wall, MediaKind::Boxes, &picture.to_jpeg(QUALITY)?)?;
    Ok(vec![plain, boxes])
}
