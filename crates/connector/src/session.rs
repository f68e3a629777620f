//! A session with a camera, whatever its protocol.

use std::cell::Cell;

use becamera_domain::{Failure, StreamUrl, settings::StreamSettings};

use crate::{
    description::StreamDescription, door::Phase, head::Head, progress::Progress, wire::Wire,
};

/// A session with a camera, whose stream goes to one reader.
pub(crate) trait Session: Sized {
    /// The scheme by which the reader reads it.
    const SCHEME: &'static str;

    /// Connects and asks for the stream; `phase` says what is being waited for.
    async fn open(
        url: &StreamUrl,
        settings: &StreamSettings,
        phase: &Cell<Phase>,
    ) -> Result<(Self, StreamDescription), Failure>;

    /// Serves the reader, whose first request is `first`, until one side ends. The failure is what is
    /// wrong with the camera's stream.
    async fn serve(
        &mut self,
        reader: Wire,
        first: Head,
        progress: &Progress,
    ) -> Result<(), Failure>;

    /// Ends it in order.
    async fn end(&mut self);
}
