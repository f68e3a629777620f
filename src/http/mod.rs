//! The REST interface: HTTP calls become actor messages. This file is the table of contents.

mod analytics;
mod ask;
mod audit;
mod body;
mod callers;
mod cameras;
mod connection;
mod count_dto;
mod counts;
mod crossings;
mod csv_stream;
mod cursor;
mod dto;
mod envelope;
mod error;
mod events;
mod format;
mod health;
mod history;
mod listing;
mod metrics;
mod observe;
mod pictures;
mod query;
mod queue;
mod routes;
mod samples;
mod scene_dto;
mod scene_items;
mod sites;
mod sse;
mod state;
mod times;
mod workers;

use std::{io, net::TcpListener, time::Duration};

use actix_web::{
    App, HttpServer,
    dev::Server,
    middleware::from_fn,
    web::{self, ServiceConfig},
};
use becamera_domain::{Line, Zone, settings::ServerSettings};
pub use callers::Callers;
use error::ApiError;
use routes::resource;
pub use sse::SseEncoder;
pub use state::{HttpState, Lifecycle};

/// Threads that answer HTTP: handlers only pass messages on.
const THREADS: usize = 2;
/// How long a client may take to send a request's head.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an idle connection stays open.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// How long a stopping server waits for answers under way, in seconds.
const SHUTDOWN_TIMEOUT: u64 = 1;

/// Every route of the service.
pub fn configure(cfg: &mut ServiceConfig, state: HttpState) {
    cfg.app_data(web::Data::new(state))
        .service(resource("/livez").get(health::live))
        .service(resource("/readyz").get(health::ready))
        .service(resource("/health").get(health::health))
        .service(resource("/metrics").get(metrics::metrics))
        .service(
            web::scope("/api/v1")
                .service(resource("/health").get(health::health))
                .service(resource("/cameras").get(cameras::list))
                .service(
                    resource("/cameras/{camera_id}")
                        .get(cameras::get)
                        .put(cameras::put)
                        .delete(cameras::delete),
                )
                .service(resource("/cameras/{camera_id}/start").post(cameras::start))
                .service(resource("/cameras/{camera_id}/stop").post(cameras::stop))
                .service(resource("/cameras/{camera_id}/snapshot.jpg").get(pictures::snapshot))
                .service(resource("/cameras/{camera_id}/live.mjpeg").get(pictures::live))
                .service(resource("/cameras/{camera_id}/count").get(counts::latest))
                .service(resource("/cameras/{camera_id}/counts").get(counts::history))
                .service(resource("/cameras/{camera_id}/lines").get(scene_items::list::<Line>))
                .service(
                    resource("/cameras/{camera_id}/lines/{line_id}")
                        .get(scene_items::get::<Line>)
                        .put(scene_items::put::<Line>)
                        .delete(scene_items::delete::<Line>),
                )
                .service(
                    resource("/cameras/{camera_id}/lines/{line_id}/counts").get(history::of_line),
                )
                .service(
                    resource("/cameras/{camera_id}/zones/{zone_id}/counts").get(history::of_zone),
                )
                .service(resource("/cameras/{camera_id}/crossings").get(crossings::list))
                .service(resource("/cameras/{camera_id}/zones").get(scene_items::list::<Zone>))
                .service(
                    resource("/cameras/{camera_id}/zones/{zone_id}")
                        .get(scene_items::get::<Zone>)
                        .put(scene_items::put::<Zone>)
                        .delete(scene_items::delete::<Zone>),
                )
                .service(resource("/counts").get(history::cameras))
                .service(resource("/analytics/summary").get(analytics::summary))
                .service(resource("/cameras/{camera_id}/audit").get(audit::of_camera))
                .service(resource("/audit").get(audit::list))
                .service(resource("/sites").get(sites::list))
                .service(
                    resource("/sites/{site_id}")
                        .get(sites::get)
                        .put(sites::put)
                        .delete(sites::delete),
                )
                .service(resource("/sites/{site_id}/correction").post(sites::correct))
                .service(resource("/workers").get(workers::list))
                .service(resource("/workers/{worker_id}").get(workers::get))
                .service(resource("/workers/{worker_id}/restart").post(workers::restart))
                .service(resource("/queue").get(queue::list))
                .service(resource("/events").get(events::subscribe)),
        )
        .default_service(web::to(async || -> Result<&str, _> { Err(ApiError::RouteNotFound) }));
}

/// Takes the address to listen on: early, so that a second service ends before it does anything.
/// Callers that come before [`server`] runs wait.
pub fn listen(settings: &ServerSettings) -> io::Result<TcpListener> {
    TcpListener::bind(settings.bind).map_err(|error| {
        io::Error::new(error.kind(), format!("can't listen on {}: {error}", settings.bind))
    })
}

/// The server, which serves once it is awaited or spawned. Signals do not stop it: its
/// handle does.
pub fn server(state: HttpState, listener: TcpListener) -> io::Result<Server> {
    let server = HttpServer::new(move || {
        let state = state.clone();
        App::new().wrap(from_fn(observe::observe)).configure(|cfg| configure(cfg, state))
    })
    .workers(THREADS)
    .disable_signals()
    .tcp_nodelay(true)
    .on_connect(connection::prepare)
    .client_request_timeout(REQUEST_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(SHUTDOWN_TIMEOUT)
    .listen(listener)?;
    Ok(server.run())
}

#[cfg(test)]
mod tests;
