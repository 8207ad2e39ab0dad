//! The JSON schema, generated from [`super::raw`].

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::Value;

/// TOML has no null: an `Option` is a key that may be left out. Rust's defaults are not the file's defaults, which
/// the descriptions state.
fn without_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    object.remove("default");
    object.remove("format");
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|t| t != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    let Some(Value::Array(alternatives)) = object.get_mut("anyOf") else { return };
    alternatives.retain(|one| one["type"] != "null");
    if alternatives.len() == 1
        && let Some(Value::Object(only)) = alternatives.pop()
    {
        object.remove("anyOf");
        let kept = std::mem::take(object);
        object.extend(only);
        object.extend(kept);
    }
}

pub(super) fn generate() -> Value {
    let settings = SchemaSettings::draft07().with(|s| s.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<super::raw::Raw>();
    let mut schema = schema;
    RecursiveTransform(without_null).transform(&mut schema);
    schema.to_value()
}
