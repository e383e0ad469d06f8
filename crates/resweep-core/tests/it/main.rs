//! The scheduler with scripted trainers, one program.

mod scheduler;
