//! The field's three scores of a tracker, written from their papers. Slow and plain; the public scorers are the
//! reference (`benches/mot/compare.py`).

use std::collections::{BTreeMap, HashMap};

use iris_analytics::assignment::Assignment;
use iris_core::{Image, Rect};

/// An identity and its box.
pub(crate) type Box = (u32, Rect<Image>);
/// The boxes of each frame.
pub(crate) type Boxes = BTreeMap<u32, Vec<Box>>;

/// Two boxes show the same object from this overlap on, for MOTA and IDF1.
const SAME: f32 = 0.5;

fn count(boxes: &Boxes) -> f64 {
    boxes.values().map(Vec::len).sum::<usize>() as f64
}

/// Truth and tracks of each frame that has either.
fn frames<'a>(truth: &'a Boxes, found: &'a Boxes) -> impl Iterator<Item = (&'a [Box], &'a [Box])> {
    let last = truth.keys().chain(found.keys()).copied().max().unwrap_or(0);
    let at = |boxes: &'a Boxes, frame| boxes.get(&frame).map_or(&[][..], Vec::as_slice);
    (1..=last).map(move |frame| (at(truth, frame), at(found, frame)))
}

/// The pairs of the least total cost, of those that cost no more than `limit`.
fn pairs(rows: usize, columns: usize, limit: f32, cost: impl Fn(usize, usize) -> f32) -> Vec<(usize, usize)> {
    let costs: Vec<f32> = (0..rows * columns).map(|i| cost(i / columns, i % columns)).collect();
    let mut assignment = Assignment::default();
    assignment.solve(&costs, rows, columns, limit);
    assignment.pairs().collect()
}

/// Multiple object tracking accuracy (Bernardin and Stiefelhagen 2008): a pair of earlier frames is kept while it
/// overlaps, the rest is matched anew; misses, false boxes and changes of identity count alike.
pub(crate) fn mota(truth: &Boxes, found: &Boxes) -> f64 {
    let (mut errors, mut partners) = (0, HashMap::new());
    for (want, got) in frames(truth, found) {
        let kept = |w: &Box, g: &Box| partners.get(&w.0) == Some(&g.0);
        // As many pairs as possible, and of kept ones before all others.
        let matched = pairs(want.len(), got.len(), 0.0, |w, g| match want[w].1.iou(&got[g].1) {
            overlap if overlap < SAME => f32::INFINITY,
            overlap if kept(&want[w], &got[g]) => -1e4 - overlap,
            overlap => -1e2 - overlap,
        });
        errors += want.len() + got.len() - 2 * matched.len();
        for (w, g) in matched {
            let before = partners.insert(want[w].0, got[g].0);
            errors += usize::from(before.is_some_and(|id| id != got[g].0));
        }
    }
    1.0 - errors as f64 / count(truth)
}

/// Counts over pairs of a true and a found identity, and how often each is there.
struct Counts {
    truth: HashMap<u32, f64>,
    found: HashMap<u32, f64>,
    both: BTreeMap<(u32, u32), f64>,
}

impl Counts {
    fn new(truth: &Boxes, found: &Boxes) -> Self {
        let times = |boxes: &Boxes| {
            let mut times = HashMap::new();
            boxes.values().flatten().for_each(|(id, _)| *times.entry(*id).or_default() += 1.0);
            times
        };
        Self { truth: times(truth), found: times(found), both: BTreeMap::new() }
    }

    fn add(&mut self, pair: (u32, u32), much: f64) {
        *self.both.entry(pair).or_default() += much;
    }

    /// Frames with both over frames with either.
    fn jaccard(&self, pair: (u32, u32)) -> f64 {
        let both = self.both.get(&pair).copied().unwrap_or(0.0);
        both / (self.truth[&pair.0] + self.found[&pair.1] - both)
    }
}

/// The F1 score of identities (Ristani et al. 2016): one found identity for each true one over the whole sequence.
pub(crate) fn idf1(truth: &Boxes, found: &Boxes) -> f64 {
    let mut counts = Counts::new(truth, found);
    for (want, got) in frames(truth, found) {
        for (id, rect) in want {
            got.iter().filter(|g| rect.iou(&g.1) >= SAME).for_each(|g| counts.add((*id, g.0), 1.0));
        }
    }
    let rows: Vec<u32> = counts.truth.keys().copied().collect();
    let columns: Vec<u32> = counts.found.keys().copied().collect();
    let both = |r: usize, c: usize| counts.both.get(&(rows[r], columns[c])).copied().unwrap_or(0.0);
    let matched = pairs(rows.len(), columns.len(), 0.0, |r, c| -both(r, c) as f32);
    2.0 * matched.into_iter().map(|(r, c)| both(r, c)).sum::<f64>() / (count(truth) + count(found))
}

/// Higher order tracking accuracy (Luiten et al. 2020), the mean over overlaps from 0.05 to 0.95.
pub(crate) fn hota(truth: &Boxes, found: &Boxes) -> f64 {
    let alignment = alignment(truth, found);
    let mut by_overlap: Vec<Counts> = (0..19).map(|_| Counts::new(truth, found)).collect();
    for (want, got) in frames(truth, found) {
        let overlap = |w: usize, g: usize| f64::from(want[w].1.iou(&got[g].1));
        let worth = |w: usize, g: usize| alignment.jaccard((want[w].0, got[g].0)) * overlap(w, g);
        for (w, g) in pairs(want.len(), got.len(), 0.0, |w, g| -worth(w, g) as f32) {
            for (i, counts) in by_overlap.iter_mut().enumerate() {
                if overlap(w, g) >= 0.05 * (i + 1) as f64 - 1e-9 {
                    counts.add((want[w].0, got[g].0), 1.0);
                }
            }
        }
    }
    let boxes = count(truth) + count(found);
    let score = |counts: &Counts| {
        let hits: f64 = counts.both.values().sum();
        let association: f64 = counts.both.iter().map(|(pair, both)| both * counts.jaccard(*pair)).sum();
        (association / (boxes - hits)).sqrt()
    };
    by_overlap.iter().map(score).sum::<f64>() / by_overlap.len() as f64
}

/// How well identities fit each other over the whole sequence: a pair counts in a frame by its overlap over the
/// overlaps of both with all.
fn alignment(truth: &Boxes, found: &Boxes) -> Counts {
    let mut counts = Counts::new(truth, found);
    for (want, got) in frames(truth, found) {
        let with_all = |rect: &Rect<Image>, others: &[Box]| others.iter().map(|o| rect.iou(&o.1)).sum::<f32>();
        for (id, w) in want {
            for (other, g) in got.iter().filter(|g| w.iou(&g.1) > 0.0) {
                let whole = with_all(w, got) + with_all(g, want) - w.iou(g);
                counts.add((*id, *other), f64::from(w.iou(g) / whole));
            }
        }
    }
    counts
}
