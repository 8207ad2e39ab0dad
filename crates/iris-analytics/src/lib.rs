//! From detections to tracks and events.
