//! What a tracker must know of the detector whose boxes it gets.

use super::ClassGroups;

/// A detector as a tracker sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Which of its classes may be one object.
    pub groups: ClassGroups,
    /// Boxes from this score on are believed: they begin tracks and are matched first (τ of ByteTrack §4.1). Those
    /// below, down to [`Profile::LOW`], only carry on what was begun. 0 to 1.
    pub high: f32,
}

impl Profile {
    /// Boxes below this score are ignored: nearly all of them show nothing.
    pub const LOW: f32 = 0.1;
}

impl Default for Profile {
    /// A detector whose classes are all distinct and whose scores are probabilities, with the threshold of ByteTrack.
    fn default() -> Self {
        Self { groups: ClassGroups::default(), high: 0.6 }
    }
}
