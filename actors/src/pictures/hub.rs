//! PictureHub: the actor around the board.

use std::time::Instant;

use actix::prelude::*;
use becamera_domain::{CameraId, Picture, PictureOptions, settings::PictureSettings};
use tokio::sync::mpsc::Receiver;

use super::{Pace, PictureNews, WatchError, board::Board};
use crate::{events::Disconnect, metrics::Metrics};

/// Asks for pictures of a camera. They end when the camera's run does, or when the
/// viewer does not keep up.
#[derive(Debug, Message)]
#[rtype(result = "Result<Receiver<Picture>, WatchError>")]
pub struct WatchCamera {
    /// The camera.
    pub camera: CameraId,
    /// What the pictures are to look like.
    pub options: PictureOptions,
    /// How many.
    pub pace: Pace,
    /// Ends the connection of a viewer that does not keep up.
    pub disconnect: Option<Disconnect>,
}

/// Ends everybody's pictures; nobody gets any more.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ClosePictures;

/// Hands pictures from workers to viewers.
pub struct PictureHub {
    board: Board,
    enabled: bool,
    draining: bool,
    metrics: Metrics,
    next_turn: Option<(Instant, SpawnHandle)>,
}

impl PictureHub {
    /// A hub at which nobody looks.
    pub fn new(settings: &PictureSettings, metrics: Metrics) -> Self {
        Self {
            board: Board::new(settings.max_viewers),
            enabled: settings.enabled,
            draining: false,
            metrics,
            next_turn: None,
        }
    }

    fn settle(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        let due = self.board.turn(now);
        self.metrics.picture_viewers.set(self.board.viewers() as i64);
        let dropped = self.board.take_dropped();
        if dropped > 0 {
            log::info!("{dropped} viewers of pictures did not keep up: dropped");
            self.metrics.picture_viewers_dropped.inc_by(dropped);
        }
        if due == self.next_turn.map(|(at, _)| at) {
            return;
        }
        if let Some((_, handle)) = self.next_turn.take() {
            ctx.cancel_future(handle);
        }
        self.next_turn = due.map(|at| {
            let handle = ctx.run_later(at.saturating_duration_since(now), |hub, ctx| {
                hub.next_turn = None;
                hub.settle(ctx);
            });
            (at, handle)
        });
    }
}

impl Actor for PictureHub {
    type Context = Context<Self>;
}

impl Supervised for PictureHub {}

impl Handler<PictureNews> for PictureHub {
    type Result = ();

    fn handle(&mut self, news: PictureNews, ctx: &mut Self::Context) {
        if self.draining {
            return;
        }
        match news {
            PictureNews::Opened { camera, run, control } => self.board.opened(camera, run, control),
            PictureNews::Ended { camera, run } => self.board.ended(camera, run),
            PictureNews::Made { camera, run, picture } => {
                match &picture.jpeg {
                    Ok(_) => {
                        let label = camera.to_string();
                        self.metrics.pictures_encoded.with_label_values(&[&label]).inc();
                    }
                    Err(why) => log::warn!("camera {camera}: no picture could be made: {why}"),
                }
                self.board.made(camera, run, &picture, Instant::now());
            }
        }
        self.settle(ctx);
    }
}

impl Handler<WatchCamera> for PictureHub {
    type Result = Result<Receiver<Picture>, WatchError>;

    fn handle(&mut self, watch: WatchCamera, ctx: &mut Self::Context) -> Self::Result {
        if !self.enabled {
            return Err(WatchError::Disabled);
        }
        if self.draining {
            return Err(WatchError::Draining);
        }
        let WatchCamera { camera, options, pace, disconnect } = watch;
        let pictures = self.board.watch(camera, options, pace, disconnect, Instant::now())?;
        self.settle(ctx);
        Ok(pictures)
    }
}

impl Handler<ClosePictures> for PictureHub {
    type Result = ();

    fn handle(&mut self, _: ClosePictures, ctx: &mut Self::Context) {
        self.draining = true;
        self.board.clear();
        self.settle(ctx);
    }
}
