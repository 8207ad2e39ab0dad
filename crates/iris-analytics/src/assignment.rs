//! Who belongs to whom at the least total cost: optimal assignment with a gate.
//!
//! Knows numbers only, no boxes and no tracks. Its buffers are kept, so that solving allocates nothing once they are
//! large enough.

const NONE: usize = usize::MAX;

/// Solves rectangular assignment problems by shortest augmenting paths with potentials (Jonker and Volgenant,
/// "A shortest augmenting path algorithm for dense and sparse linear assignment problems", Computing 38, 1987), in
/// O(rows² · columns).
///
/// Of all ways to pair rows with columns, each used at most once and no pair costlier than the limit, it finds one
/// with the greatest total of `limit - cost`. So a row stays alone rather than take a column that another row needs
/// more, and a pair below the limit is never given up for nothing.
#[derive(Debug, Default)]
pub struct Assignment {
    column_of: Vec<usize>,
    row_of: Vec<usize>,
    /// Potentials: what a row or column has bid so far. `cost - row_price - column_price` is never negative for the
    /// rows that were inserted, and zero for pairs; so is `limit - row_price`, and zero for rows that stay alone.
    row_price: Vec<f64>,
    column_price: Vec<f64>,
    /// The search for one path: how far each column is, from which row, and the columns passed.
    distance: Vec<f64>,
    from: Vec<usize>,
    passed: Vec<bool>,
}

/// Where the shortest path ends, and how long it is.
struct End {
    /// The column that becomes free for the row before it; none if the new row itself stays alone.
    column: usize,
    length: f64,
}

impl Assignment {
    /// Pairs rows with columns. `costs` holds the rows one after another, each of `columns` numbers; a cost above
    /// `limit`, or one that is not finite, forbids its pair.
    ///
    /// # Panics
    /// If `costs` does not hold `rows × columns` numbers.
    pub fn solve(&mut self, costs: &[f32], rows: usize, columns: usize, limit: f32) {
        assert_eq!(costs.len(), rows * columns, "a cost for each pair");
        refill(&mut self.column_of, rows, NONE);
        refill(&mut self.row_of, columns, NONE);
        refill(&mut self.row_price, rows, 0.0);
        refill(&mut self.column_price, columns, 0.0);
        for row in 0..rows {
            let end = self.search(row, costs, limit);
            self.reprice(row, end.length);
            self.shift(row, end.column);
        }
    }

    /// The pairs of the last solution as (row, column), in the order of the rows.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.column_of.iter().copied().enumerate().filter(|&(_, column)| column != NONE)
    }

    /// Dijkstra's search over reduced costs from a new row to a free column, or to a row that is best left alone.
    fn search(&mut self, new: usize, costs: &[f32], limit: f32) -> End {
        let columns = self.row_of.len();
        refill(&mut self.distance, columns, f64::INFINITY);
        refill(&mut self.from, columns, NONE);
        refill(&mut self.passed, columns, false);
        let (mut row, mut reached) = (new, 0.0);
        let mut alone = End { column: NONE, length: f64::INFINITY };
        loop {
            let exit = reached + f64::from(limit) - self.row_price[row];
            if exit < alone.length {
                alone = End { column: self.column_of[row], length: exit };
            }
            let nearest = self.relax(row, reached, &costs[row * columns..][..columns], limit);
            let Some(column) = nearest.filter(|&c| self.distance[c] <= alone.length) else { return alone };
            reached = self.distance[column];
            if self.row_of[column] == NONE {
                return End { column, length: reached };
            }
            self.passed[column] = true;
            row = self.row_of[column];
        }
    }

    /// Shortens the distances to the columns that `row`, which is `reached` away, may take, and returns the nearest of
    /// all columns that were not passed.
    fn relax(&mut self, row: usize, reached: f64, costs: &[f32], limit: f32) -> Option<usize> {
        let base = reached - self.row_price[row];
        let (mut nearest, mut least) = (None, f64::INFINITY);
        for (column, &cost) in costs.iter().enumerate().filter(|&(column, _)| !self.passed[column]) {
            let through = base + f64::from(cost) - self.column_price[column];
            if cost <= limit && cost.is_finite() && through < self.distance[column] {
                self.distance[column] = through;
                self.from[column] = row;
            }
            if self.distance[column] < least {
                (nearest, least) = (Some(column), self.distance[column]);
            }
        }
        nearest
    }

    fn reprice(&mut self, new: usize, length: f64) {
        self.row_price[new] += length;
        for column in (0..self.passed.len()).filter(|&c| self.passed[c]) {
            let slack = length - self.distance[column];
            self.row_price[self.row_of[column]] += slack;
            self.column_price[column] -= slack;
        }
    }

    /// Gives `column` to the row before it on the path, that row's column to the one before, and so on to the new row.
    /// If the path ends at a row left alone, `column` is the one it gives up.
    fn shift(&mut self, new: usize, mut column: usize) {
        if column == NONE {
            return;
        }
        let loser = self.row_of[column];
        if loser != NONE {
            self.column_of[loser] = NONE;
        }
        loop {
            let row = self.from[column];
            self.row_of[column] = row;
            let given_up = std::mem::replace(&mut self.column_of[row], column);
            if row == new {
                return;
            }
            column = given_up;
        }
    }
}

fn refill<T: Copy>(buffer: &mut Vec<T>, len: usize, value: T) {
    buffer.clear();
    buffer.resize(len, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn solve(costs: &[f32], rows: usize, columns: usize, limit: f32) -> Vec<(usize, usize)> {
        let mut assignment = Assignment::default();
        assignment.solve(costs, rows, columns, limit);
        assignment.pairs().collect()
    }

    #[test]
    fn known_problems() {
        let nan = f32::NAN;
        // The greedy choice, (0, 0), would leave row 1 with the dear column.
        assert_eq!(solve(&[1.0, 2.0, 2.0, 9.0], 2, 2, 10.0), [(0, 1), (1, 0)]);
        // ... which is right when the gate forbids that column anyway and the sum is no better.
        assert_eq!(solve(&[1.0, 9.0, 2.0, 9.0], 2, 2, 5.0), [(0, 0)]);
        assert_eq!(solve(&[9.0, 9.0], 1, 2, 5.0), []);
        assert_eq!(solve(&[5.0], 1, 1, 5.0), [(0, 0)]);
        assert_eq!(solve(&[nan, 1.0, f32::NEG_INFINITY, nan], 2, 2, 5.0), [(0, 1)]);
        assert_eq!(solve(&[], 0, 3, 1.0), []);
        assert_eq!(solve(&[], 3, 0, 1.0), []);
    }

    /// The best total of `limit - cost`, by trying everything.
    fn best_gain(costs: &[f32], columns: usize, limit: f32, row: usize, used: u32) -> f64 {
        if row * columns == costs.len() {
            return 0.0;
        }
        let alone = best_gain(costs, columns, limit, row + 1, used);
        (0..columns).fold(alone, |best, column| {
            let cost = costs[row * columns + column];
            if cost > limit || used & 1 << column != 0 {
                return best;
            }
            best.max(f64::from(limit - cost) + best_gain(costs, columns, limit, row + 1, used | 1 << column))
        })
    }

    proptest! {
        #[test]
        fn it_is_as_good_as_trying_everything(
            (rows, columns, costs) in (1usize..6, 1usize..6).prop_flat_map(|(r, c)| {
                // Few distinct costs, so that ties are common; some negative.
                (Just(r), Just(c), prop::collection::vec((-3i8..8).prop_map(f32::from), r * c))
            }),
            limit in (-2i8..8).prop_map(f32::from),
        ) {
            let pairs = solve(&costs, rows, columns, limit);
            let gain: f64 = pairs.iter().map(|&(r, c)| f64::from(limit - costs[r * columns + c])).sum();
            prop_assert_eq!(gain, best_gain(&costs, columns, limit, 0, 0));
            prop_assert!(pairs.iter().all(|&(r, c)| costs[r * columns + c] <= limit));
            let mut taken: Vec<_> = pairs.iter().map(|p| p.1).collect();
            taken.sort_unstable();
            taken.dedup();
            prop_assert_eq!(taken.len(), pairs.len());
        }
    }
}
