//! Two endpoints on loopback: keys are names, frames go both ways.
#![allow(missing_docs)]

use protocol::{ALPN_CONTROL, ALPN_NODE, OrderFrame, SigningKey};
use quinn::Endpoint;
use quittance_transport::{
    BindError, ConnectError, PeerAuth, StreamError, client_endpoint, connect, exporter, peer_key,
    read_frame, server_endpoint, write_frame,
};
use std::net::SocketAddr;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(seed: u8) -> [u8; 32] {
    key(seed).verifying_key().to_bytes()
}

fn server(bind: SocketAddr, alpn: &[u8], peers: PeerAuth) -> Result<Endpoint, BindError> {
    server_endpoint(&host::Host::system(), bind, &key(1), &[alpn], peers)
}

#[tokio::test]
async fn both_sides_learn_the_other_s_key_and_share_an_exporter() {
    let bind = "127.0.0.1:0".parse().unwrap();
    let server = server(bind, ALPN_CONTROL, PeerAuth::Required).unwrap();
    let address = server.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        let connection = server.accept().await.unwrap().await.unwrap();
        let (mut send, mut recv) = connection.accept_bi().await.unwrap();
        let order: OrderFrame = read_frame(&mut recv).await.unwrap();
        write_frame(&mut send, &order).await.unwrap();
        send.finish().unwrap();
        let ended = read_frame::<OrderFrame>(&mut recv).await;
        assert!(matches!(ended, Err(StreamError::Ended)));
        let seen = (peer_key(&connection), exporter(&connection));
        connection.close(0u8.into(), b"");
        seen
    });
    let client = client_endpoint(&host::Host::system()).unwrap();
    let connection = connect(&client, &address, public(1), ALPN_CONTROL, Some(&key(2)))
        .await
        .unwrap();
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    write_frame(&mut send, &OrderFrame::Seen).await.unwrap();
    assert_eq!(
        read_frame::<OrderFrame>(&mut recv).await.unwrap(),
        OrderFrame::Seen
    );
    send.finish().unwrap();
    assert!(matches!(
        read_frame::<OrderFrame>(&mut recv).await,
        Err(StreamError::Ended)
    ));
    let exported = exporter(&connection);
    assert_eq!(peer_key(&connection), Some(public(1)));
    connection.closed().await;
    assert_eq!(serving.await.unwrap(), (Some(public(2)), exported));
}

#[tokio::test]
async fn another_key_or_protocol_is_refused() {
    let bind = "127.0.0.1:0".parse().unwrap();
    let server = server(bind, ALPN_NODE, PeerAuth::Anonymous).unwrap();
    let address = server.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        while let Some(incoming) = server.accept().await {
            let _ = incoming.await;
        }
    });
    let client = client_endpoint(&host::Host::system()).unwrap();
    for (key, alpn) in [(public(3), ALPN_NODE), (public(1), ALPN_CONTROL)] {
        let refused = connect(&client, &address, key, alpn, None).await;
        assert!(
            matches!(refused, Err(ConnectError::Handshake { .. })),
            "{refused:?}"
        );
    }
    assert!(
        connect(&client, &address, public(1), ALPN_NODE, None)
            .await
            .is_ok()
    );
    serving.abort();
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let bind = "127.0.0.1:0".parse().unwrap();
    let first = server(bind, ALPN_NODE, PeerAuth::Anonymous).unwrap();
    let taken = first.local_addr().unwrap();
    let error = server(taken, ALPN_NODE, PeerAuth::Anonymous).unwrap_err();
    assert!(error.to_string().contains("is in use"), "{error}");
}
