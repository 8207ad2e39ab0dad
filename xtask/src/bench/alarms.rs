//! Alarms against the truth: simulated scenes are rendered, Iris watches them by their own rules, and what it raises is
//! compared with what a right rule must raise.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Parser;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::detector;
use crate::shell::{cargo, program, release, root, run as run_command, say};

/// An event may begin that much earlier or end that much later than what it tells of, in seconds: trackers confirm late,
/// zones are left with delay, and boxes shake.
const TOLERANCE: f64 = 2.0;

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
    print(&text);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the result, which may be piped")]
fn print(text: &str) {
    println!("{text}");
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

/// What a right rule raises and what it must not, as the simulator writes it.
#[derive(Deserialize)]
struct Truth {
    must_raise: Vec<Happening>,
}

/// Something that happens, in seconds of the clip.
#[derive(Deserialize)]
struct Happening {
    rule: String,
    kind: String,
    direction: Option<String>,
    from: f64,
    to: f64,
}

/// An event as Iris tells it.
#[derive(Deserialize)]
struct Raised {
    rule: Option<String>,
    kind: String,
    direction: Option<String>,
    state: String,
    media_start: f64,
    media_end: Option<f64>,
}

impl Raised {
    /// Whether it may tell of that.
    fn tells(&self, of: &Happening) -> bool {
        let same = self.rule.as_deref() == Some(&*of.rule) && self.kind == of.kind && self.direction == of.direction;
        let end = self.media_end.unwrap_or(self.media_start);
        same && self.media_start <= of.to + TOLERANCE && end >= of.from - TOLERANCE
    }
}

/// How Iris did on one scene.
#[derive(Debug, Default, PartialEq)]
struct Score {
    /// What should have been raised and was.
    hits: usize,
    /// What should have been raised and was not.
    misses: usize,
    /// Events of something that was raised already.
    repeats: usize,
    /// Events of nothing that should be raised.
    false_alarms: usize,
    seconds: u32,
}

/// Gives each happening the first event that may tell of it and tells of no other yet.
fn compare(truth: &[Happening], raised: &[Raised], seconds: u32) -> Score {
    let mut rest: Vec<&Raised> = raised.iter().filter(|event| event.state != "started").collect();
    let mut score = Score { seconds, ..Score::default() };
    for happening in truth {
        match rest.iter().position(|event| event.tells(happening)) {
            Some(at) => {
                rest.remove(at);
                score.hits += 1;
            }
            None => score.misses += 1,
        }
    }
    score.repeats = rest.iter().filter(|event| truth.iter().any(|happening| event.tells(happening))).count();
    score.false_alarms = rest.len() - score.repeats;
    score
}

fn sum(scores: &[Score]) -> Score {
    scores.iter().fold(Score::default(), |sum, score| Score {
        hits: sum.hits + score.hits,
        misses: sum.misses + score.misses,
        repeats: sum.repeats + score.repeats,
        false_alarms: sum.false_alarms + score.false_alarms,
        seconds: sum.seconds + score.seconds,
    })
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

    fn happening(rule: &str, from: f64, to: f64) -> Happening {
        Happening { rule: rule.into(), kind: "intrusion".into(), direction: None, from, to }
    }

    fn raised(rule: &str, from: f64, to: f64) -> Raised {
        let (rule, state) = (Some(rule.into()), "ended".into());
        Raised { rule, kind: "intrusion".into(), direction: None, state, media_start: from, media_end: Some(to) }
    }

    #[test]
    fn each_event_is_a_hit_a_repeat_or_a_false_alarm() {
        let truth = [happening("yard", 10.0, 20.0), happening("yard", 40.0, 50.0), happening("gate", 10.0, 20.0)];
        let raised = [
            raised("yard", 11.0, 14.0),
            raised("yard", 15.0, 21.0),
            raised("yard", 30.0, 31.0),
            raised("gate", 22.5, 25.0),
            Raised { state: "started".into(), ..raised("gate", 11.0, 12.0) },
        ];
        let expected = Score { hits: 1, misses: 2, repeats: 1, false_alarms: 2, seconds: 60 };
        assert_eq!(compare(&truth, &raised, 60), expected);
    }

    #[test]
    fn an_event_tells_of_one_happening_only() {
        let truth = [happening("yard", 10.0, 20.0), happening("yard", 12.0, 18.0)];
        let score = compare(&truth, &[raised("yard", 11.0, 19.0)], 1);
        assert_eq!((score.hits, score.misses, score.repeats), (1, 1, 0));
    }

    #[test]
    fn a_crossing_the_other_way_is_something_else() {
        let crossing = |way: &str| Happening {
            kind: "line_crossing".into(),
            direction: Some(way.into()),
            ..happening("line", 5.0, 5.0)
        };
        let event = Raised {
            kind: "line_crossing".into(),
            direction: Some("left_to_right".into()),
            ..raised("line", 5.2, 5.2)
        };
        assert!(event.tells(&crossing("left_to_right")));
        assert!(!event.tells(&crossing("right_to_left")));
    }

    #[test]
    fn the_table_ends_with_the_sum() {
        let score = |hits| Score { hits, misses: 1, repeats: 0, false_alarms: 2, seconds: 60 };
        let text = table(&["street".into(), "yard".into()], &[score(3), score(4)]);
        assert!(text.ends_with("| yard | 5 | 4 | 1 | 0 | 2 | 60 |\n| all | 9 | 7 | 2 | 0 | 4 | 120 |\n"), "{text}");
    }
}
