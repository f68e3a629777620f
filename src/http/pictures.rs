//! `/cameras/{camera_id}/snapshot.jpg` and `/live.mjpeg`: what a camera sees.

use std::{convert::Infallible, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{Method, header},
    web::{Bytes, BytesMut, Data, Path},
};
use becamera_actors::{
    messages::{CameraView, GetCamera},
    pictures::{Pace, WatchCamera, WatchError},
};
use becamera_domain::{CameraId, CameraState, Picture, PictureOptions, settings::PictureSettings};
use chrono::SecondsFormat;
use futures_util::{Stream, StreamExt, stream};

use super::{HttpState, ask::ask, connection, error::ApiError, query::Query};

/// How long a snapshot may take. A camera that gives frames has one at hand, but where people are
/// blurred it must be the next one, and cameras may be analysed once in ten seconds only.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(12);
/// What separates live pictures. Chance does not make it, and nobody need look for it: every
/// picture says how long it is.
const BOUNDARY: &str = "becamera-picture";
/// Widest that can be asked for; `pictures.max_width` may give less.
const WIDEST: u32 = 10_000;
/// Fastest that can be asked for; `pictures.max_fps` may give less.
const FASTEST: f32 = 60.0;

/// The newest frame.
pub(super) async fn snapshot(
    state: Data<HttpState>,
    id: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let camera: CameraId = id.parse()?;
    let query = Query::parse(request.query_string(), &["annotate", "width", "quality"])?;
    let options = options(&query, &state.picture_settings)?;
    check(&state, camera).await?;
    let mut response = response();
    response.insert_header((header::CONTENT_TYPE, "image/jpeg"));
    if request.method() == Method::HEAD {
        return Ok(response.finish());
    }
    let watch = WatchCamera { camera, options, pace: Pace::Once, disconnect: None };
    let mut pictures = ask(&state.pictures, watch).await??;
    let picture = tokio::time::timeout(SNAPSHOT_TIMEOUT, pictures.recv()).await;
    let picture = picture.map_err(|_| ApiError::NoPictureInTime(camera))?;
    let picture = picture.ok_or(WatchError::NotProcessing(camera))?;
    response.insert_header(("x-captured-at", captured_at(&picture)));
    let jpeg = picture.jpeg.map_err(|_| ApiError::NoPicture(camera))?;
    Ok(response.body(jpeg))
}

/// One picture after another, for as long as the client and the camera go on.
pub(super) async fn live(
    state: Data<HttpState>,
    id: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let camera: CameraId = id.parse()?;
    let query = Query::parse(request.query_string(), &["annotate", "width", "quality", "fps"])?;
    let options = options(&query, &state.picture_settings)?;
    let fps = query.positive("fps", FASTEST)?.unwrap_or(FASTEST);
    let period = Duration::from_secs_f32(1.0 / fps.min(state.picture_settings.max_fps));
    check(&state, camera).await?;
    let mut response = response();
    let media_type = format!("multipart/x-mixed-replace; boundary={BOUNDARY}");
    response
        .insert_header((header::CONTENT_TYPE, media_type))
        // Proxies that gather answers before they pass them on are asked not to.
        .insert_header(("x-accel-buffering", "no"));
    if request.method() == Method::HEAD {
        return Ok(response.finish());
    }
    let disconnect = Some(connection::disconnect(&request));
    let watch = WatchCamera { camera, options, pace: Pace::Every(period), disconnect };
    let mut pictures = ask(&state.pictures, watch).await??;
    let pictures = stream::poll_fn(move |cx| pictures.poll_recv(cx));
    Ok(response.streaming(body(pictures)))
}

/// Browsers show a picture when they have seen the boundary after it: it goes with the picture.
fn body(pictures: impl Stream<Item = Picture>) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let first = Bytes::from(format!("--{BOUNDARY}\r\n"));
    let parts = pictures.filter_map(async |picture| part(&picture));
    stream::iter([first]).chain(parts).map(Ok)
}

fn part(picture: &Picture) -> Option<Bytes> {
    let jpeg = picture.jpeg.as_ref().ok()?;
    let captured_at = captured_at(picture);
    let head = format!(
        "Content-Type: image/jpeg\r\nContent-Length: {}\r\nX-Captured-At: {captured_at}\r\n\r\n",
        jpeg.len()
    );
    let end = format!("\r\n--{BOUNDARY}\r\n");
    let mut part = BytesMut::with_capacity(head.len() + jpeg.len() + end.len());
    for piece in [head.as_bytes(), jpeg, end.as_bytes()] {
        part.extend_from_slice(piece);
    }
    Some(part.freeze())
}

/// No cache keeps pictures. Dashboards of other sites may show them, but not read their pixels: no
/// header lets them.
fn response() -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    response
}

fn captured_at(picture: &Picture) -> String {
    picture.taken_at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn options(query: &Query<'_>, settings: &PictureSettings) -> Result<PictureOptions, ApiError> {
    let width = query.count("width", WIDEST)?.unwrap_or(WIDEST).min(settings.max_width);
    let quality = query.count("quality", 100)?.and_then(|quality| u8::try_from(quality).ok());
    let annotate = query.word("annotate", &[("true", true), ("false", false)])?;
    Ok(PictureOptions {
        width,
        quality: quality.unwrap_or(settings.quality),
        annotate: annotate.unwrap_or(true),
    })
}

/// Whether there is something to see; says what the camera does where there is not.
async fn check(state: &HttpState, camera_id: CameraId) -> Result<(), ApiError> {
    if !state.picture_settings.enabled {
        return Err(WatchError::Disabled.into());
    }
    let view = ask(&state.pool, GetCamera { camera_id }).await??;
    if view.state == CameraState::Processing { Ok(()) } else { Err(not_processing(&view)) }
}

fn not_processing(view: &CameraView) -> ApiError {
    ApiError::CameraGivesNoFrames { camera_id: view.camera.id, state: view.state.as_str() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PictureOptions, String> {
        let query = Query::parse(text, &["annotate", "width", "quality"]);
        let settings = PictureSettings { max_width: 640, quality: 70, ..Default::default() };
        query.and_then(|query| options(&query, &settings)).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_read_and_limited() {
        let default = PictureOptions { width: 640, quality: 70, annotate: true };
        assert_eq!(read(""), Ok(default));
        assert_eq!(read("width=641"), Ok(default));
        let own = PictureOptions { width: 320, quality: 95, annotate: false };
        assert_eq!(read("width=320&quality=95&annotate=false"), Ok(own));
        for (bad, field) in [
            ("width=0", "width"),
            ("width=10001", "width"),
            ("width=-5", "width"),
            ("quality=0", "quality"),
            ("quality=101", "quality"),
            ("annotate=yes", "annotate"),
            ("blur=off", "blur"),
        ] {
            assert!(read(bad).unwrap_err().starts_with(&format!("{field}: ")), "{bad}");
        }
    }
}
