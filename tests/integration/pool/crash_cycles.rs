//! Two hundred crashes in a row.

use std::time::Instant;

use nix::sys::signal::Signal;

use crate::support::{
    SOON, clips, secs,
    service::{self, Service},
    wait_for, wait_until,
};

const CYCLES: u64 = 200;

#[test]
fn after_two_hundred_crashes_the_pool_is_whole_and_memory_flat() {
    let service = Service::with()
        .set("WORKERS_MAX_CRASHES", 1000)
        .set("WORKERS_RESTART_BACKOFF", "1ms")
        .set("WORKERS_RESTART_BACKOFF_MAX", "10ms")
        .set("WORKERS_CAMERA_BACKOFF", "1ms")
        .set("WORKERS_CAMERA_BACKOFF_MAX", "10ms")
        .set("DETECT_FPS", 2)
        .start();
    service.start_looping(1, &clips::long_mp4()).ok(200);
    service.wait_new_count(1);
    let mut settled = None;
    let begin = Instant::now();

    for cycle in 1..=CYCLES {
        // Idle and busy ones in turn, as soon as they are back.
        let name = format!("worker_{}", cycle % 2 + 1);
        let (victim, _) = wait_for(&format!("{name} is back"), SOON, || {
            let worker = service.worker(&name);
            let up = worker["status"] == "idle" || worker["status"] == "busy";
            service::process(&worker).filter(|process| up && process.is_alive())
        });
        victim.signal(if cycle % 3 == 0 { Signal::SIGSEGV } else { Signal::SIGKILL });
        wait_until("its end is seen", SOON, || {
            service::process(&service.worker(&name)) != Some(victim)
        });
        // Should the camera be given up as the crashes' cause, an operator starts it again.
        if service.camera(1)["state"] == "failed" {
            service.start_looping(1, &clips::long_mp4());
        }
        if cycle == 40 {
            wait_until("the pool is whole", SOON, || service.process().children().len() == 2);
            settled = Some((service.process().resident_bytes(), service.resources()));
        }
    }
    println!("{CYCLES} crashes in {:?}", begin.elapsed());

    let restarts: u64 = service.workers().iter().filter_map(|w| w["restarts"].as_u64()).sum();
    wait_until("the pool is whole", SOON, || {
        service.workers().iter().all(|w| w["status"] == "idle" || w["status"] == "busy")
    });
    assert!(restarts + 1 >= CYCLES, "{restarts} restarts");
    service.wait_new_count(1);

    let (resident, resources) = settled.unwrap();
    let growth = service.process().resident_bytes().saturating_sub(resident);
    assert!(growth < 6 << 20, "{} kB more after {} crashes", growth >> 10, CYCLES - 40);
    wait_until("no process, thread or descriptor is leaked", secs(20), || {
        service.resources().no_more_than(&resources) && service.process().children().len() == 2
    });
}
