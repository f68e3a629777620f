//! Clips made from the footage, and a camera that sends one.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
    time::Duration,
};

use tempfile::TempDir;

/// `vtest.avi` of Debian's opencv-doc.
pub const FOOTAGE: &str = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";

/// A folder of clips made from the footage: shared by the tests that run at the same time, and
/// removed by the last of them.
pub struct Clips(Arc<TempDir>);

impl Clips {
    pub fn new() -> Self {
        static SHARED: Mutex<Weak<TempDir>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        Self(shared.upgrade().unwrap_or_else(|| {
            let folder = Arc::new(make_clips());
            *shared = Arc::downgrade(&folder);
            folder
        }))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn make_clips() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let encode = |arguments: &[&str], name: &str| {
        let status = Command::new("ffmpeg")
            .args(["-v", "error", "-y", "-i", FOOTAGE, "-an", "-t", "3"])
            .args(arguments)
            .arg(folder.path().join(name))
            .status()
            .unwrap();
        assert!(status.success(), "ffmpeg failed to make {name}");
    };
    encode(&["-c:v", "libx264", "-preset", "ultrafast", "-g", "10"], "short.mp4");
    encode(&["-c", "copy"], "short.avi");
    encode(&["-c:v", "libx264", "-preset", "ultrafast", "-g", "10"], "short.mkv");
    encode(&["-c:v", "libx264", "-preset", "ultrafast", "-g", "10"], "short.ts");
    encode(&["-c:v", "mjpeg"], "picture.avi");
    folder
}

/// Serves a clip of JPEG pictures like a camera: twenty per second, then disconnects.
pub fn serve_mjpeg(clip: &Path) -> u16 {
    use std::io::{Read, Write};
    let dump = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(clip)
        .args(["-c", "copy", "-f", "mjpeg", "-"])
        .stderr(Stdio::inherit())
        .output()
        .unwrap()
        .stdout;
    let starts: Vec<usize> = (0..dump.len() - 2)
        .filter(|&at| dump[at..at + 3] == [0xff, 0xd8, 0xff])
        .chain([dump.len()])
        .collect();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (starts, dump) = (starts.clone(), dump.clone());
            thread::spawn(move || -> std::io::Result<()> {
                let mut request = [0; 1024];
                if stream.read(&mut request)? == 0 {
                    return Ok(());
                }
                write!(
                    stream,
                    "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=cam\r\n\r\n"
                )?;
                for picture in starts.windows(2).cycle().take(40) {
                    let picture = &dump[picture[0]..picture[1]];
                    let length = picture.len();
                    write!(
                        stream,
                        "--cam\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n"
                    )?;
                    stream.write_all(picture)?;
                    stream.write_all(b"\r\n")?;
                    thread::sleep(Duration::from_millis(50));
                }
                Ok(())
            });
        }
    });
    port
}
