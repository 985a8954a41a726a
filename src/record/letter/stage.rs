//! The stages at which records are refused.

/// Where a record was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading its value.
    Decode,
    /// Judging its event time.
    Time,
    /// An expression of the query.
    Transform,
    /// A window that was final.
    Window,
    /// An expression behind a window, or on a row of an outer join that came out without a match.
    Result,
    /// Before it was sent, by a producer.
    Produce,
}

impl Stage {
    /// All of them, in the order in which a record passes them; producers come before.
    pub const ALL: [Self; 6] =
        [Self::Decode, Self::Time, Self::Transform, Self::Window, Self::Result, Self::Produce];

    /// The stage as dead letters show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Time => "time",
            Self::Transform => "transform",
            Self::Window => "window",
            Self::Result => "result",
            Self::Produce => "produce",
        }
    }
}
