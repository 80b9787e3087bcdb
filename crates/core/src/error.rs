//! One error for the whole engine, sorted by whose fault it is.

/// What went wrong, by kind; the command's exit code follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// An input could not be read, or another failure of the system that is none of the below.
    Io,
    /// The caller asked for something that makes no sense.
    Usage,
    /// A limit: memory, disk or size.
    Limit,
    /// An input is damaged, or changed while it was read.
    Damaged,
    /// Understood, and not supported.
    Unsupported,
    /// Another run is at work on the same output.
    UnderWay,
    /// Stopped by a signal or by the caller.
    Interrupted,
    /// Our bug.
    Bug,
}

/// An error: its kind, and one message that names the file, the place, both numbers, and the way out.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    #[source]
    source: Option<std::io::Error>,
}

/// The way out where an output's disk is too full.
pub const MAKE_ROOM: &str = "make room on its disk, or write to another one";

/// A result with Swathe's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of the given kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), source: None }
    }

    /// The caller's fault.
    pub fn usage(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Usage, message)
    }

    /// A limit was met.
    pub fn limit(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Limit, message)
    }

    /// The input's fault.
    pub fn damaged(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Damaged, message)
    }

    /// Not supported, by name.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Unsupported, message)
    }

    /// Our fault.
    pub fn bug(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Bug, message)
    }

    /// The run was stopped.
    pub fn interrupted(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Interrupted, message)
    }

    /// The system's answer to what `doing` says was tried, such as "cannot open `scene.tif`".
    ///
    /// A full disk is a [`ErrorKind::Limit`]; everything else is [`ErrorKind::Io`].
    pub fn io(doing: impl std::fmt::Display, source: std::io::Error) -> Self {
        let kind = match source.kind() {
            std::io::ErrorKind::StorageFull
            | std::io::ErrorKind::QuotaExceeded
            | std::io::ErrorKind::FileTooLarge => ErrorKind::Limit,
            _ => ErrorKind::Io,
        };
        Error { kind, message: format!("{doing}: {source}"), source: Some(source) }
    }

    /// Bytes of an input that the system could not give: an input's fault, of which [`Error::is_of_the_system`] tells that
    /// it may be another's.
    pub fn unreadable(doing: impl std::fmt::Display, source: std::io::Error) -> Self {
        Error { kind: ErrorKind::Damaged, ..Error::io(doing, source) }
    }

    /// Whether the system said no, so that the same may go well another time.
    pub fn is_of_the_system(&self) -> bool {
        self.source.is_some()
    }

    /// The same error with the place put before its message.
    pub fn at(mut self, place: impl std::fmt::Display) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// The same error with what follows from it put behind its message.
    pub fn and(mut self, more: impl std::fmt::Display) -> Self {
        self.message = format!("{}{more}", self.message);
        self
    }

    /// The same error, where a disk or a quota is full, with the way out behind its message.
    #[must_use]
    pub fn where_full(self, way_out: &str) -> Self {
        let kind = self.source.as_ref().map(std::io::Error::kind);
        let is_full =
            matches!(kind, Some(std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded));
        if is_full { self.and(format_args!("; {way_out}")) } else { self }
    }

    /// Whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_a_limit() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = Error::io("cannot write `a`", full).where_full("make room");
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(error.to_string().ends_with("; make room"), "{error}");
        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let error = Error::io("cannot write `a`", denied).at("tile 3").where_full("make room");
        assert!(!error.to_string().contains("make room"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().starts_with("tile 3: cannot write `a`: "));
    }
}
