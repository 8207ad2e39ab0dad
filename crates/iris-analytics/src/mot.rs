//! The text formats of MOTChallenge (Milan et al., "MOT16", 2016, §4): detections and tracks as comma-separated rows,
//! and a sequence's `seqinfo.ini`. Text to values and back; reading and writing files is the caller's.

use std::fmt::Write;

use iris_core::{
    CameraId, ClassId, Detections, Epoch, FrameKey, Image, MediaTime, Moment, Recovery, Rect, Size, Timebase,
    TrackState, Tracks, detection::InvalidDetections,
};

/// What is wrong with a text, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct Error {
    /// The line, from 1.
    pub line: usize,
    /// The first character of what is wrong, from 1.
    pub column: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What can be wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The line has too few fields.
    #[error("expected {0} here")]
    Missing(&'static str),
    /// A field is not what it should be.
    #[error("{0:?} is not {1}")]
    Not(String, &'static str),
}

impl Error {
    fn new(line: usize, column: usize, problem: Problem) -> Self {
        Self { line, column, problem }
    }

    /// What to do about it: the text must be corrected.
    pub const fn recovery(&self) -> Recovery {
        Recovery::GiveUp
    }
}

/// One box of one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// The frame, from 1.
    pub frame: u32,
    /// Who it is; -1 in detections.
    pub id: i64,
    /// Where it is, in pixels from 0.
    pub rect: Rect<Image>,
    /// The detector's score, in its own units; in ground truth 0 for boxes that do not count.
    pub score: f32,
}

/// Reads rows `frame,id,left,top,width,height,score` and whatever follows in a line. Empty lines are skipped.
pub fn parse(text: &str) -> Result<Vec<Row>, Error> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(i, line)| row(line, i + 1)).collect()
}

fn row(line: &str, number: usize) -> Result<Row, Error> {
    let mut fields = Fields { line, number, at: Some(0) };
    let frame = fields.next("a frame number from 1", |&frame: &u32| frame >= 1)?;
    // Some tools write ids as `3.0`.
    let id: f64 = fields.next("a whole number as identity", |id: &f64| id.fract() == 0.0)?;
    let left: f32 = fields.next("a left edge in pixels", |v: &f32| v.is_finite())?;
    let top: f32 = fields.next("a top edge in pixels", |v: &f32| v.is_finite())?;
    let width: f32 = fields.next("a width in pixels", |w: &f32| *w >= 0.0 && (left + w).is_finite())?;
    let height: f32 = fields.next("a height in pixels", |h: &f32| *h >= 0.0 && (top + h).is_finite())?;
    let score = fields.next("a score", |v: &f32| v.is_finite())?;
    Ok(Row { frame, id: id as i64, rect: Rect::new(left, top, left + width, top + height), score })
}

/// The fields of a line, one after another.
struct Fields<'a> {
    line: &'a str,
    number: usize,
    /// Where the next one begins, in bytes; none after the last one.
    at: Option<usize>,
}

impl Fields<'_> {
    fn next<T: std::str::FromStr>(&mut self, what: &'static str, is_right: impl Fn(&T) -> bool) -> Result<T, Error> {
        let error = |bytes: usize, problem| Error::new(self.number, self.line[..bytes].chars().count() + 1, problem);
        let start = self.at.ok_or_else(|| error(self.line.len(), Problem::Missing(what)))?;
        let rest = &self.line[start..];
        let field = rest.split(',').next().unwrap_or(rest);
        let value = field.trim().parse().ok().filter(is_right);
        let value = value.ok_or_else(|| error(start, Problem::Not(shorten(field), what)))?;
        let end = start + field.len();
        self.at = (end < self.line.len()).then_some(end + 1);
        Ok(value)
    }
}

/// Keeps a megabyte of garbage from becoming a megabyte of error.
fn shorten(text: &str) -> String {
    text.trim().chars().take(40).collect()
}

/// What a `seqinfo.ini` says of a sequence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sequence {
    /// Frames a second.
    pub frame_rate: u32,
    /// How many frames there are.
    pub frames: u32,
    /// The picture's size.
    pub size: Size,
}

impl Sequence {
    /// Reads a `seqinfo.ini`: `frameRate`, `seqLength`, `imWidth` and `imHeight`, all at least 1; the rest is skipped.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let number = |key: &'static str| number(text, key);
        Ok(Self {
            frame_rate: number("frameRate")?,
            frames: number("seqLength")?,
            size: Size::new(number("imWidth")?, number("imHeight")?),
        })
    }

    /// When a frame (from 1) was taken.
    pub fn time_of(self, frame: u32) -> MediaTime {
        let timebase = Timebase { num: 1, den: self.frame_rate.max(1) };
        MediaTime { ticks: i64::from(frame) - 1, timebase }
    }

    /// All frames of the sequence in order with their boxes, empty ones included. Rows of frames beyond its end are
    /// left out. All boxes are of class 0, as the format knows no classes of detections. Rows that [`parse`] read are
    /// never refused.
    pub fn detections(
        self,
        mut rows: Vec<Row>,
        scores: Scores,
        camera: CameraId,
        epoch: Epoch,
    ) -> impl Iterator<Item = Result<Detections, InvalidDetections>> {
        rows.sort_by_key(|row| row.frame);
        (1..=self.frames).map(move |frame| {
            let start = rows.partition_point(|row| row.frame < frame);
            let rows = rows[start..].iter().take_while(|row| row.frame == frame);
            let (boxes, scores): (Vec<_>, Vec<_>) = rows.map(|row| (row.rect, scores.map(row.score))).unzip();
            let classes = vec![ClassId(0); boxes.len()];
            let key = FrameKey { camera, epoch, seq: u64::from(frame) - 1 };
            let at = Moment { media: self.time_of(frame), wall: None };
            Detections::new(key, at, self.size, boxes, scores, classes)
        })
    }
}

/// Finds `key=value` in the lines of an ini file.
fn number(text: &str, key: &'static str) -> Result<u32, Error> {
    let mut lines = text.lines().zip(1..);
    let found = lines.find_map(|(line, n)| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == key).then_some((n, name.chars().count() + 2, value))
    });
    let (line, column, value) = found.ok_or_else(|| Error::new(text.lines().count() + 1, 1, Problem::Missing(key)))?;
    let parsed = value.trim().parse().ok().filter(|&n| n >= 1);
    parsed.ok_or_else(|| Error::new(line, column, Problem::Not(shorten(value), "a whole number from 1")))
}

/// How a detector's scores become probabilities from 0 to 1, which is what trackers take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scores {
    /// They are probabilities. Values outside are cut off.
    Probability,
    /// They are not, but grow with it: the logistic function `1 / (1 + e^-((score - middle) / spread))` (Platt 1999).
    Logistic {
        /// The score that is right every second time.
        middle: f32,
        /// The change of score that multiplies the odds by e; positive.
        spread: f32,
    },
}

impl Scores {
    /// For the ACF detections that come with MOTChallenge 2015. Of their boxes of score 25 about half show a person,
    /// of those of score 60 nineteen in twenty.
    pub const ACF: Self = Self::Logistic { middle: 25.0, spread: 12.0 };

    /// The probability for a score; 0 for what is not a number.
    pub fn map(self, score: f32) -> f32 {
        let mapped = match self {
            Self::Probability => score,
            Self::Logistic { middle, spread } => 1.0 / (1.0 + (-(score - middle) / spread).exp()),
        };
        if mapped.is_nan() { 0.0 } else { mapped.clamp(0.0, 1.0) }
    }
}

/// Appends the confirmed tracks of a frame, a row each: `frame,id,left,top,width,height,score,-1,-1,-1`. The frame is
/// the number of the access unit plus 1.
pub fn write(tracks: &Tracks, out: &mut impl Write) -> std::fmt::Result {
    let frame = tracks.key.seq + 1;
    for track in tracks.live.iter().filter(|track| track.state == TrackState::Confirmed) {
        let (n, r, score) = (track.id.n, track.rect, track.score);
        let (width, height) = (r.width(), r.height());
        writeln!(out, "{frame},{n},{:.3},{:.3},{width:.3},{height:.3},{score:.4},-1,-1,-1", r.x0, r.y0)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_both_kinds_are_read() {
        let rows = parse("1,-1,10.5,20,30,40,88.2,-1,-1,-1\n\n2, 3.0 ,0,0,5,6,1\r\n").unwrap();
        assert_eq!(rows[0], Row { frame: 1, id: -1, rect: Rect::new(10.5, 20.0, 40.5, 60.0), score: 88.2 });
        assert_eq!((rows[1].frame, rows[1].id, rows.len()), (2, 3, 2));
    }

    #[test]
    fn an_error_names_line_and_column() {
        for (text, expected) in [
            ("1,-1,0,0,1,1,1\nx,1", "line 2, column 1: \"x\" is not a frame number from 1"),
            ("0,-1,0,0,1,1,1", "line 1, column 1: \"0\" is not a frame number from 1"),
            ("1,-1,0,0,1", "line 1, column 11: expected a height in pixels here"),
            ("1,-1,0,0,-1,1,1", "line 1, column 10: \"-1\" is not a width in pixels"),
            ("1,-1,nan,0,1,1,1", "line 1, column 6: \"nan\" is not a left edge in pixels"),
            ("1,-1,3e38,0,3e38,1,1", "line 1, column 13: \"3e38\" is not a width in pixels"),
            ("1,2.5,0,0,1,1,1", "line 1, column 3: \"2.5\" is not a whole number as identity"),
            ("ä,1", "line 1, column 1: \"ä\" is not a frame number from 1"),
            ("1,ä", "line 1, column 3: \"ä\" is not a whole number as identity"),
            ("1,-1,0,0,1,1,", "line 1, column 14: \"\" is not a score"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), expected);
        }
        assert!(parse(&"x".repeat(1 << 20)).unwrap_err().to_string().len() < 200);
    }

    const SEQINFO: &str = "[Sequence]\nname=A\nframeRate=25\nseqLength=3\nimWidth = 640\nimHeight=480\n";

    #[test]
    fn a_sequence_is_described_and_its_errors_have_a_place() {
        let sequence = Sequence::parse(SEQINFO).unwrap();
        assert_eq!(sequence, Sequence { frame_rate: 25, frames: 3, size: Size::new(640, 480) });
        assert_eq!(sequence.time_of(26), MediaTime::from_millis(1000));
        let error = |text: &str| Sequence::parse(text).unwrap_err().to_string();
        assert_eq!(error(&SEQINFO.replace("25", "0")), "line 3, column 11: \"0\" is not a whole number from 1");
        assert_eq!(error("[Sequence]"), "line 2, column 1: expected frameRate here");
    }

    #[test]
    fn frames_without_boxes_are_frames_too() {
        let camera = CameraId::new("mot").unwrap();
        let rows = parse("3,-1,0,0,5,6,30\n1,-1,1,1,2,2,25\n9,-1,0,0,1,1,1").unwrap();
        let frames = Sequence::parse(SEQINFO).unwrap().detections(rows, Scores::ACF, camera, Epoch::first(1));
        let frames: Vec<_> = frames.map(Result::unwrap).collect();
        assert_eq!(frames.iter().map(Detections::len).collect::<Vec<_>>(), [1, 0, 1]);
        assert_eq!(frames[0].scores(), [0.5]);
        assert_eq!(frames[2].at().media, MediaTime::from_millis(80));
    }

    #[test]
    fn scores_become_probabilities() {
        assert_eq!(Scores::Probability.map(0.7), 0.7);
        assert_eq!([Scores::Probability.map(7.0), Scores::Probability.map(f32::NAN)], [1.0, 0.0]);
        assert_eq!(Scores::ACF.map(25.0), 0.5);
        assert!(Scores::ACF.map(60.0) > 0.94 && Scores::ACF.map(-1e30) == 0.0 && Scores::ACF.map(1e30) == 1.0);
    }
}
