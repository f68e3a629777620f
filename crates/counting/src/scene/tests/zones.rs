use proptest::prelude::*;

use super::*;

fn square() -> Zone {
    zone("hall", ZoneKind::Count, &[[0.3, 0.3], [0.7, 0.3], [0.7, 0.7], [0.3, 0.7]])
}

fn counter(zones: &[Zone]) -> SceneCounter {
    SceneCounter::new(&Scene { lines: Vec::new(), zones: zones.to_vec() })
}

fn tally(counter: &mut SceneCounter) -> becamera_domain::ZoneTally {
    counter.take_tally().zones.remove(0)
}

#[test]
fn a_visit_is_an_entry_a_stay_and_an_exit() {
    let mut counter = counter(&[square()]);
    let mut visit = path(&[(200.0, 500.0), (500.0, 500.0)]);
    visit.extend([Some((500.0, 500.0)); 100]);
    visit.extend(path(&[(500.0, 500.0), (800.0, 500.0)]));
    walk(&mut counter, &[&visit]);
    let tally = tally(&mut counter);
    assert_eq!((tally.entries, tally.exits), (1, 1));
    assert_eq!((tally.people_last, tally.people_min, tally.people_max), (0, 0, 1));
    // About 12 s: the third class, of those above 10 s and up to 30 s.
    assert_eq!(tally.dwell, [0, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(tally.people_sum * 100, tally.dwell_sum_ms as u32);
    assert!((11_500..12_500).contains(&tally.dwell_sum_ms), "{}", tally.dwell_sum_ms);
}

#[test]
fn each_second_has_its_own_tally() {
    let mut counter = counter(&[square()]);
    let inside = [person(1, 500.0, 500.0), person(2, 400.0, 400.0), person(3, 100.0, 100.0)];
    let said = counter.update(tenths(0), &inside, FRAME);
    assert_eq!(said.occupancy, [("hall".parse().unwrap(), 2)]);
    counter.update(tenths(1), &inside[..1], FRAME);
    let first = tally(&mut counter);
    assert_eq!((first.people_last, first.people_min, first.people_max), (1, 1, 2));
    assert_eq!((first.people_sum, first.entries, first.exits), (3, 2, 0));
    // Without a frame it stays as it was.
    let none = tally(&mut counter);
    assert_eq!((none.people_last, none.people_max, none.people_sum, none.entries), (1, 1, 0, 0));
    counter.update(tenths(2), &[], FRAME);
    let last = tally(&mut counter);
    assert_eq!((last.people_last, last.people_min, last.people_max), (0, 0, 0));
}

#[test]
fn jitter_at_the_border_is_one_entry() {
    let mut counter = counter(&[square()]);
    let mut jitter = path(&[(200.0, 500.0), (300.0, 500.0)]);
    jitter.extend((0..200).map(|step| Some((if step % 2 == 0 { 296.0 } else { 305.0 }, 500.0))));
    walk(&mut counter, &[&jitter]);
    assert_eq!(tally(&mut counter).entries, 0);
    let mut counter = self::counter(&[square()]);
    jitter.extend(path(&[(305.0, 500.0), (500.0, 500.0), (303.0, 500.0)]));
    jitter.extend((0..200).map(|step| Some((if step % 2 == 0 { 296.0 } else { 305.0 }, 500.0))));
    walk(&mut counter, &[&jitter]);
    let tally = tally(&mut counter);
    assert_eq!((tally.entries, tally.exits, tally.people_last), (1, 0, 1));
}

#[test]
fn the_dwell_of_a_lost_person_ends_when_last_seen() {
    let mut counter = counter(&[square()]);
    let stay = [Some((500.0, 500.0)); 41];
    walk(&mut counter, &[&stay]);
    // Not seen now, but perhaps only hidden.
    assert_eq!(counter.update(tenths(60), &[], FRAME).occupancy[0].1, 0);
    assert_eq!(tally(&mut counter).exits, 0);
    counter.update(tenths(300), &[], FRAME);
    let tally = tally(&mut counter);
    assert_eq!((tally.exits, tally.dwell[0], tally.dwell_sum_ms), (1, 1, 4000));
}

#[test]
fn at_the_end_everybody_leaves() {
    let mut counter = counter(&[square()]);
    walk(&mut counter, &[&[Some((500.0, 500.0)); 61], &[Some((100.0, 100.0)); 61]]);
    counter.end();
    let tally = tally(&mut counter);
    assert_eq!((tally.entries, tally.exits, tally.dwell_sum_ms), (1, 1, 6000));
    assert_eq!(counter.remembered(), 0);
}

#[test]
fn the_classes_of_dwell_include_their_bounds() {
    let mut state = zone_state();
    for milliseconds in [0, 5_000, 5_001, 1_800_000, 1_800_001, 900_000_000] {
        state.lose_after(Duration::from_millis(milliseconds));
    }
    let tally = state.take_tally();
    assert_eq!(tally.dwell, [2, 1, 0, 0, 0, 0, 0, 1, 2]);
    assert_eq!(tally.exits, 6);
}

fn zone_state() -> ZoneState {
    ZoneState::after(&mut Vec::new(), &square())
}

#[test]
fn a_person_at_the_pictures_edge_is_in_a_zone_that_reaches_it() {
    let lower = zone("lower", ZoneKind::Count, &[[0.0, 0.5], [1.0, 0.5], [1.0, 1.0], [0.0, 1.0]]);
    let mut counter = counter(&[lower]);
    // Feet below the picture.
    let away = path(&[(500.0, 300.0), (500.0, 1100.0), (1100.0, 1100.0), (1100.0, 300.0)]);
    walk(&mut counter, &[&away]);
    let tally = tally(&mut counter);
    assert_eq!((tally.entries, tally.exits, tally.people_max), (1, 1, 1));
    // Coming in along the edge.
    let whole = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
    let mut counter = self::counter(&[zone("whole", ZoneKind::Count, &whole)]);
    let said = counter.update(tenths(0), &[person(1, -10.0, 1200.0)], FRAME);
    assert_eq!(said.occupancy[0].1, 1);
}

#[test]
fn a_narrow_zone_can_be_entered() {
    // Six pixels wide: less than the border's width for somebody 100 pixels tall, doubled.
    let narrow =
        zone("narrow", ZoneKind::Count, &[[0.497, 0.1], [0.503, 0.1], [0.503, 0.9], [0.497, 0.9]]);
    let mut counter = counter(&[narrow]);
    walk(&mut counter, &[&path(&[(480.0, 500.0), (500.0, 500.0), (520.0, 500.0)])]);
    let tally = tally(&mut counter);
    assert_eq!((tally.entries, tally.exits), (1, 1));
}

#[test]
fn concave_zones_have_their_hollow_outside() {
    let bay = [
        [0.1, 0.1],
        [0.9, 0.1],
        [0.9, 0.9],
        [0.6, 0.9],
        [0.6, 0.4],
        [0.4, 0.4],
        [0.4, 0.9],
        [0.1, 0.9],
    ];
    let mut counter = counter(&[zone("bay", ZoneKind::Count, &bay)]);
    let people = [person(1, 500.0, 600.0), person(2, 200.0, 600.0), person(3, 800.0, 600.0)];
    assert_eq!(counter.update(tenths(0), &people, FRAME).occupancy[0].1, 2);
}

#[test]
fn a_zone_that_moves_keeps_people_in_both_places() {
    let mut counter = counter(&[square()]);
    let people = [person(1, 350.0, 500.0), person(2, 650.0, 500.0)];
    counter.update(tenths(0), &people, FRAME);
    let right = zone("hall", ZoneKind::Count, &[[0.5, 0.3], [0.9, 0.3], [0.9, 0.7], [0.5, 0.7]]);
    counter.update_scene(&Scene { lines: Vec::new(), zones: vec![right] });
    counter.update(tenths(10), &people, FRAME);
    let moved = tally(&mut counter);
    assert_eq!((moved.entries, moved.exits, moved.people_last), (2, 1, 1));
    assert_eq!(moved.dwell_sum_ms, 1000);
    // Another size of the picture is no reason to leave.
    let doubled = TrackedPerson { bbox: people[1].bbox.scaled(2.0, 2.0), ..people[1] };
    counter.update(tenths(11), &[doubled], FrameSize::new(2000, 2000));
    assert_eq!(tally(&mut counter).people_last, 1);
    let mask = Zone { kind: ZoneKind::Exclude, ..square() };
    counter.update_scene(&Scene { lines: Vec::new(), zones: vec![mask] });
    assert_eq!(counter.take_tally().zones, []);
}

#[test]
fn degenerate_zones_are_empty() {
    let shapes: [&[[f64; 2]]; 4] = [
        &[],
        &[[0.5, 0.5]],
        &[[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]],
        &[[f64::NAN, 0.5], [0.5, f64::INFINITY], [0.1, 0.1]],
    ];
    for shape in shapes {
        let mut counter = counter(&[zone("odd", ZoneKind::Count, shape)]);
        walk(&mut counter, &[&path(&[(300.0, 500.0), (700.0, 500.0)])]);
        let tally = tally(&mut counter);
        assert_eq!((tally.entries, tally.people_sum), (0, 0), "{shape:?}");
    }
}

#[test]
fn masks_hide_boxes_by_their_centre() {
    let mask = zone("poster", ZoneKind::Exclude, &[[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6]]);
    let scene = Scene { lines: Vec::new(), zones: vec![square(), mask] };
    let at = |x: f32, y: f32| person(1, x, y + HEIGHT / 2.0).bbox;
    assert!(is_masked(&scene, &at(500.0, 500.0), FRAME));
    // Its foot is in the mask, its centre is not.
    assert!(!is_masked(&scene, &at(500.0, 390.0), FRAME));
    assert!(!is_masked(&scene, &at(350.0, 500.0), FRAME), "in a zone that counts");
    assert!(!is_masked(&Scene::default(), &at(500.0, 500.0), FRAME));
    let nan = BoundingBox { left: f32::NAN, ..at(500.0, 500.0) };
    assert!(!is_masked(&scene, &nan, FRAME));
}

proptest! {
    #[test]
    fn entries_less_exits_are_inside(
        walks in prop::collection::vec(
            prop::collection::vec(prop::option::weighted(0.9, (0u16..1000, 0u16..1000)), 1..60), 1..5
        ),
        frames in 1usize..70,
    ) {
        let mut counter = counter(&[square()]);
        let walks: Vec<Vec<_>> = walks
            .iter()
            .map(|walk| walk.iter().map(|at| at.map(|(x, y)| (f32::from(x), f32::from(y)))).collect())
            .collect();
        let mut inside = 0i64;
        for frame in 0..frames {
            let people: Vec<_> = walks
                .iter()
                .zip(1..)
                .filter_map(|(walk, id)| (*walk.get(frame)?).map(|(x, y)| person(id, x, y)))
                .collect();
            let said = counter.update(tenths(frame), &people, FRAME);
            let tally = tally(&mut counter);
            inside += i64::from(tally.entries) - i64::from(tally.exits);
            // Those out of sight may still be in it.
            prop_assert!(i64::from(said.occupancy[0].1) <= inside);
            prop_assert!(inside <= walks.len() as i64);
        }
        counter.end();
        prop_assert_eq!(inside, i64::from(tally(&mut counter).exits));
    }
}
