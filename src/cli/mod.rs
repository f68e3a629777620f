//! The commands of the binary, one file each.

mod check_detector;
mod config;
mod count;
mod eval;
mod logging;
mod migrate;
mod probe;
mod replay;
mod scene;
mod serve;
mod worker;

use std::{io, net::SocketAddr, path::PathBuf, process::ExitCode};

use becamera_domain::Preset;
use clap::{Args, Parser, Subcommand};

use crate::config::{Inputs, Loaded};

/// Exit code of a call or a configuration that can't be taken; clap's own for usage errors.
const EXIT_USAGE: u8 = 2;

const EXAMPLES: &str = "\
Examples:
  becamera                                       serve with the defaults on 127.0.0.1:3002
  becamera --bind 0.0.0.0:3002 --set workers.count=2
  becamera --config /etc/becamera/becamera.toml config
  becamera probe rtsp://user:pass@192.168.1.100:554/stream1
  becamera count shop.mp4 --line door:0.2,0.6,0.8,0.6 --csv shop.csv --annotate shop-counted.mp4
  becamera eval clip.mp4 --gt clip-truth.csv --line door:0.2,0.6,0.8,0.6 --preset economy
  curl -X POST localhost:3002/api/v1/cameras/1/start \\
       -H 'content-type: application/json' -d '{\"stream_url\": \"rtsp://192.168.1.100:554/stream1\"}'

Configuration (each wins over the ones before):
  file         --config, else BECAMERA_CONFIG, else ./becamera.toml, else
               /etc/becamera/becamera.toml; deploy/becamera.example.toml shows every setting
  environment  BECAMERA_<SECTION>_<KEY>, such as BECAMERA_WORKERS_COUNT=2; lists are separated
               by commas; DATABASE_URL and REDIS_URL for storage.database_url and cache.redis_url
  flags        --bind, --set

Logging: RUST_LOG, such as RUST_LOG=debug or RUST_LOG=info,becamera::http=debug (default: info).

Exit codes: 0 done, or the service stopped by SIGTERM or SIGINT; 1 failed (count: at least one
recording); 2 wrong usage or configuration; count and eval interrupted: 130 by SIGINT, 143 by SIGTERM.";

/// Counts people on live camera streams.
///
/// becamera reads cameras (RTSP, HTTP) and recordings with a pool of worker processes, detects
/// people in their frames, stores a count for each second and answers over REST.
#[derive(Debug, Parser)]
#[command(name = "becamera", version, after_long_help = EXAMPLES, max_term_width = 100)]
#[command(after_help = "See --help for examples, environment and exit codes.")]
pub struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What every command takes.
#[derive(Debug, Args)]
struct Options {
    /// The configuration file.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Listen on this address; short for --set server.bind=ADDRESS:PORT.
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    bind: Option<SocketAddr>,
    /// Change one setting; can be repeated.
    #[arg(long, global = true, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Debug, Default, Subcommand)]
enum Command {
    /// Run the service (the default).
    #[default]
    Serve,
    /// Be a worker process; started by the service itself.
    #[command(hide = true)]
    Worker {
        /// The service's process.
        #[arg(long)]
        parent: u32,
    },
    /// Try out an inference library; started by the service itself.
    #[command(hide = true)]
    CheckDetector,
    /// Analyse a recording; started by `count` and `eval`.
    #[command(hide = true)]
    Replay {
        /// The process that wants to know.
        #[arg(long)]
        parent: u32,
    },
    /// Count people in recordings, at full speed, as the service would.
    ///
    /// As with cameras at most detect.fps frames a second are analysed (10; --set detect.fps=60 for
    /// all). Each recording has a process of its own: one that can't be analysed, or crashes it, is
    /// an error of that recording alone. What is written is complete or not there.
    Count(count::Arguments),
    /// Say how good the counts of a recording are, given its ground truth.
    ///
    /// MOTA, identity switches, precision and recall are the CLEAR MOT metrics and IDF1 that of
    /// Ristani et al., all at an intersection over union of 0.5 and as py-motmetrics calculates
    /// them. The people of the ground truth cross the lines by the same rules; a crossing is found
    /// when one of the same line and direction was counted within 2 s. Milliseconds are those of
    /// everything but decoding.
    Eval(eval::Arguments),
    /// Say what a stream is, or precisely why it can't be opened.
    ///
    /// Leaves with 0 when the stream can be opened, with 1 when it can't, with 2 when the URL is
    /// not taken.
    Probe {
        /// The stream's URL; `-` reads it from standard input, where no process list shows it.
        url: String,
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
    },
    /// Bring the database to this version's schema. `serve` does so too when it starts.
    Migrate,
    /// Print the effective settings, secrets removed, and where they came from.
    Config,
}

/// Does what the command line asks.
pub fn run(cli: Cli) -> ExitCode {
    let command = cli.command.unwrap_or_default();
    if let Command::Worker { parent } = command {
        // It is told its settings by the service.
        worker::run(parent);
    }
    if let Command::CheckDetector = command {
        check_detector::run();
    }
    if let Command::Replay { parent } = command {
        replay::run(parent);
    }
    logging::init();
    let preset = match &command {
        Command::Count(arguments) => arguments.scene.preset,
        Command::Eval(arguments) => arguments.scene.preset,
        _ => None,
    };
    let loaded = match load(cli.options, preset) {
        Ok(loaded) => loaded,
        Err(error) => {
            log::error!("configuration: {error}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match command {
        Command::Serve => serve::run(loaded),
        Command::Worker { .. } | Command::CheckDetector | Command::Replay { .. } => {
            unreachable!("handled above")
        }
        Command::Count(arguments) => count::run(&arguments, &loaded.settings),
        Command::Eval(arguments) => eval::run(&arguments, &loaded.settings),
        Command::Probe { url, json } => probe::run(&url, json, &loaded.settings),
        Command::Migrate => migrate::run(&loaded.settings),
        Command::Config => config::run(&loaded),
    }
}

fn load(options: Options, preset: Option<Preset>) -> Result<Loaded, crate::config::ConfigError> {
    crate::config::load(&Inputs {
        file: options.config,
        bind: options.bind,
        set: options.set,
        preset,
        environment: crate::config::environment(),
    })
}

/// Prints an answer. A reader that has gone away, as in `becamera config | head`, is no error.
fn print(text: &str) -> ExitCode {
    use io::Write;
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            log::error!("standard output: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_is_the_default_and_options_stand_anywhere() {
        let cli = Cli::try_parse_from(["becamera"]).unwrap();
        assert!(cli.command.is_none());
        let cli = Cli::try_parse_from(["becamera", "config", "--set", "a.b=c", "--set", "d.e=f"]);
        assert_eq!(cli.unwrap().options.set, ["a.b=c", "d.e=f"]);
        assert!(Cli::try_parse_from(["becamera", "--bind", "nowhere"]).is_err());
        assert!(Cli::try_parse_from(["becamera", "probe"]).is_err());
    }

    #[test]
    fn the_worker_command_is_not_advertised() {
        let help = Cli::command().render_long_help().to_string();
        assert!(!help.contains("started by the service itself"), "{help}");
        assert!(help.contains("BECAMERA_WORKERS_COUNT"), "{help}");
    }
}
