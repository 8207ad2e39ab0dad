//! Tests of what is remembered and told: one binary, because they share their made-up events.

mod accounts;
mod delivery;
mod faults;
mod kit;
mod message;
mod review;
mod suite;
