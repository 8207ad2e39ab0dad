//! What a new configuration changes in a running server.

use std::collections::BTreeMap;

use iris_core::CameraId;

use super::{Camera, Config};

/// What must be done to get from one configuration to another. Cameras that are in none of the lists go on
/// undisturbed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Cameras to start.
    pub added: Vec<CameraId>,
    /// Cameras to stop.
    pub removed: Vec<CameraId>,
    /// Cameras to stop and start anew.
    pub changed: Vec<CameraId>,
    /// Parts of the configuration that take effect only when the server is started again.
    pub restart: Vec<&'static str>,
}

impl Changes {
    /// Whether both configurations mean the same.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Compares two configurations. A camera that is not enabled counts as not there.
pub fn diff(old: &Config, new: &Config) -> Changes {
    let (before, after) = (watched(old), watched(new));
    let mut changes = Changes::default();
    for (id, camera) in &after {
        match before.get(id) {
            None => changes.added.push(*id),
            Some(earlier) if earlier != camera => changes.changed.push(*id),
            Some(_) => {}
        }
    }
    changes.removed.extend(before.keys().filter(|id| !after.contains_key(*id)));
    let parts = [
        ("time_zone", old.time_zone != new.time_zone),
        ("store", old.store != new.store),
        ("server", old.listen != new.listen),
        ("sinks", old.sinks != new.sinks),
    ];
    changes.restart.extend(parts.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name));
    changes
}

fn watched(config: &Config) -> BTreeMap<CameraId, &Camera> {
    config.cameras.iter().filter(|camera| camera.enabled).map(|camera| (camera.id, camera)).collect()
}
