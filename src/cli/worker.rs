//! `becamera worker`: a worker process.

use becamera_actors::worker::child;

use crate::app;

pub(super) fn run(parent: u32) -> ! {
    super::logging::init();
    child::serve(parent, Box::new(app::pipeline))
}
