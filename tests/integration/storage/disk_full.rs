//! The disk of the database and the spool is full for a while.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::ledger::Ledger;
use crate::support::{SOON, clips, holds_for, secs, service::Service, wait_until};

/// A small disk of its own.
struct Disk {
    folder: TempDir,
}

impl Disk {
    /// Mounts it. Needs the right to do so, as the tests' container and CI have.
    fn mount() -> Self {
        let folder = TempDir::with_prefix("becamera-disk-").unwrap();
        let options = ["-t", "tmpfs", "-o", "size=2m", "becamera-test"];
        let mounted = Command::new("mount").args(options).arg(folder.path()).output().unwrap();
        assert!(mounted.status.success(), "{}", String::from_utf8_lossy(&mounted.stderr));
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Leaves no byte free.
    fn fill(&self) {
        let mut ballast = File::create(self.ballast()).unwrap();
        for size in [64 << 10, 1] {
            while ballast.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a test that failed may have left a process on it.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

#[test]
fn counts_outlast_a_full_disk() {
    let disk = Disk::mount();
    let url = format!("sqlite:{}/becamera.sqlite3", disk.path().display());
    let mut service = Service::with()
        .env("DATABASE_URL", &url)
        .set("STORAGE_SPOOL_PATH", disk.path().join("spool.sqlite3").display())
        .start();
    service.start_looping(1, &clips::long_mp4()).ok(200);
    service.wait_new_count(1);
    wait_until("some counts are stored", SOON, || {
        service.metrics().metric("becamera_samples_written_total") > Some(1.0)
    });

    disk.fill();
    wait_until("the full disk is said", secs(60), || {
        service.http.get("/readyz").text.contains("full")
    });
    service.wait_log(&["spool can't be used", "full"]);
    holds_for("it counts on", secs(10), || service.camera(1)["state"] == "processing");
    assert!(service.metrics().metric("becamera_samples_buffered") > Some(5.0));

    disk.make_room();
    wait_until("everything is written", SOON, || {
        let metrics = service.metrics();
        let waiting = ["becamera_samples_buffered", "becamera_spool_writes"];
        waiting.iter().filter_map(|series| metrics.metric(series)).sum::<f64>() <= 1.0
    });
    wait_until("it is ready", SOON, || service.http.get("/readyz").status == 200);
    let frames = service.analysed_when_stopped(&[1]);
    service.finish();
    let ledger = Ledger::read(&url, &[1]);
    ledger.assert_complete();
    assert_eq!(ledger.frames, frames, "every frame that was analysed is in one sample");
}
