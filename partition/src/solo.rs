//! A partition of one replica: the model for tests, and the worked example of a third implementation.
