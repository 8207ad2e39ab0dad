//! The models for other programs: the Open Inference Protocol over REST, and pictures in, boxes out.

use std::io::{Cursor, Read, Write};

use axum::body::Body;
use flate2::Compression;
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use image::{ImageFormat, Rgb, RgbImage};
use iris_server::accounts::Scope;
use serde_json::{Value, json};

use crate::kit::{Answer, Door, MAX_REQUEST, Sender};

const INFER: &str = "/v2/models/iris-n/infer";
const DETECT: &str = "/api/v1/models/iris-n/detect";
/// The bytes of one image as the model takes it.
const IMAGE: usize = 3 * 224 * 384;

struct Client {
    door: Door,
    token: Sender,
}

impl Client {
    fn new() -> Self {
        let door = Door::new();
        let token = door.token(&[Scope::Infer], None);
        Self { door, token }
    }

    async fn get(&self, path: &str) -> Answer {
        self.door.send(&self.token, "GET", path, None).await
    }

    async fn post(&self, path: &str, headers: &[(&'static str, String)], body: impl Into<Body>) -> Answer {
        let mut request = Sender { more: headers.to_vec(), ..self.token.clone() }.request("POST", path, None);
        *request.body_mut() = body.into();
        self.door.raw(request).await
    }

    /// A request with an image behind it.
    async fn binary(&self, request: &Value, image: &[u8]) -> Answer {
        let json = request.to_string();
        let length = ("inference-header-content-length", json.len().to_string());
        self.post(INFER, &[length], [json.as_bytes(), image].concat()).await
    }
}

/// A request whose image follows as binary data.
fn request(outputs_binary: bool) -> Value {
    let parameters = json!({"binary_data_size": IMAGE});
    let input = json!({"name": "images", "datatype": "UINT8", "shape": [1, 3, 224, 384], "parameters": parameters});
    json!({"id": "request-7", "inputs": [input], "parameters": {"binary_data_output": outputs_binary}})
}

/// Something that is not the same everywhere.
fn image() -> Vec<u8> {
    (0..IMAGE).map(|n| (n * n / 97) as u8).collect()
}

/// The JSON part of an answer, and the floats behind it.
fn parts(answer: &Answer) -> (Value, Vec<f32>) {
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.headers["content-type"], "application/octet-stream");
    let json: usize =
        answer.headers["inference-header-content-length"].to_str().expect("text").parse().expect("a number");
    let floats = answer.body[json..].chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four")));
    (serde_json::from_slice(&answer.body[..json]).expect("JSON"), floats.collect())
}

#[tokio::test]
async fn the_server_and_its_models_say_what_they_are() {
    let client = Client::new();
    let server = client.get("/v2").await.good(200);
    assert_eq!(server["name"], "iris");
    assert_eq!(
        server["extensions"],
        json!(["binary_tensor_data", "model_configuration", "model_repository", "statistics"])
    );
    let model = json!({"name": "iris-n", "ready": true});
    for (path, expected) in [
        ("/v2/health/live", json!({"live": true})),
        ("/v2/health/ready", json!({"live": true, "ready": true})),
        ("/v2/models/iris-n/ready", model.clone()),
        ("/v2/models/iris-n/versions/1/ready", model),
    ] {
        assert_eq!(client.get(path).await.good(200), expected, "{path}");
    }
    let model = client.get("/v2/models/iris-n").await.good(200);
    assert_eq!((&model["name"], &model["versions"]), (&json!("iris-n"), &json!(["1"])));
    let batch = model["inputs"][0]["shape"][0].clone();
    let input = json!([{"name": "images", "datatype": "UINT8", "shape": [batch, 3, 224, 384]}]);
    assert_eq!(model["inputs"], input);
    assert_eq!(model["outputs"][0]["datatype"], "FP32");
    assert_eq!(client.get("/v2/models/iris-n/versions/1").await.good(200), model);
    let config = client.get("/v2/models/iris-n/config").await.good(200);
    let dims = config["input"][0]["dims"].as_array().expect("dims").len();
    assert_eq!(config["input"][0]["data_type"], "TYPE_UINT8");
    assert_eq!(dims == 3, config["max_batch_size"].as_u64() > Some(0), "{config}");
    assert_eq!(batch == json!(-1), dims == 3);
}

#[tokio::test]
async fn json_and_binary_data_give_the_same_answer_and_the_id_comes_back() {
    let client = Client::new();
    let (answer, floats) = parts(&client.binary(&request(true), &image()).await);
    assert_eq!(
        (&answer["id"], &answer["model_name"], &answer["model_version"]),
        (&json!("request-7"), &json!("iris-n"), &json!("1"))
    );
    let output = &answer["outputs"][0];
    assert_eq!(output["parameters"]["binary_data_size"], floats.len() * 4);
    let size: u64 = output["shape"].as_array().expect("dims").iter().filter_map(Value::as_u64).product();
    assert_eq!(size, floats.len() as u64);
    assert!(floats.iter().any(|float| *float != floats[0]));

    // The same in JSON, and out in JSON; asked for by its name, without an id.
    let input = json!({"name": "images", "datatype": "UINT8", "shape": [1, 3, 224, 384], "data": image()});
    let request = json!({"inputs": [input], "outputs": [{"name": output["name"]}]}).to_string();
    let answer = client.post("/v2/models/iris-n/versions/1/infer", &[], request).await;
    assert_eq!(answer.headers["content-type"], "application/json");
    let answer = answer.good(200);
    assert!(answer.get("id").is_none());
    let values: Vec<f32> = serde_json::from_value(answer["outputs"][0]["data"].clone()).expect("numbers");
    assert_eq!(values, floats);

    let stats = client.get("/v2/models/iris-n/stats").await.good(200);
    assert_eq!(stats, client.get("/v2/models/stats").await.good(200));
    let stats = &stats["model_stats"][0];
    assert_eq!((&stats["inference_count"], &stats["execution_count"]), (&json!(2), &json!(2)));
    assert_eq!(stats["inference_stats"]["success"]["count"], 2);
    assert_eq!(stats["inference_stats"]["fail"]["count"], 0);
}

#[tokio::test]
async fn bodies_are_compressed_both_ways_and_bounded_after_that() {
    let client = Client::new();
    let (expected, floats) = parts(&client.binary(&request(true), &image()).await);
    let json = request(true).to_string();
    let body = [json.as_bytes(), &image()].concat();
    let gzip = |body: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).expect("in memory");
        encoder.finish().expect("in memory")
    };
    let deflate = |body: &[u8]| {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).expect("in memory");
        encoder.finish().expect("in memory")
    };
    for (name, coded) in [("gzip", gzip(&body)), ("deflate", deflate(&body))] {
        let headers = [
            ("content-encoding", name.to_owned()),
            ("accept-encoding", name.to_owned()),
            ("inference-header-content-length", json.len().to_string()),
        ];
        let mut answer = client.post(INFER, &headers, coded).await;
        assert_eq!(answer.headers["content-encoding"], name);
        let mut whole = Vec::new();
        match name {
            "gzip" => GzDecoder::new(&*answer.body).read_to_end(&mut whole),
            _ => ZlibDecoder::new(&*answer.body).read_to_end(&mut whole),
        }
        .expect("it is coded so");
        answer.body = whole;
        assert_eq!(parts(&answer), (expected.clone(), floats.clone()), "{name}");
    }
    let bomb = gzip(&vec![b' '; 10 * MAX_REQUEST]);
    assert!(bomb.len() < MAX_REQUEST);
    let error = client.post(INFER, &[("content-encoding", "gzip".to_owned())], bomb).await.error(413);
    assert!(error.contains(&MAX_REQUEST.to_string()), "{error}");
    client.post(INFER, &[("content-encoding", "gzip".to_owned())], "no gzip").await.error(400);
    client.post(INFER, &[("content-encoding", "br".to_owned())], "").await.error(415);
    let error = client.post(INFER, &[], vec![0; MAX_REQUEST + 1]).await.error(413);
    assert!(error.contains(&MAX_REQUEST.to_string()), "{error}");
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_with_what_was_expected() {
    let client = Client::new();
    for (path, expected) in [
        ("/v2/models/nothing", r#"there is no model "nothing"; there is iris-n"#),
        ("/v2/models/iris-n/versions/2", r#"model "iris-n" has no version "2"; it has 1"#),
        ("/v2/nothing", "there is nothing here"),
    ] {
        assert_eq!(client.get(path).await.error(404), expected);
    }
    client.get(INFER).await.error(405);
    let with = |key: &str, value: Value| {
        let mut request = request(true);
        request["inputs"][0][key] = value;
        request
    };
    let output = json!([{"name": "boxes"}]);
    let mut unknown_output = request(true);
    unknown_output["outputs"] = output;
    for (request, expected) in [
        (with("name", json!("image")), r#"input "images" is missing; the model takes "images""#),
        (with("datatype", json!("FP32")), r#"input "images" is FP32, and should be UINT8"#),
        // It may be files, which these are not.
        (
            with("datatype", json!("BYTES")),
            r#"input "images": element 2 should have 16842752 bytes, and 258036 are left"#,
        ),
        (with("datatype", json!("FP8")), r#"input "images": the datatype "FP8" is not one of"#),
        (with("shape", json!([1, 3, 384, 224])), r#"the shape of input "images" is 1x3x384x224, and should be"#),
        (with("shape", json!([1, 3, 224])), r#"the shape of input "images" is 1x3x224, and should be"#),
        (
            with("parameters", json!({"binary_data_size": IMAGE + 1})),
            r#"input "images" should have 258049 bytes, and 258048 are left of the body"#,
        ),
        (with("parameters", json!({"binary_data_size": IMAGE - 1})), "1 bytes are left over behind the inputs"),
        (unknown_output, r#"the model has no output "boxes"; it has"#),
    ] {
        let error = client.binary(&request, &image()).await.error(400);
        assert!(error.starts_with(expected), "{error}\n{expected}");
    }
    let mut short = request(true);
    short["inputs"][0]["parameters"]["binary_data_size"] = json!(7);
    let error = client.binary(&short, &[0; 7]).await.error(400);
    assert!(error.ends_with("has 7 bytes, and should have 258048"), "{error}");
    let error = client.post(INFER, &[("inference-header-content-length", "-1".to_owned())], "{}").await.error(400);
    assert!(error.contains("is not a number of bytes"), "{error}");
    let error = client.post(INFER, &[], "no JSON").await.error(400);
    assert!(error.starts_with("the request: "), "{error}");
    let stats = client.get("/v2/models/iris-n/stats").await.good(200);
    assert_eq!(stats["model_stats"][0]["inference_stats"]["success"]["count"], 0);
}

/// A picture in grey with something in it, in a format.
fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let dark = |x: u32, y: u32| x > width / 3 && x < width / 2 && y > height / 3;
    let image = RgbImage::from_fn(width, height, |x, y| Rgb(if dark(x, y) { [30, 40, 90] } else { [128; 3] }));
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).expect("in memory");
    file.into_inner()
}

#[tokio::test]
async fn a_picture_is_answered_with_boxes_or_drawn() {
    let client = Client::new();
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        let seen = client.post(&format!("{DETECT}?min_score=0.1"), &[], picture(640, 360, format)).await.good(200);
        assert_eq!((&seen["model"], &seen["width"], &seen["height"]), (&json!("iris-n"), &json!(640), &json!(360)));
        let detections = seen["detections"].as_array().expect("a list");
        let mut last = 1.0;
        for detection in detections {
            let score = detection["score"].as_f64().expect("a score");
            assert!((0.1..=last).contains(&score), "the strongest first: {seen}");
            last = score;
            let [x0, y0, x1, y1]: [f64; 4] = serde_json::from_value(detection["box"].clone()).expect("a box");
            assert!(0.0 <= x0 && x0 < x1 && x1 <= 640.0 && 0.0 <= y0 && y0 < y1 && y1 <= 360.0, "{detection}");
            assert!(detection["class"].is_string());
        }
        let sure = client.post(&format!("{DETECT}?min_score=1"), &[], picture(640, 360, format)).await.good(200);
        assert_eq!(sure["detections"], json!([]));
    }
    let drawn = client.post(DETECT, &[("accept", "image/jpeg".to_owned())], picture(640, 360, ImageFormat::Png)).await;
    assert_eq!((drawn.status.as_u16(), &drawn.headers["content-type"]), (200, &"image/jpeg".parse().expect("a value")));
    let drawn = image::load_from_memory_with_format(&drawn.body, ImageFormat::Jpeg).expect("a JPEG");
    assert_eq!((drawn.width(), drawn.height()), (640, 360));
}

/// The head of a PNG that says how large it is, and nothing more.
fn png_of(width: u32, height: u32) -> Vec<u8> {
    let mut png = picture(8, 8, ImageFormat::Png);
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&png[12..29]);
    png[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    png
}

#[tokio::test]
async fn what_is_no_picture_or_too_large_is_refused() {
    let client = Client::new();
    let jpeg = picture(640, 360, ImageFormat::Jpeg);
    client.post(DETECT, &[], "<html>").await.bad(415, "unsupported_media_type");
    client.post(DETECT, &[], Vec::new()).await.bad(415, "unsupported_media_type");
    let gif = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;".to_vec();
    client.post(DETECT, &[], gif).await.bad(415, "unsupported_media_type");
    let cut = client.post(DETECT, &[], jpeg[..jpeg.len() / 2].to_vec()).await.bad(422, "invalid");
    assert!(cut["detail"].as_str().is_some_and(|detail| detail.starts_with("the picture: ")), "{cut}");
    let bomb = client.post(DETECT, &[], png_of(60_000, 60_000)).await.bad(413, "too_large");
    assert!(bomb["detail"].as_str().is_some_and(|detail| detail.contains("20 million pixels")), "{bomb}");
    client.post(DETECT, &[], vec![0; MAX_REQUEST + 1]).await.bad(413, "too_large");
    client.post(&format!("{DETECT}?min_score=2"), &[], jpeg.clone()).await.bad(422, "invalid");
    client.post("/api/v1/models/nothing/detect", &[], jpeg).await.bad(404, "not_found");
}
