//! Pure decisions: what is known goes in, what follows comes out. No I/O, no clock.

pub mod health;
pub mod load;
pub mod overdue;
pub mod retention;
pub mod slots;
pub mod suspicion;
