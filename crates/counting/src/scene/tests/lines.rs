use Direction::{In, Out};
use proptest::prelude::*;

use super::*;

/// A line from left to right across the middle: `in` is downwards.
fn middle() -> Line {
    line("middle", [0.2, 0.5], [0.8, 0.5])
}

fn counter(line: Line) -> SceneCounter {
    SceneCounter::new(&Scene { lines: vec![line], zones: Vec::new() })
}

fn crossings(line: Line, places: &[(f32, f32)]) -> Vec<Direction> {
    let (found, _) = walk(&mut counter(line), &[&path(places)]);
    found.into_iter().map(|(_, direction)| direction).collect()
}

#[test]
fn over_the_line_and_back() {
    assert_eq!(crossings(middle(), &[(500.0, 300.0), (500.0, 700.0)]), [In]);
    assert_eq!(crossings(middle(), &[(500.0, 700.0), (500.0, 300.0)]), [Out]);
    let there_and_back = [(500.0, 300.0), (500.0, 700.0), (500.0, 300.0), (500.0, 700.0)];
    assert_eq!(crossings(middle(), &there_and_back), [In, Out, In]);
}

#[test]
fn a_line_drawn_the_other_way_has_its_directions_swapped() {
    let turned = Line { from: middle().to, to: middle().from, ..middle() };
    assert_eq!(crossings(turned, &[(500.0, 300.0), (500.0, 700.0)]), [Out]);
}

#[test]
fn in_is_from_left_to_right_seen_along_the_line() {
    // Looking up, the right-hand side is the picture's right.
    let upwards = line("up", [0.5, 0.8], [0.5, 0.2]);
    assert_eq!(crossings(upwards, &[(300.0, 500.0), (700.0, 500.0)]), [In]);
}

#[test]
fn fields_of_a_crossing() {
    let directions = Directions { inwards: "enter".into(), outwards: "leave".into() };
    let mut counter = counter(Line { directions, ..middle() });
    let mut said = SceneFrame::default();
    for (frame, y) in [400.0, 440.0, 480.0, 520.0].into_iter().enumerate() {
        said = counter.update(tenths(frame), &[person(7, 500.0, y)], FRAME);
    }
    let expected = LineCrossing {
        line_id: "middle".parse().unwrap(),
        direction: In,
        direction_name: "enter".into(),
        track: TrackId(7),
        confidence: 0.8,
    };
    assert_eq!(said.crossings, [expected]);
    assert_eq!(said.raw[0].direction, In);
    let tally = counter.take_tally();
    assert_eq!((tally.lines[0].raw_in, tally.lines[0].raw_out), (1, 0));
    assert_eq!(counter.take_tally().lines, []);
}

#[test]
fn along_the_line_nobody_crosses() {
    assert_eq!(crossings(middle(), &[(100.0, 505.0), (900.0, 495.0)]), []);
    // In the band all the way, now on this side, now on that.
    let snake: Vec<_> = (0..40)
        .map(|step| (100.0 + 20.0 * step as f32, 500.0 + 8.0 * (step as f32).sin()))
        .collect();
    let snake: Vec<_> = snake.into_iter().map(Some).collect();
    let (found, raw) = walk(&mut counter(middle()), &[&snake]);
    assert_eq!(found, []);
    assert!(raw > 5, "{raw}");
}

#[test]
fn a_person_who_stops_on_the_line_crosses_once_or_not_at_all() {
    let jitter = |places: &mut Vec<_>| {
        places
            .extend((0..100).map(|step| Some((500.0, if step % 2 == 0 { 492.0 } else { 508.0 }))));
    };
    let mut on = path(&[(500.0, 300.0), (500.0, 500.0)]);
    jitter(&mut on);
    let mut back = on.clone();
    on.extend(path(&[(500.0, 500.0), (500.0, 700.0)]));
    back.extend(path(&[(500.0, 500.0), (500.0, 300.0)]));
    assert_eq!(walk(&mut counter(middle()), &[&on]).0, [(1, In)]);
    let (found, raw) = walk(&mut counter(middle()), &[&back]);
    assert_eq!(found, []);
    assert!(raw > 90, "{raw}");
}

#[test]
fn beyond_its_ends_there_is_no_line() {
    assert_eq!(crossings(middle(), &[(100.0, 300.0), (100.0, 700.0)]), []);
    assert_eq!(crossings(middle(), &[(900.0, 700.0), (900.0, 300.0)]), []);
    // A crossing after a walk around the end has the side from which it comes.
    let around = [(500.0, 300.0), (100.0, 300.0), (100.0, 700.0), (500.0, 700.0)];
    assert_eq!(crossings(middle(), &around), []);
    let around_and_through = [&around[..], &[(500.0, 300.0)]].concat();
    assert_eq!(crossings(middle(), &around_and_through), [Out]);
}

#[test]
fn around_the_end_in_the_band_and_back_through_the_line() {
    // Through the line, but only just, and around its end back: nobody went over.
    let back = [(250.0, 450.0), (250.0, 505.0), (150.0, 505.0), (150.0, 450.0)];
    assert_eq!(crossings(middle(), &back), []);
    // Around the end in the band, then away from the line: it was not gone through.
    let away = [(150.0, 450.0), (150.0, 505.0), (250.0, 505.0), (250.0, 600.0)];
    assert_eq!(crossings(middle(), &away), []);
    // Through the line, then along it beyond the end before leaving the band.
    let along = [(250.0, 450.0), (250.0, 505.0), (150.0, 505.0), (150.0, 600.0)];
    assert_eq!(crossings(middle(), &along), [In]);
    // Every lap around an end is a crossing, since each goes back around it.
    let lap = [(300.0, 400.0), (300.0, 600.0), (100.0, 600.0), (100.0, 400.0)];
    assert_eq!(crossings(middle(), &[lap, lap, lap].concat()), [In, In, In]);
}

#[test]
fn exactly_over_an_end_is_over_the_line() {
    let ended = line("ended", [0.25, 0.5], [0.75, 0.5]);
    assert_eq!(crossings(ended.clone(), &[(250.0, 300.0), (250.0, 700.0)]), [In]);
    assert_eq!(crossings(ended, &[(249.0, 300.0), (249.0, 700.0)]), []);
}

#[test]
fn two_people_who_swap_places_cross_one_each_way() {
    let (a, b) = (path(&[(480.0, 300.0), (480.0, 700.0)]), path(&[(520.0, 700.0), (520.0, 300.0)]));
    let (mut found, raw) = walk(&mut counter(middle()), &[&a, &b]);
    found.sort();
    assert_eq!((found, raw), (vec![(1, In), (2, Out)], 2));
}

#[test]
fn a_person_who_appears_on_the_line_has_crossed_nothing_yet() {
    for start in [489.0, 495.0, 500.0, 505.0, 511.0] {
        assert_eq!(crossings(middle(), &[(500.0, start), (500.0, 700.0)]), [], "{start}");
        // Once on a side, the next way over counts.
        let there_and_back = [(500.0, start), (500.0, 700.0), (500.0, 300.0)];
        assert_eq!(crossings(middle(), &there_and_back), [Out], "{start}");
    }
    assert_eq!(crossings(middle(), &[(500.0, 487.0), (500.0, 700.0)]), [In]);
}

#[test]
fn the_band_grows_with_the_person() {
    // Twelve pixels beyond the line are enough for a person of 90 pixels, not for one of 110.
    for (height, expected) in [(90.0, 1), (110.0, 0)] {
        let mut counter = counter(middle());
        let mut found = 0;
        for (frame, y) in [400.0, 450.0, 500.0, 512.0, 512.0].into_iter().enumerate() {
            let mut person = person(1, 500.0, y);
            person.bbox.top = y - height;
            person.bbox.height = height;
            found += counter.update(tenths(frame), &[person], FRAME).crossings.len();
        }
        assert_eq!(found, expected, "{height}");
    }
}

#[test]
fn too_young_or_too_little_travelled_waits() {
    let mut rules = CrossingRules { min_age_ms: 1000, ..CrossingRules::default() };
    let line = Line { rules, ..middle() };
    let mut over = path(&[(500.0, 440.0), (500.0, 560.0)]);
    let (found, raw) = walk(&mut counter(line.clone()), &[&over]);
    assert_eq!((found, raw), (vec![], 1));
    over.extend([Some((500.0, 560.0)); 10]);
    assert_eq!(walk(&mut counter(line.clone()), &[&over]).0, [(1, In)]);
    // A person who has gone back meanwhile has crossed nothing.
    let back = path(&[(500.0, 440.0), (500.0, 560.0), (500.0, 400.0), (500.0, 300.0)]);
    assert_eq!(walk(&mut counter(line), &[&back]).0, []);
    rules = CrossingRules { min_travel: 2.0, ..CrossingRules::default() };
    let line = Line { rules, ..middle() };
    assert_eq!(crossings(line.clone(), &[(500.0, 400.0), (500.0, 590.0)]), []);
    assert_eq!(crossings(line, &[(500.0, 400.0), (500.0, 610.0)]), [In]);
}

#[test]
fn a_person_out_of_sight_for_a_while_has_crossed_meanwhile() {
    let mut gap = path(&[(500.0, 400.0), (500.0, 480.0)]);
    gap.extend([None; 50]);
    gap.extend(path(&[(500.0, 540.0), (500.0, 600.0)]));
    assert_eq!(walk(&mut counter(middle()), &[&gap]).0, [(1, In)]);
    // But not for ever.
    let mut gap = path(&[(500.0, 400.0), (500.0, 480.0)]);
    gap.extend([None; 210]);
    gap.extend(path(&[(500.0, 540.0), (500.0, 600.0)]));
    assert_eq!(walk(&mut counter(middle()), &[&gap]).0, []);
}

#[test]
fn degenerate_lines_and_boxes_count_nothing() {
    let places = [(500.0, 300.0), (500.0, 700.0)];
    assert_eq!(crossings(line("point", [0.5, 0.5], [0.5, 0.5]), &places), []);
    assert_eq!(crossings(line("nan", [f64::NAN, 0.5], [0.5, 0.5]), &places), []);
    assert_eq!(crossings(line("inf", [0.0, 0.5], [f64::INFINITY, 0.5]), &places), []);
    let mut counter = counter(middle());
    let broken = [f32::NAN, f32::INFINITY, f32::MAX, 0.0, -0.0, f32::MIN];
    for (frame, number) in broken.into_iter().enumerate() {
        let bbox = BoundingBox { left: number, top: number, width: number, height: number };
        let person = TrackedPerson { id: TrackId(1), bbox, confidence: number, seen: true };
        let [none, flat] = [0, 1].map(|width| FrameSize::new(width, 0));
        for size in [none, flat, FRAME, FrameSize::new(u32::MAX, u32::MAX)] {
            counter.update(tenths(frame), &[person, person], size);
        }
    }
    assert!(counter.remembered() <= 1);
}

#[test]
fn a_number_that_comes_twice_is_taken_once() {
    let mut counter = counter(middle());
    for frame in 0..20 {
        let people = [person(1, 500.0, 300.0), person(1, 500.0, 700.0)];
        assert_eq!(counter.update(tenths(frame), &people, FRAME).crossings, []);
    }
}

#[test]
fn another_scene_keeps_the_lines_that_stay() {
    let (stays, moves) =
        (line("stays", [0.2, 0.5], [0.8, 0.5]), line("moves", [0.2, 0.5], [0.8, 0.5]));
    let scene = |lines: &[&Line]| Scene {
        lines: lines.iter().copied().cloned().collect(),
        zones: Vec::new(),
    };
    let mut counter = SceneCounter::new(&scene(&[&stays, &moves]));
    let mut found = Vec::new();
    for (frame, y) in [400.0, 440.0, 480.0, 495.0, 540.0, 580.0].into_iter().enumerate() {
        if frame == 4 {
            let moved = line("moves", [0.2, 0.51], [0.8, 0.51]);
            let renamed = Directions { inwards: "enter".into(), ..Directions::default() };
            let renamed = Line { directions: renamed, ..stays.clone() };
            let new = line("new", [0.2, 0.52], [0.8, 0.52]);
            counter.update_scene(&scene(&[&new, &moved, &renamed]));
        }
        found.extend(counter.update(tenths(frame), &[person(1, 500.0, y)], FRAME).crossings);
    }
    let found: Vec<_> =
        found.iter().map(|one| (one.line_id.as_str(), one.direction_name.as_str())).collect();
    assert_eq!(found, [("stays", "enter")]);
    counter.update_scene(&Scene::default());
    assert_eq!(counter.take_tally(), SceneTally::default());
}

#[test]
fn the_number_of_remembered_tracks_is_bounded() {
    let mut counter = counter(middle());
    for frame in 0..MAX_TRACKS + 500 {
        counter.update(
            Duration::from_millis(frame as u64),
            &[person(frame as u64, 500.0, 300.0)],
            FRAME,
        );
    }
    assert_eq!(counter.remembered(), MAX_TRACKS);
    counter.update(Duration::from_secs(60), &[], FRAME);
    assert_eq!(counter.remembered(), 0);
    assert!(counter.lines[0].is_forgotten());
}

/// Steps of whole pixels, small ones and jumps.
fn any_walk() -> impl Strategy<Value = Vec<Option<(f32, f32)>>> {
    let step = prop_oneof![
        4 => (-30i32..=30, -30i32..=30),
        1 => (-400i32..=400, -400i32..=400),
    ];
    let start = (100i32..900, 100i32..900);
    (start, prop::collection::vec((step, prop::bool::weighted(0.9)), 1..80)).prop_map(
        |(start, steps)| {
            let mut place = start;
            let mut walk = vec![Some((place.0 as f32, place.1 as f32))];
            for ((dx, dy), seen) in steps {
                place = ((place.0 + dx).clamp(0, 1000), (place.1 + dy).clamp(0, 1000));
                walk.push(seen.then_some((place.0 as f32, place.1 as f32)));
            }
            walk
        },
    )
}

/// Lines with ends on whole pixels.
fn any_line() -> impl Strategy<Value = Line> {
    let place = || (0u16..=1000, 0u16..=1000);
    let rules =
        (0u8..=4, 0u32..=500, 0u8..=4).prop_map(|(band, min_age_ms, travel)| CrossingRules {
            hysteresis: f32::from(band) / 16.0,
            min_age_ms,
            min_travel: f32::from(travel) / 8.0,
        });
    (place(), place(), rules).prop_map(|(a, b, rules)| {
        let of = |(x, y): (u16, u16)| [f64::from(x) / 1000.0, f64::from(y) / 1000.0];
        Line { rules, ..line("any", of(a), of(b)) }
    })
}

fn net(found: &[(u64, Direction)]) -> i64 {
    found.iter().map(|(_, direction)| if *direction == In { 1 } else { -1 }).sum()
}

proptest! {
    #[test]
    fn directions_alternate_where_the_line_has_no_ends(
        walk_ in any_walk(), y in 1u16..1000, rules in any_line()
    ) {
        let y = f64::from(y) / 1000.0;
        // A walk in the picture can't get around it.
        let across = Line { rules: rules.rules, ..line("across", [0.0, y], [1.0, y]) };
        let (found, raw) = walk(&mut counter(across), &[&walk_]);
        prop_assert!(found.windows(2).all(|two| two[0].1 != two[1].1), "{found:?}");
        prop_assert!(found.len() <= raw);
    }

    #[test]
    fn the_net_is_the_difference_of_sides(walk_ in any_walk(), y in 1u16..1000) {
        let rules = CrossingRules { hysteresis: 0.125, min_age_ms: 0, min_travel: 0.0 };
        let height = f64::from(y) / 1000.0;
        let across = Line { rules, ..line("across", [0.0, height], [1.0, height]) };
        let (found, _) = walk(&mut counter(across), &[&walk_]);
        let beyond = |place: &(f32, f32)| (place.1 - f32::from(y)).abs() > 12.5;
        let side = |place: (f32, f32)| i64::from(place.1 > f32::from(y));
        let mut sides = walk_.iter().flatten().copied().filter(beyond).map(side);
        let first = sides.next().unwrap_or(0);
        let last = sides.next_back().unwrap_or(first);
        prop_assert_eq!(net(&found), last - first);
    }

    #[test]
    fn a_mirrored_scene_has_mirrored_directions(
        walk_ in any_walk(), any in any_line(), horizontally in any::<bool>()
    ) {
        let (found, raw) = walk(&mut counter(any.clone()), &[&walk_]);
        let turn = |(x, y): (f32, f32)| match horizontally {
            true => (1000.0 - x, y),
            false => (x, 1000.0 - y),
        };
        let turn_end = |Point { x, y }: Point| match horizontally {
            true => Point { x: 1.0 - x, y },
            false => Point { x, y: 1.0 - y },
        };
        let mirrored = Line { from: turn_end(any.from), to: turn_end(any.to), ..any.clone() };
        let mirrored_walk: Vec<_> = walk_.iter().map(|place| place.map(turn)).collect();
        // Rounding decides of places on the line, at an end or at the band's edge.
        if is_close_call(&any, &walk_) {
            return Ok(());
        }
        let (mirror, mirror_raw) = walk(&mut counter(mirrored), &[&mirrored_walk]);
        let opposite = |direction| if direction == In { Out } else { In };
        let back: Vec<_> = mirror.into_iter().map(|(id, way)| (id, opposite(way))).collect();
        prop_assert_eq!(back, found);
        prop_assert_eq!(mirror_raw, raw);
    }

    #[test]
    fn the_same_frame_again_changes_nothing(walk_ in any_walk(), any in any_line()) {
        let rules = CrossingRules { min_age_ms: 0, ..any.rules };
        let any = Line { rules, ..any };
        let (once, raw) = walk(&mut counter(any.clone()), &[&walk_]);
        let mut twice = Vec::new();
        let mut twice_raw = 0;
        let mut counter = counter(any);
        for (frame, place) in walk_.iter().enumerate() {
            let people: Vec<_> = place.iter().map(|&(x, y)| person(1, x, y)).collect();
            for _ in 0..2 {
                let said = counter.update(tenths(frame), &people, FRAME);
                twice.extend(said.crossings.iter().map(|one| (one.track.0, one.direction)));
                twice_raw += said.raw.len();
            }
        }
        prop_assert_eq!((twice, twice_raw), (once, raw));
    }

    #[test]
    fn jitter_in_the_band_never_counts_twice(
        jitter in prop::collection::vec((-11i32..=11, -11i32..=11), 0..100)
    ) {
        let mut there: Vec<_> = path(&[(500.0, 300.0), (500.0, 480.0)]);
        there.extend(jitter.iter().map(|&(dx, dy)| Some((500.0 + dx as f32, 500.0 + dy as f32))));
        there.extend(path(&[(500.0, 520.0), (500.0, 700.0)]));
        prop_assert_eq!(walk(&mut counter(middle()), &[&there]).0, [(1, In)]);
    }
}

/// Whether a place lies so close to the line, to its band's edge, or a step so close to its ends
/// that rounding decides.
fn is_close_call(line: &Line, walk: &[Option<(f32, f32)>]) -> bool {
    let (from, to) = (Pixel::of(line.from, FRAME), Pixel::of(line.to, FRAME));
    let turn = |a: Pixel, b: Pixel, c: Pixel| (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
    let length = from.distance(to);
    let band = f64::from(line.rules.hysteresis) * f64::from(HEIGHT);
    let places: Vec<_> =
        walk.iter().flatten().map(|&(x, y)| Pixel { x: x.into(), y: y.into() }).collect();
    let travel = f64::from(line.rules.min_travel) * f64::from(HEIGHT);
    let near = |place: &Pixel| {
        let distance = (turn(from, to, *place) / length).abs();
        let travelled = place.distance(places[0]);
        distance < 1e-6 || (distance - band).abs() < 1e-6 || (travelled - travel).abs() < 1e-6
    };
    length < 1.0
        || places.iter().any(near)
        || places.windows(2).any(|step| {
            let size = step[0].distance(step[1]).max(1.0);
            [from, to].iter().any(|end| (turn(step[0], step[1], *end) / size).abs() < 1e-6)
        })
}
