//! Log formats as the configuration names them: those that are built in, programs in VRL, and signed tokens.

mod tokens;

use std::fmt;
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use plumbline_schemas::formats::{self, Format};

pub(crate) use self::tokens::{SignedTokens, Unbelieved};
use crate::config::SourceConfig;

/// The name of a format that is a program.
pub const VRL: &str = "vrl";

/// The name of the format of Security Event Tokens.
pub const SET: &str = "set";

/// A log format that records can be read with.
pub enum LogFormat {
    /// One of those that are built in.
    BuiltIn(&'static dyn Format),
    /// One that is made for a source: a program, or the keys of an issuer.
    Made(Box<dyn Format + Send>),
}

/// Why there is no such format.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// A name that is none.
    #[error("there is no log format `{0}`; `plumbline replay --help` names those there are")]
    Unknown(String),
    /// A program without its file.
    #[error("the log format `vrl` is a program; name its file with `program`")]
    NoProgram,
    /// Tokens that nobody could check.
    #[error(
        "the log format `set` reads signed tokens; write tokens = {{ issuer, audience, keys }} into the source"
    )]
    NoTokens,
    /// Keys that cannot be read.
    #[error("tokens.keys: {} cannot be read; correct the path, or let this user read the file", path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No key in them.
    #[error(
        "tokens.keys: {} holds no public key that signatures can be checked with; write the issuer's JWK Set there, \
         which its `jwks_uri` gives",
        .0.display()
    )]
    NoKeys(PathBuf),
    /// A build without VRL.
    #[error(
        "this build of plumbline has no VRL; build it with its default features, or with `--features vrl`"
    )]
    Absent,
    /// A file that cannot be read.
    #[error("the program {} cannot be read; correct `program`, or let this user read the file", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program that is wrong.
    #[error(transparent)]
    Wrong(#[from] WrongProgram),
}

/// A program that is wrong, with every mistake and its place.
#[derive(Debug)]
pub struct WrongProgram {
    path: PathBuf,
    mistakes: Vec<String>,
}

impl std::error::Error for WrongProgram {}

impl fmt::Display for WrongProgram {
    /// `acme.vrl: 2 mistakes`, and each on a line: file, line, column, and what is wrong.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.mistakes.len() {
            1 => write!(f, "the program {path} has a mistake")?,
            several => write!(f, "the program {path} has {several} mistakes")?,
        }
        for mistake in &self.mistakes {
            write!(f, "\n  {path}:{mistake}")?;
        }
        Ok(())
    }
}

impl LogFormat {
    /// The format of a source.
    pub fn of(source: &SourceConfig) -> Result<Self, FormatError> {
        if source.format == SET {
            let tokens = source.tokens.as_ref().ok_or(FormatError::NoTokens)?;
            return Ok(Self::Made(Box::new(SignedTokens::open(tokens)?)));
        }
        Self::open(&source.format, source.program.as_deref())
    }

    /// The format of that name; of `vrl` the program in that file.
    pub fn open(name: &str, program: Option<&Path>) -> Result<Self, FormatError> {
        if name == VRL {
            return compile(program.ok_or(FormatError::NoProgram)?);
        }
        if name == SET {
            return Err(FormatError::NoTokens);
        }
        let format = formats::by_name(name);
        format
            .map(Self::BuiltIn)
            .ok_or_else(|| FormatError::Unknown(name.to_owned()))
    }
}

impl Deref for LogFormat {
    type Target = dyn Format;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::BuiltIn(format) => *format,
            Self::Made(format) => &**format,
        }
    }
}

#[cfg(not(feature = "vrl"))]
fn compile(_: &Path) -> Result<LogFormat, FormatError> {
    Err(FormatError::Absent)
}

#[cfg(feature = "vrl")]
fn compile(path: &Path) -> Result<LogFormat, FormatError> {
    let text = std::fs::read_to_string(path).map_err(|source| FormatError::Read {
        path: path.to_owned(),
        source,
    })?;
    let program = plumbline_vrl::format(&text);
    let program = program.map_err(|mistakes| WrongProgram {
        path: path.to_owned(),
        mistakes: mistakes.iter().map(ToString::to_string).collect(),
    })?;
    Ok(LogFormat::Made(program))
}
