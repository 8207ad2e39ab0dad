//! Bounded queues that say in their type what happens when they are full.
