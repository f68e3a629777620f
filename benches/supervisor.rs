//! A report's way through the actors: from a worker's thread over its WorkerActor to the
//! supervisor, the metrics, the storage and the subscribers; and a question's way to the pool.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a bench ends with the first surprise"
)]

use std::{
    hint::black_box,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant},
};

use actix::prelude::*;
use becamera_actors::{
    events::Publish,
    job_control::JobControl,
    messages::GetCameras,
    metrics::Metrics,
    pictures::PictureNews,
    pool_supervisor::{PoolSupervisor, PoolSupervisorConfig},
    ports::{EventSink, StreamRunner},
    storage::StoreWrite,
};
use becamera_domain::{
    Camera, Crash, DesiredState, DetectSettings, Exit, Job, LiveEvent, LiveRecord, Progress,
    RunnerInfo, Sample, StreamEvent, StreamInfo, settings::WorkerSettings,
};
use chrono::DateTime;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

#[path = "../tests/integration/support/fixtures.rs"]
mod fixtures;

/// Reports sent at once; each worker's progress comes several times a second in life.
const REPORTS: u32 = 1_000;

/// A worker that reports as often as the bench asks for.
struct Reporter(Arc<std::sync::Mutex<Receiver<u32>>>);

impl StreamRunner for Reporter {
    fn start(&mut self) -> Result<RunnerInfo, Crash> {
        Ok(RunnerInfo { pid: std::process::id(), backend: "none".into() })
    }

    fn run(&mut self, job: &Job, _: &JobControl, sink: &mut dyn EventSink) -> Exit {
        sink.emit(StreamEvent::Opened(StreamInfo { width: 1, height: 1, fps: None }));
        let asked = self.0.lock().unwrap();
        while let Ok(reports) = asked.recv() {
            for seq in 0..reports {
                sink.emit(StreamEvent::Progress(Progress {
                    frames: 3,
                    people: Some(seq),
                    inference_ms: vec![8.0; 3],
                    processing_ms: vec![9.5; 3],
                    latency_ms: vec![12.0; 3],
                    ..Progress::default()
                }));
            }
            sink.emit(StreamEvent::Sample(Sample {
                camera_id: job.camera,
                run: job.run,
                seq: 0,
                bucket_start: DateTime::UNIX_EPOCH,
                frames: 10,
                people_last: 3,
                people_min: 0,
                people_max: 4,
                people_sum: 32,
                covered_ms: 1_000,
                inference_ms_mean: 9.1,
                worker_id: job.worker,
                scene: Default::default(),
            }));
        }
        Exit::Ended
    }

    fn check(&mut self) -> Result<(), Crash> {
        Ok(())
    }

    fn stop(&mut self) {}
}

/// Stands for storage and subscribers; says when the last report of a round has come.
struct Sink(Sender<()>);

impl Actor for Sink {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(usize::MAX >> 4);
    }
}

macro_rules! ignores {
    ($($message:ty),*) => {$(
        impl Handler<$message> for Sink {
            type Result = ();
            fn handle(&mut self, _: $message, _: &mut Self::Context) {}
        }
    )*};
}
ignores!(StoreWrite, PictureNews);

impl Handler<Publish> for Sink {
    type Result = ();

    fn handle(&mut self, Publish(event): Publish, _: &mut Self::Context) {
        if matches!(event, LiveEvent::Changed(LiveRecord::Count(count)) if count.people == REPORTS - 1)
        {
            let _ = self.0.send(());
        }
    }
}

fn supervisor(c: &mut Criterion) {
    let camera = Camera { desired: DesiredState::Running, ..fixtures::camera(1) };
    let (ask, asked) = channel();
    let (come, came) = channel();
    let asked = Arc::new(std::sync::Mutex::new(asked));
    let (ready, pool) = channel();
    std::thread::spawn(move || {
        System::new().block_on(async move {
            let sink = Sink(come).start();
            let config = PoolSupervisorConfig {
                workers: WorkerSettings { count: 1, ..WorkerSettings::default() },
                detect: DetectSettings::default(),
                cameras: vec![camera],
                runners: Arc::new(move |_| Box::new(Reporter(asked.clone()))),
                storage: sink.clone().recipient(),
                pictures: sink.clone().recipient(),
                subscribers: vec![sink.recipient()].into(),
                metrics: Metrics::new("bench").unwrap(),
            };
            ready.send(PoolSupervisor::new(config).start()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    let pool = pool.recv().unwrap();

    let mut group = c.benchmark_group("supervisor");
    group.throughput(Throughput::Elements(REPORTS.into()));
    group.bench_function(format!("{REPORTS} reports"), |b| {
        b.iter_custom(|rounds| {
            let begin = Instant::now();
            for _ in 0..rounds {
                ask.send(REPORTS).unwrap();
                came.recv_timeout(Duration::from_secs(30)).expect("the reports come through");
            }
            begin.elapsed()
        });
    });
    group.throughput(Throughput::Elements(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    group.bench_function("question", |b| {
        b.iter(|| black_box(runtime.block_on(pool.send(GetCameras)).unwrap()));
    });
    group.finish();
}

criterion_group!(benches, supervisor);
criterion_main!(benches);
