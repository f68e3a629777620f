//! One camera's stream, for one reader of this process.

use std::{
    cell::Cell,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::Ordering,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use becamera_domain::{Failure, FailureCode, StreamUrl, settings::StreamSettings};

use crate::{
    description::StreamDescription,
    door::Phase,
    http,
    local::Reception,
    progress::{Progress, Received},
    refusal::unsupported,
    rtsp,
    session::Session,
};

/// How often an opening asks whether it should go on.
const POLL: Duration = Duration::from_millis(50);

/// How often silence is looked for.
const SILENCE_POLL: Duration = Duration::from_millis(200);

/// How long a relay's end is awaited, so that the camera's session is over when it is opened again.
const END_WAIT: Duration = Duration::from_millis(300);

/// An open stream of a camera, which one reader of this process can read at [`Relay::local_url`]. The
/// camera's session ends when this is dropped.
pub struct Relay {
    local_url: String,
    description: StreamDescription,
    progress: Arc<Progress>,
    /// Disconnected when the thread has ended.
    ended: Mutex<mpsc::Receiver<()>>,
}

type Opened = (String, StreamDescription);

impl Relay {
    /// Opens a camera's stream, which takes at most the settings' probe timeout. Asks `keep_going`
    /// every 50 ms, and gives `None` when that says no. Needs no async runtime and must not be called
    /// from within one. The failure says what the camera refused.
    pub fn open(
        url: &StreamUrl,
        settings: &StreamSettings,
        keep_going: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Self>, Failure> {
        let progress = Arc::new(Progress::new());
        let (opened, outcome) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let (own_url, own_settings, own_progress) =
            (url.clone(), settings.clone(), progress.clone());
        thread::Builder::new()
            .name("relay".into())
            .spawn(move || {
                // Dropped last, when everything else is gone.
                let _end: mpsc::Sender<()> = end;
                run(&own_url, &own_settings, &own_progress, opened);
                own_progress.over.store(true, Ordering::Release);
            })
            .map_err(|error| unsupported(format!("The stream can't be opened: {error}")))?;
        let stop = Stop(&progress);
        loop {
            if !keep_going() {
                return Ok(None);
            }
            match outcome.recv_timeout(POLL) {
                Ok(outcome) => {
                    let (local_url, description): Opened = outcome?;
                    std::mem::forget(stop);
                    let ended = Mutex::new(ended);
                    return Ok(Some(Self { local_url, description, progress, ended }));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(unsupported("The stream can't be opened"));
                }
            }
        }
    }

    /// Where the one reader finds the stream.
    pub fn local_url(&self) -> &str {
        &self.local_url
    }

    /// What the camera said of its stream.
    pub fn description(&self) -> &StreamDescription {
        &self.description
    }

    /// What the camera refused since it was opened, if it did.
    pub fn failure(&self) -> Option<Failure> {
        self.progress.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether nothing more can come.
    pub fn is_over(&self) -> bool {
        self.progress.over.load(Ordering::Acquire)
    }

    /// What came so far.
    pub fn received(&self) -> Received {
        self.progress.so_far()
    }

    /// Says that a picture was decoded: from now on the settings' read timeout holds.
    pub fn has_picture(&self) {
        self.progress.has_picture.store(true, Ordering::Relaxed);
    }

    /// What ends the stream from another thread.
    pub fn closer(&self) -> Closer {
        Closer(self.progress.clone())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.progress.stop.notify_one();
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Either it has ended, or it is not waited for.
        let _ = ended.recv_timeout(END_WAIT);
    }
}

/// Ends a stream from any thread: a reader that waits for it, in native code too, is told so at once.
#[derive(Clone)]
pub struct Closer(Arc<Progress>);

impl Closer {
    /// Ends it.
    pub fn close(&self) {
        self.0.stop.notify_one();
    }
}

/// Stops the thread when its opening is given up.
struct Stop<'a>(&'a Progress);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.notify_one();
    }
}

fn run(
    url: &StreamUrl,
    settings: &StreamSettings,
    progress: &Progress,
    opened: mpsc::Sender<Result<Opened, Failure>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            // Whoever waits has given up otherwise.
            let _ = opened.send(Err(unsupported(format!("The stream can't be opened: {error}"))));
            return;
        }
    };
    runtime.block_on(async {
        if url.as_url().scheme().starts_with("rtsp") {
            relay::<rtsp::Camera>(url, settings, progress, opened).await;
        } else {
            relay::<http::Camera>(url, settings, progress, opened).await;
        }
    });
    // A name server that is silent holds its lookup for 10 s: nobody waits for that.
    runtime.shutdown_background();
}

/// Opens within the time there is for it, and gives the reader's URL to who waits for it. `None` when
/// that failed or is not wanted any more.
async fn open<C>(
    opening: impl Future<Output = Result<(C, StreamDescription), Failure>>,
    phase: &Cell<Phase>,
    (settings, progress): (&StreamSettings, &Progress),
    scheme: &str,
    opened: mpsc::Sender<Result<Opened, Failure>>,
) -> Option<(C, Reception)> {
    let timeout = settings.probe_timeout;
    let outcome = tokio::select! {
        biased;
        () = progress.stop.notified() => return None,
        outcome = tokio::time::timeout(timeout, opening) => outcome,
    };
    let outcome = outcome.unwrap_or_else(|_| Err(phase.get().timeout(timeout)));
    let reception = Reception::open().await.map_err(|error| {
        Failure::new(FailureCode::Unsupported, format!("The stream can't be passed on: {error}"))
    });
    match outcome.and_then(|outcome| Ok((outcome, reception?))) {
        Ok(((camera, description), reception)) => {
            opened.send(Ok((reception.url(scheme), description))).ok()?;
            Some((camera, reception))
        }
        Err(failure) => {
            // Whoever waits has given up otherwise.
            let _ = opened.send(Err(failure));
            None
        }
    }
}

/// Ends when the camera sends nothing for too long.
async fn silence(settings: &StreamSettings, progress: &Progress) -> Failure {
    loop {
        tokio::time::sleep(SILENCE_POLL).await;
        let Some(silent) = progress.since_last() else { continue };
        let received = progress.so_far().bytes > 0;
        if !received && silent > settings.open_timeout {
            let message = format!(
                "The stream did not start in time: the camera sent nothing in {:?} \
                 (stream.open_timeout)",
                settings.open_timeout
            );
            return Failure::new(FailureCode::Timeout, message);
        }
        let pictures = progress.has_picture.load(Ordering::Relaxed);
        // A camera of few pictures a minute may still be read; one that fell silent holds a worker.
        let (limit, name) = if pictures {
            (settings.read_timeout, "stream.read_timeout")
        } else {
            let third = settings.first_frame_timeout / 3;
            (third.max(settings.read_timeout), "a third of stream.first_frame_timeout")
        };
        if received && silent > limit {
            let message = format!("The camera sent no frame for {limit:?} ({name})");
            return Failure::new(FailureCode::Stalled, message);
        }
    }
}

/// Opens a camera and passes its stream on, until either side ends, the camera falls silent, or it is
/// told to stop.
async fn relay<S: Session>(
    url: &StreamUrl,
    settings: &StreamSettings,
    progress: &Progress,
    opened: mpsc::Sender<Result<Opened, Failure>>,
) {
    let phase = Cell::default();
    let opening = S::open(url, settings, &phase);
    let Some((mut session, reception)) =
        open(opening, &phase, (settings, progress), S::SCHEME, opened).await
    else {
        return;
    };
    let work = async {
        match reception.welcome().await {
            Ok((reader, first)) => session.serve(reader, first, progress).await,
            Err(_) => Ok(()),
        }
    };
    tokio::select! {
        biased;
        () = progress.stop.notified() => {}
        failure = silence(settings, progress) => progress.fail(failure),
        served = work => if let Err(failure) = served {
            progress.fail(failure);
        },
    }
    progress.over.store(true, Ordering::Release);
    session.end().await;
}
