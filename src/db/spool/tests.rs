use std::fs;

use becamera_domain::{
    Camera, CameraId, CameraSettings, Crossing, DesiredState, Direction, RunId, Sample, StreamUrl,
    WorkerId,
};
use diesel::connection::SimpleConnection;

use super::*;

const ROOMY: u64 = 64 << 20;

fn sample(seq: u32) -> Write {
    Write::Sample(Sample {
        camera_id: CameraId::try_from(1).unwrap(),
        run: RunId(7),
        seq,
        bucket_start: time(1_700_000_000 + i64::from(seq)),
        frames: 10,
        people_last: 1,
        people_min: 0,
        people_max: 2,
        people_sum: 10,
        covered_ms: 1_000,
        inference_ms_mean: 9.5,
        worker_id: WorkerId::from_index(1),
        scene: Default::default(),
    })
}

fn crossing(seq: u32) -> Crossing {
    Crossing {
        camera_id: CameraId::try_from(1).unwrap(),
        run: RunId(7),
        seq,
        line_id: "door".parse().unwrap(),
        direction: Direction::Out,
        direction_name: "hinaus".into(),
        track_id: 3,
        at: time(1_700_000_000 + i64::from(seq)),
        confidence: 0.6,
    }
}

fn samples(seqs: std::ops::Range<u32>) -> Vec<Write> {
    seqs.map(sample).collect()
}

fn save(id: i64) -> Write {
    Write::SaveCamera(Box::new(Camera {
        id: CameraId::try_from(id).unwrap(),
        name: Some("Eingang".into()),
        stream_url: StreamUrl::trusted("rtsp://u:pa%2Fss@camera.example:554/1").unwrap(),
        settings: CameraSettings::default(),
        desired: DesiredState::Running,
        created_at: time(1),
        updated_at: time(2),
    }))
}

fn forget(id: i64) -> Write {
    Write::ForgetCamera(CameraId::try_from(id).unwrap())
}

fn drain(spool: &SqliteSpool, limit: usize) -> Vec<Write> {
    let mut all = Vec::new();
    while let Some((mark, writes)) = spool.oldest(limit).unwrap() {
        all.extend(writes);
        spool.remove(mark);
    }
    all
}

#[test]
fn writes_outlast_the_process_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool.sqlite3");
    let spool = SqliteSpool::open(&path, ROOMY).unwrap();
    assert_eq!(spool.state().writes, 0);
    let first = [vec![save(1)], samples(0..3_000)].concat();
    spool.append(&first).unwrap();
    spool.append(&[]).unwrap();
    drop(spool);

    let spool = SqliteSpool::open(&path, ROOMY).unwrap();
    let second = [forget(1), save(1), sample(3_000), Write::Crossing(crossing(5))];
    spool.append(&second).unwrap();
    assert_eq!(spool.waiting(&[WriteKind::Crossing]).unwrap(), [Write::Crossing(crossing(5))]);
    assert_eq!(
        spool.waiting(&[WriteKind::SaveCamera, WriteKind::ForgetCamera]).unwrap(),
        [save(1), forget(1), save(1)]
    );
    let state = spool.state();
    assert_eq!((state.writes, state.thinned), (3_005, 0));
    assert!(state.bytes > 3_004 * 100 && state.oldest.is_some());
    assert_eq!(drain(&spool, 1_000), [first.as_slice(), &second].concat());
    let empty = SpoolState { bytes: spool.state().bytes, ..SpoolState::default() };
    assert_eq!(spool.state(), empty);
    let on_disk: u64 = files(&path).iter().filter_map(|f| Some(f.metadata().ok()?.len())).sum();
    assert!(on_disk < 64 << 10, "the disk has its room back: {on_disk}");
}

#[test]
fn a_bound_costs_the_oldest_samples_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let max_bytes = 1 << 20;
    let spool = SqliteSpool::open(&folder.path().join("spool.sqlite3"), max_bytes).unwrap();
    let mut emitted = 0;
    for round in 0..40 {
        spool.append(&[save(1 + round), forget(1 + round)]).unwrap();
        spool.append(&[Write::Crossing(crossing(round as u32))]).unwrap();
        spool.append(&samples(emitted..emitted + 500)).unwrap();
        emitted += 500;
        let state = spool.state();
        assert!(state.bytes <= max_bytes, "{state:?}");
    }
    let state = spool.state();
    assert!(state.thinned > 0);
    let left = drain(&spool, 700);
    assert_eq!(left.len(), state.writes);
    let (kept, others): (Vec<_>, Vec<_>) = left.into_iter().partition(Write::is_sample);
    let (crossings, others): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|write| matches!(write, Write::Crossing(_)));
    let expected: Vec<_> = (0..40).map(|seq| Write::Crossing(crossing(seq))).collect();
    assert_eq!(crossings, expected, "crossings are all there");
    let expected: Vec<_> = (0..40).flat_map(|round| [save(1 + round), forget(1 + round)]).collect();
    assert_eq!(others, expected, "registrations are all there");
    assert_eq!(kept.len() as u64 + state.thinned, u64::from(emitted));
    let seqs: Vec<u32> = kept
        .iter()
        .map(|write| match write {
            Write::Sample(sample) => sample.seq,
            _ => unreachable!(),
        })
        .collect();
    assert!(seqs.is_sorted());
    assert!(seqs[0] < emitted / 10, "the outage's beginning is still told, thinly: {}", seqs[0]);
    let newest = seqs.iter().filter(|seq| **seq >= emitted - 1_000).count();
    assert_eq!(newest, 1_000, "the newest are untouched");
}

#[test]
fn what_never_fits_is_refused_and_pushes_nothing_out() {
    let folder = tempfile::tempdir().unwrap();
    let spool = SqliteSpool::open(&folder.path().join("spool.sqlite3"), 256 << 10).unwrap();
    spool.append(&samples(0..100)).unwrap();
    assert!(spool.append(&samples(100..5_000)).is_err());
    let registrations: Vec<_> = (1..2_000).map(save).collect();
    assert!(spool.append(&registrations).is_err());
    assert_eq!(drain(&spool, 1_000), samples(0..100));
}

#[test]
fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool.sqlite3");
    let first = SqliteSpool::open(&path, ROOMY).unwrap();
    first.append(&[sample(1)]).unwrap();
    let refused = SqliteSpool::open(&path, ROOMY).err().unwrap().to_string();
    assert!(refused.contains("another process uses it"), "{refused}");
    assert!(refused.contains("storage.spool_path"), "{refused}");
    drop(first);
    SqliteSpool::open(&path, ROOMY).unwrap();
    let nowhere = SqliteSpool::open(&folder.path().join("no/folder"), ROOMY).err().unwrap();
    assert!(nowhere.to_string().contains("no/folder"), "{nowhere}");
}

#[test]
fn a_damaged_file_is_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool.sqlite3");
    let spool = SqliteSpool::open(&path, ROOMY).unwrap();
    spool.append(&samples(0..2_000)).unwrap();
    drop(spool);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 20_000].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    for garbage in
        [None, Some("not a database at all, but rather a text of some length".repeat(20))]
    {
        if let Some(text) = garbage {
            fs::write(&path, text).unwrap();
        }
        let spool = SqliteSpool::open(&path, ROOMY).unwrap();
        assert_eq!(spool.state().writes, 0);
        spool.append(&[sample(1)]).unwrap();
        assert_eq!(drain(&spool, 10), [sample(1)]);
    }
    let names = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name());
    assert!(names.filter(|name| name.to_string_lossy().contains("damaged")).count() >= 1);
}

#[test]
fn a_write_that_can_not_be_read_holds_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool.sqlite3");
    let spool = SqliteSpool::open(&path, ROOMY).unwrap();
    spool.append(&samples(0..3)).unwrap();
    spool
        .inner()
        .connection
        .as_mut()
        .unwrap()
        .batch_execute("UPDATE writes SET payload = '{\"from_the_future\":1}' WHERE id = 2")
        .unwrap();
    assert_eq!(drain(&spool, 2), [sample(0), sample(2)]);
}

/// As on a full disk: rows can't be deleted, the file can.
#[test]
fn what_was_given_is_not_given_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool.sqlite3");
    let spool = SqliteSpool::open(&path, ROOMY).unwrap();
    spool.append(&samples(0..10)).unwrap();
    let block = "CREATE TRIGGER full BEFORE DELETE ON writes \
        BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END";
    spool.inner().connection.as_mut().unwrap().batch_execute(block).unwrap();
    let (mark, first) = spool.oldest(4).unwrap().unwrap();
    assert_eq!(first, samples(0..4));
    spool.remove(mark);
    assert_eq!(spool.state().writes, 6);
    assert_eq!(drain(&spool, 4), samples(4..10));
    assert_eq!(spool.state().writes, 0);
    assert!(!path.exists());
    spool.append(&samples(10..12)).unwrap();
    assert_eq!((spool.state().writes, drain(&spool, 9)), (2, samples(10..12)));
}

/// Also holds the JSON of each kind: if this fails, a field of the API has changed; see
/// [`super::super::json`] for how old rows stay readable.
#[test]
fn a_spool_of_version_1_is_read_and_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool.sqlite3");
    let mut old = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    old.batch_execute("PRAGMA auto_vacuum = INCREMENTAL").unwrap();
    old.batch_execute(include_str!("version_1.sql")).unwrap();
    let payloads = |connection: &mut SqliteConnection| {
        let rows = rows::oldest(connection, 0, 100).unwrap();
        rows.into_iter().map(|row| row.payload).collect::<Vec<_>>()
    };
    drop(old);

    let spool = SqliteSpool::open(&path, ROOMY).unwrap();
    assert_eq!((spool.state().writes, spool.state().oldest), (9, Some(time(1_796_099_124))));
    let crossings = spool.waiting(&[WriteKind::Crossing]).unwrap();
    assert!(matches!(&crossings[..], [Write::Crossing(crossing)] if crossing.seq == 3));
    let was = payloads(spool.inner().connection.as_mut().unwrap());
    drop(spool);

    let spool = SqliteSpool::open(&path, ROOMY).unwrap();
    spool.append(&[sample(1)]).unwrap();
    let writes = drain(&spool, 2);
    let kinds: Vec<_> = writes.iter().map(|write| write.kind().as_str()).collect();
    let expected = [
        "sample",
        "audit",
        "save_camera",
        "forget_camera",
        "save_site",
        "forget_site",
        "correct",
        "crossing",
        "sample",
    ];
    assert_eq!(kinds, expected);
    let Write::SaveCamera(camera) = &writes[2] else { unreachable!() };
    assert_eq!(camera.stream_url.expose(), "rtsp://user:pass@127.0.0.1:9/2");
    spool.append(&writes[..8]).unwrap();
    let is = payloads(spool.inner().connection.as_mut().unwrap());
    assert_eq!(is, was[..8], "the form of version 1 is still written");
}

#[test]
fn a_spool_of_a_newer_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool.sqlite3");
    let spool = SqliteSpool::open(&path, ROOMY).unwrap();
    spool.append(&[sample(1)]).unwrap();
    let newer = "PRAGMA user_version = 99";
    spool.inner().connection.as_mut().unwrap().batch_execute(newer).unwrap();
    drop(spool);
    let refused = SqliteSpool::open(&path, ROOMY).err().unwrap().to_string();
    assert!(refused.contains("a newer becamera made it (version 99)"), "{refused}");
}
