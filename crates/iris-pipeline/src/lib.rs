//! The wiring: every stage, queue and thread of Iris.
