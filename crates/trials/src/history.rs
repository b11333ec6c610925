//! A history: what clients asked and were answered, in the order in which it happened, and at its
//! end what the service serves.
//!
//! A question is recorded before it is sent and an answer after it arrived, under one lock: if an
//! answer stands before a question, it was there before the question left. The file is appended to
//! by the process that watches, never by one that may be killed.

use crate::Failure;
use client::transport::{HttpRequest, HttpResponse, Transport, TransportError};
use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};
use delivery_api::inbox::Item;
use delivery_api::log::{Entry, PublishedGroupInfo};
use delivery_api::{Authorization, DeviceId, LogId, PublicKey};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A client sends a request.
    Asked(Ask),
    /// An answer arrived.
    Answered {
        /// The number of the [`Ask`].
        call: u64,
        /// Its status.
        status: u16,
        /// Its body.
        body: Opaque,
    },
    /// No answer will arrive: whether the request took effect is unknown.
    Unanswered {
        /// The number of the [`Ask`].
        call: u64,
    },
    /// For whoever reads the history.
    Note(String),
    /// In the end, this is a log.
    Log(ServedLog),
    /// In the end, these items are in a device's inbox.
    Inbox(ServedInbox),
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Its number in the history.
    pub call: u64,
    /// Who asks.
    pub client: u64,
    /// The method.
    pub method: Opaque,
    /// The path with its query.
    pub path: Opaque,
    /// The key that signed it.
    pub key: Option<PublicKey>,
    /// The body.
    pub body: Opaque,
}
codec::fields!(Ask { call, client, method, path, key, body });

/// A log as the service serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedLog {
    /// Which.
    pub log: LogId,
    /// What is kept of it.
    pub entries: Vec<Entry>,
    /// The published GroupInfo.
    pub group_info: Option<PublishedGroupInfo>,
}
codec::fields!(ServedLog { log, entries, group_info });

/// An inbox as the service serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedInbox {
    /// Whose.
    pub device: DeviceId,
    /// What waits in it.
    pub items: Vec<Item>,
}
codec::fields!(ServedInbox { device, items });

impl Encode for Record {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Asked(ask) => (1_u8, ask).encode_pair(writer),
            Self::Answered { call, status, body } => {
                (2_u8, call).encode_pair(writer);
                (*status, body).encode_pair(writer);
            }
            Self::Unanswered { call } => (3_u8, call).encode_pair(writer),
            Self::Note(text) => (4_u8, &Opaque::from(text.as_bytes())).encode_pair(writer),
            Self::Log(log) => (5_u8, log).encode_pair(writer),
            Self::Inbox(inbox) => (6_u8, inbox).encode_pair(writer),
        }
    }
}

/// Two values, one behind the other.
trait EncodePair {
    fn encode_pair(&self, writer: &mut Writer);
}

impl<A: Encode, B: Encode> EncodePair for (A, &B) {
    fn encode_pair(&self, writer: &mut Writer) {
        self.0.encode(writer);
        self.1.encode(writer);
    }
}

impl Decode for Record {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = reader.error(DecodeErrorKind::InvalidValue("record"));
        Ok(match u8::decode(reader)? {
            1 => Self::Asked(Decode::decode(reader)?),
            2 => Self::Answered {
                call: Decode::decode(reader)?,
                status: Decode::decode(reader)?,
                body: Decode::decode(reader)?,
            },
            3 => Self::Unanswered { call: Decode::decode(reader)? },
            4 => {
                let text = String::from_utf8(Opaque::decode(reader)?.into_vec());
                Self::Note(text.map_err(|_| error)?)
            }
            5 => Self::Log(Decode::decode(reader)?),
            6 => Self::Inbox(Decode::decode(reader)?),
            _ => return Err(error),
        })
    }
}

/// Reads a history from the file of a [`Recorder`].
///
/// # Errors
/// The file cannot be read, or something in it is no record. What a process that died left of its
/// last record is left out.
pub fn read(path: &Path) -> Result<Vec<Record>, Failure> {
    let bytes = std::fs::read(path)?;
    let mut reader = Reader::new(&bytes);
    let mut records = Vec::new();
    while !reader.is_empty() {
        match Opaque::decode(&mut reader) {
            Ok(bytes) => records.push(Record::from_bytes(&bytes)?),
            Err(_) => break,
        }
    }
    Ok(records)
}

#[derive(Default)]
struct Recorded {
    records: Vec<Record>,
    file: Option<File>,
    calls: u64,
    failure: Option<std::io::Error>,
}

/// Records a history.
#[derive(Default)]
pub struct Recorder(Mutex<Recorded>);

impl Recorder {
    /// A recorder that keeps everything in memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A recorder that appends to a file as well.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn to_file(path: &Path) -> Result<Self, Failure> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self(Mutex::new(Recorded { file: Some(file), ..Recorded::default() })))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Recorded) -> T) -> T {
        // A record is pushed whole, whoever panics elsewhere.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a record.
    pub fn add(&self, record: Record) {
        self.with(|recorded| recorded.add(record));
    }

    /// A request is about to be sent; returns its number.
    pub fn asked(&self, client: u64, request: &HttpRequest) -> u64 {
        let header = request.authorization.as_deref();
        let key = header.and_then(Authorization::parse).map(|authorization| authorization.key);
        self.with(|recorded| {
            recorded.calls += 1;
            let call = recorded.calls;
            recorded.add(Record::Asked(Ask {
                call,
                client,
                method: request.method.as_str().as_bytes().into(),
                path: request.path.as_bytes().into(),
                key,
                body: request.body.as_slice().into(),
            }));
            call
        })
    }

    /// An answer arrived.
    pub fn answered(&self, call: u64, response: &HttpResponse) {
        let (status, body) = (response.status, response.body.as_slice().into());
        self.add(Record::Answered { call, status, body });
    }

    /// A sentence for whoever reads the history.
    pub fn note(&self, text: impl Into<String>) {
        self.add(Record::Note(text.into()));
    }

    /// What was recorded so far.
    ///
    /// # Errors
    /// The file could not be written.
    pub fn records(&self) -> Result<Vec<Record>, Failure> {
        self.with(|recorded| match recorded.failure.take() {
            Some(error) => Err(error.into()),
            None => Ok(recorded.records.clone()),
        })
    }
}

impl Recorded {
    fn add(&mut self, record: Record) {
        if let Some(file) = &mut self.file {
            let bytes = Opaque::from(record.to_bytes()).to_bytes();
            if let Err(error) = file.write_all(&bytes) {
                self.failure = Some(error);
            }
        }
        self.records.push(record);
    }
}

/// A transport that records what passes.
pub struct Recording<T> {
    inner: T,
    recorder: Arc<Recorder>,
    client: u64,
}

impl<T> Recording<T> {
    /// Records what `client` sends over `inner`.
    pub fn new(inner: T, recorder: Arc<Recorder>, client: u64) -> Self {
        Self { inner, recorder, client }
    }
}

impl<T: Transport> Transport for Recording<T> {
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        let call = self.recorder.asked(self.client, request);
        let answer = self.inner.send(request);
        match &answer {
            Ok(response) => self.recorder.answered(call, response),
            Err(_) => self.recorder.add(Record::Unanswered { call }),
        }
        answer
    }
}
