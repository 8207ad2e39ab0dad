//! Who is busy when: every camera shows another clip once in a while, so that at any time about the same share of them
//! does, moving from camera to camera. Pure: whoever runs a farm waits for the moments and does what they say.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::camera::golden;

/// A camera changes what it shows. In the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// When, since the beginning.
    pub at: Duration,
    /// The number of the camera.
    pub camera: usize,
    /// The number of the clip that it shows from now on, once; `None`: its own again.
    pub clip: Option<usize>,
    /// How many visits this camera had before.
    round: u32,
}

/// All visits to a farm, for ever, as the turns of its cameras. The same arguments give the same turns.
#[derive(Debug)]
pub struct Visits {
    /// What every camera does next.
    due: BinaryHeap<Reverse<Turn>>,
    /// How long each clip is.
    lengths: Vec<Duration>,
    places: usize,
    period: Duration,
    shift: f64,
}

impl Visits {
    /// Visits to so many cameras with clips of these lengths. Each camera is visited once in every period, which is the
    /// longest clip's length divided by `share` (above 0, at most 1). Cameras show `places` different places in turn, and so do
    /// the clips, so that a camera is visited by those of its own place: there must be as many clips or a multiple.
    /// `None` where the numbers do not fit.
    pub fn new(cameras: usize, places: usize, lengths: Vec<Duration>, share: f64, seed: u64) -> Option<Self> {
        let longest = lengths.iter().max().filter(|longest| !longest.is_zero())?;
        if places == 0 || !lengths.len().is_multiple_of(places) || !(share > 0.0 && share <= 1.0) {
            return None;
        }
        let period = longest.div_f64(share);
        let shift = StdRng::seed_from_u64(seed).random();
        let mut this = Self { due: BinaryHeap::new(), lengths, places, period, shift };
        this.due = (0..cameras).map(|camera| Reverse(this.visit(camera, 0))).collect();
        Some(this)
    }

    /// The time in which each camera is visited once.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// The beginning of a camera's visit.
    fn visit(&self, camera: usize, round: u32) -> Turn {
        let phase = (golden(camera) + self.shift).fract();
        let (place, each) = (camera % self.places, self.lengths.len() / self.places);
        let clip = place + self.places * ((camera / self.places + round as usize) % each);
        Turn { at: self.period.mul_f64(f64::from(round) + phase), camera, clip: Some(clip), round }
    }
}

impl Iterator for Visits {
    type Item = Turn;

    fn next(&mut self) -> Option<Turn> {
        let Reverse(turn) = self.due.pop()?;
        self.due.push(Reverse(match turn.clip {
            Some(clip) => Turn { at: turn.at + self.lengths[clip], clip: None, ..turn },
            None => self.visit(turn.camera, turn.round + 1),
        }));
        Some(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn visits(cameras: usize, seed: u64) -> Visits {
        let lengths = [8, 10, 10, 6].map(|n| SECOND * n).to_vec();
        Visits::new(cameras, 2, lengths, 0.1, seed).expect("numbers that fit")
    }

    #[test]
    fn the_share_of_busy_cameras_stays_about_the_same() {
        let even = Visits::new(200, 2, vec![SECOND * 10; 4], 0.1, 7).expect("numbers that fit");
        assert_eq!(even.period(), SECOND * 100);
        let (mut busy, mut counts) = (0_usize, Vec::new());
        for turn in even.take_while(|turn| turn.at < SECOND * 400) {
            busy = if turn.clip.is_some() { busy + 1 } else { busy - 1 };
            if turn.at > SECOND * 10 {
                counts.push(busy);
            }
        }
        assert!(counts.iter().all(|n| (18..=22).contains(n)), "{counts:?}");
    }

    #[test]
    fn every_camera_is_visited_once_in_a_period_by_clips_of_its_place() {
        let turns: Vec<_> = visits(5, 1).take_while(|turn| turn.at < SECOND * 200).collect();
        assert!(turns.is_sorted());
        for camera in 0..5 {
            let clips: Vec<_> = turns.iter().filter(|t| t.camera == camera).filter_map(|t| t.clip).collect();
            assert_eq!(clips.len(), 2, "camera {camera}");
            assert!(clips.iter().all(|clip| clip % 2 == camera % 2) && clips[0] != clips[1], "{camera}: {clips:?}");
        }
    }

    #[test]
    fn a_visit_lasts_as_long_as_its_clip() {
        let turns: Vec<_> = visits(1, 3).take(4).collect();
        for pair in turns.chunks(2) {
            let clip = pair[0].clip.expect("a beginning");
            assert_eq!((pair[1].clip, pair[1].at), (None, pair[0].at + [8, 10, 10, 6].map(|n| SECOND * n)[clip]));
        }
    }

    #[test]
    fn the_seed_decides() {
        let first = |seed| visits(3, seed).take(6).collect::<Vec<_>>();
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        let new = |places, clips: usize, share| Visits::new(1, places, vec![SECOND; clips], share, 0).is_some();
        assert!(new(2, 4, 1.0));
        assert!(
            ![new(0, 4, 0.1), new(2, 3, 0.1), new(1, 0, 0.1), new(1, 1, 0.0), new(1, 1, 1.1), new(1, 1, f64::NAN)]
                .contains(&true)
        );
    }
}
