//! Pictures for viewers of cameras: made on request only, handed on, never kept.
//!
//! A viewer is due for a picture when its rate allows and it has taken the one before. Only then is
//! the camera's worker asked for one, whatever the number of viewers; so a viewer that is
//! paused, slow or gone costs nothing, and nothing piles up.
//!
//! `board` decides which viewer gets which picture when: plain state and time. `hub` is the actor around it.

mod board;
mod hub;

use std::{sync::Arc, time::Duration};

use actix::Message;
use becamera_domain::{CameraId, Picture, RunId};

use crate::job_control::JobControl;

pub use board::{Pace, WatchError};
pub use hub::{ClosePictures, PictureHub, WatchCamera};

/// What workers tell the hub of their runs.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum PictureNews {
    /// A camera gives frames; pictures are asked for by the run's control.
    Opened {
        /// The camera.
        camera: CameraId,
        /// The run.
        run: RunId,
        /// Its control.
        control: Arc<JobControl>,
    },
    /// A picture was made.
    Made {
        /// The camera.
        camera: CameraId,
        /// The run.
        run: RunId,
        /// The picture.
        picture: Picture,
    },
    /// The run is over: no picture comes any more.
    Ended {
        /// The camera.
        camera: CameraId,
        /// The run.
        run: RunId,
    },
}

/// A viewer that has not taken its last picture for this time is dropped.
const TOO_SLOW: Duration = Duration::from_secs(5);
