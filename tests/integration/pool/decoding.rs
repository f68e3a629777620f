//! Decoding of streams.

use crate::support::{rtsp::RtspCamera, service::Service};

// The threads of a worker whose camera is counted.
fn threads_of_worker(decoder_threads: &str) -> u64 {
    let service = Service::with().set("STREAM_DECODER_THREADS", decoder_threads).start();
    service.start_camera(1, &RtspCamera::shared().url()).ok(200);
    service.wait_new_count(1);
    service.process_of(1).threads()
}

#[test]
fn a_stream_is_decoded_by_as_many_threads_as_are_set_and_by_few_on_any_machine() {
    // The C library of others has no name for its own sysconf.
    if cfg!(not(target_env = "gnu")) {
        return;
    }
    let with_one = threads_of_worker("1");
    assert_eq!(threads_of_worker("7"), with_one + 7, "one decodes in the reading thread itself");
    assert_eq!(threads_of_worker(""), with_one, "a small picture needs one");
}
