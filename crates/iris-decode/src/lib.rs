//! From encoded access units to frames.
