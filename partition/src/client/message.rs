//! What a client and a node say to each other.
