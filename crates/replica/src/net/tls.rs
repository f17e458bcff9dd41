//! Who is on the other side: a device's key in a self-signed certificate, checked against the
//! members. No authority and no dates: the clocks of tills are wrong, and the roster says who
//! belongs to the store.

use std::sync::{Arc, Mutex, PoisonError};

use ed25519_dalek::VerifyingKey;
use pos_core::ids::DeviceId;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rcgen::{CertificateParams, DistinguishedName, DnType, PKCS_ED25519};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ParsedCertificate};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName as Issuer, Error, PeerIncompatible,
    SignatureScheme,
};
use thiserror::Error as ThisError;

use super::event::NetError;
use super::limits::CERTIFICATE_BYTES_MAX;
use super::members::Members;
use crate::core::DeviceKey;

/// The protocol members speak, as ALPN names it.
pub const MEMBER_PROTOCOL: &[u8] = b"tillmesh/1";
/// The protocol two devices pair by.
pub const PAIRING_PROTOCOL: &[u8] = b"tillmesh-pair/1";
/// Under which label a pairing takes its secret from the TLS session (RFC 8446, 7.5).
pub(super) const EXPORTER_LABEL: &[u8] = b"EXPORTER-tillmesh-pair-1";
/// The name in certificates. It is not sent and not looked at: the key is the name.
pub(super) const SERVER_NAME: &str = "tillmesh";

/// An ed25519 key as certificates hold it, up to the 32 bytes of the key (RFC 8410, 4).
const PUBLIC_KEY_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// An ed25519 secret as PKCS #8 holds it, up to its 32 bytes (RFC 8410, 7).
const SECRET_KEY_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// What this device shows of itself.
#[derive(Debug)]
pub(super) struct Identity {
    device: DeviceId,
    certificate: Arc<SingleCertAndKey>,
    provider: Arc<CryptoProvider>,
}

impl Identity {
    pub(super) fn new(key: &DeviceKey) -> Result<Self, NetError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let wrong = |error: &dyn ToString| NetError::Certificate(error.to_string());
        let secret: Vec<u8> = SECRET_KEY_PREFIX.into_iter().chain(key.secret()).collect();
        let secret = PrivatePkcs8KeyDer::from(secret);
        let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&secret, &PKCS_ED25519)
            .map_err(|error| wrong(&error))?;
        let certificate = self_signed(&pair).map_err(|error| wrong(&error))?;
        let signing = provider
            .key_provider
            .load_private_key(PrivateKeyDer::Pkcs8(secret))
            .map_err(|error| wrong(&error))?;
        let certified = CertifiedKey::new(vec![certificate], signing);
        let device = key.device();
        Ok(Self { device, certificate: Arc::new(certified.into()), provider })
    }

    pub(super) fn device(&self) -> DeviceId {
        self.device
    }

    /// 16 bytes nobody can guess.
    pub(super) fn random(&self) -> Result<[u8; 16], NetError> {
        let mut bytes = [0; 16];
        let filled = self.provider.secure_random.fill(&mut bytes);
        filled
            .map_err(|_none| NetError::Certificate("the system gives no randomness".to_owned()))?;
        Ok(bytes)
    }

    /// Checks a peer of one connection.
    pub(super) fn verifier(&self, admit: Admit) -> Arc<Verifier> {
        let provider = Arc::clone(&self.provider);
        Arc::new(Verifier { own: self.device, admit, provider, fault: Mutex::default() })
    }

    /// TLS of a connection that somebody else dialled.
    pub(super) fn server(
        &self,
        protocols: &[&[u8]],
        verifier: Arc<Verifier>,
    ) -> Result<QuicServerConfig, Error> {
        let mut config = rustls::ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::clone(&self.certificate) as _);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        // No early data and no resumption: both would skip the question who is a member now.
        config.max_early_data_size = 0;
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.try_into().map_err(|error| Error::General(format!("{error}")))
    }

    /// TLS of a connection this side dials.
    pub(super) fn client(
        &self,
        protocol: &[u8],
        verifier: Arc<Verifier>,
    ) -> Result<QuicClientConfig, Error> {
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(Arc::clone(&self.certificate) as _);
        config.alpn_protocols = vec![protocol.to_vec()];
        config.resumption = Resumption::disabled();
        config.enable_early_data = false;
        config.enable_sni = false;
        config.try_into().map_err(|error| Error::General(format!("{error}")))
    }
}

/// A certificate that says nothing but the key.
fn self_signed(pair: &rcgen::KeyPair) -> Result<CertificateDer<'static>, rcgen::Error> {
    let mut parameters = CertificateParams::new(vec![SERVER_NAME.to_owned()])?;
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, SERVER_NAME);
    Ok(parameters.self_signed(pair)?.der().clone())
}

/// Why a certificate is no device's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
pub(super) enum KeyFault {
    #[error("a certificate of {0} bytes")]
    TooLong(usize),
    #[error("more than one certificate")]
    Several,
    #[error("not a certificate")]
    NoCertificate,
    #[error("not an ed25519 key")]
    OtherKey,
    #[error("a key anybody can sign for")]
    Weak,
}

/// The device a certificate is of. What else it says (names, dates, who signed it) is not looked
/// at; that its sender has the key, only the signature of the handshake can show.
pub(super) fn device_of(chain: &[CertificateDer<'_>]) -> Result<DeviceId, KeyFault> {
    let [certificate] = chain else {
        return Err(if chain.is_empty() { KeyFault::NoCertificate } else { KeyFault::Several });
    };
    if certificate.len() > CERTIFICATE_BYTES_MAX {
        return Err(KeyFault::TooLong(certificate.len()));
    }
    let parsed =
        ParsedCertificate::try_from(certificate).map_err(|_unreadable| KeyFault::NoCertificate)?;
    let info = parsed.subject_public_key_info();
    let key = info.strip_prefix(&PUBLIC_KEY_PREFIX).ok_or(KeyFault::OtherKey)?;
    let key: [u8; 32] = key.try_into().map_err(|_unfit| KeyFault::OtherKey)?;
    let point = VerifyingKey::from_bytes(&key).map_err(|_unfit| KeyFault::OtherKey)?;
    if point.is_weak() {
        return Err(KeyFault::Weak);
    }
    Ok(DeviceId::from_bytes(key))
}

/// Who is let in.
#[derive(Debug, Clone)]
pub(super) struct Admit {
    /// Only these, if it is said.
    pub(super) members: Option<Members>,
    /// Only this one, if it is said.
    pub(super) expected: Option<DeviceId>,
}

impl Admit {
    /// Whether the device may be on the other side of `own`, as of now.
    pub(super) fn admits(&self, own: DeviceId, device: DeviceId) -> Result<(), AdmitFault> {
        if device == own {
            return Err(AdmitFault::Itself);
        }
        if self.expected.is_some_and(|expected| expected != device) {
            return Err(AdmitFault::OtherDevice(device));
        }
        match &self.members {
            Some(members) if !members.contains(device) => Err(AdmitFault::Unknown(device)),
            _ => Ok(()),
        }
    }
}

/// Why a peer is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
pub(super) enum AdmitFault {
    #[error("{0}")]
    Key(#[from] KeyFault),
    #[error("it shows this device's own key")]
    Itself,
    #[error("another device than the expected one: {0}")]
    OtherDevice(DeviceId),
    #[error("not a member: {0}")]
    Unknown(DeviceId),
}

impl AdmitFault {
    /// What TLS tells the other side.
    fn alert(self) -> CertificateError {
        match self {
            Self::Key(KeyFault::NoCertificate | KeyFault::Several | KeyFault::TooLong(_)) => {
                CertificateError::BadEncoding
            }
            Self::Key(_) => CertificateError::InvalidPurpose,
            Self::Itself | Self::OtherDevice(_) | Self::Unknown(_) => {
                CertificateError::ApplicationVerificationFailure
            }
        }
    }
}

/// Checks the peer of one handshake, and remembers what was wrong with it: TLS passes on no more
/// than an alert.
#[derive(Debug)]
pub(super) struct Verifier {
    own: DeviceId,
    admit: Admit,
    provider: Arc<CryptoProvider>,
    fault: Mutex<Option<AdmitFault>>,
}

impl Verifier {
    /// What was wrong with the peer, if it was its key.
    pub(super) fn fault(&self) -> Option<AdmitFault> {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
    ) -> Result<(), Error> {
        let device = match others {
            [] => device_of(std::slice::from_ref(certificate)),
            _ => Err(KeyFault::Several),
        };
        let admits = |device| self.admit.admits(self.own, device);
        let checked = device.map_err(AdmitFault::from).and_then(admits);
        checked.map_err(|fault| {
            *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
            Error::InvalidCertificate(fault.alert())
        })
    }

    /// Whether the peer has the key its certificate shows. Without this all of the above would
    /// be a look at a name tag.
    fn signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if signed.scheme != SignatureScheme::ED25519 {
            return Err(PeerIncompatible::NoSignatureSchemesInCommon.into());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity, intermediates).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOfferedOrEnabled.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[Issuer] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity, intermediates).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOfferedOrEnabled.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
