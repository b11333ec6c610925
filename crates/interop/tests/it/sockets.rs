//! The client behind sockets: errors are statuses, and the server survives them.

use interop::proto::mls_client_client::MlsClientClient;
use interop::proto::{ExportRequest, NameRequest, UnprotectRequest};
use tonic::Code;
use tonic::transport::Channel;

use crate::scenarios::Pair;

#[test]
fn a_bad_request_is_a_status_and_the_server_goes_on() {
    let pair = Pair::start();
    assert!(pair.runner.peers().iter().all(|peer| peer.stack.starts_with("Conclave ")));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let address = format!("http://{}", pair.servers[0].local_addr());
        let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
        let mut client = MlsClientClient::new(channel);
        let request = UnprotectRequest { state_id: 99, ciphertext: vec![1, 2, 3] };
        let status = client.unprotect(request).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        assert!(status.message().contains("99"), "{status}");
        let request = ExportRequest { state_id: u32::MAX, ..Default::default() };
        assert_eq!(client.export(request).await.unwrap_err().code(), Code::NotFound);
        let name = client.name(NameRequest {}).await.unwrap().into_inner().name;
        assert!(name.starts_with("Conclave "));
    });
}
