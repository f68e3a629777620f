//! What stands out in a span: the peak hour, the busiest day, the usual week.

use becamera_domain::{CameraId, Totals};
use chrono::{DateTime, Datelike, Timelike, Utc};

use crate::{Bucket, Buckets, Calendar, Resolution, Series, Span};

const HOURS_OF_WEEK: usize = 168;
const HOUR_MS: f64 = 3_600_000.0;
const DAY_MS: f64 = 24.0 * HOUR_MS;

/// Sums up the hours of a span, as they come.
///
/// People of several cameras are added up: the mean is the sum of the cameras' means, each over
/// the frames that it has. An hour or day stands out only if it was really seen: for
/// `min_coverage` of 60 min or 24 h, on average over the cameras. So a camera that was up for one
/// busy minute makes no peak.
#[derive(Debug, Clone)]
pub struct Summary {
    calendar: Calendar,
    min_coverage: f64,
    now: DateTime<Utc>,
    /// Hour of week by hour of week, in each of them camera by camera.
    cells: Vec<Option<Totals>>,
    /// Milliseconds of each hour of the week that the span has.
    cells_ms: [u64; HOURS_OF_WEEK],
    days: Buckets,
    day: Option<(Bucket, Vec<Option<Totals>>)>,
    cameras: usize,
    peak_hour: Option<Peak>,
    busiest_day: Option<Peak>,
}

/// An hour or a day that stands out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// When.
    pub bucket: Bucket,
    /// People, on average.
    pub people_mean: f64,
    /// Share of it that was seen, 0 to 1, mean of the cameras.
    pub coverage: f64,
}

/// An hour of the week, or the whole span.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Frames of all cameras.
    pub frames: u64,
    /// People, on average; `None` where no camera has a frame.
    pub people_mean: Option<f64>,
    /// Share of its time that was seen, 0 to 1, mean of the cameras; `None` where the span has no
    /// such hour.
    pub coverage: Option<f64>,
}

impl Summary {
    /// Of nothing yet.
    pub fn new(
        calendar: Calendar,
        span: Span,
        cameras: &[CameraId],
        min_coverage: f64,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            calendar,
            min_coverage,
            now,
            cells: vec![None; HOURS_OF_WEEK * cameras.len()],
            cells_ms: [0; HOURS_OF_WEEK],
            days: calendar.buckets(Resolution::Day, span),
            day: None,
            cameras: cameras.len(),
            peak_hour: None,
            busiest_day: None,
        }
    }

    /// Adds the next hours of the span, of the same cameras.
    pub fn add(&mut self, hours: &Series) {
        for (index, hour) in hours.buckets().iter().enumerate() {
            let seen: Vec<_> =
                (0..self.cameras).map(|camera| hours.point(camera, index).totals).collect();
            if let Some(peak) = self.peak(*hour, &seen, HOUR_MS) {
                keep_greater(&mut self.peak_hour, peak);
            }
            self.add_to_week(hour, &seen);
            self.add_to_day(hour, &seen);
        }
    }

    /// All hours are there.
    pub fn finish(&mut self) {
        if let Some((day, seen)) = self.day.take()
            && let Some(peak) = self.peak(day, &seen, DAY_MS)
        {
            keep_greater(&mut self.busiest_day, peak);
        }
    }

    /// The hour with most people; of equal ones the first.
    pub fn peak_hour(&self) -> Option<Peak> {
        self.peak_hour
    }

    /// The day with most people; of equal ones the first.
    pub fn busiest_day(&self) -> Option<Peak> {
        self.busiest_day
    }

    /// The 168 hours of the week, from Monday 00:00.
    pub fn hours_of_week(&self) -> impl Iterator<Item = Cell> + '_ {
        (0..HOURS_OF_WEEK).map(|hour| {
            let first = hour * self.cameras;
            self.cell(&self.cells[first..first + self.cameras], self.cells_ms[hour])
        })
    }

    /// The whole span.
    pub fn whole(&self) -> Cell {
        let mut seen = vec![None; self.cameras];
        for cell in self.cells.chunks(self.cameras.max(1)) {
            add_up(&mut seen, cell);
        }
        self.cell(&seen, self.cells_ms.iter().sum())
    }

    fn cell(&self, seen: &[Option<Totals>], elapsed_ms: u64) -> Cell {
        let coverage = self.share(seen, elapsed_ms as f64);
        Cell {
            frames: seen.iter().flatten().map(|totals| totals.frames).sum(),
            people_mean: people_mean(seen),
            coverage: (elapsed_ms > 0).then_some(coverage),
        }
    }

    fn peak(&self, bucket: Bucket, seen: &[Option<Totals>], nominal_ms: f64) -> Option<Peak> {
        let people_mean = people_mean(seen)?;
        let coverage = self.share(seen, bucket.elapsed_ms(self.now) as f64);
        let counts = self.share(seen, nominal_ms) >= self.min_coverage;
        counts.then_some(Peak { bucket, people_mean, coverage })
    }

    /// The share of this time that was seen, on average over the cameras.
    fn share(&self, seen: &[Option<Totals>], of_ms: f64) -> f64 {
        let share = |totals: &Totals| (totals.covered_ms as f64 / of_ms.max(1.0)).min(1.0);
        let sum: f64 = seen.iter().flatten().map(share).sum();
        sum / self.cameras.max(1) as f64
    }

    fn add_to_week(&mut self, hour: &Bucket, seen: &[Option<Totals>]) {
        let local = self.calendar.local(hour.start);
        // Both from 0; together below 168.
        let cell = local.weekday().num_days_from_monday() * 24 + local.hour();
        let cell = cell as usize;
        self.cells_ms[cell] += hour.elapsed_ms(self.now);
        let first = cell * self.cameras;
        add_up(&mut self.cells[first..first + self.cameras], seen);
    }

    fn add_to_day(&mut self, hour: &Bucket, seen: &[Option<Totals>]) {
        while !self.day.as_ref().is_some_and(|(day, _)| day.holds(hour.start)) {
            self.finish();
            let Some(next) = self.days.next() else { return };
            self.day = Some((next, vec![None; self.cameras]));
        }
        if let Some((_, sums)) = &mut self.day {
            add_up(sums, seen);
        }
    }
}

fn keep_greater(greatest: &mut Option<Peak>, new: Peak) {
    if greatest.is_none_or(|old| new.people_mean > old.people_mean) {
        *greatest = Some(new);
    }
}

fn add_up(sums: &mut [Option<Totals>], more: &[Option<Totals>]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        match (sum.as_mut(), more) {
            (Some(sum), Some(more)) => sum.add(more),
            (None, more) => *sum = *more,
            (_, None) => {}
        }
    }
}

fn people_mean(seen: &[Option<Totals>]) -> Option<f64> {
    seen.iter().flatten().map(Totals::people_mean).reduce(|sum, mean| sum + mean)
}

#[cfg(test)]
mod tests {
    use becamera_domain::Rollup;

    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn cameras(count: i64) -> Vec<CameraId> {
        (1..=count).map(|id| CameraId::try_from(id).unwrap()).collect()
    }

    fn rollup(id: i64, start: &str, people: u64, covered_min: u64) -> Rollup {
        let frames = covered_min * 60;
        let most = u32::try_from(people).unwrap();
        let totals = Totals {
            frames,
            people_sum: people * frames,
            people_min: most,
            people_max: most,
            covered_ms: covered_min * 60_000,
        };
        Rollup { camera_id: CameraId::try_from(id).unwrap(), bucket_start: utc(start), totals }
    }

    /// Of January 2026, which begins with a Thursday.
    fn january(zone: &str, count: i64, rollups: &[Rollup]) -> Summary {
        let calendar: Calendar = zone.parse().unwrap();
        let start = |text| calendar.start_of(Resolution::Day, utc(text));
        let span = Span { from: start("2026-01-01T12:00:00Z"), to: start("2026-02-01T12:00:00Z") };
        let now = utc("2026-06-01T00:00:00Z");
        let mut summary = Summary::new(calendar, span, &cameras(count), 0.5, now);
        let hours: Vec<_> = calendar.buckets(Resolution::Hour, span).collect();
        for hours in hours.chunks(100) {
            let mut series = Series::new(cameras(count), hours.to_vec(), now);
            series.add(rollups);
            summary.add(&series);
        }
        summary.finish();
        summary
    }

    fn mean(peak: Option<Peak>) -> f64 {
        peak.unwrap().people_mean
    }

    #[test]
    fn a_glimpse_is_no_peak() {
        let rollups = [
            rollup(1, "2026-01-05T08:00:00Z", 4, 60),
            rollup(1, "2026-01-05T09:00:00Z", 9, 30),
            rollup(1, "2026-01-05T10:00:00Z", 50, 29),
        ];
        let summary = january("UTC", 1, &rollups);
        let peak = summary.peak_hour().unwrap();
        assert_eq!((peak.people_mean, peak.coverage), (9.0, 0.5));
        assert_eq!(peak.bucket.start, utc("2026-01-05T09:00:00Z"));
        assert_eq!(summary.busiest_day(), None, "two hours are no day");
        assert_eq!(january("UTC", 1, &[]).peak_hour(), None);
    }

    #[test]
    fn days_and_hours_of_the_week_are_the_zones_own() {
        // The 4th is a Sunday; in Berlin its last hour is the first of Monday.
        let sunday = (0..23).map(|h| rollup(1, &format!("2026-01-04T{h:02}:00:00Z"), 3, 60));
        let rollups: Vec<_> = sunday.chain([rollup(1, "2026-01-04T23:00:00Z", 7, 60)]).collect();
        let utc_week: Vec<_> = january("UTC", 1, &rollups).hours_of_week().collect();
        assert_eq!(utc_week[6 * 24 + 23].people_mean, Some(7.0));
        assert_eq!(utc_week[0].people_mean, None);
        let summary = january("Europe/Berlin", 1, &rollups);
        let week: Vec<_> = summary.hours_of_week().collect();
        assert_eq!(week.len(), 168);
        assert_eq!(week[0].people_mean, Some(7.0));
        // Four Mondays in the month, one of them seen.
        assert_eq!((week[0].coverage, week[0].frames), (Some(0.25), 3_600));
        assert_eq!(week[1], Cell { frames: 0, people_mean: None, coverage: Some(0.0) });
        let day = summary.busiest_day().unwrap();
        assert_eq!(day.people_mean, 3.0);
        assert_eq!(day.bucket.start, utc("2026-01-03T23:00:00Z"));
        assert_eq!(summary.whole().frames, 24 * 3_600);
    }

    #[test]
    fn hours_that_the_span_lacks_have_no_coverage() {
        let calendar = Calendar::UTC;
        let span = Span { from: utc("2026-01-05T00:00:00Z"), to: utc("2026-01-05T02:00:00Z") };
        let hours = calendar.buckets(Resolution::Hour, span).collect();
        let now = utc("2026-01-05T00:30:00Z");
        let mut summary = Summary::new(calendar, span, &cameras(1), 0.5, now);
        summary.add(&Series::new(cameras(1), hours, now));
        summary.finish();
        let coverage: Vec<_> = summary.hours_of_week().map(|cell| cell.coverage).take(3).collect();
        assert_eq!(coverage, [Some(0.0), None, None], "the second hour is still to come");
    }

    #[test]
    fn cameras_are_added_up_each_by_its_own_mean() {
        let day = |id: i64, people| {
            move |h: i64| rollup(id, &format!("2026-01-06T{h:02}:00:00Z"), people, 60)
        };
        let mut rollups: Vec<_> = (0..24).map(day(1, 2)).chain((0..24).map(day(2, 5))).collect();
        let both = january("UTC", 2, &rollups);
        assert_eq!((mean(both.peak_hour()), mean(both.busiest_day())), (7.0, 7.0));
        assert_eq!(both.whole().people_mean, Some(7.0));
        assert_eq!(both.busiest_day().unwrap().coverage, 1.0);
        // A camera that is down for a week does not make that week's hours emptier.
        rollups.push(rollup(1, "2026-01-13T00:00:00Z", 2, 60));
        let cell = january("UTC", 2, &rollups).hours_of_week().nth(24).unwrap();
        assert_eq!(cell.people_mean, Some(7.0));
        assert_eq!(cell.coverage, Some(3.0 / 8.0));
    }
}
