use becamera_counting::track::TrackId;
use becamera_domain::PictureOptions;
use opencv::{
    core::{CV_8UC3, Scalar, mean_std_dev, no_array, randu},
    imgcodecs::{IMREAD_COLOR, imdecode},
};

use super::*;

const PLAIN: PictureOptions = PictureOptions { width: 4000, quality: 90, annotate: false };

fn noise(width: i32, height: i32) -> Mat {
    let mut frame =
        Mat::new_rows_cols_with_default(height, width, CV_8UC3, Scalar::all(0.0)).unwrap();
    randu(&mut frame, &Scalar::all(0.0), &Scalar::all(255.0)).unwrap();
    frame
}

fn person(left: f32, top: f32, width: f32, height: f32) -> TrackedPerson {
    let bbox = BoundingBox { left, top, width, height };
    TrackedPerson { id: TrackId(1), bbox, confidence: 0.9, seen: true }
}

fn desk(blur: Blur) -> PictureDesk {
    let settings = PictureSettings { blur, max_width: 3840, ..PictureSettings::default() };
    PictureDesk::new(settings, Scene::default())
}

fn found(desk: &mut PictureDesk, people: &[TrackedPerson]) {
    let analysis = Analysis { people: people.into(), ..Analysis::default() };
    desk.found(DateTime::UNIX_EPOCH, &analysis, true);
}

fn served(desk: &mut PictureDesk, frame: &Mat) -> Vec<Picture> {
    let mut pictures = Vec::new();
    desk.serve(frame, &SceneTotals::default(), &mut |event| {
        if let StreamEvent::Picture(picture) = event {
            pictures.push(picture);
        }
    });
    pictures
}

fn decoded(picture: &Picture) -> Mat {
    let bytes = Vector::<u8>::from_slice(picture.jpeg.as_ref().unwrap());
    imdecode(&bytes, IMREAD_COLOR).unwrap()
}

fn request(options: PictureOptions, after: u64) -> SnapshotRequest {
    SnapshotRequest { options, after }
}

/// How much the grey levels of an area vary.
fn deviation(picture: &Mat, area: Rect) -> f64 {
    let area = Mat::roi(picture, area).unwrap();
    let (mut mean, mut deviation) = (Mat::default(), Mat::default());
    mean_std_dev(&area, &mut mean, &mut deviation, &no_array()).unwrap();
    *deviation.at::<f64>(0).unwrap()
}

#[test]
fn a_picture_is_made_once_and_only_on_request() {
    let (frame, mut desk) = (noise(64, 48), desk(Blur::Off));
    desk.requests.push(request(PLAIN, 0));
    assert_eq!(served(&mut desk, &frame), [], "there is no frame yet");
    desk.begin();
    assert_eq!(served(&mut desk, &frame), [], "it is not analysed yet");
    found(&mut desk, &[]);
    let picture = served(&mut desk, &frame).remove(0);
    assert_eq!((picture.frame, picture.options), (1, PLAIN));
    assert_eq!(served(&mut desk, &frame), []);
    desk.requests.push(request(PLAIN, 1));
    assert_eq!(served(&mut desk, &frame), [], "a newer one is wanted");
    desk.requests.push(request(PictureOptions { quality: 50, ..PLAIN }, 0));
    assert_eq!(served(&mut desk, &frame).len(), 1, "another one has the present one");
    desk.begin();
    found(&mut desk, &[]);
    assert_eq!(served(&mut desk, &frame)[0].frame, 2);
}

#[test]
fn pictures_are_as_wide_as_asked_but_never_enlarged() {
    let mut desk = desk(Blur::Off);
    desk.settings.max_width = 100;
    desk.begin();
    found(&mut desk, &[person(1.0, 1.0, 20.0, 40.0)]);
    for (frame, asked, size) in [
        (noise(160, 90), 80, (80, 45)),
        (noise(160, 90), 4000, (100, 56)),
        (noise(90, 160), 4000, (90, 160)),
        (noise(3000, 1), 1, (1, 1)),
    ] {
        for annotate in [false, true] {
            desk.requests.push(request(PictureOptions { width: asked, annotate, quality: 80 }, 0));
            let picture = decoded(&served(&mut desk, &frame)[0]);
            assert_eq!((picture.cols(), picture.rows()), size, "{asked}");
        }
    }
}

#[test]
fn the_frame_itself_stays_as_it_is() {
    let (frame, mut desk) = (noise(200, 200), desk(Blur::People));
    let before = frame.data_bytes().unwrap().to_vec();
    desk.begin();
    found(&mut desk, &[person(50.0, 50.0, 40.0, 100.0)]);
    desk.requests.push(request(PictureOptions { annotate: true, ..PLAIN }, 0));
    assert_eq!(served(&mut desk, &frame).len(), 1);
    assert!(frame.data_bytes().unwrap() == before);
}

#[test]
fn people_are_blurred_with_a_margin_whatever_is_asked_for() {
    let frame = noise(400, 300);
    let everywhere = [
        person(100.0, 60.0, 60.0, 160.0),
        person(-30.0, 200.0, 60.0, 200.0),
        person(390.0, -10.0, 500.0, 90.0),
        person(f32::NAN, 0.0, 10.0, 10.0),
        person(5000.0, 5000.0, 10.0, 10.0),
    ];
    for (width, scale) in [(400, 1), (200, 2)] {
        let (mut blurred, mut clear) = (desk(Blur::People), desk(Blur::Off));
        let [blurred, clear] = [&mut blurred, &mut clear].map(|desk| {
            desk.begin();
            let (people, others) = everywhere.split_at(2);
            let others = others.iter().map(|person| person.bbox).collect();
            let analysis = Analysis { people: people.into(), others, ..Analysis::default() };
            desk.found(DateTime::UNIX_EPOCH, &analysis, true);
            desk.requests.push(request(PictureOptions { width, ..PLAIN }, 0));
            decoded(&served(desk, &frame)[0])
        });
        let part = |x, y, w, h| Rect::new(x / scale, y / scale, w / scale, h / scale);
        for area in [part(94, 40, 72, 200), part(0, 180, 32, 120), part(380, 0, 20, 90)] {
            let (before, after) = (deviation(&clear, area), deviation(&blurred, area));
            assert!(after < before / 4.0, "{area:?}: {before} and {after}");
        }
        let elsewhere = part(200, 20, 120, 260);
        let (before, after) = (deviation(&clear, elsewhere), deviation(&blurred, elsewhere));
        assert!((before - after).abs() < 1.0, "{before} and {after}");
    }
}

#[test]
fn where_people_are_blurred_a_frame_must_have_been_looked_at_closely() {
    let (frame, mut desk) = (noise(64, 48), desk(Blur::People));
    assert!(!desk.needs_people(), "nobody looks");
    desk.begin();
    desk.found(DateTime::UNIX_EPOCH, &Analysis::default(), false);
    desk.requests.push(request(PLAIN, 0));
    assert_eq!(served(&mut desk, &frame), []);
    assert!(desk.needs_people());
    desk.begin();
    desk.found(DateTime::UNIX_EPOCH, &Analysis::default(), true);
    assert_eq!(served(&mut desk, &frame).len(), 1);
}

#[test]
fn a_picture_that_is_too_large_loses_quality_and_then_size() {
    let frame = noise(640, 480);
    let size = |limit| {
        let bytes = jpeg(&frame, 95, limit).unwrap();
        assert!(bytes.len() <= limit);
        let picture = imdecode(&Vector::<u8>::from_slice(&bytes), IMREAD_COLOR).unwrap();
        picture.cols()
    };
    let full = jpeg(&frame, 95, usize::MAX).unwrap().len();
    assert_eq!(size(full / 2), 640);
    assert!(size(full / 20) < 640);
    assert!(jpeg(&frame, 95, 10).is_err());
}

#[test]
fn one_picture_a_turn_and_nobody_is_passed_over() {
    let (frame, mut desk) = (noise(64, 48), desk(Blur::Off));
    let qualities = [50, 60, 70];
    for quality in qualities {
        desk.requests.push(request(PictureOptions { quality, ..PLAIN }, 0));
    }
    let mut order = Vec::new();
    for _ in qualities {
        desk.begin();
        found(&mut desk, &[]);
        let pictures = served(&mut desk, &frame);
        assert_eq!(pictures.len(), 1);
        order.push(pictures[0].options.quality);
    }
    assert_eq!(order, qualities);
}
