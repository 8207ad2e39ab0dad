//! A drawing of how the cost grows with the number of cameras, as SVG.

use std::fmt::Write as _;

/// The size of a panel, and the room about it for numbers and words.
const PANEL: (f64, f64) = (420.0, 260.0);
const ROOM: (f64, f64) = (60.0, 40.0);
/// How many lines a scale has.
const LINES: usize = 5;

/// Points over numbers of cameras.
pub(super) struct Panel {
    pub(super) title: &'static str,
    /// Cameras and value.
    pub(super) points: Vec<(f64, f64)>,
}

/// The panels side by side.
pub(super) fn svg(panels: &[Panel]) -> String {
    let (width, height) = ((PANEL.0 + 1.5 * ROOM.0) * panels.len() as f64, PANEL.1 + 2.5 * ROOM.1);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (i, panel) in panels.iter().enumerate() {
        let left = ROOM.0 + i as f64 * (PANEL.0 + 1.5 * ROOM.0);
        writeln!(text, "<g transform=\"translate({left} {})\">\n{}</g>", ROOM.1, panel.draw()).unwrap_or_default();
    }
    text + "</svg>\n"
}

impl Panel {
    fn draw(&self) -> String {
        let (width, height) = PANEL;
        let top = |values: &mut dyn Iterator<Item = f64>| round_up(values.fold(0.0, f64::max));
        let most = top(&mut self.points.iter().map(|(x, _)| *x));
        let highest = top(&mut self.points.iter().map(|(_, y)| *y));
        let place = |(x, y): (f64, f64)| (x / most * width, height - y / highest * height);
        let mut text = format!("<text y=\"-14\" font-weight=\"bold\">{}</text>\n", self.title);
        for line in 0..=LINES {
            let share = line as f64 / LINES as f64;
            let (x, y) = place((share * most, share * highest));
            write!(
                text,
                "<path d=\"M0 {y:.1}H{width}\" stroke=\"#ddd\"/>\n\
                 <text x=\"-8\" y=\"{y:.1}\" dy=\"4\" text-anchor=\"end\">{:.3}</text>\n\
                 <text x=\"{x:.1}\" y=\"{height}\" dy=\"18\" text-anchor=\"middle\">{:.0}</text>\n",
                share * highest,
                share * most
            )
            .unwrap_or_default();
        }
        let points: Vec<_> = self.points.iter().copied().map(place).collect();
        let line = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ");
        writeln!(text, "<polyline points=\"{line}\" fill=\"none\" stroke=\"#06c\"/>").unwrap_or_default();
        for (x, y) in points {
            writeln!(text, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"#06c\"/>").unwrap_or_default();
        }
        text
    }
}

/// The next number that is 1, 2 or 5 with zeros.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1e-9).log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * power).find(|round| *round >= value).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_numbers() {
        assert_eq!([1.0, 1.3, 230.0, 600.0].map(round_up), [1.0, 2.0, 500.0, 1000.0]);
    }

    #[test]
    fn the_last_point_is_at_the_top_of_its_scale() {
        let text = svg(&[Panel { title: "cores", points: vec![(1.0, 0.1), (200.0, 2.0)] }]);
        assert!(text.contains("<circle cx=\"420.0\" cy=\"0.0\"") && text.ends_with("</svg>\n"), "{text}");
        assert_eq!(text.matches("<circle").count(), 2);
    }
}
