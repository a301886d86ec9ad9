//! Frames in memory, with seeded delays: the network of the simulation.
