//! Crossings and what is rolled up of lines and zones, on both databases: part of the suite.

use std::collections::{BTreeMap, BTreeSet};

use becamera::db::DieselStore;
use becamera_actors::ports::{CrossingReader, RollupReader, SiteReader, StoreError, WriteStore};
use becamera_domain::{
    AuditId, Correction, CorrectionChange, Crossing, CrossingQuery, Cutoffs, Direction, LineRollup,
    LineRollupQuery, LineTally, LineTotals, Member, RollupLevel, RunId, Sample, SceneTally, Site,
    SiteSettings, Write, ZoneRollup, ZoneRollupQuery, ZoneTally, ZoneTotals,
};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::{prelude::*, test_runner::TestRunner};

use super::{all, camera, camera_id, forget, sample, save, time, write};

const LINES: [&str; 2] = ["door", "gate"];
const ZONES: [&str; 2] = ["hall", "till"];

pub fn crossing(camera: i64, run: u64, seq: u32, at_ms: i64) -> Crossing {
    let direction = if seq % 3 == 2 { Direction::Out } else { Direction::In };
    Crossing {
        camera_id: camera_id(camera),
        run: RunId(run),
        seq,
        line_id: LINES[seq as usize % 2].parse().unwrap(),
        direction,
        direction_name: "hinein — 入".into(),
        track_id: u64::from(seq) + 7,
        at: DateTime::from_timestamp_micros(at_ms * 1_000 + 7).unwrap(),
        confidence: 0.75,
    }
}

fn write_crossings(store: &DieselStore, crossings: &[Crossing]) -> Result<(), StoreError> {
    store.write(&crossings.iter().cloned().map(Write::Crossing).collect::<Vec<_>>())
}

fn query(camera: i64) -> CrossingQuery {
    CrossingQuery {
        camera_id: camera_id(camera),
        line_id: None,
        direction: None,
        from: None,
        to: None,
        after: None,
        limit: 1_000_000,
    }
}

pub fn all_crossings(store: &DieselStore, camera: i64) -> Vec<Crossing> {
    let page = store.read_crossings(&query(camera)).unwrap();
    assert!(!page.more);
    page.items
}

/// A sample with something of every line and zone.
fn busy(camera: i64, second: i64, run: u64) -> Sample {
    let n = second.rem_euclid(5) as u32;
    let zone = |id: &str, n: u32| ZoneTally {
        zone_id: id.parse().unwrap(),
        people_last: n,
        people_min: n / 2,
        people_max: n + 1,
        people_sum: 3 * n,
        entries: n % 3,
        exits: n % 2,
        dwell: std::array::from_fn(|bound| u32::from(bound as u32 == n && n % 2 == 1)),
        dwell_sum_ms: u64::from(n % 2) * 1_500,
    };
    let lines =
        LINES.map(|id| LineTally { line_id: id.parse().unwrap(), raw_in: n, raw_out: n / 2 });
    let scene = SceneTally {
        // Lines at which nothing happened are left out.
        lines: lines.into_iter().filter(|line| line.raw_in > 0).collect(),
        zones: vec![zone(ZONES[0], n), zone(ZONES[1], n + 2)],
    };
    Sample { run: RunId(run), scene, ..sample(camera, second, 3) }
}

fn span() -> [DateTime<Utc>; 2] {
    [-10_000_000_000, 10_000_000_000].map(time)
}

fn stored_lines(store: &DieselStore, camera: i64, level: RollupLevel) -> Vec<LineRollup> {
    let ([from, to], cameras) = (span(), vec![camera_id(camera)]);
    let query = LineRollupQuery { cameras, line_id: None, level, from, to };
    store.read_line_rollups(&query).unwrap()
}

fn stored_zones(
    store: &DieselStore,
    camera: i64,
    zone: &str,
    level: RollupLevel,
) -> Vec<ZoneRollup> {
    let ([from, to], zone_id) = (span(), zone.parse().unwrap());
    let query = ZoneRollupQuery { camera_id: camera_id(camera), zone_id, level, from, to };
    store.read_zone_rollups(&query).unwrap()
}

fn recomputed_lines(store: &DieselStore, camera: i64, level: RollupLevel) -> Vec<LineRollup> {
    let mut totals: BTreeMap<_, LineTotals> = BTreeMap::new();
    for crossing in all_crossings(store, camera) {
        let key = (level.start_of(crossing.at), crossing.line_id.clone());
        totals.entry(key).or_default().add(&LineTotals::from(&crossing));
    }
    for sample in all(store, camera) {
        for tally in &sample.scene.lines {
            let key = (level.start_of(sample.bucket_start), tally.line_id.clone());
            totals.entry(key).or_default().add(&LineTotals::from(tally));
        }
    }
    let camera_id = camera_id(camera);
    let rollup =
        |((bucket_start, line_id), totals)| LineRollup { camera_id, line_id, bucket_start, totals };
    totals.into_iter().map(rollup).collect()
}

fn recomputed_zones(
    store: &DieselStore,
    camera: i64,
    zone: &str,
    level: RollupLevel,
) -> Vec<ZoneRollup> {
    let mut totals: BTreeMap<_, ZoneTotals> = BTreeMap::new();
    for sample in all(store, camera) {
        for tally in sample.scene.zones.iter().filter(|tally| tally.zone_id.as_str() == zone) {
            let more = ZoneTotals::of(&sample, tally);
            let sum = totals.entry(level.start_of(sample.bucket_start));
            sum.and_modify(|sum| sum.add(&more)).or_insert(more);
        }
    }
    let (camera_id, zone_id) = (camera_id(camera), zone.parse().unwrap());
    let rollup = |(bucket_start, totals)| ZoneRollup {
        camera_id,
        zone_id: Clone::clone(&zone_id),
        bucket_start,
        totals,
    };
    totals.into_iter().map(rollup).collect()
}

/// The rollups of lines and zones, of every level, must be what the stored rows say.
pub fn assert_true(store: &DieselStore, cameras: &[i64]) {
    for level in RollupLevel::ALL {
        for camera in cameras {
            let (stored, expected) =
                (stored_lines(store, *camera, level), recomputed_lines(store, *camera, level));
            assert_eq!(stored, expected, "lines of camera {camera}, {level:?}");
            for zone in ZONES {
                assert_eq!(
                    stored_zones(store, *camera, zone, level),
                    recomputed_zones(store, *camera, zone, level),
                    "zone {zone} of camera {camera}, {level:?}"
                );
            }
        }
    }
}

pub fn crossings_come_back_as_they_went_in(store: &DieselStore) {
    store.write(&[save(camera(1)), save(camera(2))]).unwrap();
    let mine: Vec<_> = (0..25).map(|seq| crossing(1, 5, seq, i64::from(seq) * 100)).collect();
    let odd = Crossing {
        track_id: i64::MAX as u64,
        at: time(-5_000_000_000),
        confidence: f32::MIN_POSITIVE,
        ..crossing(2, i64::MAX as u64, i32::MAX as u32, 0)
    };
    write_crossings(store, &mine).unwrap();
    write_crossings(store, std::slice::from_ref(&odd)).unwrap();
    // Its identity counts, not what it holds; and in one batch too.
    let again = Crossing { confidence: 0.1, line_id: "x".parse().unwrap(), ..mine[3].clone() };
    write_crossings(store, &[again.clone(), again, mine[4].clone()]).unwrap();
    assert_eq!((all_crossings(store, 1), all_crossings(store, 2)), (mine.clone(), vec![odd]));
    assert_true(store, &[1, 2]);

    let read = |query: &CrossingQuery| store.read_crossings(query).unwrap();
    let mut pages = CrossingQuery { limit: 10, ..query(1) };
    let mut seen = Vec::new();
    loop {
        let page = read(&pages);
        pages.after = page.items.last().map(Crossing::position);
        seen.push(page.items);
        if !page.more {
            break;
        }
    }
    assert_eq!(seen.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
    assert_eq!(seen.concat(), mine);
    let narrow = CrossingQuery {
        line_id: Some("gate".parse().unwrap()),
        direction: Some(Direction::Out),
        from: Some(mine[5].at),
        to: Some(mine[23].at),
        ..query(1)
    };
    let seqs: Vec<_> = read(&narrow).items.iter().map(|crossing| crossing.seq).collect();
    assert_eq!(seqs, [5, 11, 17]);
}

pub fn crossings_at_one_moment_are_paged_by_identity(store: &DieselStore) {
    store.write(&[save(camera(1))]).unwrap();
    let at_once: Vec<_> = [(1, 1), (1, 2), (2, 0), (2, 1), (3, 0)]
        .map(|(run, seq)| crossing(1, run, seq, 500))
        .to_vec();
    let mut shuffled = at_once.clone();
    shuffled.rotate_left(2);
    write_crossings(store, &shuffled).unwrap();
    let mut query = CrossingQuery { limit: 1, ..query(1) };
    let mut seen = Vec::new();
    loop {
        let page = store.read_crossings(&query).unwrap();
        query.after = page.items.last().map(Crossing::position);
        seen.extend(page.items);
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, at_once);
}

pub fn a_crossing_that_does_not_fit_is_refused(store: &DieselStore) {
    store.write(&[save(camera(1))]).unwrap();
    let good = crossing(1, 1, 0, 0);
    for bad in [
        Crossing { confidence: f32::NAN, ..good.clone() },
        Crossing { track_id: u64::MAX, ..good.clone() },
        Crossing { run: RunId(u64::MAX), ..good.clone() },
        Crossing { camera_id: camera_id(9), ..good.clone() },
    ] {
        let error = write_crossings(store, &[good.clone(), bad]).unwrap_err();
        assert!(matches!(error, StoreError::Rejected(_)), "{error}");
    }
    assert!(all_crossings(store, 1).is_empty());
    assert!(stored_lines(store, 1, RollupLevel::Day).is_empty());
}

pub fn tallies_come_back_as_they_went_in(store: &DieselStore) {
    store.write(&[save(camera(1))]).unwrap();
    let samples: Vec<_> = (0..10).map(|second| busy(1, second, 1)).collect();
    write(store, &samples).unwrap();
    write(store, &[sample(1, 20, 1)]).unwrap();
    assert_eq!(all(store, 1), [samples, vec![sample(1, 20, 1)]].concat());
    assert_true(store, &[1]);
    let minute = &stored_zones(store, 1, "hall", RollupLevel::Minute)[0];
    assert_eq!((minute.totals.frames, minute.totals.covered_ms), (30, 10_000));
    assert_eq!((minute.totals.people_min, minute.totals.people_max), (0, 5));
    assert_eq!(minute.totals.dwell, [0, 2, 0, 2, 0, 0, 0, 0, 0]);
    assert_eq!(minute.totals.dwell_mean_ms(), Some(1_500.0));
}

pub fn a_deleted_camera_takes_its_crossings_along(store: &DieselStore) {
    for id in [1, 2] {
        store.write(&[save(camera(id))]).unwrap();
        write_crossings(store, &[crossing(id, id as u64, 0, 0)]).unwrap();
        write(store, &[busy(id, 1, 1)]).unwrap();
    }
    store.write(&[forget(1)]).unwrap();
    assert_eq!((all_crossings(store, 1).len(), all_crossings(store, 2).len()), (0, 1));
    assert!(stored_lines(store, 1, RollupLevel::Day).is_empty());
    assert!(stored_zones(store, 1, "hall", RollupLevel::Day).is_empty());
    assert_true(store, &[1, 2]);
}

/// Random histories in random batches: samples and crossings mixed, late, in two runs, and twice.
pub fn rollups_follow_late_and_double_crossings(store: &DieselStore) {
    let key = (any::<bool>(), 1i64..3, 0u32..4_000, 1u64..3);
    let batches = prop::collection::vec(prop::collection::vec(key, 0..30), 0..10);
    let order = prop::collection::vec(0usize..10, 0..8);
    let config = ProptestConfig { cases: 30, failure_persistence: None, ..Default::default() };
    let result = TestRunner::new(config).run(&(batches, order), |(batches, again)| {
        let anew = [1, 2].into_iter().flat_map(|id| [forget(id), save(camera(id))]);
        store.write(&anew.collect::<Vec<_>>()).unwrap();
        let batches: Vec<Vec<Write>> = batches
            .iter()
            .map(|batch| {
                let of = |(crossed, camera, n, run): &(bool, i64, u32, u64)| match crossed {
                    true => Write::Crossing(crossing(*camera, *run, *n, i64::from(*n) * 977)),
                    false => Write::Sample(busy(*camera, i64::from(*n), *run)),
                };
                batch.iter().map(of).collect()
            })
            .collect();
        let mut keys = BTreeSet::new();
        for batch in &batches {
            store.write(batch).unwrap();
            keys.extend(batch.iter().filter_map(|write| match write {
                Write::Crossing(crossing) => Some((crossing.camera_id, crossing.id())),
                _ => None,
            }));
        }
        for batch in again.iter().filter_map(|place| batches.get(*place)) {
            store.write(batch).unwrap();
        }
        let stored: usize = (1..3).map(|id| all_crossings(store, id).len()).sum();
        prop_assert_eq!(stored, keys.len());
        assert_true(store, &[1, 2]);
        super::rollups::assert_true(store, &[1, 2]);
        Ok(())
    });
    result.unwrap();
}

pub fn old_crossings_and_rollups_go(store: &DieselStore) {
    store.write(&[save(camera(1))]).unwrap();
    let crossings: Vec<_> = (0..7_300).map(|n| crossing(1, 1, n, i64::from(n) * 1_000)).collect();
    write_crossings(store, &crossings).unwrap();
    write(store, &(0..7_300).map(|second| busy(1, second, 1)).collect::<Vec<_>>()).unwrap();
    let mut rollups = RollupLevel::ALL.map(|level| (level, None));
    rollups[0].1 = Some(time(3_600));
    let crossings_before = Some(time(7_200));
    let cutoffs = Cutoffs { samples: None, crossings: crossings_before, rollups, audit: None };
    let mut calls = 1;
    while store.expire(&cutoffs).unwrap() {
        calls += 1;
        assert!(calls < 10, "it must come to an end");
    }
    assert!(calls > 1, "7,200 crossings are more than a batch");
    assert_eq!(all_crossings(store, 1), crossings[7_200..]);
    let minutes = stored_lines(store, 1, RollupLevel::Minute);
    assert_eq!(minutes[0].bucket_start, time(3_600));
    let minutes = stored_zones(store, 1, "till", RollupLevel::Minute);
    assert_eq!((minutes.len(), minutes[0].bucket_start), (62, time(3_600)));
    let day: u64 = stored_lines(store, 1, RollupLevel::Day)
        .iter()
        .map(|line| line.totals.crossed_in + line.totals.crossed_out)
        .sum();
    assert_eq!(day, 7_300, "what is rolled up stays");
    assert!(all(store, 1).iter().all(|s| s.bucket_start < time(0) + TimeDelta::seconds(7_300)));
}

fn site(id: &str) -> Site {
    let settings = SiteSettings {
        name: Some("Lädchen \'\"; --".into()),
        timezone: "Europe/Berlin".parse().unwrap(),
        capacity: Some(80),
        members: vec![Member {
            camera_id: camera_id(7),
            line_id: "door".parse().unwrap(),
            invert: true,
        }],
        ..SiteSettings::default()
    };
    Site { id: id.parse().unwrap(), settings, created_at: time(1), updated_at: time(2) }
}

fn correction(site: &str, id: i64, change: CorrectionChange) -> Correction {
    Correction { id: AuditId(id), site_id: site.parse().unwrap(), at: time(id), change }
}

pub fn sites_come_back_as_they_went_in(store: &DieselStore) {
    let save = |site: Site| Write::SaveSite(Box::new(site));
    let changes = [
        correction("shop", 5, CorrectionChange::Set(u32::MAX)),
        correction("shop", 6, CorrectionChange::Add(i32::MIN)),
        correction("bar", 7, CorrectionChange::Add(3)),
    ];
    let writes = [
        vec![save(site("shop")), save(site("bar"))],
        changes.iter().cloned().map(Write::Correct).collect(),
    ]
    .concat();
    store.write(&writes).unwrap();
    store.write(&writes).unwrap();
    assert_eq!(store.load_sites().unwrap(), [site("bar"), site("shop")]);
    assert_eq!(store.read_corrections(time(0)).unwrap(), changes);
    assert_eq!(store.read_corrections(time(6)).unwrap(), changes[1..]);
    let renamed =
        Site { settings: SiteSettings { name: None, ..site("shop").settings }, ..site("shop") };
    store.write(&[save(renamed.clone()), Write::ForgetSite("bar".parse().unwrap())]).unwrap();
    assert_eq!(store.load_sites().unwrap(), [renamed]);
    assert_eq!(store.read_corrections(time(0)).unwrap(), changes[..2]);
    // Not of a site that is not there.
    let orphan = Write::Correct(correction("bar", 8, CorrectionChange::Set(1)));
    assert!(matches!(store.write(&[orphan]), Err(StoreError::Rejected(_))));
    let rollups = RollupLevel::ALL.map(|level| (level, None));
    let cutoffs = Cutoffs { samples: None, crossings: Some(time(6)), rollups, audit: None };
    store.expire(&cutoffs).unwrap();
    assert_eq!(store.read_corrections(time(0)).unwrap(), changes[1..2]);
}
