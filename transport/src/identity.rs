//! TLS 1.3 with raw ed25519 public keys (RFC 7250) in place of certificates.

use protocol::{EXPORTER_LABEL, PublicKey, SigningKey};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{
    CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme, sign,
};
use std::sync::Arc;

/// DER of a SubjectPublicKeyInfo with an ed25519 key (RFC 8410), up to the key's 32 bytes.
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// DER of a PKCS #8 ed25519 private key (RFC 8410), up to the seed's 32 bytes.
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

fn spki(key: &PublicKey) -> Vec<u8> {
    [&SPKI_PREFIX[..], key].concat()
}

/// The key in a SubjectPublicKeyInfo, if that is all there is and it is ed25519.
fn key_of_spki(der: &[u8]) -> Option<PublicKey> {
    der.strip_prefix(&SPKI_PREFIX)?.try_into().ok()
}

/// ring, with AES-128-GCM first: half as much work as ChaCha20 on machines with AES instructions.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    let mut provider = ring::default_provider();
    provider.cipher_suites = vec![
        ring::cipher_suite::TLS13_AES_128_GCM_SHA256,
        ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        ring::cipher_suite::TLS13_AES_256_GCM_SHA384,
    ];
    Arc::new(provider)
}

/// The key as TLS wants it.
pub(crate) fn certified(key: &SigningKey) -> Arc<sign::CertifiedKey> {
    let der = [&PKCS8_PREFIX[..], &key.to_bytes()].concat();
    let signer = ring::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(der))
        .expect("every 32-byte seed is an ed25519 key");
    let public = CertificateDer::from(spki(&key.verifying_key().to_bytes()));
    Arc::new(sign::CertifiedKey::new(vec![public], signer))
}

/// The peer's ed25519 key; `None` if it showed none.
pub fn peer_key(connection: &quinn::Connection) -> Option<PublicKey> {
    let shown = connection
        .peer_identity()?
        .downcast::<Vec<CertificateDer<'static>>>()
        .ok()?;
    key_of_spki(shown.first()?)
}

/// 32 bytes that only the two ends of this connection know (RFC 8446, 7.5).
pub fn exporter(connection: &quinn::Connection) -> [u8; 32] {
    let mut out = [0; 32];
    connection
        .export_keying_material(&mut out, EXPORTER_LABEL, b"")
        .expect("32 bytes is a length that every TLS 1.3 suite exports");
    out
}

fn check_signature(
    message: &[u8],
    key: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    verify_tls13_signature_with_raw_key(
        message,
        &SubjectPublicKeyInfoDer::from(key.as_ref()),
        signature,
        &ring::default_provider().signature_verification_algorithms,
    )
}

fn tls12_is_not_spoken() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::General("QUIC speaks TLS 1.3 only".into()))
}

/// Accepts the server with this key and no other.
#[derive(Debug)]
pub(crate) struct Expect(pub(crate) PublicKey);

impl ServerCertVerifier for Expect {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if key_of_spki(end_entity) == Some(self.0) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::NotValidForName.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tls12_is_not_spoken()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_signature(message, key, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// Accepts any client that proves an ed25519 key; who may do what is decided above TLS.
#[derive(Debug)]
pub(crate) struct AnyKey;

impl ClientCertVerifier for AnyKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match key_of_spki(end_entity) {
            Some(_) => Ok(ClientCertVerified::assertion()),
            None => Err(CertificateError::BadEncoding.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tls12_is_not_spoken()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_signature(message, key, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
