//! HTTP: one GET, whose body is given to the reader.

mod body;
mod camera;
mod jpeg;
mod serve;

pub(crate) use camera::Camera;
