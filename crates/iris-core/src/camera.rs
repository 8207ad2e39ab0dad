//! Who saw it: cameras, their connections, and the key that names one frame for ever.

use std::fmt;

/// The name of a camera: 1 to 32 of `a-z 0-9 _ -`, starting with a letter or digit.
///
/// Stored inline, so that it can be copied onto every frame without counting references. Safe as a file name and
/// as a metrics label; what people call the camera is configuration.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CameraId {
    bytes: [u8; CameraId::MAX_LEN],
    len: u8,
}

/// Why a text is not a camera's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("camera id {0:?} must be 1 to 32 of a-z, 0-9, '_' and '-', and start with a letter or digit")]
pub struct InvalidCameraId(pub String);

impl CameraId {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 32;

    /// Checks a name.
    pub fn new(name: &str) -> Result<Self, InvalidCameraId> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        let starts_well = name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
        if name.len() > Self::MAX_LEN || !starts_well || !name.bytes().all(allowed) {
            // Cut, so that a megabyte of garbage does not become a megabyte of error.
            return Err(InvalidCameraId(name.chars().take(Self::MAX_LEN + 1).collect()));
        }
        let mut bytes = [0; Self::MAX_LEN];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        Ok(Self { bytes, len: name.len() as u8 })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.len as usize]).unwrap_or_default()
    }
}

impl fmt::Display for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl std::str::FromStr for CameraId {
    type Err = InvalidCameraId;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::new(s)
    }
}

/// One connection to a camera, within one run of the program. It grows at every reconnect and, because the store
/// numbers the runs, at every restart: what came before is never confused with what came after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch {
    /// The run of the program, numbered by the store from 1.
    pub run: u32,
    /// The connection within that run, from 0.
    pub connection: u32,
}

impl Epoch {
    /// The first connection of a run.
    pub const fn first(run: u32) -> Self {
        Self { run, connection: 0 }
    }

    /// The connection after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { connection: self.connection + 1, ..self }
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.run, self.connection)
    }
}

/// Names one frame of one camera, uniquely and for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameKey {
    /// Who saw it.
    pub camera: CameraId,
    /// During which connection.
    pub epoch: Epoch,
    /// The access unit's number within the connection, from 0, counted before anything is dropped.
    pub seq: u64,
}

impl fmt::Display for FrameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.camera, self.epoch, self.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn camera_ids_are_safe_as_file_names() {
        for good in ["a", "yard-1", "0_gate", &"x".repeat(32)] {
            assert_eq!(CameraId::new(good).map(|id| id.to_string()).as_deref(), Ok(good));
        }
        for bad in ["", "..", "-a", "_a", "Yard", "a/b", "a b", "ä", "a\0", &"x".repeat(33)] {
            assert!(CameraId::new(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn epochs_grow_at_reconnects_and_at_restarts() {
        let first = Epoch::first(3);
        assert!(first < first.next());
        assert!(first.next().next() < Epoch::first(4));
        assert_eq!(first.next().to_string(), "3.1");
    }
}
