//! The first stage: does the file have the shape that the schema describes? Keeps what has and lists what has not,
//! so that one wrong key hides nothing else.
//!
//! Knows the part of JSON Schema that `schemars` writes for [`super::raw`], and nothing of what the keys mean.

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problems, quoted, suggest};

/// The parts of `table` that fit the schema. Everything else has been listed.
pub(super) fn take(schema: &Value, table: &DeTable<'_>, problems: &mut Problems<'_>) -> Value {
    let mut walk = Walk { problems };
    walk.table(schema, table, "", 0)
}

/// The same for a table that lies in the store as JSON.
pub(super) fn take_json(schema: &Value, table: &Map<String, Value>, path: &str, problems: &mut Problems<'_>) -> Value {
    let text = match toml::to_string(table) {
        Ok(text) => text,
        Err(error) => {
            problems.add(path, format!("cannot be written as TOML: {error}"));
            return Value::Object(Map::new());
        }
    };
    match DeTable::parse(&text) {
        Ok(table) => Walk { problems }.table(schema, table.get_ref(), path, 0),
        Err(error) => {
            problems.add(path, format!("cannot be written as TOML: {}", error.message()));
            Value::Object(Map::new())
        }
    }
}

struct Walk<'p, 't> {
    problems: &'p mut Problems<'t>,
}

impl Walk<'_, '_> {
    fn value(&mut self, schema: &Value, value: &Spanned<DeValue<'_>>, path: &str) -> Option<Value> {
        let at = value.span().start;
        let (schema, found) = match choose(schema, value.get_ref()) {
            Some(schema) => (schema, value.get_ref()),
            None => return self.refuse(at, path, &expected(schema), value.get_ref()),
        };
        match found {
            DeValue::Table(table) => Some(self.table(schema, table, path, at)),
            DeValue::Array(items) => {
                let taken = items.iter().enumerate().map(|(i, item)| {
                    let path = format!("{path}[{i}]");
                    self.problems.locate(&path, item.span().start);
                    self.value(&schema["items"], item, &path)
                });
                let taken: Vec<Value> = taken.map(|item| item.unwrap_or(Value::Null)).collect();
                self.items(schema, taken, path, at)
            }
            DeValue::String(text) => self.text(schema, text, path, at),
            DeValue::Boolean(b) => Some(Value::Bool(*b)),
            DeValue::Integer(i) => {
                let parsed = i64::from_str_radix(&i.as_str().replace('_', ""), i.radix());
                self.number(schema, parsed.ok().map(Number::from), path, at)
            }
            DeValue::Float(f) => {
                let parsed = f.as_str().replace('_', "").parse::<f64>();
                self.number(schema, parsed.ok().and_then(Number::from_f64), path, at)
            }
            DeValue::Datetime(_) => self.refuse(at, path, &expected(schema), found),
        }
    }

    fn table(&mut self, schema: &Value, table: &DeTable<'_>, path: &str, at: usize) -> Value {
        let mut taken = Map::new();
        for (key, value) in table {
            let name: &str = key.get_ref();
            let here = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            self.problems.locate(&here, value_start(key, value));
            let Some(schema) = property(schema, name) else {
                let hint = suggest(name, properties(schema));
                self.problems.add_at(key.span().start, path, format!("unknown key {}{hint}", quoted(name)));
                continue;
            };
            taken.extend(self.value(schema, value, &here).map(|value| (name.to_owned(), value)));
        }
        for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !table.contains_key(key) {
                self.problems.add_at(at, path, format!("`{key}` is missing"));
            }
        }
        let most = schema["maxProperties"].as_u64().unwrap_or(u64::MAX);
        let least = schema["minProperties"].as_u64().unwrap_or(0);
        if !(least..=most).contains(&(taken.len() as u64)) && taken.len() == table.len() {
            let names: Vec<&str> = properties(schema).collect();
            self.problems.add_at(at, path, format!("needs exactly one of {}", names.join(", ")));
        }
        Value::Object(taken)
    }

    fn items(&mut self, schema: &Value, items: Vec<Value>, path: &str, at: usize) -> Option<Value> {
        let least = schema["minItems"].as_u64().unwrap_or(0);
        let most = schema["maxItems"].as_u64().unwrap_or(u64::MAX);
        let count = items.len() as u64;
        if count < least || count > most {
            let wanted = match (least, most) {
                (least, most) if least == most => format!("exactly {least}"),
                (_, most) if count > most => format!("at most {most}"),
                (least, _) => format!("at least {least}"),
            };
            self.problems.add_at(at, path, format!("holds {count}; {wanted} belong here"));
            return None;
        }
        // An array that lost an entry would mean something else, but for a list of tables each stands alone.
        if schema["items"]["type"] == "object" {
            let alone = |item: Value| if item.is_null() { Value::Object(Map::new()) } else { item };
            return Some(items.into_iter().map(alone).collect());
        }
        (!items.iter().any(Value::is_null)).then_some(Value::Array(items))
    }

    fn text(&mut self, schema: &Value, text: &str, path: &str, at: usize) -> Option<Value> {
        let allowed = variants(schema);
        if !allowed.is_empty() && !allowed.contains(&text) {
            let hint = suggest(text, allowed.into_iter());
            self.problems.add_at(at, path, format!("{} is not known{hint}", quoted(text)));
            return None;
        }
        Some(text.into())
    }

    fn number(&mut self, schema: &Value, number: Option<Number>, path: &str, at: usize) -> Option<Value> {
        let bound = |key: &str| schema[key].as_f64();
        let value = number.as_ref().and_then(Number::as_f64);
        let low = bound("minimum").unwrap_or(f64::MIN);
        let high = bound("maximum").unwrap_or(f64::MAX);
        if value.is_some_and(|v| (low..=high).contains(&v)) {
            return number.map(Value::Number);
        }
        let said = value.map_or_else(|| "is not a finite number".into(), |v| format!("is {v}"));
        self.problems.add_at(at, path, format!("{said}; it must be from {low} to {high}"));
        None
    }

    /// Says the type of what was found, and not the value, which may be a secret.
    fn refuse(&mut self, at: usize, path: &str, wanted: &str, found: &DeValue<'_>) -> Option<Value> {
        self.problems.add_at(at, path, format!("must be {wanted}, not {}", kind(found)));
        None
    }
}

/// Where the value stands; for a table with a header or with dotted keys, where its key stands.
fn value_start(key: &Spanned<std::borrow::Cow<'_, str>>, value: &Spanned<DeValue<'_>>) -> usize {
    if value.get_ref().is_table() { key.span().start } else { value.span().start }
}

/// The schema, or the one of its alternatives, to whose type the value belongs.
fn choose<'s>(schema: &'s Value, value: &DeValue<'_>) -> Option<&'s Value> {
    if let Some(alternatives) = schema["anyOf"].as_array() {
        return alternatives.iter().find_map(|one| choose(one, value));
    }
    let fits = match (types(schema).as_slice(), value) {
        (["object"], DeValue::Table(_))
        | (["array"], DeValue::Array(_))
        | (["string"], DeValue::String(_))
        | (["boolean"], DeValue::Boolean(_))
        | (["integer" | "number"], DeValue::Integer(_))
        | (["number"], DeValue::Float(_)) => true,
        ([], DeValue::String(_)) => !variants(schema).is_empty(),
        _ => false,
    };
    fits.then_some(schema)
}

fn types(schema: &Value) -> Vec<&str> {
    schema["type"].as_str().into_iter().collect()
}

fn properties(schema: &Value) -> impl Iterator<Item = &str> {
    schema["properties"].as_object().into_iter().flat_map(|all| all.keys().map(String::as_str))
}

fn property<'s>(schema: &'s Value, name: &str) -> Option<&'s Value> {
    schema["properties"].get(name).or_else(|| Some(&schema["additionalProperties"]).filter(|other| other.is_object()))
}

/// The texts that an enum allows; empty where any will do.
fn variants(schema: &Value) -> Vec<&str> {
    let plain = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let described = schema["oneOf"].as_array().into_iter().flatten().filter_map(|one| one["const"].as_str());
    plain.chain(described).collect()
}

fn expected(schema: &Value) -> String {
    let names = match schema["anyOf"].as_array() {
        Some(alternatives) => alternatives.iter().flat_map(types).map(article).collect(),
        None => types(schema).into_iter().map(article).collect::<Vec<_>>(),
    };
    if names.is_empty() { "text".into() } else { names.join(" or ") }
}

fn article(kind: &str) -> &str {
    match kind {
        "object" => "a table",
        "array" => "an array",
        "string" => "text in quotes",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        other => other,
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::Table(_) => "a table",
        DeValue::Array(_) => "an array",
        DeValue::String(_) => "text",
        DeValue::Boolean(_) => "true or false",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Datetime(_) => "a date",
    }
}
