//! What a message between the service and a worker process costs.

#![allow(clippy::expect_used, reason = "a benchmark ends with the first surprise")]

use std::hint::black_box;

use becamera_actors::protocol::{MessageBuffer, Reply, write_message};
use becamera_domain::{CameraId, Progress, RunId, Sample, StreamEvent, WorkerId};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn progress() -> Reply {
    Reply::Event(StreamEvent::Progress(Progress {
        frames: 3,
        dropped: 4,
        people: Some(7),
        inference_ms: vec![8.0; 3],
        processing_ms: vec![9.5; 3],
        latency_ms: vec![12.0; 3],
        total_frames: 123_456,
        ..Progress::default()
    }))
}

fn sample() -> Reply {
    Reply::Event(StreamEvent::Sample(Sample {
        camera_id: CameraId::try_from(7).expect("7 is a camera id"),
        run: RunId(1),
        seq: 0,
        bucket_start: chrono::DateTime::UNIX_EPOCH,
        frames: 10,
        people_last: 7,
        people_min: 0,
        people_max: 8,
        people_sum: 32,
        covered_ms: 1_000,
        inference_ms_mean: 8.1,
        worker_id: WorkerId::from_index(3),
        scene: Default::default(),
    }))
}

fn messages(c: &mut Criterion) {
    let mut group = c.benchmark_group("protocol");
    group.throughput(Throughput::Elements(1));
    for (name, message) in [("progress", progress()), ("sample", sample())] {
        let mut wire = Vec::new();
        group.bench_function(format!("write {name}"), |b| {
            b.iter(|| {
                wire.clear();
                write_message(&mut wire, black_box(&message)).expect("a Vec takes everything");
            });
        });
        group.bench_function(format!("read {name}"), |b| {
            let mut buffer = MessageBuffer::default();
            b.iter(|| {
                buffer.extend(black_box(&wire));
                buffer.next_message::<Reply>().expect("we wrote it")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, messages);
criterion_main!(benches);
