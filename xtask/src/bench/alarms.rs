//! Alarms against the truth: simulated scenes are rendered, Iris watches them by their own rules, and what it raises is
//! compared with what a right rule must raise.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Parser;
use serde_json::{Value, json};

use super::procs;
use super::truth::{Raised, Score, Truth, begins, compare, sum};
use crate::detector;
use crate::shell::{cargo, program, release, root, run as run_command, say};

/// Which scenes, and with what.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Args {
    /// Scenes with words about hour and weather, such as yard+night; without any, those below
    #[arg(default_values = [
        "street", "street+dusk", "street+night", "street+rain", "street+snow", "street+headlights",
        "yard", "yard+dusk", "yard+night", "yard+infrared", "yard+rain", "yard+snow", "yard+wind", "yard+shake",
        "yard+insect", "corridor", "corridor+switch", "workshop", "workshop+switch",
    ])]
    scenes: Vec<String>,
    /// What the scenes' chance comes from
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// The length of each scene in seconds
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// The detector; without it, the one that the project ships
    #[arg(long)]
    model: Option<PathBuf>,
    /// Watch each scene through the gate as well, and tell what that saves and costs
    #[arg(long)]
    gate: bool,
    /// Encode the scenes with a constant quality instead of a constant bit rate
    #[arg(long)]
    vbr: bool,
    /// A JSON document instead of a table
    #[arg(long)]
    json: bool,
}

/// What came of a scene that was watched once.
struct Watch {
    score: Score,
    /// When what tells of each thing that happens began.
    begins: Vec<Option<f64>>,
    cpu_seconds: f64,
}

/// What came of a scene.
struct Watched {
    whole: Watch,
    gated: Option<Watch>,
}

/// Renders, watches and compares; prints a row a scene.
pub(super) fn run(args: &[String]) -> Result<()> {
    let args = Args::try_parse_from(args)?;
    let detector = detector::choose(args.model.as_deref())?;
    run_command(&mut cargo(["build", "--release", "--package", "iris-server", "--package", "iris-sim"]))?;
    say(&format!("detector: {}", detector.display()));
    let watched = args.scenes.iter().map(|scene| args.judge(scene, &detector)).collect::<Result<Vec<_>>>()?;
    let text = if args.json { json(&args.scenes, &watched) } else { table(&args.scenes, &watched) };
    super::print(&text);
    Ok(())
}

impl Args {
    /// Renders a scene, lets Iris watch it, and compares.
    fn judge(&self, scene: &str, model: &Path) -> Result<Watched> {
        let folder = root().join("target/bench-alarms").join(scene);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let path = |name: &str| folder.join(name);
        let (seed, seconds) = (self.seed.to_string(), self.seconds.to_string());
        let mut render = program(release("iris-sim"));
        render.args(["render", scene, "--seed", &seed, "--seconds", &seconds, "--out"]).arg(&folder);
        render.args(self.vbr.then_some("--vbr"));
        run_command(&mut render)?;
        // A string of TOML's basic kind is one of JSON.
        let model = Value::from(model.to_string_lossy());
        let camera = "[[cameras]]\nid = \"scene\"\nurl = \"main.mp4\"\n";
        let config = format!("[models.m]\npath = {model}\n{camera}{}", read(&path("rules.toml"))?);
        fs::write(path("iris.toml"), config).context("cannot write the configuration")?;
        let truth: Truth = serde_json::from_str(&read(&path("events.json"))?).context("the truth cannot be read")?;
        let gated = self.gate.then(|| self.watch(&folder, &truth, true)).transpose()?;
        Ok(Watched { whole: self.watch(&folder, &truth, false)?, gated })
    }

    /// Lets Iris watch a rendered scene. Its events and tracks stay in the folder.
    fn watch(&self, folder: &Path, truth: &Truth, gate: bool) -> Result<Watch> {
        let name = if gate { "gated" } else { "raised" };
        let path = |extension: &str| folder.join(name).with_extension(extension);
        let mut watch = program(release("iris"));
        watch.arg("run").arg(folder.join("main.mp4")).arg("--config").arg(folder.join("iris.toml"));
        watch.arg("--events").arg(path("jsonl")).arg("--tracks").arg(path("txt"));
        watch.args(gate.then_some("--gate"));
        let cpu_seconds = cpu_seconds(&mut watch)?;
        let raised = read(&path("jsonl"))?;
        let raised = raised.lines().map(serde_json::from_str).collect::<Result<Vec<Raised>, _>>()?;
        let (score, begins) = (compare(&truth.must_raise, &raised, self.seconds), begins(&truth.must_raise, &raised));
        Ok(Watch { score, begins, cpu_seconds })
    }
}

/// Runs a program and says how much of the processor's time it took.
fn cpu_seconds(command: &mut Command) -> Result<f64> {
    let before = procs::own_cpu_seconds()?;
    run_command(command)?;
    Ok(procs::own_cpu_seconds()? - before)
}

/// How much later, in seconds, what both raised began through the gate.
fn delays(watched: &Watched) -> impl Iterator<Item = f64> + '_ {
    let pairs = watched.gated.iter().flat_map(|gated| gated.begins.iter().zip(&watched.whole.begins));
    pairs.filter_map(|(gated, whole)| Some((*gated)? - (*whole)?))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn table(scenes: &[String], watched: &[Watched]) -> String {
    let whole: Vec<Score> = watched.iter().map(|watched| watched.whole.score).collect();
    let gated: Vec<Score> = watched.iter().filter_map(|watched| Some(watched.gated.as_ref()?.score)).collect();
    let whole = scores(scenes, &whole);
    if gated.is_empty() {
        return whole;
    }
    let (gated, costs) = (scores(scenes, &gated), costs(scenes, watched));
    format!("{whole}\nThrough the gate:\n\n{gated}\n{costs}")
}

fn scores(scenes: &[String], scores: &[Score]) -> String {
    let row = |name: &str, s: &Score| {
        let Score { hits, misses, repeats, false_alarms, seconds } = s;
        format!("| {name} | {} | {hits} | {misses} | {repeats} | {false_alarms} | {seconds} |\n", hits + misses)
    };
    let head =
        "| scene | to raise | hits | misses | repeats | false alarms | seconds |\n|---|--:|--:|--:|--:|--:|--:|\n";
    let rows = scenes.iter().zip(scores).map(|(scene, score)| row(scene, score)).collect::<String>();
    format!("{head}{rows}{}", row("all", &sum(scores)))
}

/// What the gate saves of the processor's time, and how much later alarms begin.
fn costs(scenes: &[String], watched: &[Watched]) -> String {
    let row = |name: &str, watched: &[Watched]| {
        let whole: f64 = watched.iter().map(|watched| watched.whole.cpu_seconds).sum();
        let gated: f64 = watched.iter().flat_map(|watched| &watched.gated).map(|gated| gated.cpu_seconds).sum();
        let mut delays: Vec<f64> = watched.iter().flat_map(delays).collect();
        delays.sort_by(f64::total_cmp);
        let delay = |at: Option<&f64>| at.map_or_else(|| "-".into(), |delay| format!("{delay:.2}"));
        let (middle, most) = (delay(delays.get(delays.len() / 2)), delay(delays.last()));
        format!("| {name} | {whole:.1} | {gated:.1} | {:.2} | {middle} | {most} |\n", gated / whole)
    };
    let head =
        "| scene | CPU s, whole | gated | ratio | alarms later by s, median | most |\n|---|--:|--:|--:|--:|--:|\n";
    let rows = scenes.iter().zip(watched).map(|(scene, watched)| row(scene, std::slice::from_ref(watched)));
    format!("{head}{}{}", rows.collect::<String>(), row("all", watched))
}

fn json(scenes: &[String], watched: &[Watched]) -> String {
    let watch = |watch: &Watch| json!({"score": watch.score, "cpu_seconds": watch.cpu_seconds});
    let row = |(scene, watched): (&String, &Watched)| {
        json!({
            "scene": scene, "whole": watch(&watched.whole), "gated": watched.gated.as_ref().map(watch),
            "later_by_seconds": delays(watched).collect::<Vec<_>>(),
        })
    };
    format!("{:#}\n", scenes.iter().zip(watched).map(row).collect::<Value>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(hits: usize, begins: &[Option<f64>], cpu_seconds: f64) -> Watch {
        let score = Score { hits, misses: 1, repeats: 0, false_alarms: 2, seconds: 60 };
        Watch { score, begins: begins.to_vec(), cpu_seconds }
    }

    #[test]
    fn the_table_ends_with_the_sum() {
        let watched = |hits| Watched { whole: watch(hits, &[], 1.0), gated: None };
        let text = table(&["street".into(), "yard".into()], &[watched(3), watched(4)]);
        assert!(text.ends_with("| yard | 5 | 4 | 1 | 0 | 2 | 60 |\n| all | 9 | 7 | 2 | 0 | 4 | 120 |\n"), "{text}");
    }

    #[test]
    fn the_gate_is_weighed() {
        let (whole, gated) =
            (watch(3, &[Some(1.0), Some(5.0), None], 8.0), watch(2, &[Some(1.5), None, Some(9.0)], 2.0));
        let text = table(&["street".into()], &[Watched { whole, gated: Some(gated) }]);
        assert!(text.ends_with("| all | 8.0 | 2.0 | 0.25 | 0.50 | 0.50 |\n"), "{text}");
    }
}
