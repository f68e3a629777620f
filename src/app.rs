//! The composition root: the one place that knows every part and puts them together.

use std::{io, os::unix::process::CommandExt, process::Command, sync::Arc};

use actix::{Actor, Addr, Recipient, Supervisor};
use becamera_actors::{
    cache::CacheActor,
    events::{EventHub, Publish},
    metrics::Metrics,
    pictures::PictureHub,
    pool_supervisor::{PoolSupervisor, PoolSupervisorConfig},
    ports::{LivePublisher, LiveReader, StreamPipeline, StreamRunner},
    publisher::PublisherActor,
    sites::{SitesActor, SitesConfig, load_book},
    storage::{StorageActor, load_cameras},
    worker::{ProcessRunner, ProcessRunnerConfig, RunnerFactory, ThreadRunner},
};
use becamera_domain::{
    Camera, InvalidField,
    settings::{
        CacheSettings, DetectorSettings, EventSettings, Isolation, PictureSettings, Settings,
        StorageSettings, WorkerConfig,
    },
};
use becamera_history::sites::Book;

use crate::{
    cache::{MemoryCache, RedisCache},
    db::{DbError, DieselStore, SqliteSpool},
    http::{self, Callers, HttpState, Lifecycle, SseEncoder},
    shutdown::{self, StopSignals},
    vision::{
        detector::{DetectorError, check},
        pipeline::CountingPipeline,
    },
};

/// The running binary, also when its file has been replaced.
const PROGRAM: &str = "/proc/self/exe";

/// Why the service could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database can't be used.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The database could not be read.
    #[error("can't read the cameras and sites: {0}")]
    Cameras(#[from] becamera_actors::ports::StoreError),
    /// The inference library can't be used.
    #[error(transparent)]
    Detector(#[from] DetectorError),
    /// A setting can't be used.
    #[error(transparent)]
    Setting(#[from] InvalidField),
    /// The metrics could not be registered.
    #[error("can't register the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The system refused something.
    #[error(transparent)]
    System(#[from] io::Error),
    /// The settings can't be handed to the workers.
    #[error("can't write the workers' settings: {0}")]
    WorkerConfig(#[from] serde_json::Error),
}

impl StartError {
    /// Whether it stays until an operator changes a setting: trying again is of no use.
    pub fn is_of_settings(&self) -> bool {
        matches!(
            self,
            Self::Setting(_) | Self::Database(DbError::InvalidUrl(_) | DbError::UnknownKey { .. })
        )
    }
}

/// Runs the service until a signal ends it. Answers whether everything was written and let go.
/// Call it inside an actix system.
pub async fn serve(mut settings: Settings) -> Result<bool, StartError> {
    let mut signals = StopSignals::listen()?;
    settings.detector = choose_detector(&settings).await?;
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"))?;
    let lifecycle = Lifecycle::start();

    // All that can fail comes before the first actor: one that never ran panics when it is dropped.
    let listener = http::listen(&settings.server)?;
    let address = listener.local_addr()?;
    let Stored { store, spool, cameras, sites } = open_storage(settings.storage.clone()).await?;
    let callers = Callers::new(&settings.server)?;
    let live = LiveBackends::open(&settings.cache)?;
    let runners = runners(&settings, &metrics)?;

    let storage = start_storage(store, spool, &settings.storage, &metrics);
    let cache = start_cache(live.reader.clone(), &metrics);
    let events = start_events(&settings.events, &metrics);
    let mut subscribers = vec![cache.clone().recipient(), events.clone().recipient()];
    subscribers.extend(live.start_publishers(&metrics));
    let sites = SitesActor::new(SitesConfig {
        book: sites,
        storage: storage.clone().recipient(),
        subscribers: subscribers.clone().into(),
        metrics: metrics.clone(),
    });
    let sites = Supervisor::start(move |_| sites);
    let pictures = start_pictures(settings.pictures, &metrics);
    let pool = PoolSupervisor::new(PoolSupervisorConfig {
        workers: settings.workers.clone(),
        detect: settings.detect,
        cameras,
        runners,
        storage: storage.clone().recipient(),
        pictures: pictures.clone().recipient(),
        subscribers: [subscribers, vec![sites.clone().recipient()]].concat().into(),
        metrics: metrics.clone(),
    });
    let state = HttpState {
        pool: pool.start(),
        storage: storage.clone(),
        cache,
        sites,
        events: events.clone(),
        pictures: pictures.clone(),
        picture_settings: settings.pictures,
        metrics,
        stream_urls: settings.url_policy(),
        callers,
        body_limit: settings.server.body_limit,
        lifecycle: lifecycle.clone(),
    };
    let pool = state.pool.clone();
    log::info!("listening on http://{address}");
    let server = http::server(state, listener)?;
    let handle = server.handle();
    actix::spawn(server);

    let signal = signals.next().await;
    lifecycle.drain();
    Ok(shutdown::run(signal, signals, handle, pool, storage, (events, pictures)).await)
}

/// The settings of an inference library that was tried out.
async fn choose_detector(settings: &Settings) -> Result<DetectorSettings, StartError> {
    let settings = settings.clone();
    let choice = actix_web::web::block(move || try_out_detector(&settings)).await;
    let choice = choice.map_err(io::Error::other)??;
    log::info!("{}", choice.reason);
    Ok(choice.settings)
}

/// Chooses the inference library. Blocks while it is tried out in a process of its own.
pub fn try_out_detector(settings: &Settings) -> Result<check::Choice, DetectorError> {
    check::choose(&settings.detector, |detector| {
        let command = own_command("check-detector");
        check::in_process_of_its_own(command, detector, settings.workers.start_timeout)
    })
}

/// This very binary, to do what the command line calls so.
pub fn own_command(name: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg0("becamera").arg(name);
    command
}

/// The frame loop of a worker and the name of its inference library, from what the service says
/// in `Command::Init`.
pub fn pipeline(config: &str) -> Result<(Box<dyn StreamPipeline>, String), String> {
    let config: WorkerConfig = serde_json::from_str(config).map_err(|error| error.to_string())?;
    let pipeline = CountingPipeline::new(config)?;
    let backend = pipeline.backend().to_owned();
    Ok((Box::new(pipeline), backend))
}

/// What outlasts the service.
struct Stored {
    store: Arc<DieselStore>,
    spool: Arc<SqliteSpool>,
    cameras: Vec<Camera>,
    sites: Book,
}

async fn open_storage(settings: StorageSettings) -> Result<Stored, StartError> {
    let open = move || -> Result<Stored, StartError> {
        let store = DieselStore::connect(&settings)?;
        let spool = SqliteSpool::open(&settings.spool_path, settings.spool_max_bytes)?
            .sealing_with(store.vault())?;
        let cameras = load_cameras(&store, &spool)?;
        let sites = load_book(&store, &spool, &cameras, chrono::Utc::now())?;
        Ok(Stored { store: Arc::new(store), spool: Arc::new(spool), cameras, sites })
    };
    actix_web::web::block(open).await.map_err(io::Error::other)?
}

fn start_storage(
    store: Arc<DieselStore>,
    spool: Arc<SqliteSpool>,
    settings: &StorageSettings,
    metrics: &Metrics,
) -> Addr<StorageActor> {
    let (settings, metrics) = (settings.clone(), metrics.clone());
    Supervisor::start(move |_| StorageActor::new(store, spool, settings, metrics))
}

/// Where live data goes beside the clients of `/events`, and where counts from before the start are
/// read.
struct LiveBackends {
    publishers: Vec<Arc<dyn LivePublisher>>,
    reader: Arc<dyn LiveReader>,
}

impl LiveBackends {
    fn open(settings: &CacheSettings) -> Result<Self, StartError> {
        let Some(url) = &settings.redis_url else {
            let memory = Arc::new(MemoryCache::new());
            return Ok(Self { publishers: vec![memory.clone()], reader: memory });
        };
        let redis = Arc::new(RedisCache::new(url)?);
        Ok(Self { publishers: vec![redis.clone()], reader: redis })
    }

    fn start_publishers(&self, metrics: &Metrics) -> Vec<Recipient<Publish>> {
        let start = |publisher: &Arc<dyn LivePublisher>| {
            let (publisher, metrics) = (publisher.clone(), metrics.clone());
            Supervisor::start(move |_| PublisherActor::new(publisher, metrics)).recipient()
        };
        self.publishers.iter().map(start).collect()
    }
}

fn start_cache(reader: Arc<dyn LiveReader>, metrics: &Metrics) -> Addr<CacheActor> {
    let metrics = metrics.clone();
    Supervisor::start(move |_| CacheActor::new(reader, metrics))
}

fn start_events(settings: &EventSettings, metrics: &Metrics) -> Addr<EventHub> {
    let (settings, metrics) = (settings.clone(), metrics.clone());
    let epoch = rand::random();
    Supervisor::start(move |_| EventHub::new(epoch, &settings, Arc::new(SseEncoder), metrics))
}

fn start_pictures(settings: PictureSettings, metrics: &Metrics) -> Addr<PictureHub> {
    let metrics = metrics.clone();
    Supervisor::start(move |_| PictureHub::new(&settings, metrics))
}

fn runners(settings: &Settings, metrics: &Metrics) -> Result<Arc<RunnerFactory>, StartError> {
    let init = serde_json::to_string(&settings.for_worker())?;
    if settings.workers.isolation == Isolation::Thread {
        log::warn!("workers.isolation is thread: a native crash or hang ends the service");
        return Ok(Arc::new(move |_| -> Box<dyn StreamRunner> {
            let init = init.clone();
            Box::new(ThreadRunner::new(Box::new(move || pipeline(&init))))
        }));
    }
    let stream = &settings.stream;
    let config = Arc::new(ProcessRunnerConfig {
        program: PROGRAM.into(),
        args: vec!["worker".into()],
        init,
        start_timeout: settings.workers.start_timeout,
        // Opening has time limits of its own; a hang is what outlasts them.
        open_limit: settings
            .workers
            .hang_timeout
            .max(stream.probe_timeout + stream.open_timeout + std::time::Duration::from_secs(2)),
        hang_timeout: settings.workers.hang_timeout,
    });
    let metrics = metrics.clone();
    Ok(Arc::new(move |worker| -> Box<dyn StreamRunner> {
        Box::new(ProcessRunner::new(worker, config.clone(), &metrics))
    }))
}
