//! Pure decisions: what is known goes in, what follows comes out. No I/O, no clock.

pub mod clockwork;
pub mod difference;
pub mod forecast;
pub mod health;
pub mod identities;
pub mod load;
pub mod outbreak;
pub mod overdue;
pub mod overview;
pub mod pace;
pub mod period;
pub mod placement;
pub mod retention;
pub mod rollout;
pub mod rule_changes;
pub mod runs;
pub mod slots;
pub mod suspicion;
pub mod tree;
