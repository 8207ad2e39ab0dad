//! The description of the API is the one that is checked in, and describes every route.

use std::collections::BTreeSet;

use iris_server::door::{Access, declared, document};
use serde_json::Value;

#[test]
fn the_document_that_is_checked_in_is_this_one() {
    let kept = include_str!("../../../../api/openapi.json");
    assert!(kept == document(), "api/openapi.json is not what would be generated; run `cargo xtask codegen`");
}

#[test]
fn every_route_is_described_with_its_access() {
    let document: Value = serde_json::from_str(document()).expect("JSON");
    let mut names = BTreeSet::new();
    for route in declared() {
        let operation = &document["paths"][&route.path][route.method.to_lowercase()];
        let says = operation["description"].as_str().unwrap_or_default();
        let class = format!("Access: {}.", format!("{:?}", route.access).to_lowercase());
        assert!(says.ends_with(&class), "{route:?}: {says}");
        let name = operation["operationId"].as_str().expect("a name").to_owned();
        assert!(names.insert(name), "{route:?}: two operations have this name");
        let is_open = operation["security"].as_array().is_some_and(Vec::is_empty);
        assert_eq!(is_open, route.access == Access::Public, "{route:?}");
        let kind = if route.path.starts_with("/v2") { "application/json" } else { "application/problem+json" };
        assert!(operation["responses"]["default"]["content"][kind].is_object(), "{route:?}");
    }
}

#[test]
fn what_is_referred_to_is_there() {
    let text = document();
    let document: Value = serde_json::from_str(text).expect("JSON");
    let references = text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next());
    for name in references {
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}
