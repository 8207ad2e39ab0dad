//! Whether anything moves in a camera's picture: the cheap look that decides whether the model's dear one is worth it.
//!
//! Luma is averaged over cells of 8×8 pixels, which takes away most of a sensor's noise. Something moves where a few
//! cells that touch each other differ from the frame before, or, for what creeps, from a slow background: what an encoder leaves of
//! noise is scattered. The background is updated only while nothing moves, or what moves would leave a ghost in it. Where cells
//! change again and again and the model sees nothing there (a clock in the picture, a branch in the wind), they stop to count.
//!
//! Nothing here knows what moves, and whoever stands still does not: the gate saves looks, it does not replace them.

use std::time::Duration;

use iris_core::{Frame, Image, MediaTime, PixelFormat, Plane, Rect, Size};

/// The side of a cell, in pixels.
const CELL: usize = 8;
/// Cells are kept as sums of their pixels: one level of luma is this much.
const LEVEL: u16 = (CELL * CELL) as u16;
/// How many levels a cell must differ, and how many cells that touch each other must, for something to move.
const DIFFERS: u16 = 6 * LEVEL;
const CELLS: usize = 4;
/// How far noise alone takes cells within a second is measured: so many percent of them differ by less from frame to frame. At
/// night that is more than six levels, and then a cell must differ by more than that, up to the last number.
const QUIETEST: usize = 98;
const DIFFERS_AT_MOST: u16 = 15 * LEVEL;
/// How long the gate stays open after the last motion.
const HOLD: Duration = Duration::from_secs(1);
/// The background takes on a part of what it sees, this often: it follows in six seconds.
const BACKGROUND_EVERY: Duration = Duration::from_millis(100);
const BACKGROUND_SHIFT: i32 = 6;
/// Unrest of a cell: what a second in which it changed without reason adds, what a calm one takes away, and from where on
/// the cell does not count. A cell that changes more than once in seventeen seconds gets there.
const RESTLESS_STEP: u8 = 16;
const CALM_STEP: u8 = 1;
const RESTLESS: u8 = 128;
/// Where more than so many percent of the cells do not count (rain in infrared light), nothing that is seen means anything.
const BLIND: usize = 75;
/// How far around a box motion is the object's: its shadow, its reflection, its next step; in parts of the box.
const AROUND: f32 = 0.5;

/// What moves in one camera's picture.
#[derive(Debug, Default)]
pub struct MotionGate {
    size: Option<Size>,
    columns: usize,
    /// Of the frame that is being looked at, the one before, and the background: a sum a cell, row by row.
    now: Vec<u16>,
    before: Vec<u16>,
    background: Vec<u16>,
    background_at: Option<MediaTime>,
    cells: Vec<Cell>,
    /// When the second began over which unrest is counted.
    second: Option<MediaTime>,
    moved: Option<MediaTime>,
    open: bool,
    /// How much the noisiest cells differ from frame to frame by noise alone.
    noise: u16,
    sorted: Vec<u16>,
    /// Too few cells count to tell whether something moves.
    is_blind: bool,
    /// Which cells differ, and those from which others that touch them are looked for.
    differs: Vec<bool>,
    touched: Vec<usize>,
    /// Column sums of one row of cells.
    row: Vec<u16>,
}

/// How near a frame is to what the camera sent. Without deblocking pictures drift from that up to the next key frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fidelity {
    /// It is just that.
    Exact,
    /// It has drifted, as the one before it has, or little more.
    Drifting,
    /// A key frame behind pictures that had drifted: what differs from them need not have moved.
    Renewed,
}

/// What a picture is compared with.
#[derive(Debug, Clone, Copy)]
enum Past {
    Frame,
    Background,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    unrest: u8,
    /// The most that it differed from one frame to the next in this second.
    change: u16,
    /// What the model saw is here.
    explained: bool,
}

impl Cell {
    fn counts(self) -> bool {
        self.unrest < RESTLESS
    }
}

impl MotionGate {
    /// Whether something moves, or did within the last second, or cannot be ruled out. Takes the frames of one camera in order; the
    /// first one, and a picture of another size, are compared with nothing.
    pub fn see(&mut self, frame: &Frame, fidelity: Fidelity) -> bool {
        let at = frame.at.media;
        if frame.format == PixelFormat::Rgb {
            return true;
        }
        if self.size != Some(frame.size) {
            self.start(frame);
            (self.moved, self.open) = (None, false);
            return false;
        }
        std::mem::swap(&mut self.now, &mut self.before);
        self.sum_up(frame.plane(0));
        let threshold = self.threshold();
        // Against the background, what has drifted shows as well.
        let from_background = if fidelity == Fidelity::Exact { threshold } else { 2 * threshold };
        let moves = fidelity != Fidelity::Renewed && self.differs_from(Past::Frame, threshold);
        if moves || self.is_blind || (!self.open && self.differs_from(Past::Background, from_background)) {
            self.moved = Some(at);
        }
        if fidelity != Fidelity::Renewed {
            self.note_changes(at);
        }
        let was_open = std::mem::replace(&mut self.open, self.moved.is_some_and(|moved| at.since(moved) < HOLD));
        match (was_open, self.open) {
            (true, false) => self.background.copy_from_slice(&self.now),
            (false, false) => self.adapt_background(at),
            (_, true) => {}
        }
        self.open
    }

    /// Forgets the picture, as after a gap: the next frame is compared with nothing. What is known of restless cells stays.
    pub fn reset(&mut self) {
        self.size = None;
    }

    /// Says where the model saw something lately: motion there has its reason.
    pub fn explain(&mut self, boxes: impl Iterator<Item = Rect<Image>>) {
        self.cells.iter_mut().for_each(|cell| cell.explained = false);
        let Some(rows) = self.cells.len().checked_div(self.columns) else { return };
        for rect in boxes {
            let (dx, dy) = (rect.width() * AROUND, rect.height() * AROUND);
            let columns = span(rect.x0 - dx, rect.x1 + dx, self.columns);
            for y in span(rect.y0 - dy, rect.y1 + dy, rows) {
                self.cells[y * self.columns..][columns.clone()].iter_mut().for_each(|cell| cell.explained = true);
            }
        }
    }

    fn start(&mut self, frame: &Frame) {
        self.columns = frame.size.width as usize / CELL;
        let cells = self.columns * (frame.size.height as usize / CELL);
        if self.cells.len() != cells {
            self.cells = vec![Cell::default(); cells];
        }
        for sums in [&mut self.now, &mut self.before, &mut self.background] {
            sums.resize(cells, 0);
        }
        self.row.resize(self.columns * CELL, 0);
        (self.size, self.background_at, self.second) = (Some(frame.size), None, None);
        self.sum_up(frame.plane(0));
        self.background.copy_from_slice(&self.now);
    }

    /// Sums of 8×8 pixels; what is left over at the right and the bottom is not looked at.
    fn sum_up(&mut self, luma: Plane<'_>) {
        let width = self.columns * CELL;
        if width == 0 || luma.stride == 0 {
            return;
        }
        let bands = luma.data.chunks(luma.stride * CELL);
        for (sums, band) in self.now.chunks_exact_mut(self.columns).zip(bands) {
            self.row.fill(0);
            for pixels in band.chunks(luma.stride).filter_map(|row| row.get(..width)) {
                // Written so that it becomes additions of eight lanes.
                self.row.iter_mut().zip(pixels).for_each(|(sum, pixel)| *sum += u16::from(*pixel));
            }
            for (sum, column) in sums.iter_mut().zip(self.row.chunks_exact(CELL)) {
                *sum = column.iter().sum();
            }
        }
    }

    /// How much a cell must differ.
    fn threshold(&self) -> u16 {
        self.noise.clamp(DIFFERS, DIFFERS_AT_MOST)
    }

    /// Whether enough cells differ that count and touch each other.
    fn differs_from(&mut self, past: Past, threshold: u16) -> bool {
        let past = match past {
            Past::Frame => &self.before,
            Past::Background => &self.background,
        };
        self.differs.clear();
        let cells = self.now.iter().zip(past).zip(&self.cells);
        self.differs.extend(cells.map(|((now, past), cell)| now.abs_diff(*past) > threshold && cell.counts()));
        (0..self.differs.len()).any(|i| self.differs[i] && self.take_blob(i) >= CELLS)
    }

    /// How many cells differ around this one that touch each other, be it at a corner; none of them does any more.
    fn take_blob(&mut self, start: usize) -> usize {
        let (columns, rows) = (self.columns, self.differs.len() / self.columns);
        let mut taken = 0;
        self.differs[start] = false;
        self.touched.push(start);
        while let Some(i) = self.touched.pop() {
            taken += 1;
            let (x, y) = (i % columns, i / columns);
            for y in y.saturating_sub(1)..(y + 2).min(rows) {
                for i in y * columns + x.saturating_sub(1)..y * columns + (x + 2).min(columns) {
                    if std::mem::take(&mut self.differs[i]) {
                        self.touched.push(i);
                    }
                }
            }
        }
        taken
    }

    fn note_changes(&mut self, at: MediaTime) {
        for ((now, before), cell) in self.now.iter().zip(&self.before).zip(&mut self.cells) {
            cell.change = cell.change.max(now.abs_diff(*before));
        }
        let second = *self.second.get_or_insert(at);
        if at.since(second) < Duration::from_secs(1) {
            return;
        }
        self.second = Some(at);
        let threshold = self.threshold();
        self.measure_noise();
        for cell in &mut self.cells {
            let changed = std::mem::take(&mut cell.change) > threshold;
            cell.unrest = if changed && !cell.explained {
                cell.unrest.saturating_add(RESTLESS_STEP)
            } else {
                cell.unrest.saturating_sub(CALM_STEP)
            };
        }
        let restless = self.cells.iter().filter(|cell| !cell.counts()).count();
        self.is_blind = restless * 100 > self.cells.len() * BLIND;
    }

    /// Where the model sees something, that is no noise; anything else that moves is seldom a fiftieth of the picture.
    fn measure_noise(&mut self) {
        self.sorted.clear();
        self.sorted.extend(self.cells.iter().filter(|cell| !cell.explained).map(|cell| cell.change));
        let at = self.sorted.len() * QUIETEST / 100;
        if at < self.sorted.len() {
            let measured = *self.sorted.select_nth_unstable(at).1;
            self.noise = if self.noise == 0 { measured } else { self.noise - self.noise / 4 + measured / 4 };
        }
    }

    fn adapt_background(&mut self, at: MediaTime) {
        if self.background_at.is_some_and(|last| at.since(last) < BACKGROUND_EVERY) {
            return;
        }
        self.background_at = Some(at);
        for (background, now) in self.background.iter_mut().zip(&self.now) {
            let step = (i32::from(*now) - i32::from(*background)) >> BACKGROUND_SHIFT;
            *background = (i32::from(*background) + step) as u16;
        }
    }
}

/// The cells that a stretch of pixels touches, of `count`.
fn span(from: f32, to: f32, count: usize) -> std::ops::Range<usize> {
    // Casts saturate: what is left of the picture is its first cell.
    let cell = |pixel: f32| (pixel / CELL as f32) as usize;
    let end = (cell(to) + 1).min(count);
    cell(from).min(end)..end
}

#[cfg(test)]
mod tests;
