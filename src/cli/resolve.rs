//! What the command line means here.
