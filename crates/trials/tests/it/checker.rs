//! The checker finds nothing in an honest history, and in one with a single lie just that lie.
//!
//! The histories begin as honest ones: a service in memory, asked by hand. Then an answer, or what
//! is served in the end, is changed as a service that breaks the guarantee would have answered.

use client::transport::{HttpRequest, HttpResponse, Transport, TransportError};
use codec::{Decode, Encode, Opaque};
use delivery_api::inbox::{Acknowledge, InboxPage, ItemKind, PutItem};
use delivery_api::key_package::{ClaimKeyPackage, ClaimedKeyPackage, UploadKeyPackages};
use delivery_api::log::{EntryKind, LogPage, Receipt, WelcomeDelivery};
use delivery_api::{LogId, Position, Problem, request};
use delivery_service::Service;
use delivery_service::core::{Config, Paces, RawRequest, ServiceCore};
use delivery_service::key::ServiceKey;
use delivery_service::store::MemoryStore;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use testkit::SeededRandom;
use trials::Key;
use trials::checker::{Guarantee, check};
use trials::history::{Record, Recorder, Recording, ServedLog};
use trials::speaker::Speaker;
use trials::toy::{Member, idempotency_key, record_inbox, record_log, unique, window};

struct InProcess(Service);

impl Transport for InProcess {
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        let raw = RawRequest {
            method: request.method.as_str(),
            path: &request.path,
            authorization: request.authorization.as_deref(),
            body: &request.body,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let response = self.0.respond(&raw, now);
        Ok(HttpResponse { status: response.status, body: response.body })
    }
}

fn service() -> Service {
    let config = Config { paces: Paces::UNLIMITED, ..Config::default() };
    let core = ServiceCore::new(ServiceKey::from_seed(&[7; 32]).unwrap(), config);
    Service::new(Arc::new(core), Arc::new(MemoryStore::new()))
}

/// Everything that a history can hold, in one log and with two devices: two commits with messages
/// around them, the second a removal with a Welcome; retries; an inbox read, acknowledged and read
/// again; claims to the last key package.
fn honest() -> Vec<Record> {
    let recorder = Arc::new(Recorder::new());
    let transport = Recording::new(InProcess(service()), Arc::clone(&recorder), 1);
    let speaker = Speaker::meet(Arc::new(transport)).unwrap();
    let mut random = SeededRandom::new(1);
    let mut fresh = || Key::fresh(&speaker.suite, &mut random).unwrap();
    let (device, sender, first) = (fresh(), fresh(), fresh());
    let ask = |key: &Key, what| speaker.ask(key, what).unwrap().unwrap();
    for key in [&device, &sender] {
        ask(key, request::register_device(key.device())).unwrap();
    }

    let log = LogId::new([9; 32]);
    let mut member = Member::at_the_start(log, &first, &speaker.suite).unwrap();
    member.open(&speaker).unwrap();
    for round in 0..2 {
        let append = member.message("message", &mut random).unwrap();
        for _ in 0..2 {
            let request = request::append(log, &append);
            speaker.ask(&member.key, request).unwrap().unwrap().unwrap();
        }
        let mut bundle = member.bundle(&speaker.suite, &mut random).unwrap();
        bundle.removes = round == 1;
        let welcome = unique("welcome", &mut random).unwrap();
        bundle.welcomes = vec![WelcomeDelivery { recipient: device.device(), welcome }];
        member.follow(&speaker).unwrap();
        let old = Key::of_seed(&speaker.suite, *member.key.seed()).unwrap();
        member.commit(&speaker, &bundle).unwrap().unwrap().unwrap();
        // The same again, signed by the same key: its receipt comes again.
        let again = speaker.ask(&old, request::commit(log, &bundle, None)).unwrap();
        again.unwrap().unwrap();
        speaker.ask(&member.key, request::group_info(log)).unwrap().unwrap().unwrap();
    }
    let append = member.message("last", &mut random).unwrap();
    speaker.ask(&member.key, request::append(log, &append)).unwrap().unwrap().unwrap();
    member.follow(&speaker).unwrap();
    speaker.ask(&first, request::read_log(log, window(Position::START))).unwrap().unwrap().unwrap();

    let item = PutItem {
        idempotency_key: idempotency_key(&mut random).unwrap(),
        bytes: unique("item", &mut random).unwrap(),
    };
    let put = || request::put_item(device.device(), &item);
    speaker.ask(&sender, put()).unwrap().unwrap().unwrap();
    let read = || request::read_inbox(device.device(), window(Position::START));
    speaker.ask(&device, read()).unwrap().unwrap().unwrap();
    let acknowledge = Acknowledge { numbers: vec![1] };
    let acknowledging = request::acknowledge(device.device(), &acknowledge);
    speaker.ask(&device, acknowledging).unwrap().unwrap().unwrap();
    speaker.ask(&device, read()).unwrap().unwrap().unwrap();

    let upload = UploadKeyPackages {
        suite: 1,
        not_after_seconds: u64::MAX,
        replace: false,
        key_packages: (0..3).map(|_| unique("key package", &mut random).unwrap()).collect(),
        last_resort: None,
    };
    let uploading = request::upload_key_packages(device.device(), &upload);
    speaker.ask(&device, uploading).unwrap().unwrap().unwrap();
    for _ in 0..4 {
        let claim = request::claim_key_package(device.device(), &ClaimKeyPackage { suite: 1 });
        speaker.ask(&sender, claim).unwrap().unwrap().ok();
    }
    record_log(&speaker, (log, &first), &recorder).unwrap();
    record_inbox(&speaker, &device, &recorder).unwrap();
    recorder.records().unwrap()
}

/// The answers to requests with this method whose path ends so, in order.
fn answers<'r>(records: &'r mut [Record], method: &str, end: &str) -> Vec<&'r mut Record> {
    let calls: Vec<u64> = records
        .iter()
        .filter_map(|record| match record {
            Record::Asked(ask) => {
                let path = std::str::from_utf8(&ask.path).unwrap().split('?').next().unwrap();
                let fits = ask.method.as_slice() == method.as_bytes() && path.ends_with(end);
                fits.then_some(ask.call)
            }
            _ => None,
        })
        .collect();
    let is_it = |record: &&mut Record| match record {
        Record::Answered { call, .. } => calls.contains(call),
        _ => false,
    };
    records.iter_mut().filter(is_it).collect()
}

/// Changes what an answer says.
fn change<A: Encode + Decode>(record: &mut Record, change: impl FnOnce(&mut A)) {
    let Record::Answered { body, .. } = record else { panic!("an answer") };
    let mut answer = A::from_bytes(body).unwrap();
    change(&mut answer);
    *body = answer.to_bytes().into();
}

/// Makes an answer a refusal.
fn refuse(record: &mut Record, problem: &Problem) {
    let Record::Answered { status, body, .. } = record else { panic!("an answer") };
    *status = problem.entry().status;
    *body = problem.to_bytes().into();
}

fn served(records: &mut [Record]) -> &mut ServedLog {
    let log = records.iter_mut().find_map(|record| match record {
        Record::Log(log) => Some(log),
        _ => None,
    });
    log.unwrap()
}

/// The guarantees that a history with this lie in it breaks.
fn broken(lie: impl FnOnce(&mut Vec<Record>)) -> Vec<Guarantee> {
    let mut records = honest();
    lie(&mut records);
    let breaches = check(&records).unwrap();
    let mut guarantees: Vec<_> = breaches.into_iter().map(|breach| breach.guarantee).collect();
    guarantees.sort();
    guarantees.dedup();
    guarantees
}

#[test]
fn an_honest_history_has_no_breach() {
    let records = honest();
    assert!(records.len() > 60);
    assert_eq!(check(&records).unwrap(), []);
}

#[test]
fn a_history_survives_its_file_up_to_a_torn_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history");
    let recorder = Recorder::to_file(&path).unwrap();
    let records = honest();
    records.iter().for_each(|record| recorder.add(record.clone()));
    assert_eq!(trials::history::read(&path).unwrap(), records);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(trials::history::read(&path).unwrap(), records[..records.len() - 1]);
}

#[test]
fn an_answer_that_nobody_asked_for_is_no_history() {
    let mut records = honest();
    records.push(Record::Answered { call: 10_000, status: 200, body: Opaque::default() });
    assert!(check(&records).is_err());
}

#[test]
fn a_reader_who_is_shown_another_entry_breaks_g1() {
    let guarantees = broken(|records| {
        let read = answers(records, "GET", "/entries").pop().unwrap();
        change(read, |page: &mut LogPage| page.entries[0].bytes = b"other".as_slice().into());
    });
    assert_eq!(guarantees, [Guarantee::G1]);
}

#[test]
fn a_reader_who_is_shown_another_chain_breaks_g1() {
    let guarantees = broken(|records| {
        let read = answers(records, "GET", "/entries").pop().unwrap();
        change(read, |page: &mut LogPage| {
            page.chain_hash = delivery_api::ChainHash::new([1; 32]);
        });
    });
    assert_eq!(guarantees, [Guarantee::G1]);
}

#[test]
fn two_commits_of_one_head_break_g2() {
    let guarantees = broken(|records| {
        let entries = &mut served(records).entries;
        let commits = entries.iter_mut().filter(|entry| entry.kind == EntryKind::Commit);
        commits.for_each(|entry| entry.head = Position::START);
    });
    assert!(guarantees.contains(&Guarantee::G2), "{guarantees:?}");
}

#[test]
fn a_second_acknowledged_commit_breaks_g2() {
    let guarantees = broken(|records| {
        // The second commit claims to be of the first one's head.
        let mut found = 0;
        for record in records.iter_mut() {
            let Record::Asked(ask) = record else { continue };
            let path = std::str::from_utf8(&ask.path).unwrap();
            if path.contains("/commits") {
                found += 1;
                if found > 2 {
                    let mut bundle =
                        delivery_api::log::CommitBundle::from_bytes(&ask.body).unwrap();
                    bundle.expected_head = Position::START;
                    ask.body = bundle.to_bytes().into();
                }
            }
        }
    });
    assert!(guarantees.contains(&Guarantee::G2), "{guarantees:?}");
}

#[test]
fn a_lost_acknowledged_entry_breaks_g3() {
    let guarantees = broken(|records| {
        // As a service that restarted without its last write would read.
        answers(records, "GET", "/entries").into_iter().for_each(|record| {
            change(record, |page: &mut LogPage| {
                page.entries.retain(|entry| entry.position < Position(5));
                page.end = page.end.min(Position(4));
            });
        });
        served(records).entries.pop();
    });
    assert!(guarantees.contains(&Guarantee::G3), "{guarantees:?}");
}

#[test]
fn a_commit_without_its_welcome_breaks_g3() {
    let guarantees = broken(|records| {
        for read in answers(records, "GET", "/inbox") {
            change(read, |page: &mut InboxPage| page.items.retain(|item| item.number != 2));
        }
        for record in records {
            if let Record::Inbox(inbox) = record {
                inbox.items.retain(|item| item.number != 2);
            }
        }
    });
    assert_eq!(guarantees, [Guarantee::G3]);
}

#[test]
fn a_welcome_without_its_commit_breaks_g3() {
    let guarantees = broken(|records| {
        // The second commit was refused, and its Welcome is there.
        let commits = answers(records, "POST", "/commits");
        commits.into_iter().skip(2).for_each(|answer| refuse(answer, &Problem::NotAllowed));
        served(records).entries.truncate(3);
    });
    assert!(guarantees.contains(&Guarantee::G3), "{guarantees:?}");
}

#[test]
fn a_group_info_of_another_commit_breaks_g3() {
    let guarantees = broken(|records| {
        let published = served(records).group_info.as_mut().unwrap();
        published.group_info = b"group info of another".as_slice().into();
    });
    assert_eq!(guarantees, [Guarantee::G3]);
}

#[test]
fn a_receipt_that_the_service_did_not_sign_breaks_g3() {
    let guarantees = broken(|records| {
        let append = answers(records, "POST", "/entries").pop().unwrap();
        change(append, |receipt: &mut Receipt| receipt.signature = vec![0; 64].into());
    });
    assert_eq!(guarantees, [Guarantee::G3]);
}

#[test]
fn a_lost_key_package_breaks_g3() {
    let guarantees = broken(|records| {
        let mut claims = answers(records, "POST", "/claim");
        refuse(claims[2], &Problem::NoKeyPackage);
        claims.clear();
    });
    assert_eq!(guarantees, [Guarantee::G3]);
}

#[test]
fn a_retry_that_is_refused_breaks_g4() {
    let guarantees = broken(|records| {
        let retry = answers(records, "POST", "/commits").remove(1);
        refuse(retry, &Problem::NotAllowed);
    });
    assert_eq!(guarantees, [Guarantee::G4]);
}

#[test]
fn a_retry_that_is_done_twice_breaks_g4() {
    let guarantees = broken(|records| {
        let log = served(records);
        let mut again = log.entries.last().unwrap().clone();
        again.position = again.position.next();
        log.entries.push(again);
    });
    assert_eq!(guarantees, [Guarantee::G4]);
}

#[test]
fn an_item_that_goes_unacknowledged_breaks_g5() {
    let guarantees = broken(|records| {
        for record in records {
            if let Record::Inbox(inbox) = record {
                inbox.items.retain(|item| item.kind == ItemKind::Welcome);
            }
        }
        // The direct item was seen before, so its sender's receipt is no lie.
    });
    assert_eq!(guarantees, [Guarantee::G5]);
}

#[test]
fn an_entry_that_goes_before_its_time_breaks_g5() {
    let guarantees = broken(|records| {
        // The last message's sender got no answer, but another reader saw the message.
        refuse(answers(records, "POST", "/entries").pop().unwrap(), &Problem::Unavailable);
        served(records).entries.pop();
    });
    assert_eq!(guarantees, [Guarantee::G5]);
}

#[test]
fn a_key_package_that_is_handed_out_twice_breaks_g6() {
    let guarantees = broken(|records| {
        let mut claims = answers(records, "POST", "/claim");
        let Record::Answered { body, .. } = &*claims[0] else { panic!("an answer") };
        let first = ClaimedKeyPackage::from_bytes(body).unwrap();
        change(claims[1], |claimed: &mut ClaimedKeyPackage| *claimed = first);
    });
    assert!(guarantees.contains(&Guarantee::G6), "{guarantees:?}");
}

#[test]
fn a_page_with_a_gap_breaks_g7() {
    let guarantees = broken(|records| {
        let read = answers(records, "GET", "/entries").pop().unwrap();
        change(read, |page: &mut LogPage| drop(page.entries.remove(0)));
    });
    assert_eq!(guarantees, [Guarantee::G7]);
}

#[test]
fn an_empty_page_before_the_end_breaks_g7() {
    let guarantees = broken(|records| {
        let read = answers(records, "GET", "/entries").pop().unwrap();
        change(read, |page: &mut LogPage| page.entries.clear());
    });
    assert_eq!(guarantees, [Guarantee::G7]);
}

#[test]
fn an_item_that_is_skipped_breaks_g7() {
    let guarantees = broken(|records| {
        let read = answers(records, "GET", "/inbox").remove(1);
        change(read, |page: &mut InboxPage| drop(page.items.remove(0)));
    });
    assert_eq!(guarantees, [Guarantee::G7]);
}

#[test]
fn an_answer_from_the_past_breaks_g8() {
    let guarantees = broken(|records| {
        // The last member reads on before the end; the message behind it is shown to nobody.
        let read = answers(records, "GET", "/entries").into_iter().find(|record| {
            let Record::Answered { body, .. } = &**record else { return false };
            LogPage::from_bytes(body).is_ok_and(|page| page.end == Position(5) && !page.stopped)
        });
        change(read.unwrap(), |page: &mut LogPage| {
            page.entries.clear();
            page.end = Position(4);
        });
    });
    assert_eq!(guarantees, [Guarantee::G8]);
}

#[test]
fn an_answer_that_is_none_breaks_g8() {
    let guarantees = broken(|records| {
        let read = answers(records, "GET", "/inbox").remove(1);
        let Record::Answered { body, .. } = read else { panic!("an answer") };
        *body = b"Internal Server Error".as_slice().into();
    });
    assert_eq!(guarantees, [Guarantee::G8]);
    let guarantees = broken(|records| {
        refuse(answers(records, "POST", "/entries").pop().unwrap(), &Problem::Internal);
    });
    assert_eq!(guarantees, [Guarantee::G8]);
}

#[test]
fn an_entry_of_a_closed_segment_breaks_g9() {
    let guarantees = broken(|records| {
        let last = served(records).entries.last_mut().unwrap();
        assert_eq!((last.kind, last.head), (EntryKind::Application, Position(4)));
        last.head = Position(2);
    });
    assert!(guarantees.contains(&Guarantee::G9), "{guarantees:?}");
}

#[test]
fn a_key_that_reads_beyond_its_removal_breaks_g10() {
    let guarantees = broken(|records| {
        let last = served(records).entries.last().unwrap().clone();
        let reads = answers(records, "GET", "/entries");
        let stopped = reads.into_iter().find(|record| {
            let Record::Answered { body, .. } = &**record else { return false };
            LogPage::from_bytes(body).is_ok_and(|page| page.stopped && page.entries.len() == 4)
        });
        change(stopped.unwrap(), |page: &mut LogPage| {
            page.end = last.position;
            page.entries.push(last);
        });
    });
    assert_eq!(guarantees, [Guarantee::G10]);
}

#[test]
fn a_key_that_is_refused_its_own_segment_breaks_g10() {
    let guarantees = broken(|records| {
        let read = answers(records, "GET", "/entries").pop().unwrap();
        refuse(read, &Problem::NotAllowed);
    });
    assert_eq!(guarantees, [Guarantee::G10]);
}
