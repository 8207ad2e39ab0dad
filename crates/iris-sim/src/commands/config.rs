//! What `serve` shows, as cameras of Iris's configuration.

use std::fmt::Write as _;

use iris_sim::Farm;
use iris_sim::scene::toml;

use super::look::Look;

/// A table for each camera of the farm; scenes bring their zones and lines along. Camera i plays scene i modulo their
/// count; without scenes it plays a file.
pub(crate) fn cameras(farm: &Farm, scenes: &[String], look: &Look) -> anyhow::Result<String> {
    let mut text = String::new();
    for camera in 0..farm.cameras() {
        let url = farm.url(camera);
        let (words, rules) = match scenes.get(camera % scenes.len().max(1)) {
            Some(scene) => {
                let recipe = look.recipe(scene, 0)?;
                (scene.as_str(), toml(&recipe.scene.rules(recipe.size)))
            }
            None => ("camera", String::new()),
        };
        let (id, name) = (words.replace('+', "-"), words.replace('+', ", "));
        writeln!(text, "[[cameras]]\nid = \"{id}-{camera}\"\nname = \"{name}\"\nurl = \"{url}\"\n{rules}")?;
    }
    Ok(text)
}
