//! A partition with no protocol at all: what a promise costs is its ratio to this floor.
