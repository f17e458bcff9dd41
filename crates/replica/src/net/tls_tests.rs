//! The verifier, asked directly; over sockets it is asked in `tests/net_transport.rs`.

use ed25519_dalek::{Signer, SigningKey};
use proptest::prelude::*;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};
use rustls::internal::msgs::codec::{Codec, Reader};

use super::*;

fn key(n: u8) -> DeviceKey {
    DeviceKey::from_secret([n; 32])
}

fn identity(n: u8) -> Identity {
    Identity::new(&key(n)).unwrap()
}

fn certificate(n: u8) -> CertificateDer<'static> {
    let secret: Vec<u8> = SECRET_KEY_PREFIX.into_iter().chain([n; 32]).collect();
    let secret = PrivatePkcs8KeyDer::from(secret);
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(&secret, &PKCS_ED25519).unwrap();
    self_signed(&pair).unwrap()
}

fn verifier(of: u8, members: impl IntoIterator<Item = u8>) -> Arc<Verifier> {
    let members = Members::new(members.into_iter().map(|n| key(n).device()));
    identity(of).verifier(Admit { members: Some(members), expected: None })
}

/// What TLS 1.3 signs with a server's key (RFC 8446, 4.4.3), over some transcript.
fn message() -> Vec<u8> {
    let mut message = vec![0x20; 64];
    message.extend_from_slice(b"TLS 1.3, server CertificateVerify\0");
    message.extend_from_slice(&[7; 32]);
    message
}

fn signed(scheme: u16, signature: &[u8]) -> DigitallySignedStruct {
    let mut bytes = scheme.to_be_bytes().to_vec();
    bytes.extend_from_slice(&u16::try_from(signature.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(signature);
    DigitallySignedStruct::read(&mut Reader::init(&bytes)).unwrap()
}

const ED25519: u16 = 0x0807;

fn asked(
    verifier: &Verifier,
    certificate: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
) -> Result<(), Error> {
    let now = UnixTime::since_unix_epoch(std::time::Duration::ZERO);
    let as_client = verifier.verify_client_cert(certificate, others, now).map(|_| ());
    let name = ServerName::try_from("anything.example").unwrap();
    let as_server = verifier.verify_server_cert(certificate, others, &name, &[], now).map(|_| ());
    assert_eq!(as_client, as_server);
    as_client
}

#[test]
fn a_certificate_names_its_device_whatever_the_year_is() {
    let certificate = certificate(5);
    assert_eq!(device_of(std::slice::from_ref(&certificate)), Ok(key(5).device()));
    // `asked` says it is 1970.
    assert_eq!(asked(&verifier(1, [5]), &certificate, &[]), Ok(()));
}

#[test]
fn a_device_that_is_no_member_is_refused_and_named() {
    let verifier = verifier(1, [2, 3]);
    assert!(asked(&verifier, &certificate(5), &[]).is_err());
    assert_eq!(verifier.fault(), Some(AdmitFault::Unknown(key(5).device())));
}

#[test]
fn a_device_with_our_own_key_is_refused_even_as_a_member() {
    let verifier = verifier(1, [1, 2]);
    assert!(asked(&verifier, &certificate(1), &[]).is_err());
    assert_eq!(verifier.fault(), Some(AdmitFault::Itself));
}

#[test]
fn another_member_than_the_expected_one_is_refused() {
    let members = Members::new([key(2).device(), key(3).device()]);
    let admit = Admit { members: Some(members), expected: Some(key(2).device()) };
    let verifier = identity(1).verifier(admit);
    assert_eq!(asked(&verifier, &certificate(2), &[]), Ok(()));
    assert!(asked(&verifier, &certificate(3), &[]).is_err());
    assert_eq!(verifier.fault(), Some(AdmitFault::OtherDevice(key(3).device())));
}

#[test]
fn other_kinds_of_keys_are_refused() {
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384] {
        let pair = KeyPair::generate_for(algorithm).unwrap();
        let certificate = self_signed(&pair).unwrap();
        let verifier = verifier(1, [2]);
        assert!(asked(&verifier, &certificate, &[]).is_err());
        assert_eq!(verifier.fault(), Some(AdmitFault::Key(KeyFault::OtherKey)));
    }
}

#[test]
fn chains_and_long_certificates_are_refused_unread() {
    let verifier = verifier(1, [2]);
    assert!(asked(&verifier, &certificate(2), &[certificate(2)]).is_err());
    assert_eq!(verifier.fault(), Some(AdmitFault::Key(KeyFault::Several)));
    let long = CertificateDer::from(vec![0x30; CERTIFICATE_BYTES_MAX + 1]);
    assert_eq!(device_of(&[long]), Err(KeyFault::TooLong(CERTIFICATE_BYTES_MAX + 1)));
    assert_eq!(device_of(&[]), Err(KeyFault::NoCertificate));
}

#[test]
fn a_key_for_which_anybody_can_sign_is_refused() {
    let honest = certificate(2);
    let device = key(2).device();
    let at = honest.windows(32).position(|window| window == device.as_bytes()).unwrap();
    // The neutral element: y = 1.
    let mut weak = honest.to_vec();
    weak[at..at + 32].copy_from_slice(&[0; 32]);
    weak[at] = 1;
    assert_eq!(device_of(&[CertificateDer::from(weak)]), Err(KeyFault::Weak));
}

#[test]
fn only_the_key_in_the_certificate_can_have_signed_the_handshake() {
    let verifier = verifier(1, [2, 3]);
    let message = message();
    let signature = |n: u8| SigningKey::from_bytes(&[n; 32]).sign(&message).to_bytes();
    let good = signed(ED25519, &signature(2));
    let check = |message: &[u8], certificate: &CertificateDer<'_>, signed: &_| {
        let as_server =
            ServerCertVerifier::verify_tls13_signature(&*verifier, message, certificate, signed);
        let as_client =
            ClientCertVerifier::verify_tls13_signature(&*verifier, message, certificate, signed);
        assert_eq!(as_server.is_ok(), as_client.is_ok());
        as_server.is_ok()
    };
    assert!(check(&message, &certificate(2), &good));
    // Another member's signature, and another member's certificate.
    assert!(!check(&message, &certificate(2), &signed(ED25519, &signature(3))));
    assert!(!check(&message, &certificate(3), &good));
    // Each byte tampered with, and each of the message.
    for at in 0..64 {
        let mut bytes = signature(2);
        bytes[at] ^= 1;
        assert!(!check(&message, &certificate(2), &signed(ED25519, &bytes)), "byte {at}");
    }
    let mut other = message.clone();
    other[100] ^= 1;
    assert!(!check(&other, &certificate(2), &good));
    // Another scheme's number on a good signature: ECDSA, RSA-PSS, ed448.
    for scheme in [0x0403, 0x0804, 0x0808] {
        assert!(!check(&message, &certificate(2), &signed(scheme, &signature(2))));
    }
}

#[test]
fn tls_1_2_is_not_spoken_and_ed25519_alone_is_offered() {
    let verifier = verifier(1, [2]);
    let signature = SigningKey::from_bytes(&[2; 32]).sign(&message()).to_bytes();
    let good = signed(ED25519, &signature);
    let certificate = certificate(2);
    let message = message();
    let of_server =
        ServerCertVerifier::verify_tls12_signature(&*verifier, &message, &certificate, &good);
    let of_client =
        ClientCertVerifier::verify_tls12_signature(&*verifier, &message, &certificate, &good);
    assert!(of_server.is_err() && of_client.is_err());
    let only = [SignatureScheme::ED25519];
    assert_eq!(ServerCertVerifier::supported_verify_schemes(&*verifier), only);
    assert_eq!(ClientCertVerifier::supported_verify_schemes(&*verifier), only);
    assert!(ClientCertVerifier::client_auth_mandatory(&*verifier));
}

#[test]
fn our_own_certificate_is_short_and_the_same_every_time() {
    assert!(certificate(2).len() <= CERTIFICATE_BYTES_MAX / 2, "{}", certificate(2).len());
    assert_eq!(certificate(2), certificate(2));
}

proptest! {
    #[test]
    fn noise_and_damaged_certificates_never_name_another_device(
        noise in proptest::collection::vec(any::<u8>(), 0..400),
        at in any::<prop::sample::Index>(),
        flip in 1_u8..,
    ) {
        prop_assert!(device_of(&[CertificateDer::from(noise)]).is_err());
        let mut damaged = certificate(2).to_vec();
        let at = at.index(damaged.len());
        damaged[at] ^= flip;
        if let Ok(device) = device_of(&[CertificateDer::from(damaged.clone())]) {
            // Either the key is whole, or it is the damaged key itself: one the peer cannot sign for.
            let key = device.as_bytes();
            prop_assert!(damaged.windows(32).any(|window| window == key));
        }
    }
}
