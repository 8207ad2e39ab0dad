//! Pictures in, boxes out: Iris beside what people write in Python, Flask and Gunicorn before ONNX Runtime, with the same model
//! file in sessions of one thread on the same two cores. Both run all the time and are asked in turn, so that whatever else
//! the machine does falls on both.

mod figures;
mod load;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::ScopedJoinHandle;

use anyhow::{Context, Result, anyhow, bail};
use clap::Parser;
use serde_json::{Value, json};

use super::procs::cpu_seconds;
use crate::child::Child;
use crate::setup;
use crate::shell::{ask, cargo, program, release, root, run as run_command, say};
use figures::{Comparison, Round};
use load::Target;

/// The two cores on which both run.
const CORES: &str = "0,1";
/// Workers of Gunicorn, one a core, and threads of each, so that all clients are let in.
const GUNICORN: [&str; 8] = [
    "--workers=2",
    "--worker-class=gthread",
    "--threads=4",
    "--keep-alive=60",
    "--bind=127.0.0.1:0",
    "--timeout=120",
    "--backlog=64",
    "app:app",
];
/// How often the model is run alone, in each round.
const ALONE: &str = "100";

/// How many requests, and of what.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Args {
    /// Requests a round, for each of the two
    #[arg(long, default_value_t = 400)]
    requests: usize,
    /// Rounds; in each both are asked, one after the other, and who comes first takes turns
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Clients that ask at once, each over one connection
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// The JPEG that is sent; without it, a rendered street of 1280x720
    #[arg(long)]
    picture: Option<PathBuf>,
    /// The file of YOLOX-nano at 416x416; without it, that of the shared data
    #[arg(long)]
    yolox_nano: Option<PathBuf>,
    /// Instead of all that: what becomes of requests and a camera while far more is asked than can be done
    #[arg(long)]
    overload: bool,
    /// How long that goes on
    #[arg(long, default_value_t = 60, requires = "overload")]
    seconds: u64,
    /// A JSON document instead of tables
    #[arg(long, conflicts_with = "overload")]
    json: bool,
}

/// A model, and what the peer must know of it.
struct Subject {
    name: &'static str,
    /// As Iris takes it.
    path: PathBuf,
    onnx: PathBuf,
    spec: Value,
}

impl Subject {
    fn iris_n() -> Self {
        let path = root().join("models/iris-n");
        let spec =
            json!({"decoder": "yolo", "rgb": true, "centered": true, "score": 0.3, "iou": 0.5, "classes": classes(6)});
        Self { name: "iris-n", onnx: path.join("model.onnx"), path, spec }
    }

    fn yolox_nano(given: Option<&Path>) -> Result<Self> {
        let shared = || std::env::var_os("IRIS_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
        let path = given.map_or_else(|| Ok(shared().join("data/models/yolox_nano.onnx")), std::path::absolute)?;
        if !path.exists() {
            bail!("there is no {}", path.display());
        }
        let spec = json!({"decoder": "yolox", "rgb": false, "centered": false, "score": 0.3, "iou": 0.45, "classes": classes(80)});
        Ok(Self { name: "yolox_nano", onnx: path.clone(), path, spec })
    }
}

fn classes(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("class {n}")).collect()
}

/// Measures, and prints what was found.
pub(super) fn run(args: &[String]) -> Result<()> {
    let args = Args::try_parse_from(args)?;
    if args.requests == 0 || args.rounds == 0 || args.clients == 0 {
        bail!("--requests, --rounds and --clients are 1 and more");
    }
    run_command(&mut cargo(["build", "--release", "--package", "iris-server", "--package", "iris-sim"]))?;
    if args.overload {
        return overload(args.seconds);
    }
    let packages = setup::flask()?;
    let folder = root().join("target/bench/serving");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let picture = args.picture.as_deref().map_or_else(|| render(&folder), |given| Ok(std::path::absolute(given)?))?;
    let bench = Bench {
        picture: fs::read(&picture).with_context(|| format!("cannot read {}", picture.display()))?,
        args,
        packages,
        folder,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Whatever was started dies with the bench, and must not outlive Ctrl-C.
    let text = runtime.block_on(async {
        tokio::select! {
            text = bench.run(&picture) => text,
            _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        }
    })?;
    super::print(&text);
    Ok(())
}

/// Runs the test of it on the release build, and shows what it measures. It fails where the test does.
fn overload(seconds: u64) -> Result<()> {
    let mut test = cargo(["test", "--quiet", "--package", "iris-server", "--test", "end_to_end", "overload"]);
    test.args(["--", "--nocapture"]).env("IRIS_PROGRAM", release("iris"));
    run_command(test.env("IRIS_OVERLOAD_SECONDS", seconds.to_string()))
}

/// A picture of a street in which people and cars pass.
fn render(folder: &Path) -> Result<PathBuf> {
    let (scene, picture) = (folder.join("street"), folder.join("street.jpg"));
    if !picture.exists() {
        let mut sim = program(release("iris-sim"));
        sim.args(["render", "street", "--cast=passing", "--seconds=10", "--size=1280x720", "--fps=2", "--seed=1"]);
        run_command(sim.arg(format!("--out={}", scene.display())))?;
        let mut ffmpeg = program("ffmpeg");
        ffmpeg.args(["-nostdin", "-loglevel", "error", "-y", "-ss", "5", "-i"]).arg(scene.join("main.mp4"));
        run_command(ffmpeg.args(["-frames:v", "1", "-q:v", "3"]).arg(&picture))?;
    }
    Ok(picture)
}

struct Bench {
    args: Args,
    picture: Vec<u8>,
    packages: PathBuf,
    folder: PathBuf,
}

impl Bench {
    async fn run(&self, picture: &Path) -> Result<String> {
        let mut all = vec![self.compare(&Subject::iris_n(), picture).await?];
        match Subject::yolox_nano(self.args.yolox_nano.as_deref()) {
            Ok(subject) => all.push(self.compare(&subject, picture).await?),
            Err(why) => say(&format!("not run: yolox_nano: {why:#}; --yolox-nano names its file")),
        }
        if self.args.json {
            return Ok(format!("{:#}\n", json!({"serving": all})));
        }
        Ok(all.iter().map(Comparison::table).collect::<Vec<_>>().join("\n"))
    }

    async fn compare(&self, subject: &Subject, picture: &Path) -> Result<Comparison> {
        let Args { requests, rounds, clients, .. } = self.args;
        let (mut iris, mut flask) = (self.iris(subject).await?, self.flask(subject).await?);
        let mut comparison = Comparison::new(subject.name, clients);
        for server in [&iris, &flask] {
            // Sessions reserve their memory, and connections their buffers, before anything is measured.
            load::load(&server.target, &self.picture, 4 * clients, clients).await?;
        }
        for round in 0..rounds {
            say(&format!("{}: round {} of {rounds}, {requests} requests each", subject.name, round + 1));
            let mut both = [(&iris, None), (&flask, None)];
            // Who comes first takes turns.
            let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
            for at in order {
                both[at].1 = Some(self.measure(both[at].0, requests, clients).await?);
            }
            if let [(_, Some(iris)), (_, Some(flask))] = both {
                comparison.add(iris, flask, self.alone(subject, picture)?);
            }
        }
        iris.process.stop().await?;
        flask.process.stop().await?;
        Ok(comparison)
    }

    async fn measure(&self, server: &Server, requests: usize, clients: usize) -> Result<Round> {
        let group = server.process.id().context("the server has ended")?;
        let before = cpu_seconds(group)?;
        let load = load::load(&server.target, &self.picture, requests, clients).await?;
        let cpu_seconds = cpu_seconds(group)? - before;
        Ok(Round { seconds: load.seconds, latencies: load.latencies, boxes: load.boxes, cpu_seconds })
    }

    /// What the model alone takes, in seconds of processor time: on both cores at once, since two that work at once share more
    /// than the clock.
    fn alone(&self, subject: &Subject, picture: &Path) -> Result<f64> {
        let run = || {
            let mut python = program(setup::PYTHON);
            python.arg(script()).arg(picture).arg(ALONE).env("PYTHONPATH", &self.packages);
            python.env("MODEL", &subject.onnx).env("SPEC", subject.spec.to_string());
            let said = ask(&mut python).context("the model does not run alone")?;
            said.trim().parse::<f64>().with_context(|| format!("{said:?} is no time"))
        };
        let [one, other] = std::thread::scope(|scope| [(); 2].map(|()| scope.spawn(run)).map(ScopedJoinHandle::join));
        let panicked = |_| anyhow!("the model alone panicked");
        Ok(f64::midpoint(one.map_err(panicked)??, other.map_err(panicked)??))
    }

    async fn iris(&self, subject: &Subject) -> Result<Server> {
        let folder = self.folder.join(format!("iris-{}", subject.name));
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let config = folder.join("iris.toml");
        // A string of TOML's basic kind is one of JSON.
        let path = Value::from(subject.path.to_string_lossy());
        let text = format!(
            "[store]\npath = \"data\"\n[server]\nlisten = \"127.0.0.1:0\"\n[[devices]]\nkind = \"cpu\"\nthreads = 2\n\
             [models.m]\npath = {path}\n"
        );
        fs::write(&config, text).context("cannot write the configuration")?;
        let mut token = program(release("iris"));
        token.args(["token", "create", "--name=bench", "--scope=infer", "-c"]).arg(&config);
        let token = ask(&mut token).context("iris makes no token")?.trim().to_owned();
        let command = format!("{} serve -c {}", quoted(&release("iris")), quoted(&config));
        let mut server = Server::start(&folder, &command, "/api/v1/models/m/detect").await?;
        server.target.token = Some(token);
        Ok(server)
    }

    async fn flask(&self, subject: &Subject) -> Result<Server> {
        let folder = self.folder.join(format!("flask-{}", subject.name));
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let script = script();
        let command = format!(
            "env PYTHONPATH={} MODEL={} SPEC={} {} -m gunicorn --chdir {} {}",
            quoted(&self.packages),
            quoted(&subject.onnx),
            quoted(Path::new(&subject.spec.to_string())),
            setup::PYTHON,
            quoted(script.parent().unwrap_or(Path::new("/"))),
            GUNICORN.join(" "),
        );
        Server::start(&folder, &command, "/detect").await
    }
}

/// What is run by Gunicorn.
fn script() -> PathBuf {
    root().join("xtask/src/bench/serving/app.py")
}

/// As a word of the shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', "'\\''"))
}

/// A server on the two cores.
struct Server {
    process: Child,
    target: Target,
}

impl Server {
    /// Starts it, and waits until it says where it listens.
    async fn start(folder: &Path, command: &str, path: &str) -> Result<Self> {
        let start = folder.join("start.sh");
        fs::write(&start, format!("exec taskset -c {CORES} {command}\n")).context("cannot write its script")?;
        let args = [start.display().to_string()];
        let mut process = Child::start(Path::new("/bin/sh"), &args, Some(&folder.join("log")))?;
        let line = process.find("http://").await?;
        let address = line.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
        Ok(Self { process, target: Target { address, path: path.to_owned(), token: None } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_shell_are_what_they_were() {
        for text in ["a b", "it's", "$HOME `x` \"y\""] {
            let said = ask(program("sh").args(["-c", &format!("printf %s {}", quoted(Path::new(text)))]));
            assert_eq!(said.as_deref(), Some(text));
        }
    }

    #[test]
    fn a_model_that_is_not_there_is_named() {
        let error = Subject::yolox_nano(Some(Path::new("/no/such.onnx"))).err().expect("it is not there").to_string();
        assert_eq!(error, "there is no /no/such.onnx");
        assert!(Subject::iris_n().onnx.exists());
    }
}
