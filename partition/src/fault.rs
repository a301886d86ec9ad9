//! A closed enum of faults, and what commits them.
