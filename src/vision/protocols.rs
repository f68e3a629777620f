//! What FFmpeg may reach for each kind of stream: a recording nothing but files, a camera nothing but
//! the relay in this process.
//!
//! OpenCV takes FFmpeg's options from the environment, which is one for all threads. So this binary has
//! an `avformat_open_input` of its own, which OpenCV finds before FFmpeg's, adds what the thread that
//! opens a stream may reach, and passes everything on.

use std::{cell::Cell, ffi::CStr};

/// Kinds of streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    Recording,
    /// A camera, through its relay.
    Live,
}

impl Kind {
    /// FFmpeg's `protocol_whitelist`.
    fn protocols(self) -> &'static CStr {
        match self {
            Self::Recording => c"file",
            Self::Live => c"tcp,http",
        }
    }
}

thread_local! {
    static OPENS: Cell<Option<Kind>> = const { Cell::new(None) };
}

/// Runs `open`, which opens a stream of this kind in this thread.
pub fn only_for<T>(kind: Kind, open: impl FnOnce() -> T) -> T {
    struct Over;
    impl Drop for Over {
        fn drop(&mut self) {
            OPENS.set(None);
        }
    }
    let _over = Over;
    OPENS.set(Some(kind));
    open()
}

#[cfg(target_env = "gnu")]
mod interposed {
    use std::{
        ffi::{CStr, c_char, c_int, c_void},
        mem,
        sync::OnceLock,
    };

    /// `AVERROR(EINVAL)`: what a caller is told when FFmpeg's own functions can't be found.
    const INVALID: c_int = -libc::EINVAL;

    type OpenInput = unsafe extern "C" fn(
        *mut *mut c_void,
        *const c_char,
        *const c_void,
        *mut *mut c_void,
    ) -> c_int;
    type SetOption =
        unsafe extern "C" fn(*mut *mut c_void, *const c_char, *const c_char, c_int) -> c_int;

    static FFMPEGS: OnceLock<Option<(OpenInput, SetOption)>> = OnceLock::new();

    fn find(name: &CStr) -> Option<*mut c_void> {
        // SAFETY: a name that ends in NUL; the next definition after this one is FFmpeg's.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
        (!found.is_null()).then_some(found)
    }

    fn ffmpegs() -> Option<(OpenInput, SetOption)> {
        *FFMPEGS.get_or_init(|| {
            let (open, set) = (find(c"avformat_open_input")?, find(c"av_dict_set")?);
            // SAFETY: FFmpeg's function of this name has had this signature since 1.0 (avformat.h).
            let open = unsafe { mem::transmute::<*mut c_void, OpenInput>(open) };
            // SAFETY: FFmpeg's function of this name has had this signature since 1.0 (dict.h).
            let set = unsafe { mem::transmute::<*mut c_void, SetOption>(set) };
            Some((open, set))
        })
    }

    // SAFETY: it stands in for FFmpeg's: takes what that takes and passes it on, with one option
    // more. The thread-local is a plain value without a destructor.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn avformat_open_input(
        context: *mut *mut c_void,
        url: *const c_char,
        format: *const c_void,
        options: *mut *mut c_void,
    ) -> c_int {
        let Some((open, set)) = ffmpegs() else { return INVALID };
        let mut own = std::ptr::null_mut();
        let options = if options.is_null() { &raw mut own } else { options };
        if let Some(kind) = super::OPENS.get() {
            let (name, value) = (c"protocol_whitelist".as_ptr(), kind.protocols().as_ptr());
            // SAFETY: the caller's options, or an empty set; both texts end in NUL and are copied.
            if unsafe { set(options, name, value, 0) } < 0 {
                return INVALID;
            }
        }
        // SAFETY: the caller's own arguments. What is left of a set of our own is a few bytes.
        unsafe { open(context, url, format, options) }
    }
}
