//! A PostgreSQL server of the test's own, from Debian's package, on a free port and in a
//! temporary folder.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use tempfile::TempDir;

pub const PASSWORD: &str = "s3cr3t-of-the-test";

/// A running server; stopped and removed when dropped.
pub struct Postgres {
    folder: TempDir,
    port: u16,
}

impl Postgres {
    /// Makes a new cluster and starts it. Panics with the server's own words when it can't.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("becamera-pg").tempdir().unwrap();
        // The server refuses root: it runs as another user, who must get here.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let server = Self { folder, port: free_port() };
        fs::write(server.path("password"), PASSWORD).unwrap();
        fs::set_permissions(server.path("password"), fs::Permissions::from_mode(0o644)).unwrap();
        let data = server.path("data");
        server.run(
            "initdb",
            &[
                "--pgdata",
                data.to_str().unwrap(),
                "--username=becamera",
                "--auth=scram-sha-256",
                "--pwfile",
                server.path("password").to_str().unwrap(),
                "--locale=C.UTF-8",
                "--encoding=UTF8",
                "--no-sync",
            ],
        );
        let settings = format!(
            "port = {}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n\
             shared_buffers = 16MB\nmax_connections = 30\nlog_min_messages = warning\n",
            server.port
        );
        let file = server.path("data/postgresql.conf");
        server.as_postgres("tee", &["-a", file.to_str().unwrap()], Some(&settings));
        server.resume();
        server
    }

    /// Stops the server as an operator would in a hurry; its data stays.
    pub fn stop(&self) {
        let data = self.path("data");
        self.run("pg_ctl", &["stop", "-D", data.to_str().unwrap(), "-m", "immediate", "-w"]);
    }

    /// Starts it again after [`Self::stop`].
    pub fn resume(&self) {
        let (data, log) = (self.path("data"), self.path("log"));
        let (data, log) = (data.to_str().unwrap(), log.to_str().unwrap());
        self.run("pg_ctl", &["start", "-D", data, "-l", log, "-w", "-t", "60"]);
    }

    /// The URL of a new, empty database on it.
    pub fn database(&self, name: &str) -> String {
        self.sql(&format!("CREATE DATABASE {name}"));
        self.url_with_password(name, PASSWORD)
    }

    pub fn url_with_password(&self, database: &str, password: &str) -> String {
        format!("postgres://becamera:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs SQL as the database's owner in the database `postgres`.
    pub fn sql(&self, sql: &str) {
        self.sql_in("postgres", sql);
    }

    /// Runs SQL in a database.
    pub fn sql_in(&self, database: &str, sql: &str) {
        let url = self.url_with_password(database, PASSWORD);
        let output = Command::new("psql")
            .args(["-X", "-v", "ON_ERROR_STOP=1", "-c", sql, &url])
            .output()
            .unwrap();
        assert_success("psql", &output);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let program = binaries().join(program);
        self.as_postgres(program.to_str().unwrap(), arguments, None);
    }

    fn as_postgres(&self, program: &str, arguments: &[&str], input: Option<&str>) {
        use std::{io::Write, process::Stdio};
        let mut command = if unsafe { libc::geteuid() } == 0 {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", program]);
            command
        } else {
            Command::new(program)
        };
        // Its output goes to files: the server inherits it and would keep a pipe open for ever.
        let out = fs::File::create(self.path("output")).unwrap();
        let mut child = command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap();
        if let Some(input) = input {
            child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        }
        let status = child.wait().unwrap();
        let said = fs::read_to_string(self.path("output")).unwrap_or_default();
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        assert!(status.success(), "{program} {arguments:?}: {status}\n{said}\n{log}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.path("data");
        // It may be stopped already; a panic here would hide the test's own.
        if Path::new(&data).join("postmaster.pid").exists() {
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.stop()));
        }
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn binaries() -> &'static Path {
    static BINARIES: OnceLock<PathBuf> = OnceLock::new();
    BINARIES.get_or_init(|| {
        let mut versions: Vec<_> = fs::read_dir("/usr/lib/postgresql")
            .expect("the package postgresql is needed")
            .map(|entry| entry.unwrap().path().join("bin"))
            .filter(|path| path.join("initdb").exists())
            .collect();
        versions.sort();
        versions.pop().expect("the package postgresql is needed")
    })
}

fn assert_success(what: &str, output: &Output) {
    let (out, err) = (&output.stdout, &output.stderr);
    let (out, err) = (String::from_utf8_lossy(out), String::from_utf8_lossy(err));
    assert!(output.status.success(), "{what}: {}\n{out}\n{err}", output.status);
}
