//! The protocol's description in the form of OpenAPI 3.1: made here from the routes and problems of
//! `delivery_api`, kept in `docs/openapi.json`, served by the service.
//!
//! `CONCLAVE_OPENAPI=write cargo test -p conclave-delivery-service --test it openapi` writes it
//! anew.

use crate::http::Client;
use crate::world::Directory;
use delivery_api::{Problem, Route};
use delivery_service::Server;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Who signs a request.
#[derive(Clone, Copy)]
enum Signer {
    /// Nobody.
    Nobody,
    /// A key, as the text says.
    Key(&'static str),
    /// Nobody signs the request, but what is in it is signed.
    Inside(&'static str),
}

/// What the routes do not say themselves.
struct Operation {
    summary: &'static str,
    signer: Signer,
    /// Name of the body's structure.
    body: Option<&'static str>,
    /// Name of the answer's structure.
    answer: &'static str,
    /// Refusals beyond those of every request of its kind.
    problems: &'static [&'static str],
}

const fn operation(
    summary: &'static str,
    signer: Signer,
    (body, answer): (Option<&'static str>, &'static str),
    problems: &'static [&'static str],
) -> Operation {
    Operation { summary, signer, body, answer, problems }
}

const DEVICE: Signer = Signer::Key("the device");
const ANY_DEVICE: Signer = Signer::Key("any registered device");
const MEMBER: Signer = Signer::Key("the access key of the current segment");
const READER: Signer = Signer::Key("an access key that reaches there");

/// What each does: a new route does not compile without.
fn describe(route: &Route) -> Operation {
    match route {
        Route::Acknowledge(_) => ACKNOWLEDGE,
        Route::Append(_) => APPEND,
        Route::ClaimKeyPackage(_) => CLAIM_KEY_PACKAGE,
        Route::Commit { .. } => COMMIT,
        Route::CreateLog(_) => CREATE_LOG,
        Route::GetBlob(_) => GET_BLOB,
        Route::GetName(_) => GET_NAME,
        Route::GroupInfo(_) => GROUP_INFO,
        Route::Health => HEALTH,
        Route::OpenApi => OPEN_API,
        Route::PutBlob(_) => PUT_BLOB,
        Route::PutItem(_) => PUT_ITEM,
        Route::PutName(_) => PUT_NAME,
        Route::ReadInbox { .. } => READ_INBOX,
        Route::ReadLog { .. } => READ_LOG,
        Route::RegisterDevice(_) => REGISTER_DEVICE,
        Route::Repair(_) => REPAIR,
        Route::ServiceInfo => SERVICE_INFO,
        Route::Stock(_) => STOCK,
        Route::Stream => STREAM,
        Route::Sync => SYNC,
        Route::UploadKeyPackages(_) => UPLOAD_KEY_PACKAGES,
    }
}

const ACKNOWLEDGE: Operation = operation(
    "Forget items that the device has made durable",
    DEVICE,
    (Some("Acknowledge"), "Empty"),
    &["not-allowed", "unknown-device"],
);

const APPEND: Operation = operation(
    "Append a message under the head that it was protected under",
    MEMBER,
    (Some("Append"), "Receipt"),
    &[
        "head-moved",
        "idempotency-mismatch",
        "locked",
        "not-allowed",
        "too-many-requests",
        "unknown-log",
    ],
);

const CLAIM_KEY_PACKAGE: Operation = operation(
    "Take a key package of a device, each for single use once",
    ANY_DEVICE,
    (Some("ClaimKeyPackage"), "ClaimedKeyPackage"),
    &["no-key-package", "not-allowed", "too-many-requests", "unknown-device"],
);

const COMMIT: Operation = operation(
    "Submit a commit with its Welcomes and GroupInfo: all of it, or nothing",
    Signer::Key("the access key of the current segment, or the join key"),
    (Some("CommitBundle"), "Receipt"),
    &[
        "access-key-reused",
        "head-moved",
        "idempotency-mismatch",
        "inbox-full",
        "locked",
        "not-allowed",
        "too-many-requests",
        "unknown-device",
        "unknown-log",
    ],
);

const CREATE_LOG: Operation = operation(
    "Open a log; doing it again with the same keys changes nothing",
    Signer::Key("the access key of the first segment"),
    (Some("CreateLog"), "Empty"),
    &["log-exists"],
);

const GET_BLOB: Operation = operation(
    "Fetch a blob; its hash is to be checked",
    Signer::Nobody,
    (None, "Blob"),
    &["unknown-blob"],
);

const GET_NAME: Operation =
    operation("Look a name up", Signer::Nobody, (None, "NameRecord"), &["unknown-name"]);

const GROUP_INFO: Operation = operation(
    "Fetch the GroupInfo that was published with the last commit",
    Signer::Key("an access key that reaches it, or the join key"),
    (None, "PublishedGroupInfo"),
    &["no-group-info", "not-allowed", "unknown-log"],
);

const HEALTH: Operation = operation("Whether it works", Signer::Nobody, (None, "Empty"), &[]);

const OPEN_API: Operation = operation("This description", Signer::Nobody, (None, "OpenApi"), &[]);

const PUT_BLOB: Operation = operation(
    "Store a blob under its SHA-256",
    ANY_DEVICE,
    (Some("Blob"), "Empty"),
    &["not-allowed", "too-many-requests"],
);

const PUT_ITEM: Operation = operation(
    "Put an item into an inbox",
    ANY_DEVICE,
    (Some("PutItem"), "Empty"),
    &["idempotency-mismatch", "inbox-full", "not-allowed", "too-many-requests", "unknown-device"],
);

const PUT_NAME: Operation = operation(
    "Claim a name, or replace its devices",
    Signer::Key("the registered device that owns the name"),
    (Some("NameRecord"), "Empty"),
    &["name-taken", "not-allowed", "too-many-requests"],
);

const READ_INBOX: Operation = operation(
    "Read items behind a number, and wait for the first if there is none",
    DEVICE,
    (None, "InboxPage"),
    &["not-allowed", "unknown-device"],
);

const READ_LOG: Operation = operation(
    "Read entries behind a position, and wait for the first if there is none",
    READER,
    (None, "LogPage"),
    &["beyond-end", "gone", "not-allowed", "unknown-log"],
);

const REGISTER_DEVICE: Operation = operation(
    "Register a device, with a token if the service asks for one",
    DEVICE,
    (Some("Token"), "Empty"),
    &["admission-required", "not-allowed"],
);

const REPAIR: Operation = operation(
    "Lock a log and restate what its commits did",
    Signer::Key("an anchor key"),
    (Some("Repair"), "Repaired"),
    &[
        "beyond-end",
        "idempotency-mismatch",
        "not-allowed",
        "repair-raced",
        "too-many-requests",
        "unknown-log",
    ],
);

const SERVICE_INFO: Operation =
    operation("What the service says about itself", Signer::Nobody, (None, "ServiceInfo"), &[]);

const STOCK: Operation = operation(
    "What is left of the own key packages",
    DEVICE,
    (None, "Stock"),
    &["not-allowed", "unknown-device"],
);

const STREAM: Operation = operation(
    "Open a WebSocket (RFC 6455) over which the client sends Subscribe and the service \
             StreamEvent, each a binary message",
    Signer::Inside("each cursor of a Subscribe by its key"),
    (None, "StreamEvent"),
    &["upgrade-required"],
);

const SYNC: Operation = operation(
    "The news of many logs in one round trip",
    Signer::Inside("each cursor by its access key"),
    (Some("Sync"), "Synced"),
    &["stale-request", "too-many-requests"],
);

const UPLOAD_KEY_PACKAGES: Operation = operation(
    "Upload own key packages",
    DEVICE,
    (Some("UploadKeyPackages"), "Stock"),
    &["not-allowed", "stock-full", "too-many-requests", "unknown-device"],
);

/// The structures of bodies, in the presentation language of RFC 9420, section 2.1. A `bool` is a
/// `uint8`, 0 or 1.
const STRUCTURES: &[(&str, &str)] = &[
    ("Acknowledge", "struct { uint64 numbers<V>; } Acknowledge;"),
    (
        "Append",
        "struct { uint64 head; opaque idempotency_key<V>; uint8 lane; /* 2 application, 3 proposal \
         */ opaque bytes<V>; } Append;",
    ),
    ("Blob", "The sealed bytes themselves."),
    ("ClaimKeyPackage", "struct { uint16 suite; } ClaimKeyPackage;"),
    ("ClaimedKeyPackage", "struct { opaque key_package<V>; bool last_resort; } ClaimedKeyPackage;"),
    (
        "CommitBundle",
        "struct { uint64 expected_head; opaque idempotency_key<V>; opaque commit<V>; \
         opaque next_access_key[32]; optional<opaque[32]> join_key; bool removes; \
         WelcomeDelivery welcomes<V>; opaque group_info<V>; optional<opaque<V>> tree; } \
         CommitBundle; struct { opaque recipient[32]; opaque welcome<V>; } WelcomeDelivery;",
    ),
    ("CreateLog", "struct { optional<opaque[32]> join_key; opaque anchors[32]<V>; } CreateLog;"),
    ("Empty", "No bytes."),
    (
        "InboxPage",
        "struct { Item items<V>; bool more; } InboxPage; struct { uint64 number; uint8 kind; /* 1 \
         Welcome, 2 direct */ opaque bytes<V>; } Item;",
    ),
    (
        "LogPage",
        "struct { opaque chain_hash[32]; Entry entries<V>; uint64 end; uint64 head; bool stopped; \
         } LogPage; struct { uint64 position; uint8 kind; \
         /* 1 commit, 2 application, 3 proposal */ \
         uint64 head; bool removes; opaque bytes<V>; } Entry;",
    ),
    ("NameRecord", "struct { opaque devices[32]<V>; } NameRecord;"),
    ("OpenApi", "JSON."),
    (
        "Problem",
        "struct { opaque code<V>; bool retryable; opaque details<V>; } Problem; The details, by \
         code: beyond-end: uint64 end; gone: uint64 oldest; head-moved: uint64 head, \
         optional<LogPage> missed; repair-raced: uint64 number; stale-request: uint64 \
         service_time_seconds; too-many-requests: uint64 retry_after_seconds; none for others.",
    ),
    (
        "PublishedGroupInfo",
        "struct { uint64 head; opaque chain_hash[32]; opaque group_info<V>; optional<opaque<V>> \
         tree; } PublishedGroupInfo;",
    ),
    ("PutItem", "struct { opaque idempotency_key<V>; opaque bytes<V>; } PutItem;"),
    (
        "Receipt",
        "struct { opaque log[32]; uint64 position; uint64 head; opaque chain_hash[32]; opaque \
         signature<V>; } Receipt;",
    ),
    (
        "Repair",
        "struct { uint64 number; opaque idempotency_key<V>; uint64 after; uint64 up_to; \
         RestatedCommit commits<V>; opaque anchors[32]<V>; bool locks; } Repair; struct \
         { uint64 head; opaque access_key[32]; bool removes; } RestatedCommit;",
    ),
    ("Repaired", "struct { uint64 number; uint64 head; uint64 end; } Repaired;"),
    ("ServiceInfo", "struct { uint16 version; opaque key[32]; } ServiceInfo;"),
    (
        "Stock",
        "struct { SuiteStock suites<V>; } Stock; struct { uint16 suite; uint32 count; bool \
         last_resort; } SuiteStock;",
    ),
    (
        "StreamEvent",
        "struct { uint8 type; select (type) { case 1: /* news */ Subject subject; uint64 end; bool \
         stopped; case 2: /* refused */ Subject subject; Problem problem; case 3: /* rejected */ \
         Problem problem; case 4: /* subscribed */ }; } StreamEvent; struct { uint8 type; select \
         (type) { case 1: /* the inbox */ case 2: opaque log[32]; }; } Subject;",
    ),
    (
        "Subscribe",
        "struct { uint64 time_seconds; SignedCursor logs<V>; optional<SignedInboxCursor> inbox; } \
         Subscribe; struct { opaque device[32]; uint64 after; opaque signature<V>; } \
         SignedInboxCursor; SignedCursor is that of Sync.",
    ),
    (
        "Sync",
        "struct { uint64 time_seconds; SignedCursor cursors<V>; } Sync; struct { opaque log[32]; \
         uint64 after; opaque key[32]; opaque signature<V>; } SignedCursor;",
    ),
    (
        "Synced",
        "struct { LogNews logs<V>; } Synced; struct { uint32 cursor; uint8 outcome; select \
         (outcome) { case 1: LogPage page; case 2: Problem problem; }; } LogNews;",
    ),
    ("Token", "The token's bytes, or none."),
    (
        "UploadKeyPackages",
        "struct { uint16 suite; uint64 not_after_seconds; bool replace; opaque key_packages<V><V>; \
         optional<opaque<V>> last_resort; } UploadKeyPackages;",
    ),
];

/// The refusals of an operation, by status.
fn refusals(route: &Route, operation: &Operation) -> BTreeMap<u16, BTreeSet<String>> {
    let mut codes: BTreeSet<&str> = operation.problems.iter().copied().collect();
    codes.extend(["internal", "unavailable"]);
    if route.body_bytes_max() > 0 {
        codes.extend(["malformed", "too-large", "too-slow"]);
    }
    if let Signer::Key(_) = operation.signer {
        codes.extend(["bad-signature", "signature-required", "stale-request"]);
    }
    let mut by_status: BTreeMap<u16, BTreeSet<String>> = BTreeMap::new();
    for code in codes {
        let problems = Problem::examples();
        let problem = problems.iter().find(|problem| problem.entry().code == code);
        let status =
            problem.unwrap_or_else(|| panic!("no problem is called {code}")).entry().status;
        by_status.entry(status).or_default().insert(code.to_owned());
    }
    by_status
}

fn content(schema: &str) -> Value {
    let form = if schema == "OpenApi" { "application/json" } else { "application/octet-stream" };
    json!({form: {"schema": {"$ref": format!("#/components/schemas/{schema}")}}})
}

fn responses(route: &Route, operation: &Operation) -> Value {
    let mut responses = Map::new();
    let (status, description) = match route {
        Route::Stream => ("101", "The connection is a WebSocket"),
        _ => ("200", "Done"),
    };
    let mut success = json!({"description": description});
    if operation.answer != "Empty" && !matches!(route, Route::Stream) {
        success["content"] = content(operation.answer);
    }
    responses.insert(status.to_owned(), success);
    for (status, codes) in refusals(route, operation) {
        let codes: Vec<_> = codes.into_iter().collect();
        let refusal = json!({
            "description": codes.join(", "),
            "content": content("Problem"),
            "x-problem-codes": codes,
        });
        responses.insert(status.to_string(), refusal);
    }
    responses.into()
}

/// The path with names in the place of identifiers, and its parameters.
fn template(route: &Route) -> (String, Vec<Value>) {
    let path = route.path();
    let (place, query) = path.split_once('?').unwrap_or((&path, ""));
    let mut parameters = Vec::new();
    let mut segments = Vec::new();
    for segment in place.split('/') {
        let of = segments.last().map_or("", |last: &String| last.as_str());
        let name = match of {
            "logs" => "log",
            "devices" => "device",
            "blobs" => "blob",
            "names" => "name",
            _ => {
                segments.push(segment.to_owned());
                continue;
            }
        };
        let pattern = match name {
            "name" => "^[a-z0-9][a-z0-9._-]{0,63}$",
            _ => "^[0-9a-f]{64}$",
        };
        parameters.push(json!({
            "name": name, "in": "path", "required": true,
            "schema": {"type": "string", "pattern": pattern},
        }));
        segments.push(format!("{{{name}}}"));
    }
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let name = parameter.split('=').next().unwrap();
        parameters.push(json!({
            "name": name, "in": "query", "required": name != "missed_after",
            "schema": {"type": "integer", "minimum": 0},
        }));
    }
    (segments.join("/"), parameters)
}

fn description() -> Value {
    let mut paths = Map::new();
    for route in Route::examples() {
        let operation = describe(&route);
        let (path, parameters) = template(&route);
        let signer = match operation.signer {
            Signer::Nobody => "Not signed.".to_owned(),
            Signer::Key(who) => format!("Signed by {who}."),
            Signer::Inside(what) => format!("Not signed as a whole: {what}."),
        };
        let is_signed = matches!(operation.signer, Signer::Key(_));
        let mut value = json!({
            "operationId": route.name().replace("wait-", "read-"),
            "summary": operation.summary,
            "description": signer,
            "parameters": parameters,
            "responses": responses(&route, &operation),
            "security": if is_signed { json!([{"signature": []}]) } else { json!([]) },
        });
        if let Some(body) = operation.body {
            value["requestBody"] = json!({
                "required": body != "Token", "content": content(body),
                "description": format!("At most {} bytes.", route.body_bytes_max()),
            });
        }
        let methods = paths.entry(path).or_insert_with(|| json!({}));
        // Of the two spellings of a commit the one with a parameter says it all.
        methods[route.method().as_str().to_lowercase()] = value;
    }
    let schema = |text: &str| json!({"type": "string", "format": "binary", "description": text});
    let schemas: Map<_, _> =
        STRUCTURES.iter().map(|(name, text)| ((*name).to_owned(), schema(text))).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "The delivery protocol of Conclave",
            "version": delivery_api::service::PROTOCOL_VERSION.to_string(),
            "description": "Bodies are in the TLS presentation language of RFC 9420, section 2.1. \
                A path has exactly one spelling, with all query parameters in the order given \
                here. A refusal has the body Problem.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"signature": {
                "type": "apiKey", "in": "header", "name": "Authorization",
                "description": "Conclave-1 KEY TIME SIGNATURE: an Ed25519 public key in \
                    hexadecimal digits, seconds since 1970, and the signature over struct { \
                    opaque label<V> = \"Conclave 1.0 delivery request\"; opaque service[32]; \
                    opaque key[32]; uint64 \
                    time_seconds; opaque method<V>; opaque path<V>; opaque body<V>; } RequestTBS.",
            }},
        },
    })
}

#[test]
fn the_description_is_up_to_date_and_served() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let expected = description();
    if std::env::var("CONCLAVE_OPENAPI").is_ok_and(|value| value == "write") {
        let text = serde_json::to_string_pretty(&expected).unwrap();
        std::fs::write(path, text + "\n").unwrap();
    }
    let text = std::fs::read_to_string(path).unwrap();
    let found: Value = serde_json::from_str(&text).unwrap();
    assert!(found == expected, "docs/openapi.json is stale: see the head of openapi.rs");
    if std::env::var("CONCLAVE_OPENAPI").is_ok() {
        // What is served was there when the test was compiled.
        return;
    }
    let directory = Directory::new();
    let server = Server::bind("127.0.0.1:0", directory.path()).unwrap();
    let place = Route::OpenApi.path();
    let (status, body) = Client::of(&server).exchange("GET", &place, None, b"").unwrap();
    assert_eq!((status, body), (200, text.into_bytes()));
}

#[test]
fn every_problem_and_every_structure_has_its_place() {
    let text = description().to_string();
    for problem in Problem::examples() {
        let code = problem.entry().code.to_owned();
        // What no route is, has no operation.
        let named = code == "unknown-route" || text.contains(&format!("\"{code}\""));
        assert!(named, "{code} is a refusal of no operation");
    }
    for (name, _) in STRUCTURES {
        let reference = format!("\"#/components/schemas/{name}\"");
        let is_used =
            text.contains(&reference) || ["Empty", "StreamEvent", "Subscribe"].contains(name);
        assert!(is_used, "{name} is used nowhere");
    }
    let references = text.split("#/components/schemas/").skip(1);
    for name in references.map(|rest| rest.split('"').next().unwrap()) {
        assert!(STRUCTURES.iter().any(|(known, _)| *known == name), "{name} is not described");
    }
}
