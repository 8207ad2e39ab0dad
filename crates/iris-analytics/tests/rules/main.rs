//! Rules as a guard sees them: what walks where, and what is told.

mod properties;
mod stage;
mod stories;
