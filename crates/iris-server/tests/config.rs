//! What a configuration means, and every message about one that means nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use iris_analytics::schedule::Schedule;
use iris_server::config::{self, Config, Place, Problem, Target, needs_restart};
use proptest::prelude::*;

const EXAMPLE: &str = include_str!("../../../config/iris.example.toml");
const PASSWORD: &str = "hunter2hunter2";

fn check(text: &str) -> Result<Config, Vec<Problem>> {
    config::check_with(text, "iris.toml", Path::new("/etc/iris"), &|name| {
        (name == "CAM1_URL").then(|| format!("rtsp://admin:{PASSWORD}@10.0.0.1/live"))
    })
}

fn listing(text: &str) -> String {
    let problems = check(text).expect_err("problems");
    problems.iter().flat_map(|problem| [problem.to_string(), "\n".to_owned()]).collect()
}

#[test]
fn every_problem_is_listed_with_its_place_and_its_remedy() {
    insta::assert_snapshot!("keys", listing(include_str!("config/keys.toml")));
    insta::assert_snapshot!("values", listing(include_str!("config/values.toml")));
    insta::assert_snapshot!("models", listing(include_str!("config/models.toml")));
    insta::assert_snapshot!("devices", listing(include_str!("config/devices.toml")));
    insta::assert_snapshot!("syntax", listing(include_str!("config/syntax.toml")));
}

#[test]
fn line_ends_tabs_and_a_byte_order_mark_change_nothing() {
    let text = include_str!("config/keys.toml");
    let expected = listing(text);
    assert_eq!(listing(&text.replace('\n', "\r\n")), expected);
    assert_eq!(listing(&format!("\u{feff}{text}")), expected);
    let tabbed = EXAMPLE.replace(" = ", "\t=\t").replace('\n', "\r\n");
    assert_eq!(check(&tabbed).expect("a configuration"), check(EXAMPLE).expect("a configuration"));
}

#[test]
fn no_message_shows_a_password() {
    for text in [include_str!("config/values.toml"), include_str!("config/syntax.toml")] {
        assert!(text.contains(PASSWORD));
        assert!(!listing(text).contains(PASSWORD), "{}", listing(text));
    }
    let config = check(&format!(
        "[models.m]\npath = 'm'\n[[cameras]]\nid = 'a'\nurl = 'rtsp://u:{PASSWORD}@h/'\n[[cameras]]\nid = 'b'\nurl = \
         {{ env = 'CAM1_URL' }}\n[[sinks]]\nname = 's'\nkind = 'webhook'\nurl = 'http://h/'\nsecret = \
         '{PASSWORD}{PASSWORD}'"
    ))
    .expect("a configuration");
    assert!(config.cameras[1].url.expose().contains(PASSWORD));
    assert!(!format!("{config:?}").contains(PASSWORD));
}

#[test]
fn the_example_is_clean_and_means_what_it_says() {
    let config = check(EXAMPLE).expect("a configuration");
    let gate = &config.cameras[0];
    assert_eq!(config.store.path, Path::new("/etc/iris/data"));
    assert_eq!(config.store.max_age, Duration::from_hours(30 * 24));
    assert_eq!(config.store.max_bytes, Some(50_000_000_000));
    assert_eq!(gate.url.expose(), "rtsp://10.0.0.11/stream2");
    assert_eq!((gate.transport, gate.rate), (config::Transport::Udp, 10.0));
    assert_eq!(gate.model.path, Path::new("/etc/iris/../models/people"));
    assert_eq!(gate.zones[0].min_stay, Duration::from_secs(2));
    assert_eq!(gate.zones[0].area.points().len(), 4);
    assert!(matches!(&gate.zones[0].schedule, Schedule::During(windows) if windows.len() == 2));
    assert_eq!(config.time_zone.iana_name(), Some("Europe/Berlin"));
    assert_eq!(config.cameras[1].url.expose(), "/etc/iris/clips/yard.mp4");
    assert_eq!(config.sinks[0].target, Target::File { path: "/etc/iris/events.jsonl".into() });
}

#[test]
fn the_choices_that_the_example_comments_out_are_good_too() {
    let text = EXAMPLE
        .replace("url = \"rtsp://10.0.0.11/stream2\"", "")
        .replace("# url = { env = \"GATE_URL\" }", "url = { env = \"CAM1_URL\" }");
    let start = text.find("# [[sinks]]").expect("the webhook");
    let webhook =
        text[start..].replace("# ", "").replace("{ file = \"secrets/control-room\" }", "\"0123456789abcdef\"");
    let config = check(&format!("{}{webhook}", &text[..start])).expect("a configuration");
    assert!(matches!(config.sinks[1].target, Target::Webhook { .. }));
}

#[test]
fn the_example_mentions_every_key_of_the_schema() {
    let schema: serde_json::Value = serde_json::from_str(&config::schema()).expect("JSON");
    let mut keys = Vec::new();
    collect_keys(&schema, &mut keys);
    assert!(keys.len() > 30, "{keys:?}");
    for key in keys {
        let mentioned = EXAMPLE.lines().any(|line| {
            let line = line.trim_start_matches(['#', ' ', '[']);
            line.starts_with(&key) || line.contains(&format!("{{ {key} =")) || line.contains(&format!(".{key}]"))
        });
        assert!(mentioned, "`{key}` is not in the example");
    }
}

fn collect_keys(schema: &serde_json::Value, keys: &mut Vec<String>) {
    if let Some(properties) = schema["properties"].as_object() {
        keys.extend(properties.keys().cloned());
    }
    match schema {
        serde_json::Value::Object(object) => object.values().for_each(|value| collect_keys(value, keys)),
        serde_json::Value::Array(items) => items.iter().for_each(|value| collect_keys(value, keys)),
        _ => {}
    }
}

#[test]
fn the_checked_in_schema_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/iris.schema.json");
    if std::env::var_os("IRIS_BLESS").is_some() {
        std::fs::write(path, config::schema()).expect("the schema is written");
    }
    let checked_in = std::fs::read_to_string(path).expect("config/iris.schema.json");
    assert!(checked_in == config::schema(), "config/iris.schema.json is out of step; run this test with IRIS_BLESS=1");
}

#[test]
fn half_written_files_are_refused_and_never_half_understood() {
    let full = check(EXAMPLE).expect("a configuration");
    for end in (0..EXAMPLE.len()).filter(|end| EXAMPLE.is_char_boundary(*end)) {
        match check(&EXAMPLE[..end]) {
            Ok(config) => assert!(config.cameras.len() <= full.cameras.len()),
            Err(problems) => assert!(!problems.is_empty()),
        }
    }
}

#[test]
fn garbage_is_an_error_and_not_a_crash() {
    let megabyte: String =
        (0..1 << 20).map(|i: u32| char::from(33 + (i.wrapping_mul(2_654_435_761) >> 24) as u8 % 94)).collect();
    let deep_array = format!("time_zone = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_table = format!("a{} = 1", ".a".repeat(100_000));
    let nul = "time_zone = \"\0\"".to_owned();
    for text in [megabyte, deep_array, deep_table, nul, "a".repeat(5 << 20)] {
        let problems = check(&text).expect_err("problems");
        assert!((1..=100).contains(&problems.len()));
        assert!(problems.iter().all(|problem| problem.to_string().len() < 1000));
    }
}

#[test]
fn limits_are_stated() {
    let cameras = "[[cameras]]\nid = 'a'\nurl = 'x'\n".repeat(2001);
    assert_eq!(listing(&cameras), "iris.toml:1:1: cameras: holds 2001; at most 2000 belong here\n");
    let corners: String = (0..257).map(|_| "[0,0],").collect();
    let text = format!("[models.m]\npath='m'\n[[cameras]]\nid='a'\nurl='x'\nzones=[{{name='z',polygon=[{corners}]}}]");
    assert_eq!(listing(&text), "iris.toml:6:26: cameras[0].zones[0].polygon: holds 257; at most 256 belong here\n");
}

#[test]
fn files_that_hold_secrets_must_not_be_open_to_everyone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("iris.toml");
    let key = folder.path().join("url");
    let write = |path: &Path, text: &str, mode: u32| {
        std::fs::write(path, text).expect("written");
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("mode");
    };
    let text = format!("[models.m]\npath = 'm'\n[[cameras]]\nid = 'a'\nurl = 'rtsp://u:{PASSWORD}@h/'\n");
    let first = |path: &Path| config::load(path).map_err(|problems| problems[0].message.clone());

    write(&path, &text, 0o644);
    assert!(first(&path).expect_err("open").contains("can be read by everyone"));
    write(&path, &text, 0o600);
    assert!(first(&path).is_ok());

    write(&path, "[models.m]\npath = 'm'\n[[cameras]]\nid = 'a'\nurl = { file = 'url' }\n", 0o644);
    write(&key, "rtsp://u:p@h/\n", 0o644);
    assert!(first(&path).expect_err("open").contains("`chmod 600` it"));
    write(&key, "rtsp://u:p@h/\n", 0o600);
    assert_eq!(first(&path).expect("a configuration").cameras[0].url.expose(), "rtsp://u:p@h/");
}

#[test]
fn files_that_are_none_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = folder.path().join("bytes");
    std::fs::write(&bytes, b"a = \xff").expect("written");
    for path in [folder.path(), &folder.path().join("missing"), &bytes, Path::new("/dev/zero")] {
        let problems = config::load(path).expect_err("problems");
        assert_eq!(problems.len(), 1);
    }
}

#[test]
fn a_reload_says_what_it_cannot_take_over() {
    let parse = |text: &str| check(text).expect("a configuration");
    let base = "[models.m]\npath = 'm'\n[[sinks]]\nname = 's'\nkind = 'file'\npath = 'f'\n";
    let camera = "[[cameras]]\nid = 'a'\nurl = 'rtsp://h/'\n";
    let old = parse(&[base, camera].concat());
    assert!(needs_restart(&old, &old).is_empty());
    assert!(needs_restart(&old, &parse(&[base, camera, "rate = 2\n"].concat())).is_empty(), "cameras change in place");
    let moved = parse(&[&base.replace("'f'", "'g'"), camera].concat());
    assert!(needs_restart(&old, &moved).is_empty(), "so do sinks");
    let elsewhere = parse(&["[store]\npath = 'other'\n", base, camera].concat());
    assert_eq!(needs_restart(&old, &elsewhere), ["store"]);
    let shared = parse(&["[serving]\nshare = 0.5\n", base, camera].concat());
    assert_eq!((shared.serving.sharing.share, needs_restart(&old, &shared)), (0.5, vec!["serving"]));
}

#[test]
fn devices_are_what_runs_the_models() {
    use iris_pipeline::Role::{StandIn, Worker};
    use iris_server::config::{Device, Secret};

    assert_eq!(check("").expect("a configuration").devices, []);
    let text = "require_gpu = true\n[[devices]]\nkind = 'tensorrt'\nindex = 1\nbatch = 16\ninstances = 2\nfp16 = true\n\
                [[devices]]\nkind = 'cuda'\n[[devices]]\nkind = 'cpu'\nthreads = 3\n";
    let config = check(text).expect("a configuration");
    let tensorrt = Device::TensorRt { index: 1, batch: 16, instances: 2, fp16: true };
    let cuda = Device::Cuda { index: 0, batch: 8, instances: 1 };
    assert_eq!(config.devices, [tensorrt, cuda, Device::Cpu { threads: Some(3) }]);
    let names = |config: &Config| -> Vec<String> {
        iris_server::setup::devices(config).into_iter().map(|device| device.name).collect()
    };
    assert_eq!(names(&config), ["tensorrt-1", "tensorrt-1-1", "cuda-0", "cpu-0", "cpu-1", "cpu-2"]);
    let cores = iris_pipeline::cores();
    assert_eq!(names(&check("").expect("a configuration")).len(), cores);

    let text = "[[devices]]\nkind = 'oip'\nurl = 'grpcs://gpu:8001'\nmodel = 'people'\ntoken = 'iris_secret'\nca = 'ca.pem'\n\
                in_flight = 1\njpeg = true\n[[devices]]\nkind = 'oip'\nurl = 'http://other'\n";
    let config = check(text).expect("a configuration");
    let Device::Oip { url, model, batch, in_flight, token, ca, jpeg } = &config.devices[0] else {
        panic!("{config:?}")
    };
    assert_eq!((&**url, model.as_deref(), *batch, *in_flight), ("grpcs://gpu:8001", Some("people"), 8, 1));
    assert_eq!(token.as_ref().map(Secret::expose), Some("iris_secret"));
    assert!(*jpeg && ca.as_ref().is_some_and(|ca| ca.ends_with("ca.pem")));
    let remotes = names(&config);
    assert_eq!(remotes[..3], ["oip-0", "oip-1", "oip-2"]);
    assert!(!format!("{:?}", iris_server::setup::devices(&config)).contains("secret"));

    // Beside GPUs that may be lost, every core has a session or one that stands by.
    let config =
        check("[[devices]]\nkind = 'cuda'\n[[devices]]\nkind = 'cpu'\nthreads = 1\n").expect("a configuration");
    let devices = iris_server::setup::devices(&config);
    let count = |role| devices.iter().filter(|device| device.role == role).count();
    assert_eq!((count(Worker), count(StandIn)), (2, cores - 1));

    let none = listing("require_gpu = true\n[[devices]]\nkind = 'cpu'\n");
    assert_eq!(
        none,
        "iris.toml:1:15: require_gpu: there is no GPU; add [[devices]] with kind = \"cuda\" or \"tensorrt\"\n"
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_but_never_panics(text in "(\\PC|\n|\\[|\\]|\"|=|\\.){0,200}") {
        if let Err(problems) = check(&text) {
            prop_assert!(!problems.is_empty());
        }
    }

    #[test]
    fn any_damage_to_the_example_is_survived(at in 0..EXAMPLE.len(), with in "\\PC|\n") {
        let at = EXAMPLE.floor_char_boundary(at);
        let damaged = format!("{}{with}{}", &EXAMPLE[..at], &EXAMPLE[at..]);
        if let Err(problems) = check(&damaged) {
            let in_file = |problem: &Problem| matches!(problem.place, Place::File { line: 1.., column: 1.., .. });
            prop_assert!(problems.iter().all(in_file));
        }
    }
}
