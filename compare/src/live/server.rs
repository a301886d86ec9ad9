//! The server: the page, what happens as a stream of events, metrics, and deeds for whoever came from the page.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Response, Sse};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::board::{Board, Message};
use super::deed::Deed;
use super::door::Door;
use super::guide::{TourOrder, TourOrders};
use super::metrics::{self, Told};
use super::origin::{self, Claims};
use super::page;
use super::seen::member_named;
use super::side::Side;
use super::tours;
use crate::system::System;

/// The largest body that is read: a deed is some dozens of bytes.
const BODY_MAX: usize = 4096;
/// Browsers that may watch at once; each is told some kilobytes a second.
const WATCHERS_MAX: usize = 16;

/// What all requests share.
#[derive(Clone)]
pub(super) struct Server {
    board: Arc<Board>,
    sides: BTreeMap<System, Arc<Side>>,
    tours: TourOrders,
    own: SocketAddr,
    /// What is offered to both, in words.
    load: String,
}

/// A deed that is asked for.
#[derive(Debug, Deserialize)]
struct Asked {
    system: System,
    node: String,
    deed: Deed,
}

impl Server {
    pub(super) fn new(
        board: &Arc<Board>,
        sides: &BTreeMap<System, Arc<Side>>,
        tours: TourOrders,
        own: SocketAddr,
        load: String,
    ) -> Self {
        Self { board: Arc::clone(board), sides: sides.clone(), tours, own, load }
    }

    /// Serves until dropped.
    pub(super) async fn serve(self, door: Door) {
        let router = Router::new()
            .route("/", get(index))
            .route("/live.js", get(script))
            .route("/events", get(events))
            .route("/metrics", get(metrics))
            .route("/deed", post(deed))
            .route("/tour", post(tour))
            .layer(middleware::from_fn_with_state(self.clone(), guard))
            .layer(DefaultBodyLimit::max(BODY_MAX))
            .with_state(self);
        if let Err(error) = axum::serve(door, router).await {
            tracing::warn!(%error, "the server has ended");
        }
    }
}

fn header(headers: &HeaderMap, name: impl axum::http::header::AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Refuses what comes from elsewhere, before anything is read of it.
async fn guard(State(server): State<Server>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = header(headers, HOST);
    let claims =
        Claims { host, origin: header(headers, ORIGIN), fetch_site: header(headers, "sec-fetch-site") };
    let allowed = match *request.method() {
        Method::GET | Method::HEAD => origin::check_reader(claims, request.uri().path(), server.own),
        _ => origin::check(claims, server.own),
    };
    let mut response = match allowed {
        Ok(()) => next.run(request).await,
        Err(refused) => (StatusCode::FORBIDDEN, format!("{refused}\n")).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(page::POLICY));
    response
}

async fn index(State(server): State<Server>) -> Response {
    let names = server.sides.iter().map(|(system, side)| (*system, side.name.clone())).collect();
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], page::page(&names, &server.load)).into_response()
}

async fn script() -> Response {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], page::SCRIPT).into_response()
}

async fn metrics(State(server): State<Server>) -> Response {
    let told = server
        .sides
        .keys()
        .map(|system| Told { seen: server.board.seen(*system), totals: server.board.totals(*system) });
    let text = metrics::text(&told.collect::<Vec<_>>(), server.board.watchers());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// What a browser is told next.
struct Feed {
    board: Arc<Board>,
    first: Option<Message>,
    told: Receiver<Arc<Message>>,
}

async fn events(State(server): State<Server>) -> Response {
    if server.board.watchers() >= WATCHERS_MAX {
        let words = format!("{WATCHERS_MAX} browsers watch already: close one\n");
        return (StatusCode::SERVICE_UNAVAILABLE, words).into_response();
    }
    let (first, told) = server.board.watch();
    let feed = Feed { board: server.board, first: Some(first), told };
    let events = stream::unfold(feed, async |mut feed| {
        let message = match feed.first.take() {
            Some(first) => first,
            None => match feed.told.recv().await {
                Ok(message) => Message::clone(&message),
                // It was too slow: it is told everything anew.
                Err(RecvError::Lagged(_)) => {
                    let (everything, told) = feed.board.watch();
                    feed.told = told;
                    everything
                }
                Err(RecvError::Closed) => return None,
            },
        };
        let event = Event::default().event(message.name).data(message.data);
        Some((Ok::<_, Infallible>(event), feed))
    });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

async fn deed(State(server): State<Server>, Json(asked): Json<Asked>) -> Response {
    let Asked { system, node, deed } = asked;
    let (Some(side), Some(member)) = (server.sides.get(&system), member_named(&node)) else {
        return (StatusCode::NOT_FOUND, format!("there is no {node} of {system} here\n")).into_response();
    };
    answer(side.orders.ask(member, deed).await)
}

async fn tour(State(server): State<Server>, Json(order): Json<TourOrder>) -> Response {
    let fewest = server.sides.keys().map(|system| server.board.seen(*system).replicas.len()).min();
    if fewest.is_some_and(|replicas| replicas < tours::REPLICAS_MIN) {
        let words = format!("tours need {} replicas or more\n", tours::REPLICAS_MIN);
        return (StatusCode::CONFLICT, words).into_response();
    }
    answer(server.tours.ask(order))
}

fn answer(done: Result<(), String>) -> Response {
    match done {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(why) => (StatusCode::CONFLICT, format!("{why}\n")).into_response(),
    }
}
