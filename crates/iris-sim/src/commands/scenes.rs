//! `iris-sim scenes`: what can be rendered.

use std::io::Write as _;

use iris_sim::scene::{SCENES, Scene, Setting, toml};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// As JSON, with the rules of each scene as tables of Iris's configuration.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let text = if args.json { format!("{:#}\n", json!(SCENES.map(|s| described(&s)))) } else { listed() };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

fn listed() -> String {
    let lines = SCENES.map(|s| format!("{:<10}{}\n", s.name, s.about)).concat();
    let words = Setting::words().collect::<Vec<_>>().join(", ");
    format!("{lines}\nEach of them with any of these, as in yard+night+rain: {words}\n")
}

fn described(scene: &Scene) -> serde_json::Value {
    json!({"name": scene.name, "about": scene.about, "rules": toml(&scene.rules((640, 360)))})
}
