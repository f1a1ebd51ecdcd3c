//! Drawing tokens: a batch a window, on a connection of its own.

use himaya_protocol::wire::relay::{Descriptor, LayoutError};

use super::watch::SYNC_EVERY;
use super::{Driver, DriverError, Position};
use crate::engine::{self, DrawFailure, Drawn, RESERVE};
use crate::transport::{Refusal, Transport, TransportError};

impl<T: Transport> Driver<T> {
    /// Draws this window's tokens if its random time has come. Nothing depends on it now, so a relay that fails is no error.
    ///
    /// `wrote`: something was put just now, which a draw at the same time would tell about. It waits then, unless little is
    /// left.
    pub(super) async fn draw_in_time(&mut self, wrote: bool) -> Result<(), DriverError> {
        if wrote && self.transact(|ctx| engine::stock(ctx))?.is_none_or(|stock| stock.left > RESERVE) {
            return Ok(());
        }
        match self.draw(false).await {
            Ok(_) | Err(DriverError::Transport(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Draws this window's tokens if they may be drawn now; whether there are new ones.
    ///
    /// `waiting`: something waits for them, so the random time is not waited for.
    pub(super) async fn draw(&mut self, waiting: bool) -> Result<bool, DriverError> {
        if !self.transact(|ctx| engine::may_draw(ctx, waiting))? {
            return Ok(false);
        }
        let relay = self.look_at_relay().await?;
        let Some(request) = self.transact(|ctx| engine::draw(ctx, &relay))? else {
            return Ok(false);
        };
        let answer = self.transport.draw(&request).await;
        let error = match answer {
            Ok(response) => match self.transact(|ctx| engine::drawn(ctx, &request, &response, &relay))? {
                Drawn::Tokens | Drawn::Gone => return Ok(true),
                Drawn::Marked => return Err(TransportError::Malformed(LayoutError("the answer to a draw")).into()),
            },
            Err(error) => error,
        };
        let why = failure(&error);
        self.transact(|ctx| engine::draw_failed(ctx, &request, why))?;
        match why {
            // The stock says what to do about these.
            DrawFailure::Invite | DrawFailure::Busy | DrawFailure::Key => Ok(false),
            DrawFailure::Line => Err(error.into()),
        }
    }

    /// Reads what the relay says of itself and notes it.
    pub(super) async fn look_at_relay(&mut self) -> Result<Descriptor, DriverError> {
        let doubt = self.transact(|ctx| engine::doubted_terms(ctx))?;
        let read = self.transport.descriptor().await;
        if read == Err(TransportError::OtherGatewayKey) {
            self.transact(|ctx| engine::gateway_key_changed(ctx))?;
        }
        let relay = read?;
        self.transact(|ctx| {
            engine::note_relay_sunset(ctx, relay.sunset)?;
            engine::note_relay_tokens(ctx, &relay)?;
            engine::note_gateway_keys(ctx, &relay)?;
            engine::note_relay_terms(ctx, &relay, doubt)?;
            engine::note_window_length(ctx, relay.window_seconds)
        })?;
        self.known = Some((relay.clone(), self.now()));
        Ok(relay)
    }

    /// What the relay said of itself lately, when that is enough to read on from a cursor: an hour has not gone by, and its
    /// window is still the one that was read to.
    pub(super) fn known_relay(&self, at: Option<Position>) -> Option<Descriptor> {
        let (relay, asked) = self.known.as_ref().filter(|_| self.polls)?;
        let (now, length) = (self.now(), u64::from(relay.window_seconds));
        let lately = now.checked_sub(*asked).is_some_and(|ago| ago < SYNC_EVERY) && now / length == asked / length;
        let there = at.is_some_and(|at| at.cursor.is_some() && at.window == relay.current_window);
        (lately && there).then(|| relay.clone())
    }
}

fn failure(error: &TransportError) -> DrawFailure {
    match error {
        TransportError::Refused(Refusal::NotAllowed) => DrawFailure::Invite,
        TransportError::Refused(Refusal::WrongTokenKey) => DrawFailure::Key,
        TransportError::Refused(Refusal::Busy) => DrawFailure::Busy,
        TransportError::Refused(_)
        | TransportError::Unreachable(_)
        | TransportError::WrongKey
        | TransportError::WrongForwarder
        | TransportError::OtherGatewayKey
        | TransportError::Insecure
        | TransportError::Malformed(_)
        | TransportError::Endpoint
        | TransportError::Onion
        | TransportError::Setup(_) => DrawFailure::Line,
    }
}
