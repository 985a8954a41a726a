//! One error for the whole library: what happened, what to do next, and whose fault it is.

use std::fmt;

/// Who has to act on an error. [`crate::cli::exit_code`] maps it to the documented exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It failed, and none of the others says why: a file, a full disk, a refused write.
    Failed,
    /// A flag, a configuration, a catalog or a query is wrong.
    Usage,
    /// A check found drift, or something degraded or unhealthy.
    Check,
    /// A broker or another service does not answer.
    Unreachable,
    /// A disk is full, or a quota is used up.
    NoSpace,
    /// Stopped by bad data, because the user asked to stop there.
    Data,
    /// Nobody reads the output any more, as with `| head`. Not a failure.
    ClosedPipe,
}

impl Fault {
    /// Whether the same may go well later, without anything of ours being changed.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::Unreachable | Self::NoSpace)
    }

    fn of(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::NoSpace,
            _ => Self::Failed,
        }
    }
}

/// An error for people: one line that says what happened and where, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    fault: Fault,
    message: String,
    hint: Option<String>,
    place: Option<Place>,
}

/// Where in a text that a person wrote an error lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// At the first occurrence of this word; who has the text can say where that is.
    Word(String),
    /// At a line and a column, both from 1.
    At {
        /// The line.
        line: u64,
        /// The column, in characters.
        column: u64,
    },
}

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Something went wrong that is not the user's input ([`Fault::Failed`]).
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Fault::Failed, message)
    }

    /// A flag, configuration, catalog or query is wrong ([`Fault::Usage`]).
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Fault::Usage, message)
    }

    /// A check did not pass ([`Fault::Check`]).
    pub fn check(message: impl Into<String>) -> Self {
        Self::new(Fault::Check, message)
    }

    /// A broker or service does not answer ([`Fault::Unreachable`]).
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(Fault::Unreachable, message)
    }

    /// Stopped by bad data ([`Fault::Data`]).
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(Fault::Data, message)
    }

    /// An error of the given fault.
    pub fn new(fault: Fault, message: impl Into<String>) -> Self {
        Self { fault, message: message.into(), hint: None, place: None }
    }

    /// What a library says, with the fault of the system's error that is behind it, where there is one.
    pub fn caused(error: &(dyn std::error::Error + 'static)) -> Self {
        let causes = std::iter::successors(Some(error), |error| error.source());
        let system = causes.filter_map(|cause| cause.downcast_ref::<std::io::Error>()).next();
        Self::new(system.map_or(Fault::Failed, Fault::of), error.to_string())
    }

    /// Adds what to do next; it is printed after the message.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says where in a text it lies.
    #[must_use]
    pub fn place(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Says that it is about a word of a text.
    #[must_use]
    pub fn about(self, word: impl Into<String>) -> Self {
        self.place(Place::Word(word.into()))
    }

    /// Takes the place away, where the reader did not write the text.
    #[must_use]
    pub fn without_place(mut self) -> Self {
        self.place = None;
        self
    }

    /// The same with somebody else to act on it.
    #[must_use]
    pub fn blaming(mut self, fault: Fault) -> Self {
        self.fault = fault;
        self
    }

    /// Puts where it happened before the message: `context: message`.
    #[must_use]
    pub fn at(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// Who has to act.
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// Where in a text it lies, if it lies in one.
    pub fn where_in_text(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// What happened, without the hint.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Place::At { line, column }) = &self.place {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, ": {hint}"))
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::new(Fault::of(&error), error.to_string())
    }
}

impl From<toml::de::Error> for Error {
    /// Its own text draws the place over several lines; the first of them names it.
    fn from(error: toml::de::Error) -> Self {
        let (text, message) = (error.to_string(), error.message().trim().replace('\n', ", "));
        match text.lines().next().filter(|_| error.span().is_some()) {
            Some(place) => Self::usage(format!("{place}: {message}")),
            None => Self::usage(message),
        }
    }
}

impl From<parquet::errors::ParquetError> for Error {
    fn from(error: parquet::errors::ParquetError) -> Self {
        Self::caused(&error)
    }
}

impl From<arrow::error::ArrowError> for Error {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::caused(&error)
    }
}
