//! TreeKEM of draft-01, which hashes up.
