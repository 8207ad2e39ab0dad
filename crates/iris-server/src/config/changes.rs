//! What of a new configuration a running server cannot take over.

use super::Config;

/// The parts in which two configurations differ and that take effect only when the server is started again. Cameras,
/// sinks, models and devices are not among them.
pub fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let parts = [
        ("time_zone", old.time_zone != new.time_zone),
        ("store", old.store != new.store),
        ("decode_gpu", old.decode_gpu != new.decode_gpu),
        ("serving", old.serving != new.serving),
        ("server", (&old.listen, &old.tls) != (&new.listen, &new.tls)),
    ];
    parts.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect()
}
