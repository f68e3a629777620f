//! Recordings made from real footage (`vtest.avi` of OpenCV's samples), once for all tests.
//!
//! They are kept in Cargo's folder for test files: a second run does not make them again.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
};

/// Width and height of the footage.
pub const SIZE: (u64, u64) = (768, 576);

/// Frames a second of the footage.
pub const FPS: u32 = 10;

/// People stand and walk in all of it: a count of zero means that detection does not work.
pub fn footage() -> PathBuf {
    let candidates = [
        std::env::var("BECAMERA_TEST_VIDEO").unwrap_or_default(),
        "/usr/share/doc/opencv-doc/examples/data/vtest.avi".into(),
        "/usr/share/doc/opencv-doc/examples/vtest.avi".into(),
        "/usr/share/opencv4/samples/data/vtest.avi".into(),
    ];
    let found = candidates.iter().map(PathBuf::from).find(|path| path.is_file());
    found.expect("vtest.avi: install opencv-doc, or run deploy/test.sh, which does")
}

/// The folder of all clips: a media root for services under test.
pub fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clips");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A clip's `file:` URL.
pub fn url(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// 20 s of H.264 as a camera sends it: Annex B, a keyframe every half second.
pub fn h264() -> PathBuf {
    made("camera.h264", |to| encode(to, "20", &["-f", "h264"]))
}

/// 3 s of JPEG pictures, one behind the other.
pub fn mjpeg() -> PathBuf {
    made("camera.mjpeg", |to| {
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-loglevel", "error", "-y", "-i"]).arg(footage());
        command.args(["-t", "3", "-c:v", "mjpeg", "-q:v", "4", "-f", "mjpeg"]).arg(to);
        assert!(command.status().unwrap().success());
    })
}

/// A complete recording of 3 s: 30 frames.
pub fn mp4() -> PathBuf {
    made("3s.mp4", |to| encode(to, "3", &["-movflags", "+faststart", "-f", "mp4"]))
}

/// Frames of [`mp4`].
pub const MP4_FRAMES: u64 = 30;

/// A complete recording of 20 s: longer than any test looks at it when it is paced.
pub fn long_mp4() -> PathBuf {
    made("20s.mp4", |to| encode(to, "20", &["-movflags", "+faststart", "-f", "mp4"]))
}

/// Its index says 30 frames, but its data ends in the middle.
pub fn truncated() -> PathBuf {
    let whole = fs::read(mp4()).unwrap();
    made("truncated.mp4", |to| fs::write(to, &whole[..whole.len() * 6 / 10]).unwrap())
}

/// Its index stood at the end and is gone, as after a full disk.
pub fn without_index() -> PathBuf {
    let plain = made("plain.mp4", |to| encode(to, "3", &["-f", "mp4"]));
    let whole = fs::read(plain).unwrap();
    made("without-index.mp4", |to| fs::write(to, &whole[..whole.len() * 6 / 10]).unwrap())
}

/// The index is whole, the pictures are noise from the second fifth on.
pub fn corrupt() -> PathBuf {
    let mut bytes = fs::read(mp4()).unwrap();
    let begin = bytes.len() / 5;
    let mut noise: u32 = 2_463_534_242;
    for byte in &mut bytes[begin..] {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        *byte = noise as u8;
    }
    made("corrupt.mp4", |to| fs::write(to, &bytes).unwrap())
}

/// 20 s of one picture of people.
pub fn still() -> PathBuf {
    made("still.mp4", |to| {
        let still = "trim=start_frame=100:end_frame=101,loop=loop=199:size=1,setpts=N/10/TB";
        encode(to, "20", &["-vf", still, "-r", "10", "-f", "mp4"]);
    })
}

/// No bytes at all.
pub fn empty() -> PathBuf {
    made("empty.mp4", |to| fs::write(to, b"").unwrap())
}

/// Text under the name of a recording.
pub fn text() -> PathBuf {
    made("text.mp4", |to| fs::write(to, "not a recording\n".repeat(1000)).unwrap())
}

/// A pipe that nobody writes to: opening it waits for ever.
pub fn fifo() -> PathBuf {
    made("fifo.mp4", |to| nix::unistd::mkfifo(to, nix::sys::stat::Mode::S_IRWXU).unwrap())
}

// Written under another name first: tests of a second run of the suite may look at the same time.
fn made(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let path = folder().join(name);
    if !path.exists() {
        let part = folder().join(format!("{name}.{}.part", std::process::id()));
        make(&part);
        fs::rename(part, &path).unwrap();
    }
    path
}

fn encode(to: &Path, seconds: &str, output: &[&str]) {
    let x264 = "keyint=5:min-keyint=5:scenecut=0:bframes=0:aud=1:repeat-headers=1";
    let result = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-y", "-i"])
        .arg(footage())
        .args(["-t", seconds, "-an", "-c:v", "libx264", "-preset", "veryfast"])
        .args(["-pix_fmt", "yuv420p", "-x264-params", x264])
        .args(output)
        .arg(to)
        .stdin(Stdio::null())
        .output()
        .expect("ffmpeg: run deploy/test.sh, which installs it");
    assert!(result.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&result.stderr));
}
