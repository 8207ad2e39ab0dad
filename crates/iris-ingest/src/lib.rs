//! From a camera or file to encoded access units.
