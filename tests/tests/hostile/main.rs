//! Files that are meant to hang, blow up or mislead a scanner. Each is scanned by the agent
//! that is shipped, under a hard limit of memory and within a bounded time: what can be found
//! is found, what was not inspected is named with its reason, and the process lives.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod bombs;
mod damaged;
mod deep;
mod entries;
mod large;
mod moving;
mod names;
mod quine;
mod rules;
mod scanned;
mod zips;
