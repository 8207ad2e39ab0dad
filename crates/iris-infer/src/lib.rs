//! From frames to detections.
