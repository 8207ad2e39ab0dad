//! Videos as other programs see them: written here, read by FFmpeg's own tools.

use std::process::Command;

use super::*;
use crate::picture::{Colour, ErrorKind};

const LIMITED: Encoding = Encoding { range: ColorRange::Limited, matrix: ColorMatrix::Bt709 };

fn scene(i: u32, size: Size, encoding: Encoding) -> Picture {
    Picture::new(size, encoding, Colour::nth(i))
}

/// Writes a picture at each of these times, in milliseconds.
fn write(path: &Path, size: Size, times: &[i64]) -> VideoWriter {
    let mut video = VideoWriter::create(path).expect("made");
    for (i, &ms) in (0..).zip(times) {
        video.write(&scene(i, size, LIMITED), MediaTime::from_millis(ms)).expect("written");
    }
    video
}

/// What `ffprobe` says, or `None` where there is none.
fn probe(test: &str, path: &Path, entries: &str) -> Option<String> {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "error", "-count_frames", "-of", "compact=p=0:nk=1", "-show_entries", entries]).arg(path);
    let Ok(output) = ffprobe.output() else {
        println!("not run: {test}: ffprobe is not installed");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[test]
fn a_video_has_every_picture_at_its_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("v.mp4");
    // From a live camera: late in its timeline, and not evenly.
    let times = [90_000, 90_040, 90_080, 90_200, 90_201, 91_000, 91_500];
    assert_eq!(write(&path, Size::new(320, 180), &times).finish().expect("finished"), 7);

    let Some(stream) =
        probe("a_video_has_every_picture_at_its_time", &path, "stream=codec_name,width,height,pix_fmt,nb_read_frames")
    else {
        return;
    };
    assert_eq!(stream, "h264|320|180|yuv420p|7");
    let shown = probe("", &path, "frame=pts_time").expect("ffprobe is there");
    let shown: Vec<f64> = shown.lines().filter_map(|t| t.trim_matches('|').parse().ok()).collect();
    let expected: Vec<f64> = times.iter().map(|ms| (ms - 90_000) as f64 / 1000.0).collect();
    assert_eq!(shown, expected);
    let duration: f64 = probe("", &path, "format=duration").expect("ffprobe is there").parse().expect("a number");
    assert!((duration - 2.0).abs() < 0.01, "the last lasts as long as the one before it: {duration}");
}

#[test]
fn a_video_can_be_watched_while_it_loads() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("v.mp4");
    write(&path, Size::new(64, 64), &[0, 40, 80]).finish().expect("finished");
    let file = std::fs::read(&path).expect("read");
    let find = |name: &[u8]| file.windows(4).position(|w| w == name);
    assert!(find(b"moov") < find(b"mdat"), "the index comes first");
}

#[test]
fn dropping_a_writer_completes_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("v.mp4");
    drop(write(&path, Size::new(64, 64), &[0, 40, 80]));
    if let Some(stream) = probe("dropping_a_writer_completes_its_file", &path, "stream=nb_read_frames") {
        assert_eq!(stream, "3");
    }
}

#[test]
fn odd_rows_and_columns_are_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("v.mp4");
    write(&path, Size::new(161, 91), &[0, 40]).finish().expect("finished");
    if let Some(stream) = probe("odd_rows_and_columns_are_left_out", &path, "stream=width,height,nb_read_frames") {
        assert_eq!(stream, "160|90|2");
    }
}

#[test]
fn a_change_of_size_or_colours_is_fitted_into_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("v.mp4");
    let mut video = VideoWriter::create(&path).expect("made");
    for (i, (size, encoding)) in
        [(Size::new(320, 180), LIMITED), (Size::new(640, 480), Encoding::JPEG), (Size::new(90, 33), LIMITED)]
            .into_iter()
            .enumerate()
    {
        video.write(&scene(1, size, encoding), MediaTime::from_millis(40 * i as i64)).expect("written");
    }
    assert_eq!(video.finish().expect("finished"), 3);
    if let Some(stream) = probe("a_change_of_size_or_colours", &path, "stream=width,height,nb_read_frames") {
        assert_eq!(stream, "320|180|3");
    }
}

#[test]
fn colours_come_out_as_they_went_in() {
    let colour = Colour([220, 60, 30]);
    for encoding in [LIMITED, Encoding::JPEG] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("v.mp4");
        let mut video = VideoWriter::create(&path).expect("made");
        let picture = Picture::new(Size::new(64, 64), encoding, colour);
        video.write(&picture, MediaTime::ZERO).expect("written");
        video.finish().expect("finished");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-i"]).arg(&path).args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]);
        let Ok(output) = ffmpeg.output() else {
            println!("not run: colours_come_out_as_they_went_in: ffmpeg is not installed");
            return;
        };
        assert_eq!(output.stdout.len(), 64 * 64 * 3);
        for (a, b) in output.stdout[..3].iter().zip(colour.0) {
            assert!(a.abs_diff(b) <= 6, "{encoding:?}: {:?}", &output.stdout[..3]);
        }
    }
}

#[test]
fn times_that_stand_still_or_go_back_do_not_stop_a_video() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("v.mp4");
    assert_eq!(write(&path, Size::new(64, 64), &[100, 100, 40, 200]).finish().expect("finished"), 4);
    if let Some(stream) = probe("times_that_stand_still_or_go_back", &path, "stream=nb_read_frames") {
        assert_eq!(stream, "4");
    }
}

#[test]
fn a_video_without_pictures_is_no_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let video = VideoWriter::create(&folder.path().join("v.mp4")).expect("made");
    assert_eq!(video.finish().expect("finished"), 0);
}

#[test]
fn a_place_that_cannot_be_written_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().expect("a folder");
    for path in [folder.path().join("no/such/folder/v.mp4"), folder.path().to_owned()] {
        let error = VideoWriter::create(&path).err().expect("no such place");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
    let odd = folder.path().join("http:v:1.mp4");
    write(&odd, Size::new(64, 64), &[0]).finish().expect("a colon is no protocol");
    assert!(odd.exists());
}

#[test]
fn a_picture_without_pixels_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut video = VideoWriter::create(&folder.path().join("v.mp4")).expect("made");
    let error = video.write(&scene(0, Size::new(1, 1), LIMITED), MediaTime::ZERO).expect_err("nothing to show");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[test]
fn a_full_disk_is_an_error_and_not_a_short_video() {
    let path = Path::new("/dev/full");
    if !path.exists() {
        println!("not run: a_full_disk_is_an_error_and_not_a_short_video: there is no /dev/full");
        return;
    }
    let Ok(mut video) = VideoWriter::create(path) else { return };
    let written = video.write(&scene(0, Size::new(64, 64), LIMITED), MediaTime::ZERO);
    let error = written.and_then(|()| video.finish().map(drop)).expect_err("there is no room");
    assert_eq!(error.kind(), ErrorKind::Encode);
}
