//! Iris, watching the farm: its configuration, its start, and the events that it stored.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::super::truth::Raised;
use super::clips::Clips;
use super::farm::Farm;
use super::scrape::{Scrape, scrape};
use crate::child::Child;
use crate::shell::{ask, program, release};

/// How long all cameras may take to be live.
const PATIENCE: Duration = Duration::from_mins(2);
const PERIOD: Duration = Duration::from_millis(500);

/// What is not as it is by default.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) model: Option<PathBuf>,
    /// Whether the model looks at frames on which nothing moves, too.
    pub(super) ungated: bool,
}

/// A running server.
pub(super) struct Server {
    pub(super) process: Child,
    address: String,
    token: String,
    config: PathBuf,
}

impl Server {
    /// Starts it with a store of its own in `folder`, and waits until every camera delivers.
    pub(super) async fn start(
        farm: &Farm,
        cameras: usize,
        clips: &Clips,
        settings: &Settings,
        folder: &Path,
    ) -> Result<Self> {
        let config = folder.join("iris.toml");
        fs::write(&config, configuration(cameras, &clips.rules, settings, |camera| farm.url(camera)))
            .context("cannot write the configuration")?;
        let mut token = program(release("iris"));
        token.args(["token", "create", "--name=bench", "--scope=metrics", "-c"]).arg(&config);
        let token = ask(&mut token).context("iris makes no token")?.trim().to_owned();
        let args = ["serve".to_owned(), "-c".to_owned(), config.display().to_string()];
        let mut process = Child::start(&release("iris"), &args, Some(&folder.join("iris.log")))?;
        let line = process.find("http://").await?;
        let address = line.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
        let this = Self { process, address, token, config };
        let all_live = tokio::time::timeout(PATIENCE, this.all_live(cameras)).await;
        all_live.unwrap_or_else(|_| bail!("after {} s not all cameras deliver", PATIENCE.as_secs()))?;
        Ok(this)
    }

    async fn all_live(&self, cameras: usize) -> Result<()> {
        let mut ticks = tokio::time::interval(PERIOD);
        while self.scrape().await?.cameras.values().filter(|camera| camera.is_live).count() < cameras {
            ticks.tick().await;
        }
        Ok(())
    }

    /// Its metrics now.
    pub(super) async fn scrape(&self) -> Result<Scrape> {
        scrape(&self.address, &self.token).await
    }

    /// What it has stored, in seconds since 1970.
    pub(super) fn events(&self) -> Result<Vec<Raised>> {
        let mut events = program(release("iris"));
        events.args(["events", "--json", "--limit=1000000", "-c"]).arg(&self.config);
        let text = ask(&mut events).context("iris does not tell its events")?;
        let events = text.lines().map(serde_json::from_str::<Raised>).collect::<Result<Vec<_>, _>>()?;
        Ok(events.into_iter().filter_map(Raised::by_wall_clock).collect())
    }
}

/// The name of a camera in Iris.
pub(super) fn name(camera: usize) -> String {
    format!("c{camera}")
}

fn configuration(cameras: usize, rules: &[String], settings: &Settings, url: impl Fn(usize) -> String) -> String {
    let mut text = "[store]\npath = \"data\"\n[server]\nlisten = \"127.0.0.1:0\"\n".to_owned();
    if let Some(model) = &settings.model {
        // A string of TOML's basic kind is one of JSON.
        writeln!(text, "[models.m]\npath = {}", serde_json::Value::from(model.to_string_lossy())).unwrap_or_default();
    }
    if settings.ungated {
        text.push_str("[defaults]\ngate = \"off\"\n");
    }
    for camera in 0..cameras {
        let (id, url, rules) = (name(camera), url(camera), &rules[camera % rules.len()]);
        writeln!(text, "[[cameras]]\nid = \"{id}\"\nurl = \"{url}\"\n{rules}").unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_have_the_rules_of_their_places() {
        let rules = ["[[cameras.zones]]\nname = \"yard\"\n".to_owned(), String::new()];
        let settings = Settings { model: None, ungated: true };
        let text = configuration(3, &rules, &settings, |camera| format!("rtsp://h/cam/{camera}"));
        assert!(text.contains(
            "[defaults]\ngate = \"off\"\n[[cameras]]\nid = \"c0\"\nurl = \"rtsp://h/cam/0\"\n[[cameras.zones]]"
        ));
        assert_eq!(text.matches("[[cameras.zones]]").count(), 2);
        assert!(text.contains("id = \"c2\""));
    }
}
