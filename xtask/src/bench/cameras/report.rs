//! The figures as a table for people.

use std::fmt::Write as _;

use super::figures::Figures;
use super::peers::{Measured, Outcome};

const MIB: f64 = 1_048_576.0;

/// A heading and the figure below it.
type Column = (&'static str, fn(&Figures) -> String);

const COLUMNS: [Column; 19] = [
    ("cameras", |f| f.cameras.to_string()),
    ("cores", |f| format!("{:.3}", f.cores)),
    ("% of a core a camera", |f| format!("{:.2}", f.cores * 100.0 / f.cameras as f64)),
    ("MiB", |f| format!("{:.0}", f.memory_bytes as f64 / MIB)),
    ("MiB first, last", |f| {
        format!("{:.0}, {:.0}", f.first.memory_bytes as f64 / MIB, f.last.memory_bytes as f64 / MIB)
    }),
    ("threads", |f| f.last.threads.to_string()),
    ("frames/s", |f| format!("{:.0}", f.frames_a_second)),
    ("looked at, %", |f| format!("{:.2}", f.looked_at * 100.0)),
    ("age p50, ms", |f| millis(f.age_p50)),
    ("age p99, ms", |f| millis(f.age_p99)),
    ("visits", |f| of_busy(f, |b| b.visits.to_string())),
    ("busy: detections/s, mean (least)", |f| of_busy(f, |b| format!("{:.2} ({:.2})", b.mean, b.least))),
    ("idle: detections/s", |f| f.idle_rate.map_or("-".into(), |rate| format!("{rate:.2}"))),
    ("Jain's index", |f| of_busy(f, |b| format!("{:.3}", b.jain))),
    ("longest without, s", |f| of_busy(f, |b| format!("{:.1}", b.starved))),
    ("reconnects", |f| f.reconnects.to_string()),
    ("alarms: to raise", |f| (f.alarms.hits + f.alarms.misses).to_string()),
    ("hits, misses, repeats, false", |f| {
        let a = &f.alarms;
        format!("{}, {}, {}, {}", a.hits, a.misses, a.repeats, a.false_alarms)
    }),
    ("of the misses: raised by a look at every frame", |f| f.missed_by_load.to_string()),
];

fn millis(seconds: Option<f64>) -> String {
    seconds.map_or("-".into(), |seconds| format!("{:.0}", seconds * 1000.0))
}

fn of_busy(figures: &Figures, text: fn(&super::figures::Busy) -> String) -> String {
    figures.busy.as_ref().map_or("-".into(), text)
}

/// A row a figure and a column a number of cameras: there are more figures than numbers.
pub(super) fn table(all: &[Figures]) -> String {
    let mut text = String::new();
    for (i, (heading, cell)) in COLUMNS.iter().enumerate() {
        let cells = all.iter().map(cell).collect::<Vec<_>>().join(" | ");
        writeln!(text, "| {heading} | {cells} |").unwrap_or_default();
        if i == 0 {
            writeln!(text, "|---|{}", "--:|".repeat(all.len())).unwrap_or_default();
        }
    }
    text.push_str(&ladders(all));
    text.push_str(&drops(all));
    text.push_str(&beyond(all));
    text
}

/// On which rungs the cameras were.
fn ladders(all: &[Figures]) -> String {
    let mut text = String::new();
    for figures in all.iter().filter(|figures| !figures.rungs.is_empty()) {
        let rungs = figures.rungs.iter().map(|(rung, n)| format!("{rung} {n:.1}")).collect::<Vec<_>>().join(", ");
        writeln!(text, "\nrungs at {} cameras, on average: {rungs}", figures.cameras).unwrap_or_default();
    }
    text
}

/// What was dropped where and why.
fn drops(all: &[Figures]) -> String {
    let mut text = String::new();
    for figures in all.iter().filter(|figures| !figures.dropped.is_empty()) {
        let drops = figures.dropped.iter().map(|(why, n)| format!("{why} {n}")).collect::<Vec<_>>().join(", ");
        writeln!(text, "\ndropped at {} cameras: {drops}", figures.cameras).unwrap_or_default();
    }
    text
}

/// What a camera takes beyond the fixed part, between the smallest and the largest number.
fn beyond(all: &[Figures]) -> String {
    let (Some(few), Some(many)) =
        (all.iter().min_by_key(|f| f.cameras), all.iter().max_by_key(|f| f.cameras).filter(|f| f.cameras > 1))
    else {
        return String::new();
    };
    if few.cameras == many.cameras {
        return String::new();
    }
    let more = (many.cameras - few.cameras) as f64;
    let memory = (many.memory_bytes as f64 - few.memory_bytes as f64) / more / MIB;
    let cores = (many.cores - few.cores) / more * 100.0;
    format!(
        "\nbeyond the fixed part, from {} to {} cameras: {memory:.1} MiB and {cores:.2} % of a core a camera\n",
        few.cameras, many.cameras
    )
}

/// What others took for the same.
pub(super) fn peers(all: &[Outcome]) -> String {
    let mut text = "| who | cameras | cores | % of a core a camera | MiB a camera | results/s a camera |\n\
                    |---|--:|--:|--:|--:|--:|\n"
        .to_owned();
    for outcome in all {
        let row = match outcome {
            Outcome::NotRun { name, not_run } => format!("| {name} | not run: {not_run} | | | | |"),
            Outcome::Measured(Measured { name, cameras, cores, memory_bytes, results_a_second }) => {
                let each = *cameras as f64;
                let rate = results_a_second.map_or("-".into(), |rate| format!("{:.2}", rate / each));
                let (share, memory) = (cores * 100.0 / each, *memory_bytes as f64 / MIB / each);
                format!("| {name} | {cameras} | {cores:.3} | {share:.2} | {memory:.1} | {rate} |")
            }
        };
        writeln!(text, "{row}").unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::clips::Clips;
    use super::super::watch::{Look, Watched};
    use super::*;
    use crate::bench::procs::Usage;

    fn figures(cameras: usize, cpu_seconds: f64, memory_bytes: u64) -> Figures {
        let look = |at| Look { at, detections: vec![0; cameras] };
        let usages = vec![Usage { memory_bytes, ..Usage::default() }];
        let watched = Watched { looks: vec![look(0.0), look(10.0)], cpu_seconds, usages, ..Watched::default() };
        let clips = Clips { quiet: Vec::new(), rules: Vec::new(), busy: Vec::new() };
        Figures::new(&watched, &clips, &[], &[])
    }

    #[test]
    fn a_column_is_a_number_of_cameras() {
        let text = table(&[figures(1, 1.0, 100 << 20), figures(101, 11.0, 300 << 20)]);
        assert!(text.starts_with("| cameras | 1 | 101 |\n|---|--:|--:|\n| cores | 0.100 | 1.100 |\n"), "{text}");
        assert!(text.contains("| % of a core a camera | 10.00 | 1.09 |"), "{text}");
        assert!(text.contains("| age p99, ms | - | - |"), "{text}");
        assert!(text.ends_with("from 1 to 101 cameras: 2.0 MiB and 1.00 % of a core a camera\n"), "{text}");
    }

    #[test]
    fn who_could_not_be_run_is_told() {
        let not_run = Outcome::NotRun { name: "motion", not_run: "no package".into() };
        let measured =
            Measured { name: "a", cameras: 10, cores: 0.5, memory_bytes: 20 << 20, results_a_second: Some(49.0) };
        let text = peers(&[Outcome::Measured(measured), not_run]);
        assert!(
            text.ends_with("| a | 10 | 0.500 | 5.00 | 2.0 | 4.90 |\n| motion | not run: no package | | | | |\n"),
            "{text}"
        );
    }
}
