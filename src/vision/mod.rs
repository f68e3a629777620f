//! Everything native: capture, detection and the frame loop.
