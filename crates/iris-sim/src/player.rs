//! Which access unit comes next, and when: a clip played over and over from any of its key frames, on a timeline that
//! runs on over the loop. Pure arithmetic in ticks; clocks and sockets are elsewhere.

use std::sync::Arc;

use crate::clip::{Clip, Unit};

/// A clip being played. Time 0 is when the first unit is due.
#[derive(Debug)]
pub(crate) struct Player {
    clip: Arc<Clip>,
    index: usize,
    /// What is added to the times of the clip in this pass.
    offset: i64,
}

impl Player {
    /// Plays from the clip's start number `start`.
    pub(crate) fn new(clip: Arc<Clip>, start: usize) -> Self {
        let index = clip.starts()[start % clip.starts().len()];
        let offset = -clip.units()[index].dts;
        Self { clip, index, offset }
    }

    pub(crate) fn clip(&self) -> &Arc<Clip> {
        &self.clip
    }

    /// The next unit.
    pub(crate) fn unit(&self) -> &Unit {
        &self.clip.units()[self.index]
    }

    /// When it is to be sent, in ticks.
    pub(crate) fn due(&self) -> i64 {
        self.offset + self.unit().dts
    }

    /// When it is to be shown, in ticks.
    pub(crate) fn timestamp(&self) -> i64 {
        self.offset + self.unit().pts
    }

    /// Goes on to the unit after it.
    pub(crate) fn advance(&mut self) {
        self.index += 1;
        if self.index == self.clip.units().len() {
            self.index = 0;
            self.offset += self.clip.duration();
        }
    }

    /// Plays another clip from its beginning, in place of the next unit.
    pub(crate) fn switch(&mut self, clip: Arc<Clip>) {
        self.offset = self.due();
        self.index = 0;
        self.clip = clip;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::tests::clip;

    fn due_times(player: &mut Player, n: usize) -> Vec<i64> {
        (0..n)
            .map(|_| {
                let due = player.due();
                player.advance();
                due
            })
            .collect()
    }

    #[test]
    fn time_runs_on_over_the_loop_from_any_start() {
        let clip = Arc::new(clip(&[(0, 0, true), (10, 10, false), (20, 20, true), (30, 30, false)], 10).expect("keys"));
        for start in 0..3 {
            let mut player = Player::new(Arc::clone(&clip), start);
            assert_eq!(due_times(&mut player, 9), [0, 10, 20, 30, 40, 50, 60, 70, 80], "start {start}");
        }
    }

    #[test]
    fn uneven_times_and_reordering_survive_the_loop() {
        let clip = Arc::new(clip(&[(0, 5, true), (3, 20, false), (11, 12, false)], 4).expect("a key"));
        let mut player = Player::new(clip, 0);
        let shown: Vec<i64> = (0..6)
            .map(|_| {
                let t = player.timestamp();
                player.advance();
                t
            })
            .collect();
        assert_eq!(shown, [5, 20, 12, 20, 35, 27]);
    }

    #[test]
    fn another_clip_takes_the_place_of_the_next_unit() {
        let first = Arc::new(clip(&[(0, 0, true), (10, 10, false)], 10).expect("a key"));
        let second = Arc::new(clip(&[(0, 2, true), (5, 7, false)], 5).expect("a key"));
        let mut player = Player::new(first, 0);
        due_times(&mut player, 3);
        player.switch(Arc::clone(&second));
        assert!(player.unit().is_start && Arc::ptr_eq(player.clip(), &second));
        assert_eq!(player.timestamp(), 32);
        assert_eq!(due_times(&mut player, 3), [30, 35, 40]);
    }
}
