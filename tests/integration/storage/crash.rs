//! `kill -9` of the service under load, again and again: only the last moment is lost.

use std::{thread, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use nix::sys::signal::Signal;

use super::ledger::Ledger;
use crate::support::{SOON, clips, millis, secs, service::Service, wait_until};

const KILLS: u64 = 20;
/// As the service is configured here.
const FLUSH_INTERVAL: Duration = millis(500);

#[test]
fn a_kill_costs_the_last_flush_interval_at_most() {
    let mut service = Service::with()
        .set("STORAGE_FLUSH_INTERVAL", format!("{}ms", FLUSH_INTERVAL.as_millis()))
        .set("DETECT_FPS", 8)
        .start();
    let url = format!("sqlite:{}", service.database().display());
    for id in [1, 2] {
        service.start_looping(id, &clips::long_mp4()).ok(200);
    }
    for kill in 0..KILLS {
        for id in [1, 2] {
            service.wait_new_count(id);
        }
        // At another point of the second and of the interval each time.
        thread::sleep(millis(1_200 + 137 * (kill % 10)));
        let before = service.last_frames(&[1, 2]);
        service.signal(Signal::SIGKILL);
        service.wait_exit(secs(10));

        let ledger = Ledger::read(&url, &[1, 2]);
        ledger.assert_complete();
        for (camera, last_frame) in before {
            // The second before a frame's is complete when the frame is analysed, and it was
            // emitted then or, had the interval not passed yet, is the most that is lost.
            let interval = TimeDelta::from_std(FLUSH_INTERVAL).unwrap();
            let due = whole_second(last_frame - interval) - TimeDelta::seconds(1);
            let newest = ledger.newest[&camera];
            assert!(
                newest >= due,
                "kill {kill}, camera {camera}: {newest} is stored, {due} was due"
            );
        }
        service = service.start_again();
    }
    wait_until("both cameras are counted again", SOON, || {
        [1, 2].iter().all(|id| service.camera(*id)["state"] == "processing")
    });
    service.finish();
    let ledger = Ledger::read(&url, &[1, 2]);
    ledger.assert_complete();
    assert!(ledger.samples as u64 > 2 * KILLS, "{}", ledger.samples);
}

fn whole_second(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(time.timestamp(), 0).unwrap()
}
