//! TLS 1.3 with a self-signed ed25519 certificate on each side, each checked against the
//! certificates of this run: what a store's tills have to pay at least.

use std::collections::BTreeSet;
use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, ServerConfig, TransportConfig};
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible,
    SignatureScheme,
};

use crate::contestant::Fault;

/// The name every certificate bears; what counts is the certificate itself.
pub(super) const NAME: &str = "till";
const ALPN: &[u8] = b"bare-mesh";

/// A till's key and certificate.
#[derive(Debug)]
pub(super) struct Identity {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Identity {
    /// A new one.
    pub(super) fn generate() -> Result<Self, Fault> {
        let key = KeyPair::generate_for(&PKCS_ED25519)?;
        let certificate = CertificateParams::new(vec![NAME.to_owned()])?.self_signed(&key)?;
        Ok(Self { certificate: certificate.der().clone(), key })
    }

    /// Both sides' configuration of this till.
    pub(super) fn configure(
        &self,
        roster: &Arc<Roster>,
        transport: &Arc<TransportConfig>,
    ) -> Result<(ServerConfig, ClientConfig), Fault> {
        let provider = Arc::new(ring::default_provider());
        let tls13 = &[&rustls::version::TLS13];
        let chain = || vec![self.certificate.clone()];
        let key = || PrivateKeyDer::Pkcs8(self.key.serialize_der().into());
        let mut server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(tls13)?
            .with_client_cert_verifier(Arc::clone(roster) as Arc<dyn ClientCertVerifier>)
            .with_single_cert(chain(), key())?;
        server.alpn_protocols = vec![ALPN.to_vec()];
        let mut client = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(tls13)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(roster) as Arc<dyn ServerCertVerifier>)
            .with_client_auth_cert(chain(), key())?;
        client.alpn_protocols = vec![ALPN.to_vec()];
        let mut server = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(server)?));
        server.transport_config(Arc::clone(transport));
        let mut client = ClientConfig::new(Arc::new(QuicClientConfig::try_from(client)?));
        client.transport_config(Arc::clone(transport));
        Ok((server, client))
    }
}

/// Who is let in: the certificates of this run.
#[derive(Debug)]
pub(super) struct Roster {
    certificates: BTreeSet<Vec<u8>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Roster {
    /// Of these tills.
    pub(super) fn of(identities: &[Identity]) -> Self {
        let provider: CryptoProvider = ring::default_provider();
        Self {
            certificates: identities.iter().map(|one| one.certificate.to_vec()).collect(),
            algorithms: provider.signature_verification_algorithms,
        }
    }

    fn knows(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        if self.certificates.contains(certificate.as_ref()) {
            Ok(())
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }
}

impl ServerCertVerifier for Roster {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.knows(certificate).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for Roster {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.knows(certificate).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}
