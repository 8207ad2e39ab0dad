//! The metrics of a server, asked for over HTTP and read from Prometheus's text format.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What the metrics said at one moment.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Scrape {
    /// By the cameras' names.
    pub(super) cameras: BTreeMap<String, Counts>,
    /// How many results were at most so old, by upper bounds in seconds, in rising order; the last is infinite.
    pub(super) ages: Vec<(f64, f64)>,
    /// How many cameras are on each rung of the ladder, where there is one.
    pub(super) rungs: BTreeMap<String, usize>,
}

/// The counts of a camera.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Counts {
    pub(super) is_live: bool,
    pub(super) connections: u64,
    /// Access units that came.
    pub(super) received: u64,
    /// Frames that the model has looked at.
    pub(super) detections: u64,
    /// By stage and reason.
    pub(super) dropped: BTreeMap<(String, String), u64>,
}

/// Asks the server at `http://ADDRESS` once.
pub(super) async fn scrape(address: &str, token: &str) -> Result<Scrape> {
    let answer = get(address, "/metrics", token).await.context("the server does not tell its metrics")?;
    Ok(Scrape::parse(&answer))
}

/// The body of what the server answers.
async fn get(address: &str, path: &str, token: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    // An answer in HTTP/1.0 ends with its connection and comes in one piece.
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").context("it broke off")?;
    let status = head.lines().next().unwrap_or_default();
    if status.split_whitespace().nth(1) != Some("200") {
        bail!("it answered {status}");
    }
    Ok(body.to_owned())
}

impl Scrape {
    fn parse(text: &str) -> Self {
        let mut this = Self::default();
        for (name, labels, value) in text.lines().filter_map(series) {
            let label = |key: &str| labels.iter().find(|(k, _)| *k == key).map_or("", |(_, v)| *v);
            match name {
                "iris_age_seconds_bucket" if label("stage") == "inferred" => {
                    this.ages.push((label("le").parse().unwrap_or(f64::INFINITY), value));
                }
                "iris_camera_rung" if value > 0.0 => *this.rungs.entry(label("rung").to_owned()).or_default() += 1,
                _ => {}
            }
            if label("camera").is_empty() {
                continue;
            }
            let camera = this.cameras.entry(label("camera").to_owned()).or_default();
            match (name, label("stage")) {
                ("iris_camera_live", _) => camera.is_live = value > 0.0,
                ("iris_camera_connections_total", _) => camera.connections = value as u64,
                ("iris_stage_received_total", "decode") => camera.received = value as u64,
                ("iris_stage_emitted_total", "model") => camera.detections = value as u64,
                ("iris_stage_dropped_total", stage) => {
                    camera.dropped.insert((stage.to_owned(), label("reason").to_owned()), value as u64);
                }
                _ => {}
            }
        }
        this.ages.sort_by(|a, b| a.0.total_cmp(&b.0));
        this
    }
}

/// Keys and their values.
type Labels<'a> = Vec<(&'a str, &'a str)>;

/// A line's name, labels and value; `None` for a comment.
fn series(line: &str) -> Option<(&str, Labels<'_>, f64)> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let labels = labels.strip_suffix('}').unwrap_or(labels).split(',').filter_map(|label| {
        let (key, value) = label.split_once('=')?;
        Some((key, value.trim_matches('"')))
    });
    Some((name, labels.collect(), value.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    const TEXT: &str = r#"# HELP iris_camera_live 1 while the camera's connection delivers, else 0.
# TYPE iris_camera_live gauge
iris_camera_live{camera="c0"} 1
iris_camera_live{camera="c1"} 0
iris_camera_connections_total{camera="c0"} 2
iris_camera_rung{camera="c0",rung="idle"} 1
iris_camera_rung{camera="c0",rung="busy"} 0
iris_stage_received_total{camera="c0",stage="decode"} 100
iris_stage_received_total{camera="c0",stage="model"} 50
iris_stage_emitted_total{camera="c0",stage="model"} 49
iris_stage_dropped_total{camera="c0",stage="model",reason="superseded"} 1
iris_age_seconds_bucket{stage="inferred",le="0.1"} 40
iris_age_seconds_bucket{stage="inferred",le="+Inf"} 49
iris_age_seconds_bucket{stage="viewed",le="0.1"} 3
iris_age_seconds_bucket{stage="inferred",le="0.05"} 30
"#;

    #[test]
    fn the_counts_of_each_camera_are_read() {
        let scrape = Scrape::parse(TEXT);
        let dropped = [(("model".to_owned(), "superseded".to_owned()), 1)].into();
        let c0 = Counts { is_live: true, connections: 2, received: 100, detections: 49, dropped };
        assert_eq!(scrape.cameras, [("c0".to_owned(), c0), ("c1".to_owned(), Counts::default())].into());
        assert_eq!(scrape.ages, [(0.05, 30.0), (0.1, 40.0), (f64::INFINITY, 49.0)]);
        assert_eq!(scrape.rungs, [("idle".to_owned(), 1)].into());
    }

    #[tokio::test]
    async fn an_answer_is_told_from_a_refusal() -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let serve = async {
            for answer in ["HTTP/1.0 200 OK\r\n\r\niris_camera_live{camera=\"a\"} 1\n", "HTTP/1.0 401 No\r\n\r\n"] {
                let (mut stream, _) = listener.accept().await?;
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    stream.read_buf(&mut request).await?;
                }
                stream.write_all(answer.as_bytes()).await?;
            }
            anyhow::Ok(())
        };
        let ask = async {
            assert!(scrape(&address, "t").await?.cameras["a"].is_live);
            let error = scrape(&address, "t").await.expect_err("a refusal");
            assert!(format!("{error:#}").contains("401"), "{error:#}");
            anyhow::Ok(())
        };
        tokio::try_join!(serve, ask)?;
        Ok(())
    }
}
