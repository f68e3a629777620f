//! A service that starts again: what ran goes on, one camera after another.

use super::*;

const INTERVAL: f64 = 0.25;

fn registered(id: i64, desired: DesiredState) -> Camera {
    Camera {
        id: camera(id),
        name: None,
        stream_url: StreamUrl::trusted("rtsp://cam/1").unwrap(),
        settings: CameraSettings::default(),
        desired,
        created_at: chrono::DateTime::UNIX_EPOCH,
        updated_at: chrono::DateTime::UNIX_EPOCH,
    }
}

fn running(count: i64) -> Vec<Camera> {
    (1..=count).map(|id| registered(id, DesiredState::Running)).collect()
}

impl World {
    fn busy(&self) -> usize {
        self.jobs.iter().flatten().count()
    }

    /// When the pool asks to be looked at next, in seconds from now.
    fn due(&mut self) -> Option<f64> {
        let due = self.pool.tick(self.now);
        self.settle();
        due.map(|due| due.duration_since(self.now.mono).as_secs_f64())
    }
}

#[test]
fn sixteen_cameras_open_an_interval_apart() {
    let mut world = World::resuming(16, running(16));
    assert_eq!(world.busy(), 0, "no worker is ready");
    world.settle();
    for started in 1..=16 {
        assert_eq!(world.busy(), started, "one at a time");
        assert_eq!(world.queued().len(), 16 - started);
        match world.due() {
            Some(wait) => assert!((wait - INTERVAL).abs() < 1e-6, "{wait}"),
            None => assert_eq!(started, 16, "nothing is left to do"),
        }
        world.pass(INTERVAL - 0.001);
        assert_eq!(world.busy(), started, "not before its time");
        world.pass(0.001);
    }
    assert_eq!(world.audit, [], "nobody did anything");
}

#[test]
fn only_what_ran_comes_back() {
    let cameras = vec![registered(1, DesiredState::Stopped), registered(2, DesiredState::Running)];
    let mut world = World::resuming(2, cameras);
    world.settle();
    assert_eq!((world.state(1), world.state(2)), (CameraState::Stopped, CameraState::Opening));
    assert_eq!(world.due(), None);
}

#[test]
fn an_operator_need_not_wait_for_it() {
    let mut world = World::resuming(3, running(2));
    world.settle();
    assert_eq!((world.busy(), world.queued()), (1, vec![2]));
    assert!(world.start(7, live()).is_ok(), "at once, before those that resume");
    assert_eq!((world.busy(), world.queued()), (2, vec![2]));
    world.pass(INTERVAL);
    assert_eq!((world.busy(), world.queued()), (3, vec![]));
}

#[test]
fn with_too_few_workers_it_is_first_come_first_served() {
    let mut world = World::resuming(1, running(3));
    world.settle();
    assert_eq!((world.busy(), world.due()), (1, None), "until a worker is free");
    world.start(9, live()).unwrap_err();
    assert_eq!(world.queued(), [2, 3, 9]);
    world.pass(10.0);
    world.finish(worker(1), Exit::Ended);
    assert_eq!((world.worker_of(2), world.queued()), (Some(worker(1)), vec![3, 9]));
}

#[test]
fn a_camera_that_is_stopped_or_deleted_meanwhile_stays_so() {
    let mut world = World::resuming(4, running(4));
    world.settle();
    world.pool.stop_camera(camera(2), &me(), world.now).unwrap();
    world.pool.delete_camera(camera(3), &me(), world.now).unwrap();
    world.settle();
    world.pass(INTERVAL);
    assert_eq!((world.state(2), world.worker_of(4)), (CameraState::Stopped, Some(worker(2))));
    assert_eq!((world.busy(), world.due()), (2, None));
    assert!(world.start(2, CameraPatch::default()).is_ok(), "as any other camera");
}

proptest! {
    /// However late it is looked at and whatever ends meanwhile: no two streams open within the
    /// interval, and nobody looks in vain.
    #[test]
    fn streams_open_at_a_distance(
        workers in 1..6usize,
        cameras in 0..10i64,
        waits in prop::collection::vec((0.0..0.4f64, 0..6usize), 60),
    ) {
        let mut world = World::resuming(workers, running(cameras));
        let mut resumed = std::collections::BTreeMap::new();
        world.settle();
        for (wait, ending) in waits {
            for job in world.jobs.iter().flatten() {
                resumed.entry(job.camera).or_insert(world.now.mono);
            }
            if let Some(at) = world.pool.tick(world.now) {
                prop_assert!(at > world.now.mono, "it would be looked at for ever");
            }
            world.settle();
            world.pass(wait);
            if ending < workers {
                world.finish(worker(ending + 1), Exit::Ended);
            }
        }
        let mut times: Vec<_> = resumed.values().copied().collect();
        times.sort();
        let far = |pair: &[Instant]| (pair[1] - pair[0]).as_secs_f64() >= INTERVAL - 1e-6;
        prop_assert!(times.windows(2).all(far), "{times:?}");
    }
}
