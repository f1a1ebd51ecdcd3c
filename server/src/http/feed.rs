//! The feed: a WebSocket that tells of every cell once it is durable.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseCode, CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use himaya_protocol::wire::relay::FeedFrame;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::calls::App;
use super::problem::Problem;
use super::server::stopped;
use super::visit::Visit;
use crate::store::{Arrival, FeedEnd, Subscription};

/// A client has nothing to say on a feed but pongs and a close.
const MESSAGE_MAX: usize = 1_024;
/// How often a feed is pinged, so that it stays open on the way and a dead peer is noticed.
const PING_EVERY: Duration = Duration::from_secs(45);
/// After how many pings without any answer a peer is dead.
const PINGS_UNANSWERED: u32 = 2;

/// What a subscriber wants of each arrival.
type Form = fn(&Arrival) -> Bytes;

pub(super) async fn open(
    State(app): State<App>,
    Extension(visit): Extension<Arc<Visit>>,
    RawQuery(query): RawQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let form: Form = match query.as_deref() {
        None => Arrival::whole,
        Some("form=addresses") => Arrival::address_only,
        Some(_) => return Err(Problem::Malformed),
    };
    let upgrade = upgrade.map_err(|_| Problem::NotAWebSocket)?;
    let permit = app.feeds.clone().try_acquire_owned().map_err(|_| Problem::Busy)?;
    let subscription = app.relay.subscribe();
    Ok(upgrade
        .max_message_size(MESSAGE_MAX)
        .max_frame_size(MESSAGE_MAX)
        .read_buffer_size(MESSAGE_MAX)
        .write_buffer_size(0)
        .on_upgrade(move |socket| run(socket, subscription, form, app.patience, app.stopping, (visit, permit))))
}

async fn run(
    mut socket: WebSocket,
    mut subscription: Subscription,
    form: Form,
    patience: Duration,
    mut stopping: watch::Receiver<bool>,
    (visit, _permit): (Arc<Visit>, OwnedSemaphorePermit),
) {
    let code = follow(&mut socket, &mut subscription, form, patience, &visit, &mut stopping).await;
    if let Some(code) = code {
        let close = Message::Close(Some(CloseFrame { code, reason: "".into() }));
        // The peer may be gone; then there is nobody to tell.
        let _ = timeout(patience, socket.send(close)).await;
    }
}

/// Sends what arrives until something ends the feed. `None` when the peer has ended it.
async fn follow(
    socket: &mut WebSocket,
    subscription: &mut Subscription,
    form: Form,
    patience: Duration,
    visit: &Visit,
    stopping: &mut watch::Receiver<bool>,
) -> Option<CloseCode> {
    send(socket, Message::Binary(FeedFrame::Start(subscription.start()).to_bytes().into()), patience).await?;
    let mut pings = interval(PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings.reset();
    let mut unanswered = 0;
    loop {
        tokio::select! {
            () = stopped(stopping) => return Some(close_code::AWAY),
            arrival = subscription.next() => match arrival {
                Ok(arrival) => send(socket, Message::Binary(form(&arrival)), patience).await?,
                Err(FeedEnd::Lagged) => return Some(close_code::AGAIN),
                Err(FeedEnd::Closed) => return Some(close_code::AWAY),
            },
            said = socket.recv() => match said {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) if visit.admit().is_ok() => unanswered = 0,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Some(close_code::POLICY),
                Some(Ok(Message::Text(_) | Message::Binary(_))) => return Some(close_code::POLICY),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            },
            _ = pings.tick() => {
                if unanswered >= PINGS_UNANSWERED {
                    return None;
                }
                unanswered += 1;
                send(socket, Message::Ping(Bytes::new()), patience).await?;
            }
        }
    }
}

/// `None` when the peer is gone or does not take what is sent.
async fn send(socket: &mut WebSocket, message: Message, patience: Duration) -> Option<()> {
    timeout(patience, socket.send(message)).await.ok()?.ok()
}
