//! The reader's answer: the camera's body, with pictures in good order.

use std::{cell::Cell, io};

use becamera_domain::{Failure, StreamUrl, settings::StreamSettings};
use bytes::Bytes;

use super::{
    camera::{Camera, Content},
    jpeg::Pictures,
};
use crate::{
    description::StreamDescription, door::Phase, head::Head, progress::Progress,
    refusal::unsupported, session::Session, wire::Wire,
};

const BOUNDARY: &str = "becamera-picture";

/// Bytes without a picture after which there is none.
const MAX_WITHOUT: usize = 16 * 1024 * 1024;

impl Session for Camera {
    const SCHEME: &'static str = "http";

    async fn open(
        url: &StreamUrl,
        settings: &StreamSettings,
        phase: &Cell<Phase>,
    ) -> Result<(Self, StreamDescription), Failure> {
        Self::open(url, settings, phase).await
    }

    async fn serve(
        &mut self,
        reader: Wire,
        _first: Head,
        progress: &Progress,
    ) -> Result<(), Failure> {
        serve(self, reader, progress).await
    }

    async fn end(&mut self) {}
}

/// Serves the reader until one side ends. The failure is what is wrong with the camera's stream.
async fn serve(camera: &mut Camera, mut reader: Wire, progress: &Progress) -> Result<(), Failure> {
    let kind = match &camera.content {
        Content::Pictures { .. } => format!("multipart/x-mixed-replace; boundary={BOUNDARY}"),
        Content::Video(kind) if kind.bytes().all(|byte| byte.is_ascii_graphic()) => kind.clone(),
        Content::Video(_) => String::new(),
    };
    let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
    let head = format!("HTTP/1.1 200 OK\r\n{kind}Connection: close\r\n\r\n");
    if reader.write(head.as_bytes()).await.is_err() {
        return Ok(());
    }
    progress.begun();
    let ended = match camera.content.clone() {
        Content::Video(_) => pass_on(camera, &mut reader, progress).await.map(|()| None),
        Content::Pictures { else_a } => pass_pictures(camera, &mut reader, progress, else_a).await,
    };
    reader.finish().await;
    // When either side is gone, the other learns it.
    ended.unwrap_or_default().map_or(Ok(()), Err)
}

/// The next piece of the body; `None` at its end, or when the reader is gone.
async fn next(camera: &mut Camera, reader: &mut Wire) -> io::Result<Option<Bytes>> {
    loop {
        tokio::select! {
            biased;
            read = reader.fill() => {
                if read? == 0 {
                    return Ok(None);
                }
                // It has nothing more to say.
                reader.buffer.clear();
            }
            piece = camera.body.next(&mut camera.wire) => return piece,
        }
    }
}

async fn pass_on(camera: &mut Camera, reader: &mut Wire, progress: &Progress) -> io::Result<()> {
    while let Some(piece) = next(camera, reader).await? {
        progress.received(piece.len());
        reader.write(&piece).await?;
    }
    Ok(())
}

async fn pass_pictures(
    camera: &mut Camera,
    reader: &mut Wire,
    progress: &Progress,
    else_a: Option<&'static str>,
) -> io::Result<Option<Failure>> {
    let (mut pictures, mut found, mut passed) = (Pictures::default(), 0_u64, 0);
    while let Some(piece) = next(camera, reader).await? {
        progress.received(piece.len());
        pictures.add(&piece);
        passed += piece.len();
        while let Some(picture) = pictures.next() {
            (found, passed) = (found + 1, 0);
            let length = picture.len();
            let head = format!(
                "--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n"
            );
            reader.write(&[head.as_bytes(), &picture, b"\r\n"].concat()).await?;
        }
        if found == 0 && passed > MAX_WITHOUT {
            return Ok(Some(unsupported("The address gives a stream without any JPEG picture")));
        }
    }
    let nothing_more = else_a.filter(|_| found <= 1);
    Ok(nothing_more
        .map(|kind| unsupported(format!("The address gives a {kind}, not a video stream"))))
}
