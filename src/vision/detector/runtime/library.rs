//! Finds ONNX Runtime's shared library and loads it into this process: once, and for good.

use std::{
    env,
    ffi::CStr,
    fs, iter, mem,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use becamera_actors::worker::TELEMETRY_OFF;
use libloading::{Library as SharedObject, Symbol};
use ort::environment::Environment;

/// The variable that names the library for all software built with `ort`.
const VARIABLE: &str = "ORT_DYLIB_PATH";

/// Names that the loader is asked for: the library's own, and that of development packages.
const NAMES: [&str; 2] = ["libonnxruntime.so.1", "libonnxruntime.so"];

/// Folders into which releases are unpacked, and distributions put the library under names with a
/// version.
const FOLDERS: [&str; 5] =
    ["/usr/local/lib", MULTIARCH, "/usr/lib64", "/usr/lib", "/opt/onnxruntime/lib"];

#[cfg(target_arch = "aarch64")]
const MULTIARCH: &str = "/usr/lib/aarch64-linux-gnu";
#[cfg(not(target_arch = "aarch64"))]
const MULTIARCH: &str = "/usr/lib/x86_64-linux-gnu";

/// ONNX Runtime in this process.
pub struct Library {
    /// The file that it was loaded from.
    pub path: PathBuf,
    /// The version, such as 1.31.1.
    pub version: String,
    /// The environment of all sessions.
    pub environment: Environment,
}

static LOADED: Mutex<Option<&'static Library>> = Mutex::new(None);

/// Loads the library: the named one, else that of `ORT_DYLIB_PATH`, else the first usable one beside
/// the program, of the loader and of the usual folders. The error says why none could be used.
///
/// A process can have one library only: another one that is named later is not loaded.
///
/// # Errors
/// When none can be used, or when [`TELEMETRY_OFF`] is not in the environment: from then on the
/// library would send data about this machine, and a running process can't change its environment
/// safely.
///
/// Call it where a crash or a hang of native code does no harm: loading a file runs its code.
pub fn load(named: Option<&Path>) -> Result<&'static Library, String> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(library) = *loaded {
        return Ok(library);
    }
    let (name, value) = TELEMETRY_OFF;
    if env::var_os(name).is_none_or(|set| set != value) {
        return Err(format!("{name}={value} must be set before ONNX Runtime is loaded"));
    }
    let found = match (named, env::var_os(VARIABLE).filter(|path| !path.is_empty())) {
        (Some(path), _) => open(path).map_err(|why| format!("detector.onnxruntime_library: {why}")),
        (None, Some(path)) => open(Path::new(&path)).map_err(|why| format!("{VARIABLE}: {why}")),
        (None, None) => first_usable(&usual_places()),
    }?;
    // One a process: never dropped, since native code can't be unloaded safely.
    let library: &'static Library = Box::leak(Box::new(found));
    Ok(loaded.insert(library))
}

fn first_usable(candidates: &[PathBuf]) -> Result<Library, String> {
    let mut reasons = Vec::new();
    for path in candidates {
        match open(path) {
            Ok(library) => return Ok(library),
            // That the loader finds none is no reason of its own.
            Err(_) if !path.is_absolute() => {}
            Err(why) => reasons.push(why),
        }
    }
    let none = "no ONNX Runtime was found (libonnxruntime.so); deploy/onnxruntime.sh gets it";
    if reasons.is_empty() { Err(none.into()) } else { Err(reasons.join("; ")) }
}

/// Where the library may be when no setting names it, best first.
fn usual_places() -> Vec<PathBuf> {
    let program = env::current_exe().ok();
    let beside = program.as_deref().and_then(Path::parent).map(beside_program);
    let folders = beside.into_iter().flatten().flat_map(|folder| files_in(&folder));
    folders
        .chain(NAMES.iter().map(PathBuf::from))
        .chain(FOLDERS.iter().flat_map(|folder| files_in(Path::new(folder))))
        .collect()
}

/// `lib/becamera` one and two folders above that of the program: of `/usr/local/bin` that is
/// `/usr/local/lib/becamera`, of `target/release` (and `deps` in it) `target/lib/becamera`.
fn beside_program(folder: &Path) -> [PathBuf; 2] {
    let above = folder.parent().unwrap_or(folder);
    [above, above.parent().unwrap_or(above)].map(|folder| folder.join("lib/becamera"))
}

/// The library's files in a folder, the newest version first.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut found: Vec<(Vec<u32>, String)> =
        names.filter_map(|name| Some((version_in(&name)?, name))).collect();
    found.sort_unstable();
    found.into_iter().rev().map(|(_, name)| folder.join(name)).collect()
}

/// The version in a library's file name: none, as in `libonnxruntime.so`, counts as the oldest.
fn version_in(name: &str) -> Option<Vec<u32>> {
    let rest = name.strip_prefix("libonnxruntime.so")?;
    let Some(rest) = rest.strip_prefix('.') else { return rest.is_empty().then(Vec::new) };
    rest.split('.').map(|part| part.parse().ok()).collect()
}

/// Loads a library, if it is ONNX Runtime and not too old: `ort` itself would panic otherwise.
fn open(path: &Path) -> Result<Library, String> {
    let (path, version) = inspect(path)?;
    let failed = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let builder = ort::init_from(&path).map_err(|error| failed(&error))?;
    let environment =
        builder.with_telemetry(false).build().map_err(|error| failed(&error.message()))?;
    Ok(Library { path, version, environment })
}

/// Loads a library and checks that it can be used; gives its real path and version.
fn inspect(path: &Path) -> Result<(PathBuf, String), String> {
    let failed = |why: String| format!("{}: {why}", path.display());
    // A path is relative to the working directory, not to the loader's folders.
    let asked = if path.components().nth(1).is_some() {
        fs::canonicalize(path).map_err(|error| failed(error.to_string()))?
    } else {
        path.to_owned()
    };
    // SAFETY: this runs the library's code, which may do anything; the caller chose a place where it
    // may.
    let object = unsafe { SharedObject::new(&asked) };
    let object = object.map_err(|error| failed(loader_error(&error)))?;
    // SAFETY: the signature of this function has never changed (onnxruntime_c_api.h).
    let get_base: Result<Symbol<unsafe extern "C" fn() -> *const ort::sys::OrtApiBase>, _> =
        unsafe { object.get(b"OrtGetApiBase\0") };
    let get_base = get_base.map_err(|_| failed("this is not ONNX Runtime".into()))?;
    // SAFETY: it takes nothing and gives null or a table that lives as long as the library.
    let Some(base) = (unsafe { get_base().as_ref() }) else {
        return Err(failed("it has no API".into()));
    };
    // SAFETY: the function gives null or a string that lives as long as the library.
    let version = unsafe {
        let text = (base.GetVersionString)();
        if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into() }
    };
    if !is_new_enough(&version) {
        return Err(failed(format!(
            "this is ONNX Runtime {version}; needed is 1.{} or later",
            ort::MINOR_VERSION
        )));
    }
    // SAFETY: any number may be asked for; it gives null or the table of that version.
    if unsafe { (base.GetApi)(ort::MINOR_VERSION) }.is_null() {
        return Err(failed(format!("ONNX Runtime {version} lacks API {}", ort::MINOR_VERSION)));
    }
    let real = file_of(*get_base as *const libc::c_void).unwrap_or(asked);
    // Never closed: closing a library whose threads or destructors run can crash.
    mem::forget(object);
    Ok((real, version))
}

/// The file that code was loaded from.
fn file_of(address: *const libc::c_void) -> Option<PathBuf> {
    let mut info = mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: dladdr takes any address and fills in the structure when it gives non-zero; the name
    // lives as long as the library.
    let name = unsafe {
        if libc::dladdr(address, info.as_mut_ptr()) == 0 {
            return None;
        }
        let name = info.assume_init().dli_fname;
        if name.is_null() {
            return None;
        }
        CStr::from_ptr(name)
    };
    fs::canonicalize(name.to_str().ok()?).ok()
}

fn is_new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    let (major, minor) = (parts.next().flatten(), parts.next().flatten());
    major == Some(1) && minor.is_some_and(|minor| minor >= ort::MINOR_VERSION)
}

/// The loader's own message, which is in the error's sources.
fn loader_error(error: &libloading::Error) -> String {
    let first: &dyn std::error::Error = error;
    let chain = iter::successors(Some(first), |error| error.source());
    chain.last().map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(is_new_enough("1.17.0") && is_new_enough("1.31.1") && is_new_enough("1.100.0"));
        for version in ["", "1", "1.4.0", "1.16.3", "0.99.0", "2.1.0", "x.y"] {
            assert!(!is_new_enough(version), "{version}");
        }
    }

    #[test]
    fn the_newest_file_of_a_folder_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let names = [
            "libonnxruntime.so",
            "libonnxruntime.so.1.9.0",
            "libonnxruntime.so.1.31.1",
            "libonnxruntime.so.old",
            "libonnxruntime_providers_shared.so",
        ];
        for name in names {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let expected = [names[2], names[1], names[0]].map(|name| folder.path().join(name));
        assert_eq!(files_in(folder.path()), expected);
        assert_eq!(files_in(&folder.path().join("none")), [] as [PathBuf; 0]);
    }

    #[test]
    fn an_installed_program_has_it_under_its_own_prefix() {
        let [first, second] = beside_program(Path::new("/usr/local/bin"));
        assert_eq!(first, Path::new("/usr/local/lib/becamera"));
        assert_eq!(second, Path::new("/usr/lib/becamera"));
        let [_, second] = beside_program(Path::new("/src/target/release/deps"));
        assert_eq!(second, Path::new("/src/target/lib/becamera"));
        assert_eq!(beside_program(Path::new("/"))[1], Path::new("/lib/becamera"));
    }

    #[test]
    fn another_file_than_the_library_is_refused() {
        let why = |path: &Path| inspect(path).unwrap_err();
        assert!(why(Path::new("/none/libonnxruntime.so")).contains("No such file"));
        let text = tempfile::NamedTempFile::new().unwrap();
        fs::write(text.path(), "no library").unwrap();
        assert!(why(text.path()).contains(text.path().to_str().unwrap()), "names the file");
        // A library that is always there.
        let libc = file_of(libc::getpid as *const libc::c_void).unwrap();
        assert!(why(&libc).ends_with("this is not ONNX Runtime"), "{}", why(&libc));
    }

    #[test]
    fn reasons_are_told_for_files_that_are_there() {
        let why = |paths: &[PathBuf]| first_usable(paths).err().unwrap();
        assert!(why(&["libnone.so.9".into()]).starts_with("no ONNX Runtime was found"));
        let text = tempfile::NamedTempFile::new().unwrap();
        let reason = why(&["libnone.so.9".into(), text.path().into()]);
        assert!(reason.starts_with(text.path().to_str().unwrap()), "{reason}");
    }
}
