//! Tests of the SQLite store itself.
