//! Writing: one growing buffer, with length headers filled in afterwards (RFC 9420, section 2.1).

use zeroize::Zeroize;

/// A buffer that encodings are appended to.
///
/// An *erasing* writer overwrites every buffer it leaves behind, so secrets can be encoded with it.
#[derive(Default)]
pub struct Writer {
    bytes: Vec<u8>,
    erase: bool,
}

impl Writer {
    /// An empty writer for public data.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty writer for public data of about this length.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity), erase: false }
    }

    /// An empty writer that erases what it leaves behind; for structures that hold secrets.
    #[must_use]
    pub fn erasing() -> Self {
        Self { bytes: Vec::new(), erase: true }
    }

    /// What was written. The caller of an erasing writer takes over the duty to erase.
    #[must_use]
    pub fn into_bytes(mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// What was written so far.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends bytes as they are.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends `opaque<V>`: a length header, then the bytes.
    #[inline]
    pub fn opaque(&mut self, bytes: &[u8]) {
        let (header, count) = length_header(bytes.len());
        self.write(&header[..count]);
        self.write(bytes);
    }

    /// Appends a vector: a length header for whatever `contents` appends.
    pub fn vector(&mut self, contents: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.write(&[0]);
        contents(self);
        let length = self.bytes.len() - start - 1;
        let (header, count) = length_header(length);
        if count > 1 {
            self.write(&[0; 3][..count - 1]);
            self.bytes.copy_within(start + 1..start + 1 + length, start + count);
        }
        self.bytes[start..start + count].copy_from_slice(&header[..count]);
    }

    #[inline]
    fn reserve(&mut self, count: usize) {
        let needed = self.bytes.len() + count;
        if needed > self.bytes.capacity() {
            self.grow(needed);
        }
    }

    #[cold]
    fn grow(&mut self, needed: usize) {
        let capacity = needed.max(2 * self.bytes.capacity()).max(CAPACITY_MIN);
        if self.erase {
            let mut larger = Vec::with_capacity(capacity);
            larger.extend_from_slice(&self.bytes);
            self.bytes.zeroize();
            self.bytes = larger;
        } else {
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
    }
}

/// Room that a writer makes at once: most of what is hashed, signed or kept fits, and a buffer that
/// starts with a byte moves half a dozen times to get there.
const CAPACITY_MIN: usize = 192;

impl Drop for Writer {
    fn drop(&mut self) {
        if self.erase {
            self.bytes.zeroize();
        }
    }
}

/// The minimal length header of section 2.1.2 and how many of its four bytes count.
///
/// # Panics
/// If `length` exceeds [`crate::VECTOR_BYTES_MAX`]. Nothing that arrived in a message can be that
/// long, and the callers that accept application data limit it to far less.
fn length_header(length: usize) -> ([u8; 4], usize) {
    assert!(length <= crate::VECTOR_BYTES_MAX, "vector of {length} bytes cannot be encoded");
    let [_, _, _, _, b3, b2, b1, b0] = (length as u64).to_be_bytes();
    match length {
        0..0x40 => ([b0, 0, 0, 0], 1),
        0x40..0x4000 => ([0x40 | b1, b0, 0, 0], 2),
        _ => ([0x80 | b3, b2, b1, b0], 4),
    }
}
