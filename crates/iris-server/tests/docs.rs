//! What the documents say is what the program does, as far as that can be compared.

use std::collections::BTreeSet;
use std::path::Path;

use iris_core::{DropReason, GapReason};
use iris_infer::Manifest;
use iris_pipeline::{Name, RECENT, topology};
use iris_server::config;

const DROPS: &str = include_str!("../../../docs/spec/drop-policy.md");
const TELEMETRY: &str = include_str!("../../../docs/spec/telemetry.md");
const MODELS: &str = include_str!("../../../docs/guide/models.md");
const DEVICES: &str = include_str!("../../../docs/guide/devices.md");
const SERVING: &str = include_str!("../../../docs/guide/serving.md");
const RULES: &str = include_str!("../../../docs/guide/rules.md");

/// What stands under a heading.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    text.split("\n## ").find(|section| section.starts_with(heading)).expect("the heading is there")
}

/// The words in backticks that begin the rows of tables.
fn first_column(text: &str) -> BTreeSet<&str> {
    text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect()
}

/// The first block of code in a language.
fn block<'a>(text: &'a str, language: &str) -> &'a str {
    let begin = format!("\n```{language}\n");
    let (_, rest) = text.split_once(&begin).expect("a block");
    rest.split("\n```").next().expect("the block ends")
}

/// What a refusal names as right: the words in backticks after "expected".
fn expected(error: &str) -> Vec<&str> {
    let (_, list) = error.split_once("expected").expect("the error says what was expected");
    list.split('`').skip(1).step_by(2).collect()
}

#[test]
fn telemetry_lists_every_metric_and_no_other() {
    assert_eq!(first_column(TELEMETRY), Name::ALL.iter().map(|name| name.as_str()).collect());
}

#[test]
fn the_drop_policy_lists_every_reason_and_every_gap() {
    assert_eq!(first_column(section(DROPS, "Reasons")), DropReason::ALL.iter().map(|reason| reason.label()).collect());
    assert_eq!(first_column(section(DROPS, "Gaps")), GapReason::ALL.iter().map(|reason| reason.label()).collect());
}

#[test]
fn the_drop_policy_states_the_capacities() {
    for capacity in [
        format!("| {} access units a camera |", topology::PACKETS),
        format!("| {} results a thread |", topology::DETECTIONS),
        format!("| {} reports |", topology::REPORTS),
        format!(
            "| the last {} s of a camera, at most {} MiB or one access unit |",
            RECENT.span.as_secs(),
            RECENT.bytes >> 20
        ),
    ] {
        assert!(DROPS.contains(&capacity), "{capacity}");
    }
}

#[test]
fn the_manifest_in_the_guide_is_one_and_leaves_no_key_out() {
    let manifest = block(section(MODELS, "model.toml"), "toml");
    let parse = |text: &str| Manifest::parse(text, Path::new("model.toml")).map_err(|e| e.to_string());
    parse(manifest).expect("a manifest");
    for table in ["", "[input]\n", "[thresholds]\n"] {
        let wrong = manifest.replacen(table, &format!("{table}no_such_key = 1\n"), 1);
        let error = parse(&wrong).expect_err("an unknown key");
        let keys = expected(&error);
        assert!(keys.len() > 1, "{error}");
        for key in keys {
            let here = [format!("\n{key} = "), format!("\n# {key} = "), format!("\n[{key}]\n")];
            assert!(here.iter().any(|here| format!("\n{manifest}").contains(here)), "{table}{key} is not explained");
        }
    }
}

#[test]
fn the_guide_lists_every_decoder() {
    let error = Manifest::parse(
        &block(section(MODELS, "model.toml"), "toml").replace("\"yolo\"", "\"none\""),
        Path::new("model.toml"),
    );
    let error = error.expect_err("an unknown decoder").to_string();
    let listed = first_column(section(MODELS, "model.toml"));
    let decoders = expected(&error);
    assert!(decoders.len() > 3 && decoders.iter().all(|decoder| listed.contains(decoder)), "{decoders:?} {listed:?}");
}

#[test]
fn the_rules_in_the_guide_and_their_schedules_are_right() {
    let rules = block(RULES, "toml");
    let schedules = first_column(section(RULES, "Schedules"));
    assert!(schedules.len() > 3);
    for schedule in schedules {
        let text = rules.replace("Mon-Fri 18:00-06:00, Sat-Sun", schedule);
        assert!(text.contains(schedule));
        config::check_with(&text, "iris.toml", Path::new("/etc/iris"), &|_| None).expect("a configuration");
    }
}

#[test]
fn the_devices_in_the_guide_are_right_and_every_key_is_explained() {
    let config = config::check(block(DEVICES, "toml"), "iris.toml", Path::new("/etc/iris")).expect("a configuration");
    assert_eq!(config.devices.len(), 3);
    let schema: serde_json::Value = serde_json::from_str(&config::schema()).expect("JSON");
    let keys = schema["properties"]["devices"]["items"]["properties"].as_object().expect("the keys of a device");
    let (explained, _) = DEVICES.split_once("\n## ").expect("the first part");
    assert_eq!(first_column(explained), keys.keys().map(String::as_str).collect());
}

#[test]
fn the_guide_to_serving_shows_every_key_with_its_default() {
    let parse = |text: &str| config::check(text, "iris.toml", Path::new("/etc/iris")).expect("a configuration").serving;
    let shown = block(SERVING, "toml");
    assert_eq!(parse(shown), parse(""));
    let schema: serde_json::Value = serde_json::from_str(&config::schema()).expect("JSON");
    let keys = schema["properties"]["serving"]["properties"].as_object().expect("the keys of serving");
    let lines = shown.lines().filter_map(|line| line.split_once(" = "));
    assert_eq!(lines.map(|(key, _)| key).collect::<BTreeSet<_>>(), keys.keys().map(String::as_str).collect());
}
