//! Files in messages: the contents go to the service as sealed blobs, the message says how to find
//! and open them.
//!
//! A file is cut into chunks of [`CHUNK_BYTES`]. The last one is padded with zeros to a power of
//! two, so that blobs tell little of a file's size; an empty file has one chunk. Each chunk is
//! sealed with AES-256-GCM under a key that is made for this file alone, with its place as nonce,
//! and stored under the SHA-256 of its ciphertext. Key and hashes travel in the encrypted part of
//! the message, so MLS says who shared the file and that it is this one.

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};
use crypto::{AeadId, CryptoError, HashAlgorithm, Provider, Secret};
use delivery_api::BlobId;
use std::sync::Arc;

/// Bytes of a chunk: large enough that requests are few, small enough to be held in memory.
pub(crate) const CHUNK_BYTES: usize = 4 << 20;

/// The smallest chunk.
const CHUNK_BYTES_MIN: usize = 1 << 10;

/// Chunks of a file: their hashes fit into a message many times over.
const CHUNKS_MAX: u64 = 1024;

/// Bytes of a file.
pub const FILE_BYTES_MAX: u64 = CHUNKS_MAX * (CHUNK_BYTES as u64);

/// Bytes of a file's name, as common file systems allow them.
const NAME_BYTES_MAX: usize = 255;

/// Bytes of a media type (RFC 6838, section 4.2: two names of at most 127).
const MEDIA_TYPE_BYTES_MAX: usize = 255;

/// Length of the key of AES-256-GCM.
const KEY_LENGTH: usize = 32;

/// Length of its nonce.
const NONCE_LENGTH: usize = 12;

/// What a message says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SharedFile {
    /// Opens the chunks.
    key: Arc<Secret>,
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) size: u64,
    /// The chunks, in order.
    pub(crate) blobs: Vec<BlobId>,
}

/// How many chunks a file of a size has.
pub(crate) fn chunks(size: u64) -> u64 {
    size.div_ceil(CHUNK_BYTES as u64).max(1)
}

/// How many bytes the chunk at an index holds of a file of a size.
pub(crate) fn chunk_length(size: u64, index: u64) -> usize {
    let behind = size.saturating_sub(index.saturating_mul(CHUNK_BYTES as u64));
    usize::try_from(behind).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES)
}

/// How many bytes are sealed for a chunk that holds so many.
fn padded(length: usize) -> usize {
    length.next_power_of_two().max(CHUNK_BYTES_MIN)
}

/// Whether this can be a file's name: it has no meaning to a terminal, and none to a file system
/// beyond naming one file in one folder.
pub(crate) fn is_file_name(name: &str) -> bool {
    let is_plain = |letter: char| !letter.is_control() && letter != '/' && letter != '\\';
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.chars().all(is_plain)
        && name != "."
        && name != ".."
}

/// Whether this can be a media type.
pub(crate) fn is_media_type(text: &str) -> bool {
    (1..=MEDIA_TYPE_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The nonce of a chunk: the key seals nothing but the chunks of one file.
fn nonce(index: u64) -> [u8; NONCE_LENGTH] {
    let mut nonce = [0; NONCE_LENGTH];
    nonce[NONCE_LENGTH - 8..].copy_from_slice(&index.to_be_bytes());
    nonce
}

impl SharedFile {
    /// A file whose chunks are not sealed yet.
    pub(crate) fn new(key: Secret, (name, media_type): (&str, &str), size: u64) -> Self {
        let (name, media_type) = (name.to_owned(), media_type.to_owned());
        Self { key: Arc::new(key), name, media_type, size, blobs: Vec::new() }
    }

    /// Bytes of the key of a new file.
    pub(crate) const fn key_length() -> usize {
        KEY_LENGTH
    }

    /// Seals the next chunk and notes its hash. Returns the blob.
    pub(crate) fn seal_next(
        &mut self,
        provider: &dyn Provider,
        chunk: &[u8],
    ) -> Result<(BlobId, Vec<u8>), CryptoError> {
        let mut plaintext = Secret::zeros(padded(chunk.len()));
        plaintext.expose_mut()[..chunk.len()].copy_from_slice(chunk);
        let nonce = nonce(self.blobs.len() as u64);
        let blob =
            provider.aead_seal(AeadId::AES_256_GCM, &self.key, &nonce, &[], plaintext.expose())?;
        let id = hash(provider, &blob)?;
        self.blobs.push(id);
        Ok((id, blob))
    }

    /// Opens the chunk at an index; `None` if the blob is not the one that the message names.
    pub(crate) fn open(
        &self,
        provider: &dyn Provider,
        index: u64,
        blob: &[u8],
    ) -> Result<Option<Secret>, CryptoError> {
        let named = usize::try_from(index).ok().and_then(|index| self.blobs.get(index));
        if named != Some(&hash(provider, blob)?) {
            return Ok(None);
        }
        let nonce = nonce(index);
        let opened = match provider.aead_open(AeadId::AES_256_GCM, &self.key, &nonce, &[], blob) {
            Err(CryptoError::AeadOpen | CryptoError::InvalidLength) => return Ok(None),
            other => other?,
        };
        let length = chunk_length(self.size, index);
        let is_whole = opened.len() == padded(length);
        let is_padded = is_whole && opened.expose()[length..].iter().all(|&byte| byte == 0);
        Ok(is_padded.then(|| Secret::from_slice(&opened.expose()[..length])))
    }
}

fn hash(provider: &dyn Provider, bytes: &[u8]) -> Result<BlobId, CryptoError> {
    let digest = provider.hash(HashAlgorithm::Sha256, bytes)?;
    digest.as_slice().try_into().map(BlobId::new).map_err(|_| CryptoError::InvalidLength)
}

impl Encode for SharedFile {
    fn encode(&self, writer: &mut Writer) {
        self.key.encode(writer);
        writer.opaque(self.name.as_bytes());
        writer.opaque(self.media_type.as_bytes());
        self.size.encode(writer);
        self.blobs.encode(writer);
    }
}

impl Decode for SharedFile {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = reader.error(DecodeErrorKind::InvalidValue("file"));
        let text = |bytes: Opaque| String::from_utf8(bytes.into_vec()).map_err(|_| error);
        let file = Self {
            key: Arc::new(Decode::decode(reader)?),
            name: text(Decode::decode(reader)?)?,
            media_type: text(Decode::decode(reader)?)?,
            size: Decode::decode(reader)?,
            blobs: Decode::decode(reader)?,
        };
        let is_valid = file.key.len() == KEY_LENGTH
            && is_file_name(&file.name)
            && is_media_type(&file.media_type)
            && file.size <= FILE_BYTES_MAX
            && file.blobs.len() as u64 == chunks(file.size);
        is_valid.then_some(file).ok_or(error)
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK_BYTES, FILE_BYTES_MAX, SharedFile, chunk_length, chunks, padded};
    use codec::{Decode, Encode};
    use crypto::Secret;

    fn file(size: u64) -> SharedFile {
        SharedFile::new(Secret::from_slice(&[7; 32]), ("a.txt", "text/plain"), size)
    }

    #[test]
    fn every_size_has_its_chunks_and_tells_only_a_power_of_two() {
        let whole = CHUNK_BYTES as u64;
        for (size, count, last) in [
            (0, 1, 0),
            (1, 1, 1),
            (whole, 1, CHUNK_BYTES),
            (whole + 1, 2, 1),
            (3 * whole - 1, 3, CHUNK_BYTES - 1),
            (FILE_BYTES_MAX, 1024, CHUNK_BYTES),
        ] {
            assert_eq!((chunks(size), chunk_length(size, count - 1)), (count, last), "{size}");
        }
        assert_eq!([0, 1, 1024, 1025].map(padded), [1024, 1024, 1024, 2048]);
        assert_eq!(padded(CHUNK_BYTES - 1), CHUNK_BYTES);
    }

    #[test]
    fn chunks_open_in_their_place_and_nowhere_else() {
        let provider = crypto_aws_lc::provider();
        let size = CHUNK_BYTES + 5;
        let mut file = file(size as u64);
        let contents: Vec<u8> = (0..size).map(|index| (index % 251).to_le_bytes()[0]).collect();
        let blobs: Vec<Vec<u8>> = contents
            .chunks(CHUNK_BYTES)
            .map(|chunk| file.seal_next(&*provider, chunk).unwrap().1)
            .collect();
        assert_eq!(blobs[1].len(), 1024 + 16);
        let open = |index: u64, blob: &[u8]| file.open(&*provider, index, blob).unwrap();
        let opened = [open(0, &blobs[0]).unwrap(), open(1, &blobs[1]).unwrap()];
        assert!([opened[0].expose(), opened[1].expose()].concat() == contents);
        assert!(open(0, &blobs[1]).is_none() && open(2, &blobs[1]).is_none());
        let mut damaged = blobs[1].clone();
        damaged[3] ^= 1;
        assert!(open(1, &damaged).is_none());
        // A hash that fits does not make up for contents that do not.
        let mut other = file.clone();
        other.blobs.swap(0, 1);
        assert!(other.open(&*provider, 0, &blobs[1]).unwrap().is_none());
        let longer = SharedFile { size: size as u64 + 1, ..file.clone() };
        assert!(longer.open(&*provider, 1, &blobs[1]).unwrap().is_some(), "a zero more");
        let shorter = SharedFile { size: size as u64 - 1, ..file.clone() };
        assert!(shorter.open(&*provider, 1, &blobs[1]).unwrap().is_none(), "padding is zero");
    }

    #[test]
    fn what_is_said_of_a_file_is_read_strictly() {
        let provider = crypto_aws_lc::provider();
        let mut good = file(3);
        good.seal_next(&*provider, b"abc").unwrap();
        assert_eq!(SharedFile::from_bytes(&good.to_bytes()), Ok(good.clone()));
        let none = SharedFile { blobs: Vec::new(), ..good.clone() };
        let two = [good.blobs.clone(), good.blobs.clone()].concat();
        let two = SharedFile { blobs: two, ..good.clone() };
        let key = SharedFile { key: Secret::zeros(31).into(), ..good.clone() };
        let size = SharedFile { size: FILE_BYTES_MAX + 1, ..good.clone() };
        let names = ["", "..", ".", "a/b", "a\\b", "a\x1b[2J", "a\nb", &"x".repeat(256)];
        let names = names.map(|name| SharedFile { name: name.to_owned(), ..good.clone() });
        let types = ["", "text plain", "text/\u{e4}"];
        let types = types.map(|it| SharedFile { media_type: it.to_owned(), ..good.clone() });
        for bad in [none, two, key, size].iter().chain(&names).chain(&types) {
            assert!(SharedFile::from_bytes(&bad.to_bytes()).is_err(), "{bad:?}");
        }
        let edge = SharedFile { name: "x".repeat(255), ..good };
        assert!(SharedFile::from_bytes(&edge.to_bytes()).is_ok());
    }
}
