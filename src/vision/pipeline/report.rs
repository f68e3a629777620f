//! What a live stream's frame loop reports to the worker, and what the worker's `JobControl` asks of it.

use std::time::{Duration, Instant};

use becamera_actors::{job_control::JobControl, ports::EventSink};
use becamera_counting::{
    counter::{RunNumbering, SecondCount},
    scene::SceneTotals,
};
use becamera_domain::{
    Budget, CameraId, Failure, Job, Progress, Scene, StreamEvent, StreamInfo, ZoneId,
    settings::PictureSettings,
};
use opencv::core::Mat;

use crate::vision::{
    detector::DetectorError,
    frame_loop::{CountedFrame, FrameSink, milliseconds},
    picture::PictureDesk,
    source::Reading,
};

/// Changes are gathered for this time before they are reported …
const REPORT_INTERVAL: Duration = Duration::from_millis(250);

/// … except a change of the count, which is reported at once, but at least this time after the one
/// before.
const CHANGE_INTERVAL: Duration = Duration::from_millis(90);

/// Without changes a heartbeat is sent this often.
const HEARTBEAT: Duration = Duration::from_millis(800);

/// Gathers what is reported, so that the worker gets a few events per second.
pub(super) struct Report<'a> {
    camera: CameraId,
    control: &'a JobControl,
    sink: &'a mut dyn EventSink,
    desk: PictureDesk,
    numbering: RunNumbering,
    progress: Progress,
    sent: Instant,
    sent_people: Option<u32>,
    sent_zones: Vec<(ZoneId, u32)>,
    sent_change: Instant,
}

impl<'a> Report<'a> {
    /// The report of a job that begins now.
    pub(super) fn new(
        job: &Job,
        pictures: PictureSettings,
        control: &'a JobControl,
        sink: &'a mut dyn EventSink,
    ) -> Self {
        let sent = Instant::now();
        Self {
            camera: job.camera,
            control,
            sink,
            desk: PictureDesk::new(pictures, job.scene.clone()),
            numbering: RunNumbering::new(job),
            progress: Progress::default(),
            sent,
            sent_people: None,
            sent_zones: Vec::new(),
            sent_change: sent,
        }
    }

    /// Sends a heartbeat when it is due; gives whether the job goes on.
    pub(super) fn keep_waiting(&mut self) -> bool {
        self.tick(&[]);
        !self.control.is_cancelled()
    }

    /// Reports what is left when the frame loop has ended.
    pub(super) fn finish(&mut self, totals: &SceneTotals, last: Option<SecondCount>) {
        self.send(&totals.occupancy);
        if let Some(count) = last {
            self.second(count);
        }
    }

    fn tick(&mut self, zones: &[(ZoneId, u32)]) {
        let Progress { people, frames, dropped, errors, .. } = self.progress;
        let waiting = frames + dropped + errors > 0;
        let changed = people != self.sent_people || *zones != self.sent_zones;
        if changed && self.sent_change.elapsed() >= CHANGE_INTERVAL {
            self.sent_change = Instant::now();
            self.send(zones);
        } else if self.sent.elapsed() >= if waiting { REPORT_INTERVAL } else { HEARTBEAT } {
            self.send(zones);
        }
    }

    fn send(&mut self, zones: &[(ZoneId, u32)]) {
        let Progress { people, total_frames, budget, .. } = self.progress;
        let next = Progress { people, total_frames, budget, ..Progress::default() };
        let mut progress = std::mem::replace(&mut self.progress, next);
        progress.zones = zones.to_vec();
        self.sent_zones.clone_from(&progress.zones);
        self.sink.emit(StreamEvent::Progress(progress));
        self.sent = Instant::now();
        self.sent_people = people;
    }
}

impl FrameSink for Report<'_> {
    fn is_cancelled(&self) -> bool {
        self.control.is_cancelled()
    }

    fn begin_turn(&mut self, reading: Reading, budget: Option<Budget>) -> Option<Scene> {
        self.progress.dropped += reading.dropped;
        self.progress.errors += reading.damaged;
        self.progress.budget = budget;
        self.desk.take_snapshot_requests(self.control);
        let scene = self.control.take_scene_update();
        if let Some(scene) = &scene {
            self.desk.update_scene(scene.clone());
        }
        scene
    }

    fn opened(&mut self, info: StreamInfo) {
        self.sink.emit(StreamEvent::Opened(info));
    }

    fn begin_frame(&mut self) -> bool {
        self.desk.begin();
        self.desk.needs_people()
    }

    fn second(&mut self, count: SecondCount) {
        let sample = self.numbering.sample(count);
        self.sink.emit(StreamEvent::Sample(sample));
    }

    fn counted(&mut self, frame: CountedFrame<'_>) {
        for crossing in frame.crossings {
            let crossing = self.numbering.crossing(frame.date, crossing);
            self.sink.emit(StreamEvent::Crossing(crossing));
        }
        let people = frame.analysis.people.len();
        let progress = &mut self.progress;
        progress.frames += 1;
        progress.total_frames += 1;
        progress.gated += u32::from(frame.analysis.held);
        progress.people = Some(u32::try_from(people).unwrap_or(u32::MAX));
        progress.inference_ms.extend(frame.inference_ms);
        progress.processing_ms.push(milliseconds(frame.started.elapsed()));
        progress.latency_ms.push(milliseconds(frame.received.elapsed()));
        self.desk.found(frame.date, &frame.analysis, frame.full_scan);
    }

    fn not_analysed(&mut self, error: &DetectorError) {
        self.progress.errors += 1;
        log::debug!("camera {}: a frame was not analysed: {error}", self.camera);
    }

    fn end_turn(
        &mut self,
        frame: &mut Mat,
        _decoded: bool,
        totals: &SceneTotals,
    ) -> Result<(), Failure> {
        self.tick(&totals.occupancy);
        self.desk.serve(frame, totals, self.sink);
        Ok(())
    }
}
