//! Alarms against the truth: simulated scenes are rendered, Iris watches them by their own rules, and what it raises is
//! compared with what a right rule must raise.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Parser;
use serde_json::{Value, json};

use super::truth::{Raised, Score, Truth, compare, sum};
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
    /// A JSON document instead of a table
    #[arg(long)]
    json: bool,
}

/// Renders, watches and compares; prints a row a scene.
pub(super) fn run(args: &[String]) -> Result<()> {
    let args = Args::try_parse_from(args)?;
    let detector = detector::choose(args.model.as_deref())?;
    run_command(&mut cargo(["build", "--release", "--package", "iris-server", "--package", "iris-sim"]))?;
    say(&format!("detector: {}", detector.display()));
    let scores = args.scenes.iter().map(|scene| args.judge(scene, &detector)).collect::<Result<Vec<_>>>()?;
    let text = if args.json { json(&args.scenes, &scores) } else { table(&args.scenes, &scores) };
    super::print(&text);
    Ok(())
}

impl Args {
    /// Renders a scene, lets Iris watch it, and compares.
    fn judge(&self, scene: &str, model: &Path) -> Result<Score> {
        let folder = root().join("target/bench-alarms").join(scene);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let path = |name: &str| folder.join(name);
        let (seed, seconds) = (self.seed.to_string(), self.seconds.to_string());
        let mut render = program(release("iris-sim"));
        render.args(["render", scene, "--seed", &seed, "--seconds", &seconds, "--out"]).arg(&folder);
        run_command(&mut render)?;
        // A string of TOML's basic kind is one of JSON.
        let model = Value::from(model.to_string_lossy());
        let camera = "[[cameras]]\nid = \"scene\"\nurl = \"main.mp4\"\n";
        let config = format!("[models.m]\npath = {model}\n{camera}{}", read(&path("rules.toml"))?);
        fs::write(path("iris.toml"), config).context("cannot write the configuration")?;
        let mut watch = program(release("iris"));
        watch.arg("run").arg(path("main.mp4")).arg("--config").arg(path("iris.toml"));
        run_command(watch.arg("--events").arg(path("raised.jsonl")))?;
        let truth: Truth = serde_json::from_str(&read(&path("events.json"))?).context("the truth cannot be read")?;
        let raised = read(&path("raised.jsonl"))?;
        let raised = raised.lines().map(serde_json::from_str).collect::<Result<Vec<Raised>, _>>()?;
        Ok(compare(&truth.must_raise, &raised, self.seconds))
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn table(scenes: &[String], scores: &[Score]) -> String {
    let row = |name: &str, s: &Score| {
        let Score { hits, misses, repeats, false_alarms, seconds } = s;
        format!("| {name} | {} | {hits} | {misses} | {repeats} | {false_alarms} | {seconds} |\n", hits + misses)
    };
    let head =
        "| scene | to raise | hits | misses | repeats | false alarms | seconds |\n|---|--:|--:|--:|--:|--:|--:|\n";
    let rows = scenes.iter().zip(scores).map(|(scene, score)| row(scene, score)).collect::<String>();
    format!("{head}{rows}{}", row("all", &sum(scores)))
}

fn json(scenes: &[String], scores: &[Score]) -> String {
    let row = |(scene, s): (&String, &Score)| {
        json!({
            "scene": scene, "hits": s.hits, "misses": s.misses, "repeats": s.repeats,
            "false_alarms": s.false_alarms, "seconds": s.seconds,
        })
    };
    format!("{:#}\n", scenes.iter().zip(scores).map(row).collect::<Value>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_ends_with_the_sum() {
        let score = |hits| Score { hits, misses: 1, repeats: 0, false_alarms: 2, seconds: 60 };
        let text = table(&["street".into(), "yard".into()], &[score(3), score(4)]);
        assert!(text.ends_with("| yard | 5 | 4 | 1 | 0 | 2 | 60 |\n| all | 9 | 7 | 2 | 0 | 4 | 120 |\n"), "{text}");
    }
}
