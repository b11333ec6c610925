//! Requests in flight: what was asked, and what for.

use super::Task;
use super::large::Fetching;
use crate::GroupId;
use crate::engine::locate::Search;
use crate::store::Invitee;
use crate::transport::HttpRequest;
use codec::Decode;
use crypto::Secret;
use delivery_api::blob::Blob;
use delivery_api::directory::NameRecord;
use delivery_api::inbox::InboxPage;
use delivery_api::key_package::{ClaimedKeyPackage, Stock};
use delivery_api::log::{LogPage, Receipt};
use delivery_api::repair::Repaired;
use delivery_api::service::{Done, ServiceInfo};
use delivery_api::sync::Synced;
use delivery_api::{BlobId, Name, Position, Request};

/// A request that waits for its answer.
pub(super) enum Asked {
    Acknowledge(Request<Done>, Vec<u64>),
    Claim(Request<ClaimedKeyPackage>, u64, Invitee),
    CreateLog(Request<Done>, GroupId),
    FetchCard(Request<Blob>, BlobId, Secret),
    FetchWay(Request<Blob>, Box<Fetching>),
    Locate(Request<LogPage>, GroupId, Search),
    Lookup(Request<NameRecord>, u64, Name),
    PutCard(Request<Done>),
    PutItem(Request<Done>),
    PutNotice(Request<Done>, u64),
    PutName(Request<Done>),
    ReadBackups(Request<InboxPage>),
    ReadInbox(Request<InboxPage>),
    ReadLog(Request<LogPage>, GroupId),
    ReadLogs(Request<Synced>, Vec<GroupId>),
    Rejoin(Request<Receipt>, GroupId),
    RenewAnchors(Request<Repaired>, GroupId, Position),
    Repair(Request<Repaired>, GroupId, Position),
    Register(Request<Done>, Task),
    ServiceInfo(Request<ServiceInfo>),
    Stock(Request<Stock>),
    Submit(Request<Receipt>, GroupId),
    Upload(Request<Stock>, u64),
}

impl Asked {
    /// The request as it travels.
    pub(super) fn http(&self) -> HttpRequest {
        match self {
            Self::Acknowledge(request, _) => http(request),
            Self::Claim(request, ..) => http(request),
            Self::CreateLog(request, _)
            | Self::PutCard(request)
            | Self::PutItem(request)
            | Self::PutName(request) => http(request),
            Self::FetchCard(request, ..) | Self::FetchWay(request, _) => http(request),
            Self::PutNotice(request, _) => http(request),
            Self::Register(request, _) => http(request),
            Self::Locate(request, ..) | Self::ReadLog(request, _) => http(request),
            Self::Lookup(request, ..) => http(request),
            Self::ReadLogs(request, _) => http(request),
            Self::RenewAnchors(request, ..) | Self::Repair(request, ..) => http(request),
            Self::ReadBackups(request) | Self::ReadInbox(request) => http(request),
            Self::ServiceInfo(request) => http(request),
            Self::Stock(request) | Self::Upload(request, _) => http(request),
            Self::Rejoin(request, _) | Self::Submit(request, _) => http(request),
        }
    }
}

/// A request as it travels.
pub(crate) fn http<A: Decode>(request: &Request<A>) -> HttpRequest {
    use delivery_api::Route;
    let wait_seconds = match request.route() {
        Route::ReadInbox { window, .. } | Route::ReadLog { window, .. } => window.wait_seconds,
        _ => 0,
    };
    HttpRequest {
        method: request.method(),
        path: request.path(),
        authorization: request.authorization(),
        body: request.body().to_vec(),
        wait_seconds,
    }
}
