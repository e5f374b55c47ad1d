//! The main job, by the processes that are shipped.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod backup;
mod canaries;
mod deaths;
mod deletion;
mod downloads;
mod enrolment;
mod faults;
mod figures;
mod full;
mod groups;
mod hostile_doors;
mod identities;
mod interop;
mod isolation;
mod kills;
mod kills_after;
mod one_read;
mod page;
mod page_detections;
mod policies;
mod postgres;
mod quarantine;
mod rebuild;
mod replaced;
mod retention;
mod rollouts;
mod scan;
mod schedule;
mod search;
mod signatures;
mod size;
mod torture;
mod verification;
mod work;
