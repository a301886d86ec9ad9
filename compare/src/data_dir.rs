//! The directory that clusters keep their files in: marked as ours, locked while in use, removed when it was temporary.
