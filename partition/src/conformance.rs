//! What every partition must do, as one suite.
