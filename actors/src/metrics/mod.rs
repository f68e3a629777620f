//! Every metric of the service, in a registry of its own.
//!
//! Labels are `camera`, `worker`, `line`, `direction`, `zone`, `site`, `reason`, `state`, `route`,
//! `method` and `status` only: never a URL, never anything without bounds. The doc comment's text is the metric's help.

use prometheus::{
    Encoder, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, IntGaugeVec, Opts, Registry, TextEncoder, core::Collector,
};

mod record;

/// The service's metrics. Cheap to clone: every handle is shared.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    /// Workers by status.
    pub workers: IntGaugeVec,
    /// Worker restarts by reason.
    pub worker_restarts: IntCounterVec,
    /// CPU seconds used by each worker's processes.
    pub worker_cpu_seconds: GaugeVec,
    /// Resident memory of each worker's process.
    pub worker_resident_bytes: IntGaugeVec,
    /// Cameras by state.
    pub cameras: IntGaugeVec,
    /// 1 while a camera's frames are analysed, else 0.
    pub camera_up: IntGaugeVec,
    /// Cameras that wait for a worker.
    pub queue_depth: IntGauge,
    /// Frames analysed by camera.
    pub frames_processed: IntCounterVec,
    /// Processed frames in which nothing moved, by camera.
    pub frames_gated: IntCounterVec,
    /// Frames received but not analysed by camera.
    pub frames_dropped: IntCounterVec,
    /// Frames that could not be read or analysed by camera.
    pub frames_errored: IntCounterVec,
    /// Time of an inference.
    pub inference_seconds: HistogramVec,
    /// Work on an analysed frame: convert, detect, count.
    pub frame_processing_seconds: HistogramVec,
    /// Time from receiving a frame to having its count.
    pub frame_latency_seconds: HistogramVec,
    /// Age of a camera's newest counted frame.
    pub frame_age_seconds: GaugeVec,
    /// Frames analysed a second by camera.
    pub frames_per_second: GaugeVec,
    /// Frames to be analysed a second by camera.
    pub frames_per_second_asked: GaugeVec,
    /// Frames a second that the machine can keep up with by camera.
    pub frames_per_second_granted: GaugeVec,
    /// People in a camera's newest counted frame.
    pub people: IntGaugeVec,
    /// Crossings by camera, line and direction.
    pub crossings: IntCounterVec,
    /// People in a camera's zones in the newest second.
    pub zone_occupancy: IntGaugeVec,
    /// People in each site.
    pub site_occupancy: IntGaugeVec,
    /// Reconnects of a camera's stream by reason.
    pub reconnects: IntCounterVec,
    /// Samples written to the database.
    pub samples_written: IntCounter,
    /// Writes to the database that failed.
    pub sample_write_failures: IntCounter,
    /// Writes lost: the database refused them, or the service ended with nowhere to keep them.
    pub samples_lost: IntCounter,
    /// Samples thinned out, oldest first, because there was no room for all that waited.
    pub samples_thinned: IntCounter,
    /// Writes that wait in memory.
    pub samples_buffered: IntGauge,
    /// Writes that wait in the spool.
    pub spool_writes: IntGauge,
    /// Bytes of the spool on disk.
    pub spool_bytes: IntGauge,
    /// Age of the oldest write in the spool; 0 when it is empty.
    pub spool_age_seconds: Gauge,
    /// Time of a batched write to the database.
    pub sample_write_seconds: Histogram,
    /// Operations of publishers and of the cache that failed.
    pub cache_failures: IntCounter,
    /// Clients that follow the events.
    pub sse_clients: IntGauge,
    /// Clients that were dropped because they did not keep up with the events.
    pub sse_clients_dropped: IntCounter,
    /// Pictures made of cameras, by camera.
    pub pictures_encoded: IntCounterVec,
    /// Clients that look at cameras.
    pub picture_viewers: IntGauge,
    /// Clients that were dropped because they did not keep up with the pictures.
    pub picture_viewers_dropped: IntCounter,
    /// Events published to whoever follows.
    pub events_published: IntCounter,
    /// Lines of native libraries' output by worker, shown or not.
    pub native_log_lines: IntCounterVec,
    /// HTTP requests by route, method and status.
    pub http_requests: IntCounterVec,
    /// Time of HTTP requests by route.
    pub http_request_seconds: HistogramVec,
    /// When the service started, Unix time.
    pub start_time: Gauge,
}

const FRAME_BUCKETS: [f64; 13] =
    [0.002, 0.005, 0.01, 0.015, 0.025, 0.04, 0.06, 0.08, 0.1, 0.15, 0.25, 0.5, 1.0];
const REQUEST_BUCKETS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0, 5.0];

impl Metrics {
    /// Registers every metric. `version` and `revision` become the labels of the build info.
    pub fn new(version: &str) -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some("becamera".into()), None)?;
        let r = &registry;
        let build = IntGaugeVec::new(
            Opts::new("build_info", "Always 1; the labels say what runs."),
            &["version"],
        )?;
        build.with_label_values(&[version]).set(1);
        r.register(Box::new(build))?;
        let process = prometheus::process_collector::ProcessCollector::for_self();
        // Process metrics carry no prefix by Prometheus' own convention; see `render`.
        let metrics = Self {
            workers: gauges(r, "workers", "Workers by status.", &["state"])?,
            worker_restarts: counters(
                r,
                "worker_restarts_total",
                "Worker restarts by reason.",
                &["worker", "reason"],
            )?,
            worker_cpu_seconds: add(
                r,
                GaugeVec::new(
                    Opts::new(
                        "worker_cpu_seconds",
                        "CPU seconds used by the worker's present process.",
                    ),
                    &["worker"],
                )?,
            )?,
            worker_resident_bytes: gauges(
                r,
                "worker_resident_bytes",
                "Resident memory of the worker's process.",
                &["worker"],
            )?,
            cameras: gauges(r, "cameras", "Cameras by state.", &["state"])?,
            camera_up: gauges(
                r,
                "camera_up",
                "1 while the camera's frames are analysed, else 0.",
                &["camera"],
            )?,
            queue_depth: add(r, IntGauge::new("queue_depth", "Cameras that wait for a worker.")?)?,
            frames_processed: counters(
                r,
                "frames_processed_total",
                "Frames analysed.",
                &["camera"],
            )?,
            frames_gated: counters(
                r,
                "frames_gated_total",
                "Processed frames in which nothing moved: they keep the count of the one before.",
                &["camera"],
            )?,

            frames_dropped: counters(
                r,
                "frames_dropped_total",
                "Frames received but not analysed: beyond the budget, or the worker was busy.",
                &["camera"],
            )?,
            frames_errored: counters(
                r,
                "frames_errored_total",
                "Frames that could not be read or analysed.",
                &["camera"],
            )?,
            inference_seconds: histograms(
                r,
                "inference_seconds",
                "Time of an inference.",
                &["camera"],
                &FRAME_BUCKETS,
            )?,
            frame_processing_seconds: histograms(
                r,
                "frame_processing_seconds",
                "Work on an analysed frame: convert, detect, count.",
                &["camera"],
                &FRAME_BUCKETS,
            )?,
            frame_latency_seconds: histograms(
                r,
                "frame_latency_seconds",
                "Time from receiving a frame to having its count.",
                &["camera"],
                &FRAME_BUCKETS,
            )?,
            frame_age_seconds: camera_gauge(
                r,
                "frame_age_seconds",
                "Age of the camera's newest counted frame.",
            )?,
            frames_per_second: camera_gauge(
                r,
                "frames_per_second",
                "Frames analysed a second, over the last seconds.",
            )?,
            frames_per_second_asked: camera_gauge(
                r,
                "frames_per_second_asked",
                "Frames a second that the camera's settings ask for, while it is read.",
            )?,
            frames_per_second_granted: camera_gauge(
                r,
                "frames_per_second_granted",
                "Frames a second that the machine can keep up with, while the camera is read.",
            )?,
            people: gauges(
                r,
                "people",
                "People in the camera's newest counted frame.",
                &["camera"],
            )?,
            crossings: counters(
                r,
                "crossings_total",
                "Crossings of the camera's line since it was drawn or the service started.",
                &["camera", "line", "direction"],
            )?,
            zone_occupancy: gauges(
                r,
                "zone_occupancy",
                "People in the camera's zone at the end of the newest second.",
                &["camera", "zone"],
            )?,
            site_occupancy: gauges(
                r,
                "site_occupancy",
                "People in the site, by the crossings of its lines since its reset.",
                &["site"],
            )?,
            reconnects: counters(
                r,
                "reconnects_total",
                "Times the camera's stream had to be opened again, by reason.",
                &["camera", "reason"],
            )?,
            samples_written: add(
                r,
                IntCounter::new("samples_written_total", "Samples written to the database.")?,
            )?,
            sample_write_failures: add(
                r,
                IntCounter::new(
                    "sample_write_failures_total",
                    "Batched writes to the database that failed.",
                )?,
            )?,
            samples_lost: add(
                r,
                IntCounter::new(
                    "samples_lost_total",
                    "Writes lost: the database refused them, or there was nowhere to keep them at the end.",
                )?,
            )?,
            samples_thinned: add(
                r,
                IntCounter::new(
                    "samples_thinned_total",
                    "Samples thinned out, oldest first, because there was no room for all that waited.",
                )?,
            )?,
            samples_buffered: add(
                r,
                IntGauge::new("samples_buffered", "Writes that wait in memory.")?,
            )?,
            spool_writes: add(
                r,
                IntGauge::new("spool_writes", "Writes that wait in the spool on disk.")?,
            )?,
            spool_bytes: add(r, IntGauge::new("spool_bytes", "Bytes of the spool on disk.")?)?,
            spool_age_seconds: add(
                r,
                Gauge::new(
                    "spool_age_seconds",
                    "Age of the oldest write in the spool; 0 when it is empty.",
                )?,
            )?,
            sample_write_seconds: add(
                r,
                Histogram::with_opts(
                    HistogramOpts::new(
                        "sample_write_seconds",
                        "Time of a batched write to the database.",
                    )
                    .buckets(REQUEST_BUCKETS.to_vec()),
                )?,
            )?,
            cache_failures: add(
                r,
                IntCounter::new("cache_failures_total", "Cache operations that failed.")?,
            )?,
            sse_clients: add(r, IntGauge::new("sse_clients", "Clients that follow the events.")?)?,
            sse_clients_dropped: add(
                r,
                IntCounter::new(
                    "sse_clients_dropped_total",
                    "Clients that were dropped because they did not keep up with the events.",
                )?,
            )?,
            pictures_encoded: counters(
                r,
                "pictures_encoded_total",
                "Pictures made of the camera for those who look at it.",
                &["camera"],
            )?,
            picture_viewers: add(
                r,
                IntGauge::new("picture_viewers", "Clients that look at cameras.")?,
            )?,
            picture_viewers_dropped: add(
                r,
                IntCounter::new(
                    "picture_viewers_dropped_total",
                    "Clients that were dropped because they did not keep up with the pictures.",
                )?,
            )?,
            events_published: add(
                r,
                IntCounter::new("events_published_total", "Events published to whoever follows.")?,
            )?,
            native_log_lines: counters(
                r,
                "native_log_lines_total",
                "Lines that native libraries printed in the worker's process.",
                &["worker"],
            )?,
            http_requests: counters(
                r,
                "http_requests_total",
                "HTTP requests.",
                &["route", "method", "status"],
            )?,
            http_request_seconds: histograms(
                r,
                "http_request_seconds",
                "Time of HTTP requests.",
                &["route"],
                &REQUEST_BUCKETS,
            )?,
            start_time: add(
                r,
                Gauge::new("start_time_seconds", "When the service started, Unix time.")?,
            )?,
            registry: registry.clone(),
        };
        metrics.start_time.set(chrono::Utc::now().timestamp_millis() as f64 / 1000.0);
        registry.register(Box::new(process))?;
        Ok(metrics)
    }

    /// The metrics in Prometheus' text format.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        let mut out = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut out)?;
        String::from_utf8(out).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }
}

fn add<C: Collector + Clone + 'static>(
    registry: &Registry,
    metric: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn counters(
    r: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    add(r, IntCounterVec::new(Opts::new(name, help), labels)?)
}

fn gauges(
    r: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntGaugeVec, prometheus::Error> {
    add(r, IntGaugeVec::new(Opts::new(name, help), labels)?)
}

fn camera_gauge(r: &Registry, name: &str, help: &str) -> Result<GaugeVec, prometheus::Error> {
    add(r, GaugeVec::new(Opts::new(name, help), &["camera"])?)
}

fn histograms(
    r: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
    buckets: &[f64],
) -> Result<HistogramVec, prometheus::Error> {
    add(r, HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)?)
}
