//! Process-wide set-up of the native libraries.

use std::sync::Once;

/// What FFmpeg may open, and how. `|` separates options, `;` a key from its value.
///
/// - `rtsp_transport;tcp`: setting any option drops OpenCV's own TCP default.
/// - `fpsprobesize;0`: opens in a third of the time and keeps the frame rate right.
/// - `allowed_media_types;video`: a camera's audio track that never sends, or refuses to be set up,
///   would keep the stream from opening. RTSP alone knows it.
/// - `http_proxy;none`: what it reads is in this process, whatever the environment says.
/// - The lists keep FFmpeg from its other protocols and formats (`concat:`, playlists, image
///   sequences, …), whatever a server or a file claims to be.
const CAPTURE_OPTIONS: &str = "rtsp_transport;tcp\
    |fpsprobesize;0\
    |allowed_media_types;video\
    |http_proxy;none\
    |protocol_whitelist;file,tcp,http\
    |format_whitelist;rtsp,mpjpeg,mjpeg,h264,hevc,mpegts,flv,mov,mp4,avi,matroska,webm,mpeg,ogg,asf\
    ,m4v,mpegvideo,obu,ivf,nut,wtv,mxf,dv,dhav,vc1";

static SET_UP: Once = Once::new();

/// Sets up OpenCV and FFmpeg for this process: what may be opened, no output of their own (it can
/// hold passwords), one thread per operation, no OpenCL. Only the first call does anything.
///
/// Call it first in `main`, before there is another thread: it sets environment variables, which
/// native code of other threads may be reading.
pub fn set_up() {
    SET_UP.call_once(|| {
        // OpenCV prints FFmpeg's messages to stdout when a level is given; -8 is silence.
        let variables = [
            ("OPENCV_FFMPEG_CAPTURE_OPTIONS", CAPTURE_OPTIONS),
            ("OPENCV_FFMPEG_LOGLEVEL", "-8"),
            ("OPENCV_LOG_LEVEL", "SILENT"),
            ("OPENCV_DUMP_ERRORS", "0"),
            ("OPENCV_OPENCL_RUNTIME", "disabled"),
        ];
        for (name, value) in variables {
            // SAFETY: called before other threads exist, as documented.
            unsafe { std::env::set_var(name, value) };
        }
        // A worker has a thread that reads and one that counts, which seldom allocate at the same
        // time: an arena for each would only hold memory.
        #[cfg(target_env = "gnu")]
        // SAFETY: changes a parameter of the allocator; called before other threads exist.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, 1);
        }
        // The workers are the parallelism; these can't fail with these values.
        let _ = opencv::core::set_num_threads(1);
        let _ = opencv::core::set_use_opencl(false);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_may_be_called_again() {
        set_up();
        set_up();
        assert_eq!(std::env::var("OPENCV_FFMPEG_LOGLEVEL").as_deref(), Ok("-8"));
        assert!(!CAPTURE_OPTIONS.contains(char::is_whitespace));
    }
}
