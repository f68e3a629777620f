//! What the decoder says of its newest frame.
//!
//! OpenCV 4.6 makes its converter for the first frame's size and pixel format and keeps it: a frame
//! of another size then gives a torn or an old picture, one of another pixel format gives noise or
//! reads beyond its planes. Nothing that OpenCV answers tells. So this binary has an
//! `avcodec_receive_frame` of its own, which OpenCV finds before FFmpeg's; it passes everything on and
//! notes what came.

use std::cell::Cell;

/// A frame as it leaves the decoder: everything that OpenCV's converter depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodedFormat {
    /// Columns.
    pub width: i32,
    /// Rows.
    pub height: i32,
    /// FFmpeg's number of the pixel format.
    pub pixel_format: i32,
}

thread_local! {
    static NEWEST: Cell<Option<DecodedFormat>> = const { Cell::new(None) };
}

/// The format of the frame that this thread's decoder gave last; none before the first.
pub fn newest() -> Option<DecodedFormat> {
    NEWEST.get()
}

/// Forgets what an earlier stream of this thread gave. Call it once a stream is open.
pub fn forget() {
    NEWEST.set(None);
}

#[cfg(target_env = "gnu")]
mod interposed {
    use std::{
        ffi::{c_int, c_void},
        mem,
        sync::OnceLock,
    };

    use super::{DecodedFormat, NEWEST};

    /// `AVERROR(EINVAL)`: what a caller is told when FFmpeg's own function can't be found.
    const INVALID: c_int = -libc::EINVAL;

    /// The first fields of FFmpeg's `AVFrame`, which are the same in FFmpeg 4 to 8 (libavutil/frame.h).
    #[repr(C)]
    struct FrameHead {
        data: [*mut u8; 8],
        linesize: [c_int; 8],
        extended_data: *mut *mut u8,
        width: c_int,
        height: c_int,
        nb_samples: c_int,
        format: c_int,
    }

    type ReceiveFrame = unsafe extern "C" fn(*mut c_void, *mut FrameHead) -> c_int;

    static FFMPEGS: OnceLock<Option<ReceiveFrame>> = OnceLock::new();

    fn ffmpegs() -> Option<ReceiveFrame> {
        *FFMPEGS.get_or_init(|| {
            // SAFETY: a name that ends in NUL; the next definition after this one is FFmpeg's.
            let found = unsafe { libc::dlsym(libc::RTLD_NEXT, c"avcodec_receive_frame".as_ptr()) };
            // SAFETY: FFmpeg's function of this name has had this signature since 3.1 (avcodec.h).
            (!found.is_null())
                .then(|| unsafe { mem::transmute::<*mut c_void, ReceiveFrame>(found) })
        })
    }

    // SAFETY: it stands in for FFmpeg's: takes what that takes and passes it on unchanged. The
    // thread-local is a plain value without a destructor.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn avcodec_receive_frame(
        context: *mut c_void,
        frame: *mut FrameHead,
    ) -> c_int {
        let Some(receive) = ffmpegs() else { return INVALID };
        // SAFETY: the caller's own arguments.
        let result = unsafe { receive(context, frame) };
        // SAFETY: FFmpeg filled the frame in when it says 0.
        if result == 0
            && let Some(frame) = unsafe { frame.as_ref() }
        {
            NEWEST.set(Some(DecodedFormat {
                width: frame.width,
                height: frame.height,
                pixel_format: frame.format,
            }));
        }
        result
    }
}
