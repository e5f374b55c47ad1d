//! Pure decisions: what is known goes in, what follows comes out. No I/O, no clock.

pub mod clockwork;
pub mod health;
pub mod identities;
pub mod pace;
pub mod retention;
pub mod suspicion;
