//! `iris models`: fetching, adding and measuring models, and those that mean harm.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sha2::{Digest, Sha256};

use crate::kit::{Folder, clip, model, runtime};
use crate::process::{Finished, iris, run, run_iris};
use crate::receiver::Web;
use crate::server::Config;

fn blobs() -> Vec<u8> {
    fs::read(Path::new(&model()).join("model.onnx")).expect("it is checked in")
}

fn sha256(bytes: &[u8]) -> String {
    let digits = Sha256::digest(bytes).into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// Somewhere on the Internet: one file under many paths, and what was asked for.
struct Shelf {
    web: Web,
    asked: Asked,
}

type Asked = Arc<Mutex<Vec<String>>>;

impl Shelf {
    fn open(runtime: &tokio::runtime::Runtime, file: Vec<u8>) -> Self {
        let asked = Asked::default();
        let state = (Bytes::from(file), Arc::clone(&asked));
        Self { web: Web::serve(runtime, Router::new().fallback(give).with_state(state)), asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.web.address)
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("no panic"))
    }
}

async fn give(State((file, asked)): State<(Bytes, Asked)>, uri: Uri, headers: HeaderMap) -> Response {
    let sent = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (range, if_range) = (sent(header::RANGE), sent(header::IF_RANGE));
    asked.lock().expect("no panic").push([uri.path(), &range, &if_range].join(" ").trim_end().to_owned());
    let from: usize = range.strip_prefix("bytes=").and_then(|r| r.strip_suffix('-')?.parse().ok()).unwrap_or(0);
    let whole = file.len();
    let rest = file.slice(from.min(whole)..);
    match uri.path() {
        "/good" | "/unnamed" if from >= whole => StatusCode::RANGE_NOT_SATISFIABLE.into_response(),
        "/good" => part(from, whole, Body::from(rest), "\"v1\""),
        "/stubborn" => part(0, whole, Body::from(file), "\"v1\""),
        // Each connection ends after a third of the file.
        "/broken" => part(from, whole, cut(&rest, whole / 3 + 1), "\"v1\""),
        "/gone" => part(from, whole, cut(&rest, 0), "\"v1\""),
        "/moved" => Redirect::temporary("/good").into_response(),
        "/loop" => Redirect::temporary("/loop").into_response(),
        "/endless" => {
            Body::from_stream(futures::stream::repeat(Ok::<_, std::convert::Infallible>(file))).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn part(from: usize, whole: usize, body: Body, etag: &str) -> Response {
    let status = if from > 0 { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let headers = [
        (header::CONTENT_LENGTH, (whole - from).to_string()),
        (header::CONTENT_RANGE, format!("bytes {from}-{}/{whole}", whole - 1)),
        (header::ETAG, etag.to_owned()),
    ];
    (status, headers, body).into_response()
}

/// The beginning of a body, and then nothing: the connection breaks.
fn cut(bytes: &Bytes, at: usize) -> Body {
    if bytes.len() <= at {
        return Body::from(bytes.clone());
    }
    let bytes = bytes.slice(..at);
    // What there is goes out as soon as the rest must be waited for.
    Body::from_stream(futures::stream::unfold(Some(bytes), async |left| match left {
        Some(bytes) if !bytes.is_empty() => Some((Ok(bytes), Some(Bytes::new()))),
        Some(_) => {
            tokio::task::yield_now().await;
            Some((Err(std::io::Error::other("the cable is out")), None))
        }
        None => None,
    }))
}

/// An entry of a catalogue for the detector of discs.
fn entry(name: &str, url: &str, sha256: &str, more: &str) -> String {
    format!(
        "[[models]]\nname = '{name}'\nabout = 'discs'\nurl = '{url}'\nsha256 = '{sha256}'\nsize = {}\nlicence = 'MIT'\n\
         classes = ['white blob', 'red blob']\ninput = {{ width = 160, height = 96, color = 'rgb', pad = 0 }}\n\
         output = {{ decoder = 'yolox' }}\n{more}\n",
        blobs().len()
    )
}

/// A folder with a catalogue.
struct Place(Folder);

impl Place {
    fn new(catalogue: &str) -> Self {
        let place = Self(Folder::new());
        place.0.write("catalogue.toml", catalogue);
        place
    }

    fn models(&self, words: &[&str]) -> Finished {
        let (catalogue, to) = (self.0.path("catalogue.toml"), self.0.path("models"));
        run_iris(&[&["models"], words, &["--catalogue", &catalogue, "--to", &to]].concat())
    }

    fn pull(&self, name: &str) -> Finished {
        self.models(&["pull", name])
    }

    /// The files of the models, by their paths.
    fn files(&self) -> Vec<String> {
        let root = self.0.path("models");
        let mut files: Vec<String> =
            self.0.files("models").iter().map(|path| path.display().to_string().replace(&root, "")).collect();
        files.sort();
        files
    }
}

const VERIFIED: &str = "verified = true";

#[test]
fn a_model_is_pulled_listed_and_named_in_a_configuration() {
    let runtime = runtime();
    let shelf = Shelf::open(&runtime, blobs());
    let place = Place::new(&entry("discs", &shelf.url("moved"), &sha256(&blobs()), VERIFIED));
    assert!(place.models(&["list"]).good().lines().any(|line| line.contains("discs") && line.contains(" verified  ")));

    let lines = place.pull("discs").good();
    assert_eq!(shelf.asked(), ["/moved", "/good"]);
    assert_eq!(place.files(), ["/discs/model.onnx", "/discs/model.toml"]);
    assert!(lines.contains(&sha256(&blobs())), "{lines}");
    assert!(place.models(&["list"]).good().contains("verified, installed"));
    let camera = format!("{lines}[[cameras]]\nid = 'gate'\nurl = '{}'\nmodel = 'discs'\n", clip());
    let config = place.0.write("iris.toml", camera);
    run_iris(&["check", "-c", &config]).good();
    let told = run_iris(&["run", &clip(), "--config", &config, "--tracks", &place.0.path("tracks.txt")]);
    told.good();
    assert!(!place.0.read("tracks.txt").is_empty(), "it finds discs");

    assert_eq!(place.pull("discs").good(), lines);
    assert_eq!(shelf.asked(), Vec::<String>::new(), "what is there is not fetched again");
}

#[test]
fn a_broken_connection_is_gone_on_with() {
    let runtime = runtime();
    let shelf = Shelf::open(&runtime, blobs());
    let hash = sha256(&blobs());
    let of = |name: &str| entry(name, &shelf.url(name), &hash, VERIFIED);
    let place = Place::new(&["broken", "gone", "nowhere", "stubborn", "good"].map(of).concat());
    place.pull("broken").good();
    let third = blobs().len() / 3 + 1;
    let expected =
        ["/broken".into(), format!("/broken bytes={third}- \"v1\""), format!("/broken bytes={}- \"v1\"", 2 * third)];
    assert_eq!(shelf.asked(), expected);

    // One that brings nothing is given up; what an earlier try left is kept, and gone on with by the next.
    leave(&place, "gone", &blobs()[..1000]);
    let told = place.pull("gone").bad();
    assert!(told.contains("broken off"), "{told}");
    leave(&place, "nowhere", &blobs()[..1000]);
    assert!(place.pull("nowhere").bad().contains("404"));
    for kept in ["/gone.part/model.onnx", "/nowhere.part/model.onnx"] {
        assert!(place.files().contains(&kept.to_owned()), "{:?}", place.files());
    }
    leave(&place, "good", &blobs()[..1000]);
    shelf.asked();
    place.pull("good").good();
    assert_eq!(shelf.asked(), ["/good bytes=1000-"]);

    // A server that knows no parts, one that has nothing left to send, and a rest that was of another file.
    leave(&place, "stubborn", &blobs()[..1000]);
    place.pull("stubborn").good();
    for (name, left) in [("whole", blobs()), ("other", vec![1; 1000])] {
        let place = Place::new(&entry(name, &shelf.url("good"), &hash, VERIFIED));
        leave(&place, name, &left);
        place.pull(name).good();
    }
}

/// What an earlier try has left of a model.
fn leave(place: &Place, name: &str, bytes: &[u8]) {
    let folder = place.0.path(&format!("models/{name}.part"));
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(Path::new(&folder).join("model.onnx"), bytes).expect("it can be written");
}

#[test]
fn what_is_not_the_file_that_it_should_be_is_not_kept() {
    let runtime = runtime();
    let shelf = Shelf::open(&runtime, blobs());
    let good = sha256(&blobs());
    let garbage = Shelf::open(&runtime, b"this is not a model".to_vec());
    let nothing = sha256(b"this is not a model");
    let place = Place::new(
        &[
            entry("wrong", &shelf.url("good"), &"0".repeat(64), VERIFIED),
            entry("missing", &shelf.url("nowhere"), &good, VERIFIED),
            entry("looped", &shelf.url("loop"), &good, VERIFIED),
            entry("endless", &shelf.url("endless"), &good, VERIFIED),
            entry("garbage", &garbage.url("good"), &nothing, VERIFIED),
            entry("unseen", &shelf.url("good"), &good, "verified = false"),
            entry("local", "file:///etc/passwd", &good, VERIFIED),
            entry("down", "http://127.0.0.1:1/", &good, VERIFIED),
            entry("plain", &shelf.url("good"), &good, "verified = false").replace(&format!("sha256 = '{good}'\n"), ""),
            entry("../up", &shelf.url("good"), &good, VERIFIED),
        ]
        .concat(),
    );
    for (name, says) in [
        ("wrong", &*format!("its SHA-256 should be {}, but is {good}", "0".repeat(64))),
        ("missing", "the server answers 404"),
        ("looped", "redirect"),
        ("endless", "are the most"),
        ("garbage", "the model is not loaded"),
        ("unseen", "--unverified"),
        ("local", "only http and https"),
        ("down", "refused"),
        ("../up", "the name"),
        ("nothing", "the catalogue has no model \"nothing\"; it has wrong"),
    ] {
        let told = place.pull(name).bad();
        assert!(told.contains(says), "{name}: {told}");
    }
    let told = place.models(&["pull", "plain", "--unverified"]).bad();
    assert!(told.contains("without TLS"), "{told}");
    assert_eq!(place.files(), Vec::<String>::new());
    let told = place.models(&["pull", "unseen", "--unverified"]).good();
    assert!(told.contains(&good), "{told}");
}

#[test]
fn a_model_of_ones_own_is_added_with_a_manifest() {
    let runtime = runtime();
    let shelf = Shelf::open(&runtime, blobs());
    let folder = Folder::new();
    let bare = folder.write("mine.onnx", blobs());
    let (to, good) = (folder.path("models"), sha256(&blobs()));
    let add = |words: &[&str]| run_iris(&[&["models", "add"], words, &["--to", &to]].concat());
    add(&["guessed", &bare]).good();
    let told = run_iris(&["models", "inspect", &format!("{to}/guessed")]).good();
    assert!(told.contains("name        guessed") && told.contains("class 0, class 1"), "{told}");
    add(&["folder", &model(), "--sha256", &good]).good();
    add(&["described", &bare, "--manifest", &format!("{}/model.toml", model())]).good();
    add(&["fetched", &shelf.url("good"), "--sha256", &good]).good();
    for name in ["folder", "described"] {
        let told = run_iris(&["models", "inspect", &format!("{to}/{name}")]).good();
        assert!(told.contains(&format!("name        {name}")) && told.contains("white blob"), "{told}");
    }
    let listed = run_iris(&["models", "list", "--to", &to]).good();
    assert!(listed.lines().any(|line| line.starts_with("guessed ") && line.contains("own, installed")), "{listed}");

    for (words, says) in [
        (&["no", &shelf.url("good")][..], "--sha256"),
        (&["no", &shelf.url("good"), "--sha256", &"0".repeat(64)], "its SHA-256 should be"),
        (&["no", &bare, "--sha256", &"0".repeat(64)], "its SHA-256 should be"),
        (&["no", "/nowhere.onnx"], "/nowhere.onnx"),
        (&["No such name", &bare], "the name"),
        (&["guessed", &bare], "is there already"),
    ] {
        let told = add(words).bad();
        assert!(told.contains(says), "{says}: {told}");
    }
    for left in ["no", "no.part", "guessed.part"] {
        assert!(!Path::new(&to).join(left).exists(), "{left}");
    }
}

#[test]
fn onnx_runtime_reports_nothing_to_its_maker() {
    let folder = Folder::new();
    let mut command = iris(&["models", "inspect", &model()]);
    command.env_remove("ORT_DISABLE_TELEMETRY").env_remove("XDG_CACHE_HOME").env("HOME", folder.path(""));
    run(command).good();
    assert_eq!(folder.files(""), Vec::<std::path::PathBuf>::new(), "it would collect what it sends there");
}

#[test]
fn models_are_measured_side_by_side() {
    let told = run_iris(&["models", "bench", "--seconds", "0.01", "built-in:iris-n", &model()]).good();
    let rows: Vec<&str> = told.lines().collect();
    assert!(rows.len() == 3 && rows[1].ends_with("built-in:iris-n") && rows[2].contains("160x96"), "{told}");
    let millis: f64 = rows[1].split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number");
    assert!(millis > 0.1, "{told}");
    let finished = run_iris(&["models", "bench", "--seconds", "0.01", "/nowhere", &model()]);
    assert_eq!((finished.code, finished.out.lines().count()), (Some(1), 2), "{}", finished.err);
}

/// That each copy of a model in which one bit is flipped is run or refused, by a process that tries and loads them all.
fn flip(seeds: Range<u64>) {
    let folder = Folder::new();
    let whole = blobs();
    let flipped = |seed| {
        let mut bytes = whole.clone();
        let bit = StdRng::seed_from_u64(seed).random_range(0..bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        folder.write(&format!("{seed}.onnx"), bytes)
    };
    let paths: Vec<String> = seeds.map(flipped).collect();
    let said = |text: &str, path: &String| text.lines().any(|line| line.contains(path.as_str()));
    let mut served = 0;
    for some in paths.chunks(25) {
        let mut command = iris(&["models", "bench", "--seconds", "0.001"]);
        command.args(some);
        let Finished { code, out, err } = run(command);
        assert!(matches!(code, Some(0 | 1)), "{code:?}: {err}");
        for path in some {
            assert!(said(&out, path) != said(&err, path), "{path}: {err}");
        }
        served += some.iter().filter(|path| said(&out, path)).count();
    }
    assert!((1..paths.len()).contains(&served), "some are run and some are refused, but {served} are run");
}

#[test]
fn of_a_thousand_flipped_bits_none_ends_the_process_1() {
    flip(0..250);
}

#[test]
fn of_a_thousand_flipped_bits_none_ends_the_process_2() {
    flip(250..500);
}

#[test]
fn of_a_thousand_flipped_bits_none_ends_the_process_3() {
    flip(500..750);
}

#[test]
fn of_a_thousand_flipped_bits_none_ends_the_process_4() {
    flip(750..1000);
}

#[test]
fn a_server_goes_on_when_it_is_given_a_model_that_means_harm() {
    let mut config = Config::new();
    config.camera("gate", &clip(), "model = 'blobs'\n");
    let server = config.serve();
    let evil = config.folder.write("evil.onnx", external_data());
    let good = config.folder.read("iris.toml");
    for (path, says) in [(evil.as_str(), "in another file"), ("/dev/zero", "no file")] {
        let text = good.replace("model = 'blobs'", "model = 'evil'");
        config.folder.write("iris.toml", format!("{text}[models.evil]\npath = '{path}'\n"));
        let said = server.reload();
        assert!(said.contains("nothing has changed") && said.contains(says), "{said}");
    }
    config.folder.write("iris.toml", good);
    assert!(server.reload().contains("configuration taken over"));
    server.stop();
}

/// The detector of discs with its first constant in another file: the number of the field is that of `external_data`.
fn external_data() -> Vec<u8> {
    let bytes = blobs();
    // Field 9 of a tensor, raw data, becomes field 13.
    let name = bytes.windows(5).position(|window| window == b"const").expect("a constant");
    let tag = bytes[name..].iter().position(|&byte| byte == 9 << 3 | 2).expect("its data") + name;
    let mut evil = bytes;
    evil[tag] = 13 << 3 | 2;
    evil
}

#[test]
fn what_the_catalogue_calls_verified_is_fetched_and_finds_what_it_should() {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("IRIS_SHARED").map_or_else(beside, Into::into).join("data/models");
    let checked_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/catalogue.toml");
    let catalogue = fs::read_to_string(checked_in).expect("it is checked in");
    let runtime = runtime();
    for (name, file) in [("yolox-nano", "yolox_nano.onnx"), ("fastestdet", "fastestdet.onnx")] {
        let Ok(bytes) = fs::read(shared.join(file)) else {
            println!("not run: what_the_catalogue_calls_verified: {} is not there", shared.join(file).display());
            continue;
        };
        let shelf = Shelf::open(&runtime, bytes);
        let (_, of_it) = catalogue.split_once(&format!("name = \"{name}\"")).expect("it is in the catalogue");
        let url = of_it.split("url = \"").nth(1).and_then(|rest| rest.split('"').next()).expect("it has an address");
        let place = Place::new(&catalogue.replace(url, &shelf.url("good")));
        place.pull(name).good();
        run_iris(&["models", "bench", "--seconds", "0.01", &place.0.path(&format!("models/{name}"))]).good();
    }
}
