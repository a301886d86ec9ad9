//! Each invariant: what breaks it is reported under its name, and what only looks like it is not.
