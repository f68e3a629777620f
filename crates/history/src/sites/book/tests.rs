use becamera_domain::{AuditId, CorrectionChange, RunId};
use chrono::TimeDelta;

use super::*;

fn camera(id: i64) -> CameraId {
    CameraId::try_from(id).unwrap()
}

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn noon() -> DateTime<Utc> {
    utc("2026-06-10T12:00:00Z")
}

fn id(name: &str) -> SiteId {
    name.parse().unwrap()
}

fn member(camera_id: i64, line: &str, invert: bool) -> Member {
    Member { camera_id: camera(camera_id), line_id: line.parse().unwrap(), invert }
}

fn shop(members: &[Member]) -> SiteSettings {
    SiteSettings { members: members.to_vec(), ..SiteSettings::default() }
}

fn crossing(
    camera_id: i64,
    line: &str,
    seq: u32,
    at: DateTime<Utc>,
    direction: Direction,
) -> Crossing {
    Crossing {
        camera_id: camera(camera_id),
        run: RunId(camera_id as u64),
        seq,
        line_id: line.parse().unwrap(),
        direction,
        direction_name: "x".into(),
        track_id: 1,
        at,
        confidence: 0.5,
    }
}

fn correction(name: &str, number: i64, at: DateTime<Utc>, change: CorrectionChange) -> Correction {
    Correction { id: AuditId(number), site_id: id(name), at, change }
}

fn people(book: &Book, name: &str) -> u32 {
    book.live(&id(name)).unwrap().occupancy
}

#[test]
fn doors_of_several_cameras_make_one_count() {
    let mut book = Book::default();
    let doors = [member(1, "door", false), member(2, "back", true)];
    book.put(&id("shop"), shop(&doors), noon()).unwrap();
    let at = |seconds| noon() + TimeDelta::seconds(seconds);
    use Direction::{In, Out};
    let events = [
        crossing(1, "door", 0, at(1), In),
        // This one leads out of the shop.
        crossing(2, "back", 0, at(2), Out),
        crossing(2, "back", 1, at(3), In),
        crossing(1, "other", 1, at(4), In),
        crossing(3, "door", 0, at(5), In),
    ];
    let told: Vec<Vec<_>> = events
        .iter()
        .map(|event| book.cross(event, event.at).iter().map(|site| site.occupancy).collect())
        .collect();
    assert_eq!(told, [vec![1], vec![2], vec![1], vec![], vec![]]);
    assert_eq!(book.cross(&events[0], noon()), [], "twice is once");
    let live = book.live(&id("shop")).unwrap();
    assert_eq!((live.entered, live.left), (2, 1));
}

#[test]
fn a_new_day_counts_only_its_own_crossings() {
    let mut book = Book::default();
    let settings =
        SiteSettings { timezone: chrono_tz::Europe::Berlin, ..shop(&[member(1, "door", false)]) };
    book.put(&id("bar"), settings, noon()).unwrap();
    book.cross(&crossing(1, "door", 0, noon(), Direction::In), noon());
    let view = book.site(&id("bar"), noon()).unwrap();
    assert_eq!(view.live.since, utc("2026-06-10T02:00:00Z"));
    assert_eq!(view.next_reset_at, utc("2026-06-11T02:00:00Z"));
    assert_eq!(book.tick(utc("2026-06-11T01:59:59Z")), []);
    // Somebody comes just before the tick that begins the day.
    let early = utc("2026-06-11T02:00:00.100Z");
    book.cross(&crossing(1, "door", 1, early, Direction::In), early);
    assert_eq!(people(&book, "bar"), 2);
    let begun = book.tick(utc("2026-06-11T02:00:01Z"));
    assert_eq!((begun[0].occupancy, begun[0].since), (1, utc("2026-06-11T02:00:00Z")));
    let late = crossing(1, "door", 2, utc("2026-06-11T01:59:00Z"), Direction::In);
    assert_eq!(book.cross(&late, utc("2026-06-11T02:00:02Z")), [], "of the day before");
    // The clock is set back: the day stays.
    assert_eq!(book.tick(noon()), []);
    assert_eq!(people(&book, "bar"), 1);
}

#[test]
fn a_changed_site_is_counted_anew_from_its_lines() {
    let mut book = Book::default();
    let at = |seconds| noon() + TimeDelta::seconds(seconds);
    for seq in 0..5 {
        book.cross(&crossing(1, "door", seq, at(seq.into()), Direction::In), noon());
        book.cross(&crossing(2, "back", seq, at(seq.into()), Direction::Out), noon());
    }
    // What happened today before the site was made counts.
    assert!(book.put(&id("shop"), shop(&[member(1, "door", false)]), at(10)).unwrap().is_none());
    assert_eq!(people(&book, "shop"), 5);
    book.correct(&correction("shop", 1, at(11), CorrectionChange::Set(2))).unwrap();
    book.cross(&crossing(1, "door", 9, at(12), Direction::In), at(12));
    let both = shop(&[member(1, "door", false), member(2, "back", true)]);
    assert!(book.put(&id("shop"), both, at(13)).unwrap().is_some());
    assert_eq!(people(&book, "shop"), 3, "the correction holds for what was before it");
    assert_eq!(book.live(&id("shop")).unwrap().entered, 11);
    // A deleted camera takes its crossings along.
    let changed = book.forget_camera(camera(1), at(14));
    assert_eq!((changed[0].occupancy, changed[0].entered), (2, 5));
    assert_eq!(book.forget_camera(camera(7), at(14)), []);

    book.delete(&id("shop")).unwrap();
    assert_eq!(book.delete(&id("shop")), Err(SiteError::NotFound(id("shop"))));
    book.put(&id("shop"), shop(&[member(2, "back", true)]), at(20)).unwrap();
    assert_eq!(people(&book, "shop"), 5, "its corrections went with it");
}

#[test]
fn a_restart_says_the_same() {
    let mut book = Book::default();
    let doors = shop(&[member(1, "door", false), member(2, "back", true)]);
    book.put(&id("shop"), doors.clone(), noon()).unwrap();
    let (mut crossings, mut corrections) = (Vec::new(), Vec::new());
    for number in 0..400u32 {
        let at = noon() + TimeDelta::seconds(i64::from(number) * 97 % 4_000);
        let (camera_id, line) = if number % 3 == 0 { (2, "back") } else { (1, "door") };
        let direction = if number % 5 < 2 { Direction::Out } else { Direction::In };
        let event = crossing(camera_id, line, number, at, direction);
        book.cross(&event, at);
        crossings.push(event);
        if number % 50 == 7 {
            let correction = correction(
                "shop",
                number.into(),
                at,
                CorrectionChange::Add(3 - number as i32 / 50),
            );
            book.correct(&correction).unwrap();
            corrections.push(correction);
        }
    }
    let now = noon() + TimeDelta::hours(2);
    let site = book.site(&id("shop"), now).unwrap();
    // The database has them in another order, the spool has some of them again.
    crossings.reverse();
    crossings.extend(crossings.clone().into_iter().take(50));
    let again = Book::new(vec![site.site.clone()], &corrections, crossings, now);
    let after = again.site(&id("shop"), now).unwrap();
    assert_eq!(LiveSite { at: site.live.at, ..after.live }, site.live);
    assert!(site.live.occupancy > 0);
}

#[test]
fn what_can_not_be_is_refused() {
    let mut book = Book::default();
    let twice = shop(&[member(1, "door", false), member(1, "door", true)]);
    let refused = book.put(&id("shop"), twice, noon()).unwrap_err();
    assert!(matches!(refused, SiteError::InvalidField(error) if error.field == "members"));
    let set = CorrectionChange::Set(1);
    let unknown = book.correct(&correction("shop", 1, noon(), set)).unwrap_err();
    assert_eq!(unknown, SiteError::NotFound(id("shop")));
    book.put(&id("shop"), shop(&[]), noon()).unwrap();
    let many = CorrectionChange::Set(u32::MAX);
    let refused = book.correct(&correction("shop", 1, noon(), many)).unwrap_err();
    assert!(matches!(refused, SiteError::InvalidField(error) if error.field == "occupancy"));
    assert_eq!(people(&book, "shop"), 0);
}

#[test]
fn what_is_older_than_any_day_is_dropped() {
    let mut book = Book::default();
    book.cross(&crossing(1, "door", 0, noon() - TimeDelta::hours(27), Direction::In), noon());
    book.cross(&crossing(1, "door", 1, noon() - TimeDelta::hours(7), Direction::In), noon());
    book.prune(noon());
    assert_eq!(book.recent.of_line(camera(1), &"door".parse().unwrap()).count(), 1);
    book.prune(noon() + TimeDelta::days(2));
    assert_eq!(book.recent.of_line(camera(1), &"door".parse().unwrap()).count(), 0);
}
