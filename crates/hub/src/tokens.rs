//! Who may read what: bearer tokens (JWT, RFC 7519) that this hub signs and checks itself.
//!
//! A token names scopes and stores, and ends. It is signed with HMAC-SHA-256 under a secret in the
//! hub's folder; a new secret ends every token. No other algorithm is understood, so none can be
//! confused with it.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::ErrorKind as JwtErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use pos_core::business_date::WallTime;
use ring::hmac;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::hexadecimal;
use crate::limits;
use crate::store::Stores;

const ISSUER: &str = "tillmesh-hub";
const AUDIENCE: &str = "tillmesh-hub-api";
const DAY_MS: i64 = 86_400_000;
/// Stands for all stores in a token.
const ALL_STORES: &str = "*";

/// What a token allows to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Single sales and returns.
    Transactions,
    /// Products and prices.
    Products,
    /// Stock on hand.
    Stock,
    /// Totals, exceptions, and the list of stores.
    Reports,
    /// Devices and how far behind they are.
    Devices,
    /// Everything, as files: customers too.
    Snapshots,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Transactions,
        Self::Products,
        Self::Stock,
        Self::Reports,
        Self::Devices,
        Self::Snapshots,
    ];

    /// Its name in a token.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transactions => "transactions",
            Self::Products => "products",
            Self::Stock => "stock",
            Self::Reports => "reports",
            Self::Devices => "devices",
            Self::Snapshots => "snapshots",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// No scope has this name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no scope: transactions, products, stock, reports, devices or snapshots")]
pub struct NoScope(String);

impl FromStr for Scope {
    type Err = NoScope;

    fn from_str(name: &str) -> Result<Self, NoScope> {
        let found = Self::ALL.into_iter().find(|scope| scope.name() == name);
        found.ok_or_else(|| NoScope(name.chars().take(40).collect()))
    }
}

/// What a valid token allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// For whom it was made.
    pub subject: String,
    /// What.
    pub scopes: BTreeSet<Scope>,
    /// Of which stores.
    pub stores: Stores,
    /// Until when.
    pub until: WallTime,
}

/// Why no token is made.
#[derive(Debug, Error)]
pub enum IssueError {
    /// No store, or too many.
    #[error("name 1 to {} stores with --store, or say --all-stores", limits::TOKEN_STORES_MAX)]
    Stores,
    /// No scope.
    #[error("a token needs a scope: --scope reports")]
    NoScope,
    /// It would live for too long, or not at all.
    #[error("a token lives 1 to {} days: it cannot be called back before", limits::TOKEN_DAYS_MAX)]
    Days,
    /// No name, or too long a one.
    #[error(
        "say whom it is for, in 1 to {} characters: --for \"Head office\"",
        limits::TOKEN_SUBJECT_CHARS_MAX
    )]
    Subject,
    /// It cannot be signed.
    #[error("the token cannot be signed: {0}")]
    Sign(String),
}

/// Why a token is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenError {
    /// None of ours: not a token, altered, or signed with another secret.
    #[error("this token was not made by this hub, or was altered: ask for a new one")]
    NotOurs,
    /// It has ended.
    #[error("this token has ended: ask for a new one")]
    Ended,
    /// Made by a newer version.
    #[error("this token was made by a newer version of the hub: update the hub")]
    Newer,
}

/// Why there is no secret to sign with.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The file cannot be made or read.
    #[error("{} cannot be used: {error}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Others may read it.
    #[error("others can read {}: make it yours alone with `chmod 600`, or delete it, which ends every token", .0.display())]
    Open(PathBuf),
    /// It holds something else.
    #[error("{} is damaged: delete it, which ends every token", .0.display())]
    Damaged(PathBuf),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] crate::shell::NoRandomness),
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    /// Seconds since 1970.
    iat: i64,
    exp: i64,
    jti: String,
    /// Separated by blanks, as in OAuth 2.0 (RFC 6749, section 3.3).
    scope: String,
    stores: Vec<String>,
}

/// Makes tokens and checks them.
pub struct Issuer {
    signing: EncodingKey,
    checking: DecodingKey,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Issuer(..)")
    }
}

impl Issuer {
    /// An issuer with this secret.
    pub fn new(secret: &[u8; limits::TOKEN_SECRET_BYTES]) -> Self {
        // Once in a process; the second time it is there already.
        let _already = HMAC_ALONE.install_default();
        Self {
            signing: EncodingKey::from_secret(secret),
            checking: DecodingKey::from_secret(secret),
        }
    }

    /// The issuer of a hub: with the secret in `path`, which is made where there is none.
    pub fn open(path: &Path) -> Result<Self, SecretError> {
        let failed = |error| SecretError::File { path: path.to_owned(), error };
        if !path.exists() {
            make_secret(path)?;
        }
        let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(SecretError::Open(path.to_owned()));
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        let secret = secret_of(text.trim()).ok_or_else(|| SecretError::Damaged(path.to_owned()))?;
        Ok(Self::new(&secret))
    }

    /// A token for `subject`, from `now` on for `days`. `id` tells it from others in a log.
    pub fn issue(
        &self,
        subject: &str,
        scopes: &BTreeSet<Scope>,
        stores: &Stores,
        (now, days): (WallTime, u32),
        id: [u8; 16],
    ) -> Result<String, IssueError> {
        let characters = subject.chars().count();
        if characters == 0 || characters > limits::TOKEN_SUBJECT_CHARS_MAX {
            return Err(IssueError::Subject);
        }
        if scopes.is_empty() {
            return Err(IssueError::NoScope);
        }
        if days == 0 || days > limits::TOKEN_DAYS_MAX {
            return Err(IssueError::Days);
        }
        let stores = match stores {
            Stores::All => vec![ALL_STORES.to_owned()],
            Stores::Only(ids) if ids.is_empty() || ids.len() > limits::TOKEN_STORES_MAX => {
                return Err(IssueError::Stores);
            }
            Stores::Only(ids) => ids.iter().map(ToString::to_string).collect(),
        };
        let names: Vec<&str> = scopes.iter().map(|scope| scope.name()).collect();
        let until = now.as_millis().saturating_add(i64::from(days).saturating_mul(DAY_MS));
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: subject.to_owned(),
            iat: now.as_millis().div_euclid(1000),
            exp: until.div_euclid(1000),
            jti: hexadecimal::text(&id),
            scope: names.join(" "),
            stores,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
            .map_err(|error| IssueError::Sign(error.to_string()))
    }

    /// What a token allows at `now`.
    pub fn check(&self, token: &str, now: WallTime) -> Result<Grant, TokenError> {
        if token.len() > limits::TOKEN_BYTES_MAX {
            return Err(TokenError::NotOurs);
        }
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_audience(&[AUDIENCE]);
        rules.set_issuer(&[ISSUER]);
        rules.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        // By the clock that is passed in, below.
        rules.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.checking, &rules)
            .map_err(|_any_fault| TokenError::NotOurs)?
            .claims;
        if now.as_millis().div_euclid(1000) >= claims.exp {
            return Err(TokenError::Ended);
        }
        let scopes = claims.scope.split_ascii_whitespace().map(Scope::from_str);
        let scopes = scopes.collect::<Result<_, _>>().map_err(|_unknown| TokenError::Newer)?;
        let stores = if claims.stores.iter().any(|store| store == ALL_STORES) {
            Stores::All
        } else {
            let ids = claims.stores.iter().map(|id| id.parse());
            Stores::Only(ids.collect::<Result<_, _>>().map_err(|_not_an_id| TokenError::Newer)?)
        };
        let until = WallTime::from_millis(claims.exp.saturating_mul(1000));
        Ok(Grant { subject: claims.sub, scopes, stores, until })
    }
}

/// Makes the file, whole or not at all: two programs may do so at once, and the first one's stands.
fn make_secret(path: &Path) -> Result<(), SecretError> {
    let failed = |error| SecretError::File { path: path.to_owned(), error };
    let secret: [u8; limits::TOKEN_SECRET_BYTES] = crate::shell::random()?;
    let text = hexadecimal::text(&secret);
    let draft =
        path.with_extension(format!("{:016x}", u64::from_be_bytes(crate::shell::random()?)));
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(failed)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    });
    fs::remove_file(&draft).and(linked).map_err(failed)
}

fn secret_of(text: &str) -> Option<[u8; limits::TOKEN_SECRET_BYTES]> {
    let mut secret = [0; limits::TOKEN_SECRET_BYTES];
    if text.len() != secret.len() * 2 {
        return None;
    }
    for (slot, pair) in secret.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *slot = u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(secret)
}

/// The one algorithm this hub knows.
static HMAC_ALONE: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| {
        only_hmac(*algorithm)?;
        Ok(Box::new(HmacSha256(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()))))
    },
    verifier_factory: |algorithm, key| {
        only_hmac(*algorithm)?;
        Ok(Box::new(HmacSha256(hmac::Key::new(hmac::HMAC_SHA256, key.try_get_as_bytes()?))))
    },
    key_utils: KeyUtils::new_unimplemented(),
};

fn only_hmac(algorithm: Algorithm) -> Result<(), jsonwebtoken::errors::Error> {
    if algorithm == Algorithm::HS256 { Ok(()) } else { Err(JwtErrorKind::InvalidAlgorithm.into()) }
}

struct HmacSha256(hmac::Key);

impl signature::Signer<Vec<u8>> for HmacSha256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl signature::Verifier<Vec<u8>> for HmacSha256 {
    fn verify(&self, message: &[u8], tag: &Vec<u8>) -> Result<(), signature::Error> {
        hmac::verify(&self.0, message, tag).map_err(|_differs| signature::Error::new())
    }
}

impl JwtSigner for HmacSha256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for HmacSha256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.secret");
        let now = WallTime::from_millis(1_000_000);
        let scopes = BTreeSet::from([Scope::Stock]);
        let first = Issuer::open(&path).unwrap();
        let token = first.issue("Ada", &scopes, &Stores::All, (now, 1), [0; 16]).unwrap();
        let grant = Issuer::open(&path).unwrap().check(&token, now).unwrap();
        assert_eq!(
            (grant.subject.as_str(), grant.scopes, grant.stores),
            ("Ada", scopes, Stores::All)
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft stays");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Issuer::open(&path), Err(SecretError::Open(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "short").unwrap();
        assert!(matches!(Issuer::open(&path), Err(SecretError::Damaged(_))));
        // A new secret ends every token.
        fs::remove_file(&path).unwrap();
        let refused = Issuer::open(&path).unwrap().check(&token, now);
        assert_eq!(refused, Err(TokenError::NotOurs));
    }

    #[test]
    fn a_token_says_what_it_is_for_and_is_bounded() {
        let issuer = Issuer::new(&[7; 32]);
        let issue = |subject: &str, scopes: &[Scope], stores: &Stores, days: u32| {
            let scopes = scopes.iter().copied().collect();
            issuer.issue(subject, &scopes, stores, (WallTime::from_millis(0), days), [0; 16])
        };
        let (all, stock) = (Stores::All, [Scope::Stock]);
        assert!(matches!(issue("", &stock, &all, 1), Err(IssueError::Subject)));
        assert!(matches!(issue(&"x".repeat(81), &stock, &all, 1), Err(IssueError::Subject)));
        assert!(matches!(issue("Ada", &[], &all, 1), Err(IssueError::NoScope)));
        assert!(matches!(issue("Ada", &stock, &all, 0), Err(IssueError::Days)));
        assert!(matches!(issue("Ada", &stock, &all, 367), Err(IssueError::Days)));
        let none = Stores::Only(BTreeSet::new());
        assert!(matches!(issue("Ada", &stock, &none, 1), Err(IssueError::Stores)));
        let many: BTreeSet<_> =
            (0..100_u8).map(|n| pos_core::ids::StoreId::from_bytes([n; 16])).collect();
        let longest =
            issue(&"ä".repeat(80), &Scope::ALL, &Stores::Only(many.clone()), 366).unwrap();
        assert!(longest.len() < limits::TOKEN_BYTES_MAX, "{}", longest.len());
        let grant = issuer.check(&longest, WallTime::from_millis(0)).unwrap();
        assert_eq!(grant.stores, Stores::Only(many));
    }
}
