//! The cells of a feature pyramid in the order in which models return them: level by level, row by row.

use iris_core::Size;

/// A cell: its column and row in its level, and the level's stride, in model pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cell {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) stride: f32,
}

fn extent(size: Size, stride: u32) -> (u32, u32) {
    (size.width.div_ceil(stride), size.height.div_ceil(stride))
}

/// How many cells an input of `size` has.
pub(crate) fn cells(size: Size, strides: &[u32]) -> usize {
    strides.iter().map(|&s| extent(size, s)).map(|(w, h)| w as usize * h as usize).sum()
}

/// All cells.
pub(crate) fn grid(size: Size, strides: &[u32]) -> Vec<Cell> {
    let level = |&stride: &u32| {
        let (w, h) = extent(size, stride);
        (0..h).flat_map(move |y| (0..w).map(move |x| Cell { x: x as f32, y: y as f32, stride: stride as f32 }))
    };
    strides.iter().flat_map(level).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_level_by_level_and_row_by_row() {
        let cells_of = grid(Size::new(32, 16), &[8, 16]);
        assert_eq!(cells_of.len(), cells(Size::new(32, 16), &[8, 16]));
        assert_eq!(cells_of.len(), 4 * 2 + 2);
        assert_eq!(cells_of[5], Cell { x: 1.0, y: 1.0, stride: 8.0 });
        assert_eq!(cells_of[9], Cell { x: 1.0, y: 0.0, stride: 16.0 });
    }

    #[test]
    fn a_size_that_is_no_multiple_rounds_up() {
        assert_eq!(cells(Size::new(416, 416), &[8, 16, 32, 64]), 52 * 52 + 26 * 26 + 13 * 13 + 7 * 7);
    }
}
