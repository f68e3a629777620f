//! The reader's session: it is given what the camera sends, and nothing that it asks for reaches the
//! camera as it is.

use std::{cell::Cell, io};

use becamera_domain::{Failure, StreamUrl, settings::StreamSettings};
use bytes::BytesMut;
use tokio::time::{Instant, MissedTickBehavior};

use super::{
    camera::{Camera, Transport},
    message::{MAX_GARBAGE, MEDIA, MEDIA_HEAD, Message, take_message},
};
use crate::{
    description::StreamDescription, door::Phase, head::Head, progress::Progress, session::Session,
    wire::Wire,
};

impl Session for Camera {
    const SCHEME: &'static str = "rtsp";

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
        first: Head,
        progress: &Progress,
    ) -> Result<(), Failure> {
        serve(self, reader, first, progress).await
    }

    async fn end(&mut self) {
        self.tear_down().await;
    }
}

/// Serves the reader, whose first request is `first`, until one side ends. The failure is what the
/// camera refused.
async fn serve(
    camera: &mut Camera,
    mut reader: Wire,
    first: Head,
    progress: &Progress,
) -> Result<(), Failure> {
    let mut next = Some(first);
    // Until it plays, only the reader speaks.
    loop {
        let request = match next.take() {
            Some(request) => request,
            None => match reader.head().await {
                Ok(Some(request)) => request,
                _ => return Ok(()),
            },
        };
        let method = request.request().map(|(method, _)| method.to_owned()).unwrap_or_default();
        let played = if method == "PLAY" {
            if let Err(failure) = camera.play(request.get("range").as_deref()).await {
                let _ = reader.write(&answer(&request, "503 Refused", "", "")).await;
                return Err(failure);
            }
            true
        } else {
            false
        };
        if reader.write(&answer_to(camera, &method, &request)).await.is_err() {
            return Ok(());
        }
        if method == "TEARDOWN" {
            return Ok(());
        }
        if played {
            break;
        }
    }
    progress.begun();
    let early = std::mem::take(&mut camera.early);
    if !early.is_empty() {
        progress.received(early.len());
    }
    if reader.write(&early).await.is_ok() {
        // When either side is gone, the other learns it.
        let _ = pass_on(camera, &mut reader, progress).await;
    }
    Ok(())
}

async fn pass_on(camera: &mut Camera, reader: &mut Wire, progress: &Progress) -> io::Result<()> {
    let mut alive = tokio::time::interval_at(Instant::now() + camera.keep_alive, camera.keep_alive);
    alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut batch = BytesMut::new();
    loop {
        batch.clear();
        // Reports alone are no sign that pictures come.
        let mut media = false;
        tokio::select! {
            biased;
            _ = alive.tick() => camera.send_sign_of_life().await?,
            read = reader.fill() => {
                if read? == 0 || !obey(camera, reader).await? {
                    return Ok(());
                }
            }
            received = receive(&mut camera.transport) => {
                let (channel, packet) = received?;
                media = channel == 0;
                batch.extend_from_slice(&[MEDIA, channel]);
                // A datagram's length fits.
                batch.extend_from_slice(&u16::try_from(packet.len()).unwrap_or(0).to_be_bytes());
                batch.extend_from_slice(packet);
            }
            read = camera.wire.fill() => {
                if read? == 0 {
                    reader.finish().await;
                    return Ok(());
                }
                media = take_media(camera, &mut batch).await?;
            }
        }
        if !batch.is_empty() {
            if media {
                progress.received(batch.len());
            }
            reader.write(&batch).await?;
        }
    }
}

/// A datagram; never ends where media comes on the connection.
async fn receive(transport: &mut Transport) -> io::Result<(u8, &[u8])> {
    match transport {
        Transport::Udp(udp) => udp.receive().await,
        Transport::Interleaved(..) => std::future::pending().await,
    }
}

/// Takes the media of the reader's channels from what the camera sent. Whether there was any but
/// reports.
async fn take_media(camera: &mut Camera, batch: &mut BytesMut) -> io::Result<bool> {
    let mut any = false;
    while let Some(message) = take_message(&mut camera.wire.buffer)? {
        match message {
            Message::Media(packet) => {
                if let Transport::Interleaved(media, reports) = camera.transport
                    && [media, reports].contains(&packet[1])
                {
                    any |= packet[1] == media;
                    batch.extend_from_slice(&packet);
                }
            }
            Message::Head(head) if head.protocol() == "RTSP" => {
                camera.wire.skip(head.content_length().unwrap_or(0).min(MAX_GARBAGE)).await?;
                camera.take_sign_of_life(&head);
            }
            Message::Head(head) => camera.reply(&head).await,
        }
    }
    Ok(any)
}

/// Does what the reader asks for while it is played to. `false` when it has enough.
async fn obey(camera: &mut Camera, reader: &mut Wire) -> io::Result<bool> {
    while let Some(message) = take_message(&mut reader.buffer)? {
        match message {
            Message::Media(report) => match &camera.transport {
                Transport::Interleaved(..) => camera.wire.write(&report).await?,
                Transport::Udp(udp) => udp.report(&report[MEDIA_HEAD..]).await,
            },
            Message::Head(request) => {
                let method = request.request().map(|(method, _)| method).unwrap_or_default();
                reader.write(&answer_to(camera, method, &request)).await?;
                if method == "TEARDOWN" {
                    return Ok(false);
                }
            }
        }
    }
    Ok(true)
}

/// The answer to a reader's request.
fn answer_to(camera: &Camera, method: &str, request: &Head) -> Vec<u8> {
    match method {
        "OPTIONS" => {
            let public = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n";
            answer(request, "200 OK", public, "")
        }
        "DESCRIBE" => {
            let kind = "Content-Type: application/sdp\r\n";
            answer(request, "200 OK", kind, &camera.description)
        }
        "SETUP" => {
            let (media, reports) = match camera.transport {
                Transport::Interleaved(media, reports) => (media, reports),
                Transport::Udp(_) => (0, 1),
            };
            let headers = format!(
                "Session: 1;timeout=3600\r\n\
                 Transport: RTP/AVP/TCP;unicast;interleaved={media}-{reports}\r\n"
            );
            answer(request, "200 OK", &headers, "")
        }
        "PLAY" | "GET_PARAMETER" | "SET_PARAMETER" | "TEARDOWN" => {
            answer(request, "200 OK", "Session: 1\r\n", "")
        }
        _ => answer(request, "501 Not Implemented", "", ""),
    }
}

fn answer(request: &Head, status: &str, headers: &str, body: &str) -> Vec<u8> {
    let sequence = request.get("cseq").unwrap_or_default();
    let length = body.len();
    format!(
        "RTSP/1.0 {status}\r\nCSeq: {sequence}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
