//! `compare node`: one replica, controller or floor echo as a process.
