//! Cameras and sinks of the store beside those of the file: what they mean together, how they change, and how they are
//! shown.

use std::path::Path;

use iris_server::config::{Document, Edit, Import, Item, ItemKind, Origin, Refusal, Text};
use serde_json::{Map, Value, json};

const PASSWORD: &str = "hunter2hunter2";
const FILE: &str = "time_zone = 'Europe/Berlin'\n[models.m]\npath = 'm'\n[[cameras]]\nid = 'gate'\n\
    url = 'rtsp://u:hunter2hunter2@10.0.0.1/live'\n[[sinks]]\nname = 'log'\nkind = 'file'\npath = 'log.jsonl'\n";
use ItemKind::{Camera, Sink};

fn text(text: &str) -> Text {
    Text::new(text, "iris.toml", Path::new("/etc/iris"))
}

fn table(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(table) => table,
        other => panic!("{other} is no table"),
    }
}

fn yard() -> Value {
    json!({
        "id": "yard", "url": "rtsp://u:hunter2hunter2@10.0.0.2/live", "name": null,
        "zones": [{"name": "all", "polygon": [[0, 0], [1.0, 0], [1, 1]], "schedule": "Mon 08:00-17:00", "min_stay": null}],
    })
}

fn hook() -> Value {
    json!({"name": "hook", "kind": "webhook", "url": "https://h.example/token/abc", "secret": "hunter2hunter2hunter2"})
}

/// A file and what was made over the API.
struct Both {
    file: Text,
    items: Vec<Item>,
}

impl Both {
    fn new() -> Self {
        let mut both = Self { file: text(FILE), items: Vec::new() };
        both.edit(Edit::Add(Camera, table(yard()))).expect("a good camera");
        both.edit(Edit::Add(Sink, table(hook()))).expect("a good sink");
        both
    }

    fn document(&self) -> Document {
        self.file.resolve(&self.items).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    /// Makes a change if it makes sense, or says why not.
    fn edit(&mut self, edit: Edit) -> Result<(), String> {
        let items = edit.apply(&self.items, &self.document()).map_err(|refusal| refusal.to_string())?;
        let list = |problems: Vec<_>| Refusal::Invalid(problems).to_string();
        self.file.resolve(&items).map_err(list)?;
        self.items = items;
        Ok(())
    }

    fn refused(&mut self, edit: Edit) -> String {
        let before = self.items.clone();
        let why = self.edit(edit).expect_err("a refusal");
        assert!(self.items == before && !why.contains(PASSWORD), "{why}");
        why
    }

    fn patch(&mut self, patch: Value) -> Result<(), String> {
        self.edit(Edit::Patch(Camera, "yard".into(), table(patch)))
    }

    fn import(&mut self, toml: &str, trusted: bool) -> Result<(), String> {
        let import = Import { text: Text::new(toml, "import.toml", Path::new("/etc/iris")), trusted };
        let items = Edit::Import(import.clone()).apply(&self.items, &self.document()).map_err(|r| r.to_string())?;
        let list = |problems| Refusal::Invalid(import.in_place(problems)).to_string();
        self.file.resolve(&items).map_err(list)?;
        self.items = items;
        Ok(())
    }
}

#[test]
fn both_are_in_effect_and_each_knows_where_it_was_made() {
    let config = Both::new().document().config;
    let cameras: Vec<_> = config.cameras.iter().map(|c| (c.id.as_str(), c.origin)).collect();
    assert_eq!(cameras, [("gate", Origin::File), ("yard", Origin::Store)]);
    let sinks: Vec<_> = config.sinks.iter().map(|s| (s.name.as_str(), s.origin)).collect();
    assert_eq!(sinks, [("log", Origin::File), ("hook", Origin::Store)]);
    assert_eq!(config.cameras[1].zones[0].area.points().len(), 3);
    assert_eq!(config.cameras[1].name, "yard", "what is null is left out");
}

#[test]
fn an_id_in_both_is_a_problem_that_names_both_places() {
    let both = Both::new();
    let file = text(&format!("{FILE}[[cameras]]\nid = 'yard'\nurl = 'rtsp://h/'\n"));
    let problems = file.resolve(&both.items).err().expect("a problem");
    let listed: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(listed, ["camera yard in the store: id: \"yard\" is already another camera: iris.toml:12:6"]);
}

#[test]
fn what_is_wrong_in_the_store_is_listed_by_name_behind_what_is_wrong_in_the_file() {
    let mut both = Both::new();
    both.items.push(Item::new(Camera, &table(json!({"id": "Bad Id", "url": 7, "rates": 5, "zones": [{"name": ""}]}))));
    let file = text(&FILE.replace("'Europe/Berlin'", "'Nowhere'"));
    let problems = file.resolve(&both.items).err().expect("problems");
    let listed: Vec<String> = problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(listed.join("\n"));
}

#[test]
fn what_the_file_holds_is_changed_only_there() {
    let mut both = Both::new();
    for edit in [Edit::Remove(Camera, "gate".into()), Edit::Patch(Sink, "log".into(), Map::new())] {
        assert!(both.refused(edit).ends_with("stands in the configuration file; change it there"));
    }
    let twice = Edit::Add(Camera, table(json!({"id": "gate", "url": "rtsp://h/"})));
    assert_eq!(both.refused(twice), "camera gate exists already");
    assert_eq!(both.refused(Edit::Add(Camera, table(yard()))), "camera yard exists already");
    assert_eq!(both.refused(Edit::Remove(Camera, "hall".into())), "there is no camera hall");
}

#[test]
fn a_patch_changes_what_it_names() {
    let mut both = Both::new();
    both.patch(json!({"rate": 2, "zones": []})).expect("a good patch");
    let camera = both.document().config.cameras[1].clone();
    assert_eq!((camera.rate, camera.zones.len()), (2.0, 0));
    both.patch(json!({"rate": null})).expect("back to the default");
    assert_eq!(both.document().config.cameras[1].rate, 10.0);
    for (bad, why) in [
        (json!({"id": "other"}), "`id` cannot change"),
        (json!({"rate": 500}), "rate: is 500; it must be from 0.01 to 120"),
        (json!({"rate": 18_446_744_073_709_551_615_u64}), "rate: is not a finite number"),
        (json!({"colour": "red"}), "unknown key \"colour\""),
        (json!({"model": "n"}), "there is no [models.\"n\"]"),
    ] {
        let said = both.refused(Edit::Patch(Camera, "yard".into(), table(bad)));
        assert!(said.starts_with("camera yard in the store: ") && said.contains(why), "{said}");
    }
    both.edit(Edit::Remove(Camera, "yard".into())).expect("gone");
    assert_eq!(both.document().config.cameras.len(), 1);
}

#[test]
fn who_saves_what_was_shown_keeps_the_secrets() {
    let mut both = Both::new();
    both.patch(json!({"url": "rtsp://***@10.0.0.2/live", "name": "Yard"})).expect("a good patch");
    assert!(both.document().config.cameras[1].url.expose().contains(PASSWORD));
    let said = both.refused(Edit::Patch(Camera, "yard".into(), table(json!({"url": "rtsp://***@10.0.0.3/live"}))));
    assert!(said.contains("url: holds *** in the place of a secret"), "{said}");
}

#[test]
fn nothing_that_comes_over_the_api_reaches_into_the_server() {
    let mut both = Both::new();
    for (kind, bad, why) in [
        (Camera, json!({"id": "a", "url": "/etc/passwd"}), "url: must be an rtsp://"),
        (Camera, json!({"id": "a", "url": "file:///etc/passwd"}), "url: must start with one of rtsp://"),
        (Camera, json!({"id": "a", "url": {"env": "PATH"}}), "url: only a configuration file can name"),
        (Camera, json!({"id": "a", "url": {"file": "/etc/shadow"}}), "url: only a configuration file can name"),
        (Sink, json!({"name": "a", "kind": "file", "path": "/etc/cron.d/a"}), "kind: must be \"webhook\""),
        (
            Sink,
            json!({"name": "a", "kind": "webhook", "url": "https://h/", "secret": {"file": "key"}}),
            "secret: only a configuration file can name",
        ),
    ] {
        let said = both.refused(Edit::Add(kind, table(bad.clone())));
        assert!(said.contains(why), "{bad}: {said}");
        let toml = toml::to_string(&json!({kind.list(): [bad]})).expect("TOML");
        let said = both.import(&toml, false).expect_err("a refusal");
        assert!(said.starts_with("import.toml:") && said.contains(why), "{said}");
    }
}

#[test]
fn an_export_is_the_whole_configuration_and_imports_as_what_it_was() {
    let mut both = Both::new();
    let before = both.document();
    let export = before.to_toml(false).expect("TOML");
    assert!(!export.contains(PASSWORD) && !export.contains("token/abc"), "{export}");
    assert!(export.contains("rtsp://***@10.0.0.1/live") && export.contains("Mon 08:00-17:00"), "{export}");
    both.edit(Edit::Remove(Sink, "hook".into())).expect("gone");
    let said = both.import(&export, false).expect_err("a secret is missing");
    assert!(said.contains("secret: holds ***") && said.contains("import.toml:"), "{said}");

    let mut both = Both::new();
    both.patch(json!({"rate": 1})).expect("a good patch");
    both.import(&export, false).expect("a good import");
    assert_eq!(both.document().config, before.config);

    let whole = before.to_toml(true).expect("TOML");
    assert_eq!(text(&whole).resolve(&[]).map(|d| d.config.cameras.len()).ok(), Some(2), "it is a file of its own");
    let mut empty = Both { file: text(FILE), items: Vec::new() };
    empty.import(&whole, true).expect("a good import");
    assert_eq!(empty.document().config, before.config);
}

#[test]
fn an_import_is_taken_whole_or_not_at_all_and_its_problems_have_its_lines() {
    let mut both = Both::new();
    let good = "[[cameras]]\nid = 'one'\nurl = 'rtsp://h/1'\n";
    let bad =
        "[[cameras]]\nid = 'two'\nurl = 'rtsp://h/2'\nmodel = 'n'\n[[cameras]]\nid = 'gate'\nurl = 'rtsp://h/3'\n";
    let said = both.import(&format!("{good}{bad}"), false).expect_err("two problems");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].starts_with("import.toml:7:9: cameras[1].model: there is no [models.\"n\"]"), "{said}");
    assert!(
        lines[1].starts_with("import.toml:9:6: cameras[2].id: \"gate\" is already another camera: iris.toml:5:6"),
        "{said}"
    );
    assert!(both.import("cameras = 7", false).expect_err("no list").starts_with("import.toml:1:11: cameras: must be"));
    both.import(good, false).expect("a good import");
    let cameras: Vec<String> = both.document().config.cameras.iter().map(|c| c.id.to_string()).collect();
    assert_eq!(cameras, ["gate", "one"], "the yard is replaced");
}
