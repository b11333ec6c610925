//! Why a test vector does not hold: a sentence that starts with the place in the entry.

use std::fmt;

/// What differs, or what went wrong, and where in the entry.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    /// A failure without a place yet.
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Not an [`std::error::Error`] itself, so that every error converts.
impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Naming the place of a failure.
pub(crate) trait At<T> {
    /// Puts `place` before the reason.
    fn at(self, place: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> At<T> for Result<T, E> {
    fn at(self, place: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| Failure(format!("{place}: {}", error.into())))
    }
}

impl<T> At<T> for Option<T> {
    fn at(self, place: impl fmt::Display) -> Result<T, Failure> {
        self.ok_or_else(|| Failure(format!("{place}: missing")))
    }
}

/// Compares what was computed with what the vector says.
pub(crate) fn expect_equal<T: PartialEq + fmt::Debug>(
    place: impl fmt::Display,
    computed: &T,
    expected: &T,
) -> Result<(), Failure> {
    if computed == expected {
        return Ok(());
    }
    Err(Failure(format!("{place}: computed {computed:?}, the vector says {expected:?}")))
}

/// Compares computed bytes with those of the vector.
pub(crate) fn expect_bytes(
    place: impl fmt::Display,
    computed: impl AsRef<[u8]>,
    expected: &crate::Hex,
) -> Result<(), Failure> {
    expect_equal(place, &crate::Hex(computed.as_ref().to_vec()), expected)
}

/// Requires something to fail.
pub(crate) fn expect_refused<T, E>(
    place: impl fmt::Display,
    result: Result<T, E>,
) -> Result<(), Failure> {
    match result {
        Ok(_) => Err(Failure(format!("{place}: was accepted, must be refused"))),
        Err(_) => Ok(()),
    }
}
