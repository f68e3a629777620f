//! How many threads decode a stream.
//!
//! OpenCV gives FFmpeg a decoder thread for each CPU that `sysconf(3)` counts, and 4.6 can't be
//! configured otherwise: options and affinity change nothing. Each thread delays frames and holds
//! memory. So this binary has a `sysconf` of its own, which the native libraries find before the C
//! library's. It passes everything on to that one, except the number of CPUs while the calling
//! thread is opening a stream.

use std::{cell::Cell, ffi::c_long};

use becamera_domain::{FrameSize, settings::StreamSettings};

use super::probe::StreamDescription;

/// Pixels up to which one thread decodes a stream in a fifth of its time. (H.264 pads 1080 to 1088.)
const FULL_HD: u64 = 1920 * 1088;

thread_local! {
    /// The number of CPUs reported to this thread; 0: the real one.
    static CPUS: Cell<c_long> = const { Cell::new(0) };
}

/// The threads for a stream: what the settings say, else one, or two for what is larger than
/// 1080p or of unknown size.
pub fn decoder_threads(settings: &StreamSettings, described: &StreamDescription) -> u32 {
    settings.decoder_threads.unwrap_or_else(|| match described.size.map(FrameSize::pixels) {
        Some(pixels) if pixels <= FULL_HD => 1,
        _ => 2,
    })
}

/// Runs `open`, which opens a stream in this thread, so that this number of threads will decode it.
pub fn with_decoder_threads<T>(threads: u32, open: impl FnOnce() -> T) -> T {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            CPUS.set(0);
        }
    }
    let _reset = Reset;
    CPUS.set(c_long::from(threads));
    open()
}

#[cfg(target_env = "gnu")]
mod interposed {
    use std::ffi::{c_int, c_long};

    unsafe extern "C" {
        /// The C library's own.
        fn __sysconf(name: c_int) -> c_long;
    }

    // SAFETY: it stands in for the C library's: takes any number, and may be called at any time by
    // any thread, before `main` too: the thread-local is a plain number without a destructor.
    #[unsafe(no_mangle)]
    extern "C" fn sysconf(name: c_int) -> c_long {
        match super::CPUS.get() {
            reported @ 1.. if name == libc::_SC_NPROCESSORS_ONLN => reported,
            // SAFETY: it takes any number.
            _ => unsafe { __sysconf(name) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(width: u32, height: u32) -> StreamDescription {
        StreamDescription { size: Some(FrameSize::new(width, height)), ..Default::default() }
    }

    #[test]
    fn more_threads_decode_large_or_unknown_pictures() {
        let automatic = StreamSettings::default();
        let threads = |description| decoder_threads(&automatic, &description);
        assert_eq!(threads(described(1920, 1080)), 1);
        assert_eq!(threads(described(3840, 2160)), 2);
        assert_eq!(threads(described(u32::MAX, u32::MAX)), 2);
        assert_eq!(threads(StreamDescription::default()), 2);
        let told = StreamSettings { decoder_threads: Some(3), ..automatic };
        assert_eq!(decoder_threads(&told, &described(640, 480)), 3);
    }

    #[test]
    #[cfg(target_env = "gnu")]
    fn only_a_thread_that_opens_sees_another_number_of_cpus() {
        // SAFETY: it takes any number.
        let ask = |name| unsafe { libc::sysconf(name) };
        let cpus = || ask(libc::_SC_NPROCESSORS_ONLN);
        let (truth, page) = (cpus(), ask(libc::_SC_PAGESIZE));
        assert!(truth > 0 && page > 0);
        let wanted = u32::try_from(truth).unwrap() + 7;
        with_decoder_threads(wanted, || {
            assert_eq!(cpus(), i64::from(wanted));
            assert_eq!(ask(libc::_SC_PAGESIZE), page);
            assert_eq!(
                std::thread::spawn(move || ask(libc::_SC_NPROCESSORS_ONLN)).join().unwrap(),
                truth
            );
        });
        assert_eq!(cpus(), truth);
        assert_eq!(ask(-1), -1);
    }
}
