use bytes::Bytes;
use chrono::DateTime;
use tokio::sync::mpsc::error::TryRecvError;

use super::*;

const OPTIONS: PictureOptions = PictureOptions { width: 640, quality: 80, annotate: true };
const PLAIN: PictureOptions = PictureOptions { annotate: false, ..OPTIONS };
const RUN: RunId = RunId(1);
const FIFTH: Pace = Pace::Every(Duration::from_millis(200));

fn camera() -> CameraId {
    CameraId::try_from(1).unwrap()
}

/// A board with a camera that gives frames, and the frame loop's end of it.
struct Bench {
    board: Board,
    control: Arc<JobControl>,
    start: Instant,
}

impl Bench {
    fn new(max_viewers: usize) -> Self {
        let (mut board, control) = (Board::new(max_viewers), Arc::new(JobControl::new().unwrap()));
        board.opened(camera(), RUN, control.clone());
        Self { board, control, start: Instant::now() }
    }

    fn at(&self, milliseconds: u64) -> Instant {
        self.start + Duration::from_millis(milliseconds)
    }

    fn watch(&mut self, options: PictureOptions, pace: Pace) -> Receiver<Picture> {
        self.board.watch(camera(), options, pace, None, self.start).unwrap()
    }

    /// What is asked for at this time.
    fn requests(&mut self, milliseconds: u64) -> Vec<(PictureOptions, u64)> {
        self.board.turn(self.at(milliseconds));
        self.control
            .take_snapshot_requests()
            .into_iter()
            .map(|request| (request.options, request.after))
            .collect()
    }

    fn made(&mut self, options: PictureOptions, frame: u64, milliseconds: u64) {
        let (taken_at, jpeg) = (DateTime::UNIX_EPOCH, Ok(Bytes::from_static(b"jpeg")));
        let picture = Picture { options, frame, taken_at, jpeg };
        self.board.made(camera(), RUN, &picture, self.at(milliseconds));
    }
}

fn frame(pictures: &mut Receiver<Picture>) -> Result<u64, TryRecvError> {
    pictures.try_recv().map(|picture| picture.frame)
}

const NOTHING: Result<u64, TryRecvError> = Err(TryRecvError::Empty);
const OVER: Result<u64, TryRecvError> = Err(TryRecvError::Disconnected);

#[test]
fn nothing_is_requested_without_viewers() {
    let mut bench = Bench::new(4);
    assert_eq!(bench.board.turn(bench.start), None);
    drop(bench.watch(OPTIONS, FIFTH));
    assert_eq!(bench.requests(0), []);
    assert_eq!(bench.board.viewers(), 0);
}

#[test]
fn one_picture_serves_all_viewers_of_the_same_options() {
    let mut bench = Bench::new(8);
    let mut same = [bench.watch(OPTIONS, FIFTH), bench.watch(OPTIONS, FIFTH)];
    let mut once = bench.watch(OPTIONS, Pace::Once);
    let mut plain = bench.watch(PLAIN, Pace::Once);
    assert_eq!(bench.requests(0), [(OPTIONS, 0), (PLAIN, 0)]);
    assert_eq!(bench.requests(10), [], "they are asked for already");
    bench.made(OPTIONS, 7, 20);
    assert_eq!(same.each_mut().map(frame), [Ok(7), Ok(7)]);
    assert_eq!((frame(&mut once), frame(&mut once)), (Ok(7), OVER), "it wanted one alone");
    assert_eq!(frame(&mut plain), NOTHING);
    bench.made(PLAIN, 7, 30);
    assert_eq!(frame(&mut plain), Ok(7));
    assert_eq!(bench.requests(100), [], "nobody is due");
    assert_eq!(bench.requests(200), [(OPTIONS, 7)], "a newer one");
}

#[test]
fn a_viewer_gets_no_more_than_its_rate_beside_a_faster_one() {
    let mut bench = Bench::new(4);
    let mut fast = bench.watch(OPTIONS, Pace::Every(Duration::from_millis(100)));
    let mut slow = bench.watch(OPTIONS, Pace::Every(Duration::from_millis(400)));
    let (mut of_fast, mut of_slow) = (0, 0);
    for turn in 0..40 {
        for _ in bench.requests(turn * 50) {
            bench.made(OPTIONS, turn + 1, turn * 50 + 10);
        }
        of_fast += u32::from(frame(&mut fast).is_ok());
        of_slow += u32::from(frame(&mut slow).is_ok());
    }
    assert!((18..=21).contains(&of_fast), "in 2 s: {of_fast}");
    assert!((4..=6).contains(&of_slow), "in 2 s: {of_slow}");
}

#[test]
fn a_viewer_that_does_not_read_is_dropped() {
    let mut bench = Bench::new(4);
    let disconnected = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flag = disconnected.clone();
    let disconnect =
        Disconnect(Box::new(move || flag.store(true, std::sync::atomic::Ordering::Release)));
    let mut stuck =
        bench.board.watch(camera(), OPTIONS, FIFTH, Some(disconnect), bench.start).unwrap();
    let mut asked = 0;
    for turn in 0..60 {
        for _ in bench.requests(turn * 200) {
            asked += 1;
            bench.made(OPTIONS, turn + 1, turn * 200 + 10);
        }
    }
    assert_eq!(asked, 1, "no picture is made that nobody takes");
    assert!(disconnected.load(std::sync::atomic::Ordering::Acquire));
    assert_eq!((bench.board.viewers(), bench.board.take_dropped()), (0, 1));
    assert_eq!((frame(&mut stuck), frame(&mut stuck)), (Ok(1), OVER));
}

#[test]
fn a_viewer_that_reads_again_in_time_is_kept() {
    let mut bench = Bench::new(4);
    let mut viewer = bench.watch(OPTIONS, FIFTH);
    bench.requests(0);
    bench.made(OPTIONS, 1, 10);
    assert_eq!(bench.requests(4000), []);
    assert_eq!(frame(&mut viewer), Ok(1));
    assert_eq!(bench.requests(4300), [(OPTIONS, 1)]);
    assert_eq!(bench.requests(30_000), [], "a camera without frames makes nobody slow");
    assert_eq!(bench.board.viewers(), 1);
}

#[test]
fn pictures_end_with_their_run() {
    let mut bench = Bench::new(4);
    let mut viewer = bench.watch(OPTIONS, FIFTH);
    bench.requests(0);
    bench.board.ended(camera(), RunId(9));
    bench.made(OPTIONS, 3, 10);
    assert_eq!(frame(&mut viewer), Ok(3));
    bench.board.ended(camera(), RUN);
    assert_eq!(frame(&mut viewer), OVER);
    let refused = bench.board.watch(camera(), OPTIONS, Pace::Once, None, bench.start);
    assert_eq!(refused.unwrap_err(), WatchError::NotProcessing(camera()));
    bench.made(OPTIONS, 4, 20);
    bench.board.opened(camera(), RunId(2), Arc::new(JobControl::new().unwrap()));
    let mut later = bench.watch(OPTIONS, Pace::Once);
    bench.made(OPTIONS, 5, 30);
    assert_eq!(frame(&mut later), NOTHING, "it is of the run before");
}

#[test]
fn a_single_one_is_told_why_there_is_none_and_others_wait_on() {
    let mut bench = Bench::new(4);
    let (mut once, mut live) = (bench.watch(OPTIONS, Pace::Once), bench.watch(OPTIONS, FIFTH));
    bench.requests(0);
    let (taken_at, jpeg) = (DateTime::UNIX_EPOCH, Err("no room".to_owned()));
    let picture = Picture { options: OPTIONS, frame: 1, taken_at, jpeg };
    bench.board.made(camera(), RUN, &picture, bench.start);
    assert_eq!(once.try_recv().unwrap().jpeg, Err("no room".to_owned()));
    assert_eq!(frame(&mut live), NOTHING);
    assert_eq!(bench.requests(200), [(OPTIONS, 0)]);
}

#[test]
fn no_more_may_look_than_are_allowed() {
    let mut bench = Bench::new(2);
    let first = bench.watch(OPTIONS, FIFTH);
    let _second = bench.watch(PLAIN, Pace::Once);
    let refused = bench.board.watch(camera(), OPTIONS, FIFTH, None, bench.start);
    assert_eq!(refused.unwrap_err(), WatchError::TooManyViewers(2));
    drop(first);
    assert!(bench.board.watch(camera(), OPTIONS, FIFTH, None, bench.start).is_ok());
}

#[test]
fn a_single_one_is_served_from_the_present_frame_while_others_wait_for_the_next() {
    let mut bench = Bench::new(4);
    let mut live = bench.watch(OPTIONS, FIFTH);
    bench.requests(0);
    bench.made(OPTIONS, 5, 10);
    assert_eq!(frame(&mut live), Ok(5));
    assert_eq!(bench.requests(200), [(OPTIONS, 5)]);
    let mut once = bench.watch(OPTIONS, Pace::Once);
    assert_eq!(bench.requests(210), [(OPTIONS, 0)]);
    bench.made(OPTIONS, 5, 220);
    assert_eq!((frame(&mut once), frame(&mut live)), (Ok(5), NOTHING));
    assert_eq!(bench.requests(230), [(OPTIONS, 5)], "asked for again, as the answer was another's");
}
