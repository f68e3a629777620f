//! Leaving in order: stop accepting, end every stream, write what is buffered, go. In time,
//! whatever hangs.

use std::{process, thread, time::Duration};

use actix::Addr;
use actix_web::dev::ServerHandle;
use becamera_actors::{
    events::{CloseEvents, EventHub},
    messages::{DrainPool, FlushReport, FlushStorage},
    pictures::{ClosePictures, PictureHub},
    pool_supervisor::PoolSupervisor,
    storage::StorageActor,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::timeout,
};

/// A worker whose run does not end is killed well before this.
const DRAIN_LIMIT: Duration = Duration::from_secs(3);
const FLUSH_LIMIT: Duration = Duration::from_millis(1300);
/// For answers under way.
const HANG_UP_LIMIT: Duration = Duration::from_millis(200);
/// Past this the process leaves as it is: something is stuck that can't be waited for.
const LEAVE_LIMIT: Duration = Duration::from_millis(4800);

/// The signals that end the service.
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Takes SIGTERM and SIGINT from now on. Needs a running tokio runtime.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one and names it.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Ends the service in order. Answers whether everything let go and was written in time. A second
/// signal leaves at once; the worker processes die with us.
pub async fn run(
    signal: &str,
    mut signals: StopSignals,
    server: ServerHandle,
    pool: Addr<PoolSupervisor>,
    storage: Addr<StorageActor>,
    (events, pictures): (Addr<EventHub>, Addr<PictureHub>),
) -> bool {
    log::info!("{signal}: stopping");
    let watchdog = thread::Builder::new().name("watchdog".into()).spawn(|| {
        thread::sleep(LEAVE_LIMIT);
        log::error!("something does not let go; leaving all the same");
        leave(1);
    });
    if let Err(error) = watchdog {
        log::error!("no thread to watch the end: {error}");
    }
    actix::spawn(async move {
        let signal = signals.next().await;
        log::warn!("{signal} again: leaving at once");
        leave(1);
    });
    // Streams have no end of their own.
    events.do_send(CloseEvents);
    pictures.do_send(ClosePictures);
    // The server goes on until the rest is done: /readyz tells that it drains, a client that waits
    // gets its answer, and the pool refuses whatever would begin anew.
    let drained = timeout(DRAIN_LIMIT, pool.send(DrainPool)).await;
    if drained.is_err() {
        log::error!("workers did not let go within {} s", DRAIN_LIMIT.as_secs());
    }
    let flushed = timeout(FLUSH_LIMIT, storage.send(FlushStorage)).await;
    match &flushed {
        Ok(Ok(Ok(FlushReport { spooled: 0 }))) => log::info!("all counts are written"),
        Ok(Ok(Ok(FlushReport { spooled }))) => {
            log::warn!("{spooled} writes wait in the spool until the database takes them");
        }
        Ok(Ok(Err(error))) => log::error!("counts could not be written: {error}"),
        Ok(Err(error)) => log::error!("counts could not be written: {error}"),
        Err(_) => log::error!("counts were not written within {:.1} s", FLUSH_LIMIT.as_secs_f32()),
    }
    // What is left of it ends with the process.
    let _ = timeout(HANG_UP_LIMIT, server.stop(true)).await;
    drained.is_ok() && matches!(flushed, Ok(Ok(Ok(_))))
}

fn leave(code: i32) -> ! {
    process::exit(code)
}
