//! The two requests of a pull.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, http};

use super::path::Hash;
use crate::limits;

/// Why there is no answer, or none that can be used.
#[derive(Debug, Error)]
pub enum HttpError {
    /// Not `http://` or `https://` and a host.
    #[error("{0:?} is not the address of a hub: write it like https://hub.example")]
    Url(String),
    /// The token would go over the network in clear.
    #[error(
        "a token is not sent to {0} in clear, where anybody on the way can read it: use https, or \
         pass --allow-plain-http when the way is your own"
    )]
    Clear(String),
    /// A redirect.
    #[error("the hub answers with a redirect, which is not followed: give its own address")]
    Redirect,
    /// Refused.
    #[error("the hub refuses (status {status}): {why}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it says, if anything.
        why: String,
    },
    /// No connection, no answer in time, no TLS.
    #[error("the hub cannot be reached: {0}")]
    Transport(String),
    /// The manifest is too long.
    #[error("the server's manifest is longer than {} bytes", limits::SNAPSHOT_MANIFEST_BYTES_MAX)]
    ManifestTooLong,
    /// A body broke off.
    #[error("the connection broke off: {0}")]
    Body(io::Error),
    /// A body ended early.
    #[error("the connection ended before the file did")]
    Short,
    /// "You have it already", to somebody who has nothing.
    #[error("the server says that its snapshot is here already, and it is not")]
    NotKnown,
    /// A partial answer that does not say which part.
    #[error("the server's partial answer does not say which part of the file it is")]
    Range,
}

impl HttpError {
    /// Whether another try may help.
    pub(super) const fn is_passing(&self) -> bool {
        match self {
            Self::Transport(_) | Self::Body(_) | Self::Short => true,
            Self::Refused { status, .. } => matches!(status, 408 | 429 | 500..=599),
            _ => false,
        }
    }
}

/// What a hub answers to a request for a file.
pub(super) enum Answer {
    /// The file from this byte on.
    Rest { from: u64, body: Box<dyn Read> },
    /// All of it.
    Whole(Box<dyn Read>),
    /// There is none of that hash.
    Gone,
}

/// Speaks to one hub.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    base: String,
    token: Option<String>,
}

impl Client {
    pub(super) fn new(
        url: &str,
        token: Option<&str>,
        allow_plain_http: bool,
    ) -> Result<Self, HttpError> {
        let refused = || HttpError::Url(url.chars().take(200).collect());
        let base = url.trim_end_matches('/').to_owned();
        let parsed: http::Uri = base.parse().map_err(|_no_uri| refused())?;
        let host = parsed.host().ok_or_else(refused)?;
        let near = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        match parsed.scheme_str() {
            Some("https") => {}
            Some("http") if near || allow_plain_http || token.is_none() => {}
            Some("http") => return Err(HttpError::Clear(host.to_owned())),
            _ => return Err(refused()),
        }
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let agent = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(seconds(limits::SNAPSHOT_CONNECT_S))
            .timeout_recv_response(seconds(limits::SNAPSHOT_ANSWER_S))
            .timeout_per_read(seconds(limits::SNAPSHOT_SILENCE_S))
            .user_agent(concat!("tillmesh-hub/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self { agent, base, token: token.map(str::to_owned) })
    }

    /// The newest manifest's bytes, not looked at; `None` when it is the one `known` names.
    pub(super) fn manifest(&self, known: Option<&str>) -> Result<Option<Vec<u8>>, HttpError> {
        let tag = known.map(|tag| ("If-None-Match", tag.to_owned()));
        let mut answer = self.get("/api/v1/snapshots/latest", tag)?;
        if answer.status() == http::StatusCode::NOT_MODIFIED && known.is_some() {
            return Ok(None);
        }
        if answer.status() != http::StatusCode::OK {
            return Err(refusal(answer));
        }
        let max = limits::SNAPSHOT_MANIFEST_BYTES_MAX;
        let mut bytes = Vec::new();
        answer
            .body_mut()
            .with_config()
            .limit(u64::MAX)
            .reader()
            .take(max.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(HttpError::Body)?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length <= max) {
            Ok(Some(bytes))
        } else {
            Err(HttpError::ManifestTooLong)
        }
    }

    /// A file by its hash, from a byte on.
    pub(super) fn file(&self, hash: &Hash, from: u64) -> Result<Answer, HttpError> {
        let range = (from > 0).then(|| ("Range", format!("bytes={from}-")));
        let answer = self.get(&format!("/api/v1/snapshots/files/{hash}"), range)?;
        match answer.status() {
            http::StatusCode::OK => Ok(Answer::Whole(reader(answer))),
            http::StatusCode::PARTIAL_CONTENT => {
                let told = answer.headers().get(http::header::CONTENT_RANGE);
                let told = told.and_then(|value| value.to_str().ok()).ok_or(HttpError::Range)?;
                let begin = told.strip_prefix("bytes ").and_then(|range| range.split('-').next());
                let begin = begin.and_then(|begin| begin.parse::<u64>().ok());
                match begin.ok_or(HttpError::Range)? {
                    begin if begin == from => Ok(Answer::Rest { from, body: reader(answer) }),
                    _ => Err(HttpError::Range),
                }
            }
            http::StatusCode::NOT_FOUND | http::StatusCode::GONE => Ok(Answer::Gone),
            _ => Err(refusal(answer)),
        }
    }

    fn get(
        &self,
        path: &str,
        header: Option<(&str, String)>,
    ) -> Result<http::Response<Body>, HttpError> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let answer = request.call().map_err(|error| HttpError::Transport(error.to_string()))?;
        let is_redirect = answer.headers().contains_key(http::header::LOCATION);
        if answer.status().is_redirection() && is_redirect {
            return Err(HttpError::Redirect);
        }
        Ok(answer)
    }
}

fn reader(answer: http::Response<Body>) -> Box<dyn Read> {
    // How much is read is for the caller to bound: it knows the file's length.
    Box::new(answer.into_body().into_with_config().limit(u64::MAX).reader())
}

/// What a refusal says, in the hub's own words where it has some: a problem's `detail`.
fn refusal(mut answer: http::Response<Body>) -> HttpError {
    let status = answer.status().as_u16();
    let mut bytes = Vec::new();
    let mut body = answer.body_mut().as_reader().take(limits::SNAPSHOT_PROBLEM_BYTES_MAX);
    let said = body.read_to_end(&mut bytes).is_ok();
    let problem: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok().filter(|_| said);
    let words = problem
        .as_ref()
        .and_then(|problem| ["detail", "title"].iter().find_map(|key| problem.get(key)?.as_str()));
    let clean = |text: &str| text.chars().filter(|one| !one.is_control()).take(300).collect();
    let why =
        words.map_or_else(|| answer.status().canonical_reason().unwrap_or("").to_owned(), clean);
    HttpError::Refused { status, why }
}
