use super::*;
use crate::image::BgrBuffer;

const FRAME: FrameSize = FrameSize::new(768, 576);
const WHOLE: [BoundingBox; 1] = [BoundingBox { left: 0.0, top: 0.0, width: 768.0, height: 576.0 }];
const RED: [u8; 3] = [20, 20, 200];
const BLUE: [u8; 3] = [200, 40, 20];

fn at(left: f32, top: f32) -> BoundingBox {
    BoundingBox { left, top, width: 30.0, height: 80.0 }
}

fn seen(bbox: BoundingBox, score: f32, colour: [u8; 3]) -> Observation {
    let frame = BgrBuffer::filled(100, 100, colour);
    let everywhere = BoundingBox::from_corners(0.0, 0.0, 100.0, 100.0);
    let appearance = Appearance::of(frame.image(), &everywhere, &[]);
    Observation { detection: Detection { bbox, score }, appearance }
}

/// A tracker and its frame's number.
struct Scene {
    tracker: Tracker,
    frame: u32,
}

impl Scene {
    fn new() -> Self {
        Self { tracker: Tracker::new(Scores::of(0.45)), frame: 0 }
    }

    fn scan(&mut self, parts: &[BoundingBox], found: Vec<Observation>) -> Vec<TrackedPerson> {
        self.pass();
        self.tracker.update(FRAME, parts, found);
        self.tracker.people(FRAME)
    }

    fn whole(&mut self, found: Vec<Observation>) -> Vec<TrackedPerson> {
        self.scan(&WHOLE, found)
    }

    /// A frame in which nobody is looked for.
    fn pass(&mut self) -> Vec<TrackedPerson> {
        self.frame += 1;
        self.tracker.predict(STEP * self.frame);
        self.tracker.people(FRAME)
    }

    /// A person walks to the right, 5 pixels a frame, for `frames` frames.
    fn walk(&mut self, frames: u32) -> Vec<TrackedPerson> {
        self.walk_with_score(frames, 0.7)
    }

    fn walk_with_score(&mut self, frames: u32, score: f32) -> Vec<TrackedPerson> {
        let mut people = Vec::new();
        for _ in 0..frames {
            let left = 100.0 + 5.0 * (self.frame + 1) as f32;
            people = self.whole(vec![seen(at(left, 200.0), score, RED)]);
        }
        people
    }
}

#[test]
fn somebody_counts_from_the_second_sight_and_keeps_the_number() {
    let mut scene = Scene::new();
    assert!(scene.walk(1).is_empty());
    let people = scene.walk(1);
    assert_eq!((people.len(), people[0].id, people[0].seen), (1, TrackId(1), true));
    let later = scene.walk(40);
    assert_eq!((later.len(), later[0].id), (1, TrackId(1)));
    assert!((later[0].confidence - 0.7).abs() < 1e-3);
    assert!((later[0].bbox.left - 310.0).abs() < 2.0, "{:?}", later[0].bbox);
}

#[test]
fn somebody_certain_counts_at_once_and_is_forgotten_as_fast() {
    let mut scene = Scene::new();
    let first = scene.walk_with_score(1, 0.9);
    assert_eq!((first.len(), first[0].id), (1, TrackId(1)));
    assert!(scene.tracker.is_unsettled());
    assert_eq!(scene.walk_with_score(1, 0.9)[0].id, TrackId(1));
    assert!(!scene.tracker.is_unsettled());
    let mut mistaken = Scene::new();
    assert_eq!(mistaken.walk_with_score(1, 0.9).len(), 1);
    assert_eq!(mistaken.whole(vec![]).len(), 1, "missed once");
    assert!(mistaken.whole(vec![]).is_empty());
    assert!(mistaken.tracker.tracks.is_empty());
}

#[test]
fn a_single_detection_counts_no_person() {
    let mut scene = Scene::new();
    scene.whole(vec![seen(at(100.0, 100.0), 0.75, RED)]);
    scene.whole(vec![]);
    assert_eq!(scene.tracker.tracks.len(), 1, "it may be found again");
    scene.whole(vec![]);
    assert!(scene.tracker.tracks.is_empty());
    // A weak one is not even a beginning.
    (0..9).for_each(|_| _ = scene.whole(vec![seen(at(100.0, 100.0), 0.6, RED)]));
    assert!(scene.tracker.tracks.is_empty());
}

#[test]
fn a_track_is_missed_only_where_the_detector_ran() {
    let mut scene = Scene::new();
    let before = scene.walk(10);
    let elsewhere = [BoundingBox { left: 500.0, top: 0.0, width: 200.0, height: 200.0 }];
    for n in 1..=8u8 {
        let people = if n % 2 == 0 { scene.pass() } else { scene.scan(&elsewhere, vec![]) };
        assert_eq!((people.len(), people[0].id, people[0].seen), (1, before[0].id, false));
        let expected = before[0].bbox.left + 5.0 * f32::from(n);
        assert!((people[0].bbox.left - expected).abs() < 4.0, "he walks on");
    }
    assert_eq!(scene.whole(vec![]).len(), 1, "missed once");
    assert_eq!(scene.whole(vec![]).len(), 0, "missed twice");
}

#[test]
fn a_track_found_again_keeps_its_id_and_a_lost_one_is_dropped() {
    let mut scene = Scene::new();
    let standing = || seen(at(300.0, 200.0), 0.9, RED);
    (0..5).for_each(|_| _ = scene.whole(vec![standing()]));
    (0..30).for_each(|_| _ = scene.whole(vec![]));
    let back = scene.whole(vec![standing()]);
    assert_eq!((back.len(), back[0].id), (1, TrackId(1)));
    (0..60).for_each(|_| _ = scene.whole(vec![]));
    assert!(scene.tracker.tracks.is_empty());
    scene.whole(vec![standing()]);
    assert_eq!(scene.whole(vec![standing()])[0].id, TrackId(2), "no number is given twice");
}

#[test]
fn a_track_that_leaves_the_frame_is_dropped() {
    let mut scene = Scene::new();
    for n in 0..20u8 {
        scene.whole(vec![seen(at(660.0 + 5.0 * f32::from(n), 200.0), 0.9, RED)]);
    }
    // Nobody looks beyond the edge, and he is not to stay there for ever.
    (0..10).for_each(|_| _ = scene.scan(&WHOLE[..0], vec![]));
    assert!(scene.pass().is_empty());
}

#[test]
fn a_person_more_than_a_quarter_outside_is_tracked_but_not_counted() {
    for right in [true, false] {
        let mut scene = Scene::new();
        let mut stand = |visible: f32| {
            let left = if right { 768.0 - visible } else { 0.0 };
            let bbox = BoundingBox { left, top: 200.0, width: visible, height: 80.0 };
            let mut people = Vec::new();
            (0..6).for_each(|_| people = scene.whole(vec![seen(bbox, 0.9, RED)]));
            people
        };
        assert_eq!(stand(31.0).len(), 1);
        assert!(stand(18.0).is_empty());
        assert_eq!(stand(30.0)[0].id, TrackId(1), "the same comes back in");
        assert_eq!(scene.tracker.search_boxes().count(), 1);
    }
    // Somebody slim in the middle, or cut off by the lower edge, counts.
    for (left, top) in [(300.0, 200.0), (300.0, 496.0)] {
        let mut scene = Scene::new();
        let slim = BoundingBox { left, top, width: 18.0, height: 80.0 };
        scene.whole(vec![seen(slim, 0.9, RED)]);
        assert_eq!(scene.whole(vec![seen(slim, 0.9, RED)]).len(), 1);
    }
}

#[test]
fn two_people_who_pass_are_told_apart_by_their_clothes() {
    let mut scene = Scene::new();
    let mut last = Vec::new();
    for n in 0..60u8 {
        let way = 4.0 * f32::from(n);
        let (red, blue) = (at(200.0 + way, 200.0), at(440.0 - way, 204.0));
        let hidden = red.iou(&blue) > 0.3;
        let mut found = vec![seen(blue, 0.9, BLUE)];
        if !hidden {
            found.push(seen(red, 0.8, RED));
        }
        last = scene.whole(found);
        if n == 5 {
            assert_eq!(last.len(), 2);
        }
    }
    last.sort_by(|a, b| a.bbox.left.total_cmp(&b.bbox.left));
    let ids: Vec<u64> = last.iter().map(|person| person.id.0).collect();
    // The better detection came first in the first frame and got the first number.
    assert_eq!(ids, [1, 2], "blue is on the left now, red on the right");
}

#[test]
fn a_track_takes_no_detection_of_another_size() {
    let mut scene = Scene::new();
    (0..5).for_each(|_| _ = scene.whole(vec![seen(at(300.0, 200.0), 0.9, RED)]));
    let pole = BoundingBox { left: 308.0, top: 225.0, width: 12.0, height: 30.0 };
    (0..5).for_each(|_| _ = scene.whole(vec![seen(pole, 0.3, RED)]));
    assert!(scene.tracker.people(FRAME).is_empty());
    assert!(scene.tracker.tracks[0].bbox().height > 70.0);
}

#[test]
fn doubtful_detections_keep_a_track_but_start_none() {
    let mut scene = Scene::new();
    scene.walk(5);
    for n in 6..20u8 {
        let left = 100.0 + 5.0 * f32::from(n);
        let found = vec![seen(at(left, 200.0), 0.2, RED), seen(at(600.0, 400.0), 0.4, BLUE)];
        let people = scene.whole(found);
        assert_eq!((people.len(), people[0].id), (1, TrackId(1)));
    }
    let nothing = vec![seen(at(600.0, 400.0), 0.1, RED)];
    scene.whole(nothing);
    assert_eq!(scene.tracker.tracks.len(), 1);
}

#[test]
fn crowds_are_bounded_and_the_same_input_gives_the_same_tracks() {
    let run = || {
        let mut scene = Scene::new();
        let mut people = Vec::new();
        for n in 0..6u32 {
            let crowd = (0..900u32).map(|person| {
                let (x, y) = (person % 30 * 25, person / 30 * 16);
                let jitter = (person * 7 + n * 3) % 5;
                seen(at((x + jitter) as f32, y as f32), 0.9 - person as f32 / 1e4, RED)
            });
            people = scene.whole(crowd.collect());
            assert!(scene.tracker.tracks.len() <= MOST_TRACKS);
        }
        people
    };
    let first = run();
    assert!(first.len() > 100);
    assert_eq!(first, run());
}
