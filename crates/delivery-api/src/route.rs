//! Routes: what can be asked, and the one path for each.
//!
//! A path that [`Route::parse`] accepts is exactly the path that [`Route::path`] writes:
//! identifiers in lowercase hex, numbers without leading zeros, all query parameters present and in
//! order. So two different requests never share a path, and a signature covers one spelling.

use crate::id::{BlobId, DeviceId, LogId, Name, Position};
use crate::limits;
use crate::request::Window;

/// The HTTP methods in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Submits.
    Post,
    /// Puts under a name that the client chose.
    Put,
}

impl Method {
    /// The method as HTTP spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// What is asked of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Acknowledges items of the own inbox.
    Acknowledge(DeviceId),
    /// Appends a message to a log.
    Append(LogId),
    /// Claims a key package of a device.
    ClaimKeyPackage(DeviceId),
    /// Submits a commit bundle.
    Commit {
        /// The log.
        log: LogId,
        /// If given, a refusal because the head moved carries the entries behind this position.
        missed_after: Option<Position>,
    },
    /// Opens a log.
    CreateLog(LogId),
    /// Fetches a blob.
    GetBlob(BlobId),
    /// Looks up a name.
    GetName(Name),
    /// Fetches the published GroupInfo.
    GroupInfo(LogId),
    /// Asks whether the service works.
    Health,
    /// Fetches the description of this protocol in the form of OpenAPI.
    OpenApi,
    /// Stores a blob.
    PutBlob(BlobId),
    /// Puts an item into an inbox.
    PutItem(DeviceId),
    /// Claims a name.
    PutName(Name),
    /// Reads the own inbox.
    ReadInbox {
        /// The device.
        device: DeviceId,
        /// Which items; `after` is an item's number.
        window: Window,
    },
    /// Reads a log.
    ReadLog {
        /// The log.
        log: LogId,
        /// Which entries.
        window: Window,
    },
    /// Registers a device.
    RegisterDevice(DeviceId),
    /// Repairs a log.
    Repair(LogId),
    /// Asks what the service says about itself.
    ServiceInfo,
    /// Asks what is left of the own key packages.
    Stock(DeviceId),
    /// Opens a stream of hints, as a WebSocket.
    Stream,
    /// Asks for the news of many logs.
    Sync,
    /// Uploads own key packages.
    UploadKeyPackages(DeviceId),
}

/// Path of the route that needs no prior knowledge.
pub const WELL_KNOWN_PATH: &str = "/.well-known/conclave-delivery";

impl Route {
    /// The method.
    #[must_use]
    pub const fn method(&self) -> Method {
        match self {
            Self::GetBlob(_)
            | Self::GetName(_)
            | Self::GroupInfo(_)
            | Self::Health
            | Self::OpenApi
            | Self::ReadInbox { .. }
            | Self::ReadLog { .. }
            | Self::ServiceInfo
            | Self::Stock(_)
            | Self::Stream => Method::Get,
            Self::Acknowledge(_)
            | Self::Append(_)
            | Self::ClaimKeyPackage(_)
            | Self::Commit { .. }
            | Self::PutItem(_)
            | Self::Repair(_)
            | Self::Sync
            | Self::UploadKeyPackages(_) => Method::Post,
            Self::CreateLog(_) | Self::PutBlob(_) | Self::PutName(_) | Self::RegisterDevice(_) => {
                Method::Put
            }
        }
    }

    /// A name for logs and statistics, without anything of the request. Reads that may wait have
    /// names of their own.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Acknowledge(_) => "acknowledge",
            Self::Append(_) => "append",
            Self::ClaimKeyPackage(_) => "claim-key-package",
            Self::Commit { .. } => "commit",
            Self::CreateLog(_) => "create-log",
            Self::GetBlob(_) => "get-blob",
            Self::GetName(_) => "get-name",
            Self::GroupInfo(_) => "group-info",
            Self::Health => "health",
            Self::OpenApi => "openapi",
            Self::PutBlob(_) => "put-blob",
            Self::PutItem(_) => "put-item",
            Self::PutName(_) => "put-name",
            Self::ReadInbox { window: Window { wait_seconds: 0, .. }, .. } => "read-inbox",
            Self::ReadInbox { .. } => "wait-inbox",
            Self::ReadLog { window: Window { wait_seconds: 0, .. }, .. } => "read-log",
            Self::ReadLog { .. } => "wait-log",
            Self::RegisterDevice(_) => "register-device",
            Self::Repair(_) => "repair",
            Self::ServiceInfo => "service-info",
            Self::Stock(_) => "stock",
            Self::Stream => "stream",
            Self::Sync => "sync",
            Self::UploadKeyPackages(_) => "upload-key-packages",
        }
    }

    /// The path with its query.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Acknowledge(device) => format!("/v1/devices/{device}/inbox/ack"),
            Self::Append(log) => format!("/v1/logs/{log}/entries"),
            Self::ClaimKeyPackage(device) => format!("/v1/devices/{device}/key-packages/claim"),
            Self::Commit { log, missed_after: None } => format!("/v1/logs/{log}/commits"),
            Self::Commit { log, missed_after: Some(after) } => {
                format!("/v1/logs/{log}/commits?missed_after={after}")
            }
            Self::CreateLog(log) => format!("/v1/logs/{log}"),
            Self::GetBlob(blob) | Self::PutBlob(blob) => format!("/v1/blobs/{blob}"),
            Self::GetName(name) | Self::PutName(name) => format!("/v1/names/{name}"),
            Self::GroupInfo(log) => format!("/v1/logs/{log}/group-info"),
            Self::Health => "/v1/health".to_owned(),
            Self::OpenApi => format!("{WELL_KNOWN_PATH}/openapi.json"),
            Self::PutItem(device) => format!("/v1/devices/{device}/inbox"),
            Self::ReadInbox { device, window } => format!("/v1/devices/{device}/inbox?{window}"),
            Self::ReadLog { log, window } => format!("/v1/logs/{log}/entries?{window}"),
            Self::RegisterDevice(device) => format!("/v1/devices/{device}"),
            Self::Repair(log) => format!("/v1/logs/{log}/repairs"),
            Self::ServiceInfo => WELL_KNOWN_PATH.to_owned(),
            Self::Stream => "/v1/stream".to_owned(),
            Self::Sync => "/v1/sync".to_owned(),
            Self::Stock(device) | Self::UploadKeyPackages(device) => {
                format!("/v1/devices/{device}/key-packages")
            }
        }
    }

    /// Reads method and path; `None` if there is no such route or the path is spelled otherwise.
    #[must_use]
    pub fn parse(method: &str, path: &str) -> Option<Self> {
        if path.len() > limits::PATH_BYTES_MAX {
            return None;
        }
        let (place, query) = path.split_once('?').map_or((path, None), |(a, b)| (a, Some(b)));
        let segments: Vec<&str> = place.split('/').skip(1).collect();
        let route = match (segments.as_slice(), query) {
            ([".well-known", "conclave-delivery"], None) => Self::ServiceInfo,
            ([".well-known", "conclave-delivery", "openapi.json"], None) => Self::OpenApi,
            (["v1", "health"], None) => Self::Health,
            (["v1", "stream"], None) => Self::Stream,
            (["v1", "sync"], None) => Self::Sync,
            (["v1", "logs", log, rest @ ..], query) => {
                Self::parse_log(method, LogId::from_hex(log)?, rest, query)?
            }
            (["v1", "devices", device, rest @ ..], query) => {
                Self::parse_device(method, DeviceId::from_hex(device)?, rest, query)?
            }
            (["v1", "blobs", blob], None) => {
                let blob = BlobId::from_hex(blob)?;
                if method == "PUT" { Self::PutBlob(blob) } else { Self::GetBlob(blob) }
            }
            (["v1", "names", name], None) => {
                let name = Name::new(name)?;
                if method == "PUT" { Self::PutName(name) } else { Self::GetName(name) }
            }
            _ => return None,
        };
        (route.method().as_str() == method && route.path() == path).then_some(route)
    }

    fn parse_log(method: &str, log: LogId, rest: &[&str], query: Option<&str>) -> Option<Self> {
        Some(match (method, rest, query) {
            (_, [], None) => Self::CreateLog(log),
            (_, ["commits"], None) => Self::Commit { log, missed_after: None },
            (_, ["commits"], Some(query)) => {
                let after = query.strip_prefix("missed_after=")?.parse().ok()?;
                Self::Commit { log, missed_after: Some(Position(after)) }
            }
            ("POST", ["entries"], None) => Self::Append(log),
            (_, ["entries"], Some(query)) => Self::ReadLog { log, window: Window::parse(query)? },
            (_, ["group-info"], None) => Self::GroupInfo(log),
            (_, ["repairs"], None) => Self::Repair(log),
            _ => return None,
        })
    }

    fn parse_device(
        method: &str,
        device: DeviceId,
        rest: &[&str],
        query: Option<&str>,
    ) -> Option<Self> {
        Some(match (method, rest, query) {
            (_, [], None) => Self::RegisterDevice(device),
            ("POST", ["inbox"], None) => Self::PutItem(device),
            (_, ["inbox"], Some(query)) => {
                Self::ReadInbox { device, window: Window::parse(query)? }
            }
            (_, ["inbox", "ack"], None) => Self::Acknowledge(device),
            ("POST", ["key-packages"], None) => Self::UploadKeyPackages(device),
            (_, ["key-packages"], None) => Self::Stock(device),
            (_, ["key-packages", "claim"], None) => Self::ClaimKeyPackage(device),
            _ => return None,
        })
    }

    /// One of each, for descriptions and tests.
    ///
    /// # Panics
    /// Never: the names are valid.
    #[must_use]
    pub fn examples() -> Vec<Self> {
        let (log, device) = (LogId::new([0xa1; 32]), DeviceId::new([0xb2; 32]));
        let blob = BlobId::new([0xc3; 32]);
        let name = Name::new("alice").expect("letters only");
        let window = Window { after: Position(7), limit: 10, wait_seconds: 3 };
        vec![
            Self::Acknowledge(device),
            Self::Append(log),
            Self::ClaimKeyPackage(device),
            Self::Commit { log, missed_after: None },
            Self::Commit { log, missed_after: Some(Position(3)) },
            Self::CreateLog(log),
            Self::GetBlob(blob),
            Self::GetName(name.clone()),
            Self::GroupInfo(log),
            Self::Health,
            Self::OpenApi,
            Self::PutBlob(blob),
            Self::PutItem(device),
            Self::PutName(name),
            Self::ReadInbox { device, window },
            Self::ReadLog { log, window },
            Self::RegisterDevice(device),
            Self::Repair(log),
            Self::ServiceInfo,
            Self::Stock(device),
            Self::Stream,
            Self::Sync,
            Self::UploadKeyPackages(device),
        ]
    }

    /// How many bytes the body may have.
    #[must_use]
    pub const fn body_bytes_max(&self) -> usize {
        // Room for what accompanies the opaque bytes in the larger bodies.
        const FRAME_BYTES_MAX: usize = 1 << 10;
        match self {
            Self::Append(_) => limits::ENTRY_BYTES_MAX + FRAME_BYTES_MAX,
            Self::Commit { .. } => limits::BUNDLE_BYTES_MAX,
            Self::PutBlob(_) => limits::BLOB_BYTES_MAX,
            Self::PutItem(_) => limits::ITEM_BYTES_MAX + FRAME_BYTES_MAX,
            Self::RegisterDevice(_) => limits::TOKEN_BYTES_MAX,
            Self::Sync => limits::SYNC_BYTES_MAX,
            Self::UploadKeyPackages(_) => limits::UPLOAD_BYTES_MAX,
            Self::Acknowledge(_)
            | Self::ClaimKeyPackage(_)
            | Self::CreateLog(_)
            | Self::PutName(_)
            | Self::Repair(_) => limits::SMALL_BODY_BYTES_MAX,
            Self::GetBlob(_)
            | Self::GetName(_)
            | Self::GroupInfo(_)
            | Self::Health
            | Self::OpenApi
            | Self::ReadInbox { .. }
            | Self::ReadLog { .. }
            | Self::ServiceInfo
            | Self::Stock(_)
            | Self::Stream => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Method, Route};

    #[test]
    fn every_route_is_read_back_from_its_path_and_from_no_other_method() {
        let mut seen = std::collections::BTreeSet::new();
        for route in Route::examples() {
            let (method, path) = (route.method().as_str(), route.path());
            assert_eq!(Route::parse(method, &path).as_ref(), Some(&route));
            assert!(seen.insert((method, path.clone())), "{method} {path} is ambiguous");
            for other in [Method::Get, Method::Post, Method::Put] {
                if let Some(found) = Route::parse(other.as_str(), &path) {
                    assert_eq!(found.method(), other);
                }
            }
        }
    }

    #[test]
    fn other_spellings_of_a_path_are_refused() {
        let log = "a1".repeat(32);
        for path in [
            format!("/v1/logs/{log}/entries?after=7&limit=10"),
            format!("/v1/logs/{log}/entries?after=07&limit=10&wait=3"),
            format!("/v1/logs/{log}/entries?after=+7&limit=10&wait=3"),
            format!("/v1/logs/{log}/entries?limit=10&after=7&wait=3"),
            format!("/v1/logs/{log}/entries?after=7&limit=10&wait=31"),
            format!("/v1/logs/{log}/entries?after=7&limit=0&wait=3"),
            format!("/v1/logs/{log}/entries?after=7&limit=1001&wait=3"),
            format!("/v1/logs/{}/group-info", log.to_uppercase()),
            format!("/v1/logs/{log}/group-info/"),
            format!("/v1/logs/{log}/group-info?"),
            format!("//v1/logs/{log}/group-info"),
            format!("/v1/logs/%61{}/group-info", &log[1..]),
            "/".repeat(600),
            String::new(),
        ] {
            assert_eq!(Route::parse("GET", &path), None, "{path}");
        }
    }
}
