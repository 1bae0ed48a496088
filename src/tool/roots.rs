//! The folders whose files may be read. Everything outside is refused, also by way of `..` and of symbolic links.
//!
//! A path is resolved to what it really is and must lie under a root; on Linux the file is then opened in a way that lets the
//! kernel refuse a link put there in between.

use super::error::{ErrorKind, ToolError};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Names that hold secrets, as whole names or with `*` at one end.
const SECRET: [&str; 14] = [
    ".env",
    ".env.*",
    ".git",
    ".ssh",
    ".gnupg",
    ".netrc",
    ".aws",
    ".npmrc",
    ".pypirc",
    "*.pem",
    "*.key",
    "*.p12",
    "id_rsa*",
    "keys.toml",
];

/// Real folders, each with the name it is called by.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Roots {
    folders: Vec<PathBuf>,
}

/// A path that was resolved: it lies under `root`.
#[derive(Debug, Clone, PartialEq)]
pub struct Inside {
    pub root: PathBuf,
    pub path: PathBuf,
}

impl Roots {
    /// Resolves the folders; relative ones start at `current`. Those that are missing come back as problems.
    #[must_use]
    pub fn new(folders: &[PathBuf], current: &Path) -> (Roots, Vec<String>) {
        let mut roots = Roots::default();
        let mut problems = Vec::new();
        for folder in folders {
            match current.join(folder).canonicalize() {
                Ok(real) if real.is_dir() => roots.folders.push(real),
                Ok(_) => problems.push(format!("tools.roots: {} is no folder", folder.display())),
                Err(error) => {
                    problems.push(format!("tools.roots: {}: {error}", folder.display()));
                }
            }
        }
        (roots, problems)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.folders.is_empty()
    }

    #[must_use]
    pub fn first(&self) -> Option<&Path> {
        self.folders.first().map(PathBuf::as_path)
    }

    /// For the person and the model.
    #[must_use]
    pub fn words(&self) -> String {
        let names: Vec<String> = self
            .folders
            .iter()
            .map(|folder| folder.display().to_string())
            .collect();
        names.join(", ")
    }

    /// Where a path of a model really leads; a relative one starts at the first root under which it exists.
    ///
    /// # Errors
    ///
    /// When it does not exist, lies outside of all roots or has a name that holds secrets.
    pub fn resolve(&self, path: &str) -> Result<Inside, ToolError> {
        let mut missing = None;
        for root in &self.folders {
            match root.join(path).canonicalize() {
                Ok(real) => match self.inside(real) {
                    Some(inside) => return allowed(inside, path),
                    None => return Err(self.outside(path)),
                },
                Err(error) => missing = Some(error),
            }
        }
        match missing {
            // What lies outside is not even looked for in the answer.
            Some(error) if self.may_name(path) => Err(ToolError::new(
                ErrorKind::NotFound,
                format!("{path}: {}", reason(&error)),
            )),
            _ => Err(self.outside(path)),
        }
    }

    fn inside(&self, real: PathBuf) -> Option<Inside> {
        let root = self.folders.iter().find(|root| real.starts_with(root))?;
        Some(Inside {
            root: root.clone(),
            path: real,
        })
    }

    /// Whether a path that does not exist stays inside by its words alone.
    fn may_name(&self, path: &str) -> bool {
        let path = Path::new(path);
        let climbs = path
            .components()
            .any(|part| part == std::path::Component::ParentDir);
        let is_rooted = path.is_absolute();
        !climbs && (!is_rooted || self.folders.iter().any(|root| path.starts_with(root)))
    }

    fn outside(&self, path: &str) -> ToolError {
        ToolError::new(
            ErrorKind::DeniedByRule,
            format!("{path} is outside of the allowed folders: {}", self.words()),
        )
    }
}

impl Inside {
    /// As it is shown: below its root.
    #[must_use]
    pub fn shown(&self) -> String {
        let below = self.path.strip_prefix(&self.root).unwrap_or(&self.path);
        if below.as_os_str().is_empty() {
            return ".".to_owned();
        }
        below.display().to_string()
    }

    /// Opens it to read.
    ///
    /// # Errors
    ///
    /// Those of the system, also when a link was put in the way since it was resolved.
    pub fn open(&self) -> io::Result<File> {
        open_beneath(&self.root, &self.path)
    }
}

/// Whether a file of this name is never read.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET.iter().any(|pattern| {
        if let Some(end) = pattern.strip_prefix('*') {
            name.ends_with(end)
        } else if let Some(start) = pattern.strip_suffix('*') {
            name.starts_with(start)
        } else {
            name == *pattern
        }
    })
}

fn allowed(inside: Inside, path: &str) -> Result<Inside, ToolError> {
    let below = inside.path.strip_prefix(&inside.root);
    let is_hidden = below
        .unwrap_or(&inside.path)
        .components()
        .any(|part| is_secret(&part.as_os_str().to_string_lossy()));
    if is_hidden {
        let message = format!("{path} may hold secrets and is not read");
        return Err(ToolError::new(ErrorKind::DeniedByRule, message));
    }
    Ok(inside)
}

/// An operating system's words without its number.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(target_os = "linux")]
fn open_beneath(root: &Path, path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
    use rustix::io::Errno;
    let below = path.strip_prefix(root).map_err(io::Error::other)?;
    let folder = File::open(root)?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    match openat2(&folder, below, flags, Mode::empty(), how) {
        Ok(file) => Ok(File::from(file)),
        // Older kernels, and sandboxes that forbid the call.
        Err(Errno::NOSYS | Errno::PERM) => File::open(path),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn open_beneath(_root: &Path, path: &Path) -> io::Result<File> {
    File::open(path)
}
