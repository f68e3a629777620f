//! Reads the settings: file, then environment, then flags.
