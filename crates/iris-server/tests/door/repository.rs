//! Models and their versions, loaded and unloaded by request: what is told of them, who may do it, and what programs and
//! cameras notice.

use std::fs;
use std::path::{Path, PathBuf};

use iris_server::accounts::Scope;
use serde_json::{Value, json};

use crate::kit::{Answer, Door, Sender};

fn testdata(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/models").join(model)
}

/// Puts the test's detector into a folder, under another name in its manifest.
fn put(folder: &Path, name: &str) {
    fs::create_dir_all(folder).expect("a folder");
    fs::copy(testdata("blobs/model.onnx"), folder.join("model.onnx")).expect("a copy");
    let manifest = fs::read_to_string(testdata("blobs/model.toml")).expect("a text");
    fs::write(folder.join("model.toml"), manifest.replace("\"blobs\"", &format!("{name:?}"))).expect("a file");
}

struct Client {
    door: Door,
    program: Sender,
    admin: Sender,
}

impl Client {
    fn new(write: impl FnOnce(&Path) -> String) -> Self {
        let door = Door::configured(write);
        let (program, admin) = (door.token(&[Scope::Infer], None), door.token(&[Scope::Admin], None));
        Self { door, program, admin }
    }

    async fn get(&self, path: &str) -> Answer {
        self.door.send(&self.program, "GET", path, None).await
    }

    async fn change(&self, path: &str) -> Answer {
        self.door.send(&self.admin, "POST", &format!("/v2/repository/models/{path}"), None).await
    }

    /// Name, version, state and reason of all that is there.
    async fn index(&self) -> Vec<[String; 4]> {
        let index = self.door.send(&self.admin, "POST", "/v2/repository/index", None).await.good(200);
        let line = |entry: &Value| {
            ["name", "version", "state", "reason"].map(|key| entry[key].as_str().expect("a text").to_owned())
        };
        index.as_array().expect("a list").iter().map(line).collect()
    }

    /// The version that answers a grey picture.
    async fn infer(&self, path: &str) -> Answer {
        let data = vec![0.0; 3 * 96 * 160];
        let input = json!({"name": "image", "datatype": "FP32", "shape": [1, 3, 96, 160], "data": data});
        self.door.send(&self.program, "POST", path, Some(json!({"inputs": [input]}))).await
    }

    async fn version(&self, path: &str) -> String {
        self.infer(path).await.good(200)["model_version"].as_str().expect("a text").to_owned()
    }
}

fn ready(name: &str, version: &str) -> [String; 4] {
    [name, version, "READY", ""].map(str::to_owned)
}

fn two_models(folder: &Path) -> String {
    put(&folder.join("one"), "one");
    put(&folder.join("two"), "two");
    "[models.one]\npath = 'one'\n[models.two]\npath = 'two'\n\
     [[cameras]]\nid = 'gate'\nurl = 'rtsp://127.0.0.1:9/x'\nmodel = 'one'\n\
     [[cameras.zones]]\nname = 'all'\npolygon = [[0, 0], [1, 0], [1, 1]]\nclasses = ['red blob']\n"
        .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn models_are_loaded_and_unloaded_by_an_admin_alone() {
    let client = Client::new(two_models);
    assert_eq!(client.index().await, [ready("one", "1"), ready("two", "1")]);
    for path in ["/v2/repository/index", "/v2/repository/models/two/load", "/v2/repository/models/two/unload"] {
        client.door.send(&client.program, "POST", path, None).await.error(403);
        client.door.send(&Sender::nobody(), "POST", path, None).await.error(401);
    }
    client.change("two/unload").await.good(200);
    let unloaded = ["two", "1", "UNAVAILABLE", "it was unloaded"].map(str::to_owned);
    assert_eq!(client.index().await, [ready("one", "1"), unloaded]);
    client.get("/v2/models/two/ready").await.error(503);
    client.infer("/v2/models/two/infer").await.error(503);
    let only_ready =
        client.door.send(&client.admin, "POST", "/v2/repository/index", Some(json!({"ready": true}))).await;
    assert_eq!(only_ready.good(200), json!([{"name": "one", "version": "1", "state": "READY", "reason": ""}]));
    client.change("two/load").await.good(200);
    assert_eq!(client.version("/v2/models/two/infer").await, "1");
    // What Triton's clients send along.
    let path = "/v2/repository/models/two/unload";
    let body = json!({"parameters": {"unload_dependents": false}});
    client.door.send(&client.admin, "POST", path, Some(body)).await.good(200);
    client.change("two/load").await.good(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_configured_or_in_use_is_left_alone_and_files_come_from_the_disk_only() {
    let client = Client::new(two_models);
    let error = client.change("three/load").await.error(404);
    assert!(error.contains("no model \"three\""), "{error}");
    client.change("..%2Ftwo/load").await.error(404);
    let error = client.change("one/unload").await.error(409);
    assert_eq!(error, "model \"one\" is used by gate");
    for parameter in ["config", "file:1/model.onnx"] {
        let body = json!({"parameters": {parameter: "x"}});
        let path = "/v2/repository/models/two/load";
        let error = client.door.send(&client.admin, "POST", path, Some(body)).await.error(400);
        assert!(error.contains(parameter) && error.contains("on the server's disk"), "{error}");
    }
    assert_eq!(client.index().await, [ready("one", "1"), ready("two", "1")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_goes_on_with_what_is_loaded_and_keeps_what_it_cannot_do_without() {
    let client = Client::new(two_models);
    let folder = client.door.folder.path().join("one");
    put(&folder, "newer");
    client.change("one/load").await.good(200);
    assert_eq!(client.version("/v2/models/one/infer").await, "1");
    // Its rule names a class that this one does not know.
    let manifest = fs::read_to_string(folder.join("model.toml")).expect("a text");
    fs::write(folder.join("model.toml"), manifest.replace("red blob", "crimson blob")).expect("a file");
    let error = client.change("one/load").await.error(422);
    assert!(error.contains("camera gate, all: model newer has no class \"red blob\""), "{error}");
    assert_eq!(client.index().await, [ready("one", "1"), ready("two", "1")]);
    assert_eq!(client.version("/v2/models/one/infer").await, "1");
}

#[tokio::test]
async fn versions_come_and_go_and_one_that_is_broken_leaves_the_others() {
    let client = Client::new(|folder| {
        put(&folder.join("blobs/1"), "first");
        put(&folder.join("blobs/2"), "second");
        "[models.blobs]\npath = 'blobs'\n".into()
    });
    let folder = client.door.folder.path().join("blobs");
    assert_eq!(client.get("/v2/models/blobs").await.good(200)["versions"], json!(["1", "2"]));
    assert_eq!(client.version("/v2/models/blobs/infer").await, "2", "the highest where none is named");
    assert_eq!(client.version("/v2/models/blobs/versions/1/infer").await, "1");
    for version in ["3", "0", "01", "two"] {
        let error = client.get(&format!("/v2/models/blobs/versions/{version}")).await.error(404);
        assert_eq!(error, format!("model \"blobs\" has no version {version:?}; it has 1, 2"));
    }
    // A third that is no model.
    put(&folder.join("3"), "third");
    fs::write(folder.join("3/model.onnx"), "no graph").expect("a file");
    let error = client.change("blobs/load").await.error(422);
    assert!(error.contains("version 3: the model is not loaded: it is damaged, or no ONNX model"), "{error}");
    let index = client.index().await;
    assert_eq!(index[..2], [ready("blobs", "1"), ready("blobs", "2")]);
    assert_eq!(index[2][..3], ["blobs", "3", "UNAVAILABLE"]);
    assert!(index[2][3].contains("no ONNX model"), "{index:?}");
    assert_eq!(client.version("/v2/models/blobs/infer").await, "2");
    client.get("/v2/models/blobs/versions/3/ready").await.error(503);
    let system = client.door.send(&client.admin, "GET", "/api/v1/system", None).await.good(200);
    assert!(system["problems"].to_string().contains("model blobs version 3: the model is not loaded"), "{system}");
    // It is mended, and the first one is gone.
    put(&folder.join("3"), "third");
    fs::remove_dir_all(folder.join("1")).expect("it is there");
    client.change("blobs/load").await.good(200);
    assert_eq!(client.index().await, [ready("blobs", "2"), ready("blobs", "3")]);
    assert_eq!(client.version("/v2/models/blobs/infer").await, "3");
    client.get("/v2/models/blobs/versions/1").await.error(404);
    // What is served is broken on the disk, and goes on.
    fs::write(folder.join("3/model.onnx"), "no graph").expect("a file");
    client.change("blobs/load").await.error(422);
    assert_eq!(client.version("/v2/models/blobs/infer").await, "3");
    let index = client.index().await;
    assert_eq!(index[1][..3], ["blobs", "3", "READY"]);
    assert!(index[1][3].contains("no ONNX model"), "{index:?}");
    let stats = client.get("/v2/models/stats").await.good(200);
    let versions: Vec<&Value> =
        stats["model_stats"].as_array().expect("a list").iter().map(|s| &s["version"]).collect();
    assert_eq!(versions, ["2", "3"]);
}

#[tokio::test]
async fn only_the_versions_that_are_asked_for_are_served() {
    let client = Client::new(|folder| {
        put(&folder.join("blobs/1"), "first");
        put(&folder.join("blobs/2"), "second");
        "[models.blobs]\npath = 'blobs'\nversions = [1, 7]\n".into()
    });
    assert_eq!(client.version("/v2/models/blobs/infer").await, "1");
    let index = client.index().await;
    assert_eq!(index[0], ready("blobs", "1"));
    assert!(index.len() == 2 && index[1][1] == "7" && index[1][3].starts_with("there is no version 7"), "{index:?}");
}

#[tokio::test]
async fn a_model_that_is_no_detector_answers_programs_and_looks_at_no_picture() {
    let client = Client::new(|_| format!("[models.busy]\npath = {:?}\n", testdata("busy")));
    let input = json!({"name": "x", "datatype": "FP32", "shape": [1, 512], "data": vec![0.0; 512]});
    let path = "/v2/models/busy/infer";
    let answer = client.door.send(&client.program, "POST", path, Some(json!({"inputs": [input]}))).await.good(200);
    assert_eq!(answer["outputs"][0]["data"], json!([0.0]));
    let picture = client.door.send(&client.program, "POST", "/api/v1/models/busy/detect", Some(json!({}))).await;
    let problem = picture.bad(422, "invalid");
    assert!(problem["detail"].to_string().contains("model busy finds no boxes"), "{problem}");
    let camera = json!({"id": "gate", "url": "rtsp://127.0.0.1:9/x", "model": "busy"});
    let problem = client.door.send(&client.admin, "POST", "/api/v1/cameras", Some(camera)).await.bad(422, "invalid");
    assert!(problem["detail"].to_string().contains("camera gate: model busy finds no boxes"), "{problem}");
    let models = client.door.send(&client.admin, "GET", "/api/v1/models", None).await.good(200);
    assert_eq!((&models["items"][0]["task"], &models["items"][0]["input"]), (&json!("tensors"), &Value::Null));
}

#[tokio::test]
async fn how_requests_are_put_together_is_told_and_counted() {
    let client = Client::new(|folder| {
        put(&folder.join("blobs"), "blobs");
        let path = folder.join("blobs/model.toml");
        let manifest = fs::read_to_string(&path).expect("a text");
        fs::write(&path, format!("{manifest}[batching]\nmax = 4\ndelay_ms = 0\n")).expect("a file");
        "[models.blobs]\npath = 'blobs'\n".into()
    });
    let config = client.get("/v2/models/blobs/config").await.good(200);
    let expected = json!({"preferred_batch_size": [4], "max_queue_delay_microseconds": 0});
    assert_eq!(config["dynamic_batching"], expected);
    client.infer("/v2/models/blobs/infer").await.good(200);
    let stats = client.get("/v2/models/blobs/stats").await.good(200)["model_stats"][0].clone();
    assert_eq!((&stats["inference_count"], &stats["execution_count"]), (&json!(1), &json!(1)));
}
