//! How often a camera wants to be looked at: detection is dear and tracking is cheap, so what stands still is looked at
//! seldom, and what is new, lost or fast often. The tracker carries the frames between.

use std::time::Duration;

use iris_core::{Track, TrackState, Tracks};

/// Looks a second where something moves and nothing is followed yet, and the fewest for whatever moves: what is wanted are
/// five, and of what is asked for something is lost where frames come unevenly or many ask.
pub const MOVING: f32 = 6.0;
/// Looks a second for what stands still.
pub const STILL: f32 = 2.0;
/// How far something may go between two looks, in sides of a square of its area. The tracker knows where it is going.
const STRIDE: f32 = 0.4;
/// What goes slower than this a second, in the same unit, stands still.
const SLOW: f32 = 0.15;
/// How long what was lost is looked for at full rate.
const SOUGHT: Duration = Duration::from_secs(1);

/// Looks a second that a camera wants, at most `most`.
pub fn of(tracks: &Tracks, most: f32) -> f32 {
    let wanted = tracks.live.iter().map(|track| of_track(track, tracks)).reduce(f32::max);
    wanted.unwrap_or(MOVING).min(most)
}

fn of_track(track: &Track, tracks: &Tracks) -> f32 {
    let now = tracks.at.media;
    match track.state {
        TrackState::Tentative => return f32::INFINITY,
        TrackState::Lost if now.since(track.last.media) < SOUGHT => return f32::INFINITY,
        TrackState::Confirmed | TrackState::Lost => {}
    }
    let side = track.rect.area().max(1.0).sqrt();
    let speed = track.velocity[0].hypot(track.velocity[1]) / side;
    if speed < SLOW { STILL } else { (speed / STRIDE).max(MOVING) }
}

#[cfg(test)]
mod tests {
    use iris_core::{Best, CameraId, ClassId, Epoch, FrameKey, MediaTime, Moment, Rect, Size, TrackId};

    use super::*;

    fn moment(ms: i64) -> Moment {
        Moment { media: MediaTime::from_millis(ms), wall: None }
    }

    /// A track of 40×90 pixels that was first seen at 0 and last at `last` ms.
    fn track(state: TrackState, velocity: [f32; 2], last: i64) -> Track {
        let camera = CameraId::new("c").expect("a valid id");
        let epoch = Epoch::first(1);
        let rect = Rect::new(100.0, 100.0, 140.0, 190.0);
        let best = Best { key: FrameKey { camera, epoch, seq: 0 }, at: moment(0), rect, score: 0.9 };
        let id = TrackId { camera, epoch, n: 1 };
        let (first, last) = (moment(0), moment(last));
        Track { id, class: ClassId(0), rect, velocity, score: 0.9, state, first, last, best }
    }

    fn wanted(live: Vec<Track>, now: i64) -> f32 {
        let key = FrameKey { camera: CameraId::new("c").expect("a valid id"), epoch: Epoch::first(1), seq: 9 };
        of(&Tracks { key, at: moment(now), size: Size::new(640, 360), live, ended: Vec::new() }, 10.0)
    }

    #[test]
    fn the_most_restless_track_decides() {
        use TrackState::{Confirmed, Lost, Tentative};
        // Its side is 60 pixels.
        let [standing, walking, running] = [3.0, 160.0, 190.0].map(|speed| track(Confirmed, [0.0, speed], 9000));
        for (name, live, rate) in [
            ("nothing", vec![], MOVING),
            ("standing", vec![standing], STILL),
            ("walking", vec![standing, walking], 160.0 / 60.0 / STRIDE),
            ("strolling", vec![track(Confirmed, [12.0, 0.0], 9000)], MOVING),
            ("running", vec![running, walking], 190.0 / 60.0 / STRIDE),
            ("a car", vec![track(Confirmed, [900.0, 0.0], 9000)], 10.0),
            ("new", vec![standing, track(Tentative, [0.0; 2], 9000)], 10.0),
            ("just lost", vec![track(Lost, [0.0; 2], 8500)], 10.0),
            ("lost", vec![track(Lost, [0.0; 2], 7900)], STILL),
        ] {
            assert!((wanted(live, 9000) - rate).abs() < 1e-4, "{name}");
        }
    }
}
