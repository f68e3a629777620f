//! becamera counts people on live camera streams. This crate implements the ports of
//! `becamera-actors` with OpenCV, diesel, Redis and actix-web, and wires them together.

pub mod app;
pub mod cache;
pub mod cli;
pub mod config;
pub mod db;
pub mod http;
pub mod shutdown;
pub mod vault;
pub mod vision;
