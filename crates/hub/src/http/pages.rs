//! Pages for people: they work without scripts, and are made on the server.

use axum::Router;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;

use super::App;
use super::access::{COOKIE, Visitor};
use super::problem::Problem;
use super::today::{self, Asked};
use crate::tokens::TokenError;

const STYLE: &str = include_str!("style.css");

/// The pages.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/today") }))
        .route("/today", get(today))
        .route("/login", get(ask).post(login))
        .route("/logout", get(logout))
        .route("/style.css", get(|| async { ([(header::CONTENT_TYPE, "text/css")], STYLE) }))
}

async fn today(State(app): State<App>, visitor: Visitor, uri: Uri) -> Response {
    let access = match visitor.0 {
        Ok(access) => access,
        Err(why) => return login_page(StatusCode::UNAUTHORIZED, why),
    };
    let page =
        super::query::read::<Asked>(&uri).and_then(|asked| today::page(&app, &access, &asked));
    match page {
        Ok(body) => Html(framed("Today", &body).into_string()).into_response(),
        Err(problem) => problem_page(&problem),
    }
}

async fn ask() -> Response {
    login_page(StatusCode::OK, None)
}

#[derive(Deserialize)]
struct Login {
    token: String,
}

async fn login(
    State(app): State<App>,
    headers: HeaderMap,
    Form(Login { token }): Form<Login>,
) -> Response {
    let token = token.trim();
    let grant = match app.tokens.check(token, app.now()) {
        Ok(grant) => grant,
        Err(error) => return login_page(StatusCode::UNAUTHORIZED, Some(error)),
    };
    let seconds = grant.until.as_millis().saturating_sub(app.now().as_millis()).max(0) / 1000;
    // Behind a proxy that speaks TLS the browser never sends it in the clear.
    let is_tls = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let secure = if is_tls { "; Secure" } else { "" };
    let cookie =
        format!("{COOKIE}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    ([(header::SET_COOKIE, cookie)], Redirect::to("/today")).into_response()
}

async fn logout() -> Response {
    let cookie = format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    ([(header::SET_COOKIE, cookie)], Redirect::to("/login")).into_response()
}

fn login_page(status: StatusCode, why: Option<TokenError>) -> Response {
    let body = html! {
        h1 { "Tillmesh hub" }
        @if let Some(why) = why {
            p.bad { (why) }
        }
        form method="post" action="/login" {
            label for="token" { "Your token" }
            textarea id="token" name="token" rows="4" required autocomplete="off" {}
            p { "Whoever runs the hub makes one: "
                code { "tillmesh-hub token --all-stores --for \"Head office\"" } }
            button { "Show me the day" }
        }
    };
    (status, Html(framed("Who is there?", &body).into_string())).into_response()
}

fn problem_page(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = html! {
        h1 { (problem.title) }
        p.bad { (problem.detail) }
        p { a href="/today" { "To the newest day" } " · " a href="/login" { "Use another token" } }
    };
    (status, Html(framed(&problem.title, &body).into_string())).into_response()
}

fn framed(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Tillmesh hub" }
                link rel="stylesheet" href="/style.css";
            }
            body { main { (body) } }
        }
    }
}
