//! Every metric of the service, in a registry of its own.
//!
//! Labels are `camera`, `worker`, `line`, `direction`, `zone`, `site`, `reason`, `state`, `route`,
//! `method` and `status` only: never a URL, never anything without bounds.

mod declare;
mod record;
mod reference;

use prometheus::{
    Encoder, Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Registry, TextEncoder, process_collector::ProcessCollector,
};

use declare::{Collected, Declaration, metrics};
pub use reference::reference;

/// Seconds of work on a frame.
const FRAME_BUCKETS: &[f64] =
    &[0.002, 0.005, 0.01, 0.015, 0.025, 0.04, 0.06, 0.08, 0.1, 0.15, 0.25, 0.5, 1.0];

/// Seconds of a request.
const REQUEST_BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0, 5.0];

metrics! {
    /// Always 1; the label says which version runs.
    build_info: IntGaugeVec = "build_info" ["version"],
    /// When the service started, as Unix time.
    start_time: Gauge = "start_time_seconds",

    /// Workers in each state.
    workers: IntGaugeVec = "workers" ["state"],
    /// Restarts of workers by reason.
    worker_restarts: IntCounterVec = "worker_restarts_total" ["worker", "reason"],
    /// CPU seconds used by the worker's present process.
    worker_cpu_seconds: GaugeVec = "worker_cpu_seconds" ["worker"],
    /// Resident memory of the worker's process.
    worker_resident_bytes: IntGaugeVec = "worker_resident_bytes" ["worker"],
    /// Lines that native libraries printed in the worker's process, logged or not.
    native_log_lines: IntCounterVec = "native_log_lines_total" ["worker"],

    /// Cameras in each state.
    cameras: IntGaugeVec = "cameras" ["state"],
    /// Cameras that wait for a worker.
    queue_depth: IntGauge = "queue_depth",
    /// 1 while the camera's frames are analysed, else 0.
    camera_up: IntGaugeVec = "camera_up" ["camera"],
    /// Times that the camera's stream had to be opened again, by reason.
    reconnects: IntCounterVec = "reconnects_total" ["camera", "reason"],

    /// Frames analysed.
    frames_processed: IntCounterVec = "frames_processed_total" ["camera"],
    /// Analysed frames without motion: they keep the previous count, without inference.
    frames_gated: IntCounterVec = "frames_gated_total" ["camera"],
    /// Frames received but not analysed: beyond the budget, or the worker was busy.
    frames_dropped: IntCounterVec = "frames_dropped_total" ["camera"],
    /// Frames that could not be read or analysed.
    frames_errored: IntCounterVec = "frames_errored_total" ["camera"],
    /// Frames analysed per second, over the last seconds.
    frames_per_second: GaugeVec = "frames_per_second" ["camera"],
    /// Frames per second that the camera's settings ask for, while its stream is read.
    frames_per_second_asked: GaugeVec = "frames_per_second_asked" ["camera"],
    /// Frames per second that the machine keeps pace with, while the camera's stream is read.
    frames_per_second_granted: GaugeVec = "frames_per_second_granted" ["camera"],
    /// Duration of an inference.
    inference_seconds: HistogramVec = "inference_seconds" ["camera"] FRAME_BUCKETS,
    /// Work on an analysed frame: conversion, detection, tracking, counting.
    frame_processing_seconds: HistogramVec = "frame_processing_seconds" ["camera"] FRAME_BUCKETS,
    /// Time from the reception of a frame to its count.
    frame_latency_seconds: HistogramVec = "frame_latency_seconds" ["camera"] FRAME_BUCKETS,
    /// Age of the camera's newest counted frame.
    frame_age_seconds: GaugeVec = "frame_age_seconds" ["camera"],

    /// People in the camera's newest counted frame.
    people: IntGaugeVec = "people" ["camera"],
    /// Crossings of the camera's line since it was drawn or the service started.
    crossings: IntCounterVec = "crossings_total" ["camera", "line", "direction"],
    /// People in the camera's zone at the end of the newest second.
    zone_occupancy: IntGaugeVec = "zone_occupancy" ["camera", "zone"],
    /// People in the site, by the crossings of its lines since its reset.
    site_occupancy: IntGaugeVec = "site_occupancy" ["site"],

    /// Samples written to the database.
    samples_written: IntCounter = "samples_written_total",
    /// Batched writes to the database that failed.
    sample_write_failures: IntCounter = "sample_write_failures_total",
    /// Duration of a batched write to the database.
    sample_write_seconds: Histogram = "sample_write_seconds" [] REQUEST_BUCKETS,
    /// Writes lost: the database refused them, or nothing could keep them when the service ended.
    samples_lost: IntCounter = "samples_lost_total",
    /// Samples thinned out, oldest first, because there was no room for all that waited.
    samples_thinned: IntCounter = "samples_thinned_total",
    /// Writes that wait in memory.
    samples_buffered: IntGauge = "samples_buffered",
    /// Writes that wait in the spool on disk.
    spool_writes: IntGauge = "spool_writes",
    /// Size of the spool on disk.
    spool_bytes: IntGauge = "spool_bytes",
    /// Age of the oldest write in the spool; 0 when it is empty.
    spool_age_seconds: Gauge = "spool_age_seconds",
    /// Operations of publishers and of the cache that failed.
    cache_failures: IntCounter = "cache_failures_total",

    /// Events published to all subscribers.
    events_published: IntCounter = "events_published_total",
    /// Clients that receive live events.
    sse_clients: IntGauge = "sse_clients",
    /// Clients that were disconnected because they did not keep up with the events.
    sse_clients_dropped: IntCounter = "sse_clients_dropped_total",
    /// Pictures made of the camera for its viewers.
    pictures_encoded: IntCounterVec = "pictures_encoded_total" ["camera"],
    /// Clients that receive pictures.
    picture_viewers: IntGauge = "picture_viewers",
    /// Clients that were disconnected because they did not keep up with the pictures.
    picture_viewers_dropped: IntCounter = "picture_viewers_dropped_total",

    /// HTTP requests.
    http_requests: IntCounterVec = "http_requests_total" ["route", "method", "status"],
    /// Duration of HTTP requests.
    http_request_seconds: HistogramVec = "http_request_seconds" ["route"] REQUEST_BUCKETS,
}

impl Metrics {
    /// Registers every metric and those of the process itself. `version` becomes the label of the
    /// build info. Fails when two metrics have the same name, or a name that Prometheus forbids.
    pub fn new(version: &str) -> Result<Self, prometheus::Error> {
        let metrics = Self::register(Registry::new_custom(Some("becamera".into()), None)?)?;
        metrics.build_info.with_label_values(&[version]).set(1);
        metrics.start_time.set(chrono::Utc::now().timestamp_millis() as f64 / 1000.0);
        metrics.registry.register(Box::new(ProcessCollector::for_self()))?;
        Ok(metrics)
    }

    /// The metrics in Prometheus' text format.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        let mut out = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut out)?;
        String::from_utf8(out).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }
}
