//! One connection as the relay knows it: what is going on on it, and how often it asks. All of it is in memory and goes with
//! the connection; nothing is kept by peer.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{Request, Response};
use axum::response::IntoResponse;
use bytes::Bytes;
use himaya_protocol::wire::relay::{CHUNK_PUT_SIZE, RECORD_SIZE};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use super::problem::Problem;
use super::puts;

/// What the bodies of requests that come at one time on one connection may take: one chunk, and some cells beside it.
pub(super) const BODIES: usize = CHUNK_PUT_SIZE + 4 * RECORD_SIZE;

/// How many requests a second there may be. Seconds are counted by whoever calls [`Rates::tick`].
#[derive(Debug)]
pub(super) struct Rates {
    each: u32,
    all: u32,
    second: AtomicU64,
    /// Requests in this second.
    made: AtomicU32,
}

impl Rates {
    pub(super) fn new(each: u32, all: u32) -> Self {
        Self { each, all, second: AtomicU64::new(0), made: AtomicU32::new(0) }
    }

    /// A second has gone by.
    pub(super) fn tick(&self) {
        self.second.fetch_add(1, Ordering::Relaxed);
        self.made.store(0, Ordering::Relaxed);
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Visit {
    rates: Arc<Rates>,
    /// The second in which this connection last asked, and how often in it.
    asked: Mutex<(u64, u32)>,
    /// Bytes of request bodies that may still be held.
    bodies: Arc<Semaphore>,
    /// How many requests are being answered. Changes also when a part of an answer is taken.
    active: watch::Sender<u32>,
    /// The connection's place among all; a feed that grew out of it keeps it.
    _slot: OwnedSemaphorePermit,
}

impl Visit {
    pub(super) fn new(rates: Arc<Rates>, slot: OwnedSemaphorePermit) -> Self {
        Self {
            rates,
            asked: Mutex::default(),
            bodies: Arc::new(Semaphore::new(BODIES)),
            active: watch::Sender::new(0),
            _slot: slot,
        }
    }

    /// Counts a request, unless there are too many.
    pub(super) fn admit(&self) -> Result<(), Problem> {
        let second = self.rates.second.load(Ordering::Relaxed);
        {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            if asked.0 != second {
                *asked = (second, 0);
            }
            if asked.1 >= self.rates.each {
                return Err(Problem::TooOften);
            }
            asked.1 += 1;
        }
        let more = |made: u32| made.checked_add(1).filter(|made| *made <= self.rates.all);
        let made = self.rates.made.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        made.map(drop).map_err(|_| Problem::Busy)
    }

    /// Room for so many bytes of a body. Only requests that come at one time on one connection can lack it.
    pub(super) fn room(&self, size: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let size = u32::try_from(size).map_err(|_| Problem::TooLarge)?;
        self.bodies.clone().try_acquire_many_owned(size).map_err(|_| Problem::TooMuch)
    }

    /// Comes back when nothing is being answered and nothing was asked for `idle`, or nothing of an answer was taken for
    /// `stall`.
    pub(super) async fn is_over(&self, idle: Duration, stall: Duration) {
        let mut active = self.active.subscribe();
        loop {
            let patience = if *active.borrow_and_update() == 0 { idle } else { stall };
            if timeout(patience, active.changed()).await.is_err() {
                return;
            }
        }
    }
}

/// The calls as one connection makes them.
#[derive(Clone)]
pub(super) struct Calls {
    pub(super) router: TowerToHyperService<axum::Router>,
    pub(super) visit: Arc<Visit>,
}

impl Service<Request<Incoming>> for Calls {
    type Response = Response<Body>;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let call = Call::begin(self.visit.clone());
        let is_put = puts::is_put(request.method(), request.uri().path());
        let answer = self.visit.admit().map(|()| {
            request.extensions_mut().insert(self.visit.clone());
            self.router.call(request)
        });
        Box::pin(async move {
            let response = match answer {
                Ok(answer) => answer.await?,
                Err(problem) if is_put => puts::level(problem.into_response()),
                Err(problem) => problem.into_response(),
            };
            Ok(response.map(|body| Body::new(Answer { body, call })))
        })
    }
}

/// A request that is being answered, until its answer is sent or given up.
struct Call(Arc<Visit>);

impl Call {
    fn begin(visit: Arc<Visit>) -> Self {
        visit.active.send_modify(|active| *active = active.saturating_add(1));
        Self(visit)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.active.send_modify(|active| *active = active.saturating_sub(1));
    }
}

/// The body of an answer, which says of each part that it is taken.
struct Answer {
    body: Body,
    call: Call,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let poll = Pin::new(&mut self.body).poll_frame(context);
        if poll.is_ready() {
            self.call.0.active.send_modify(|_| ());
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visits(each: u32, all: u32) -> (Arc<Rates>, impl Fn() -> Visit) {
        let rates = Arc::new(Rates::new(each, all));
        let slots = Arc::new(Semaphore::new(8));
        let of = rates.clone();
        (rates, move || Visit::new(of.clone(), slots.clone().try_acquire_owned().unwrap()))
    }

    #[test]
    fn one_connection_may_ask_so_often_in_a_second() {
        let (rates, visit) = visits(3, 100);
        let (one, other) = (visit(), visit());
        for _ in 0..2 {
            assert!((0..3).all(|_| one.admit() == Ok(())));
            assert_eq!(one.admit(), Err(Problem::TooOften));
            assert_eq!(other.admit(), Ok(()), "another connection is not held to account");
            rates.tick();
        }
    }

    #[test]
    fn all_connections_may_ask_so_often_in_a_second() {
        let (rates, visit) = visits(3, 4);
        let (one, other) = (visit(), visit());
        assert!((0..3).all(|_| one.admit() == Ok(())));
        assert_eq!(one.admit(), Err(Problem::TooOften));
        assert_eq!(other.admit(), Ok(()), "what was refused does not count for all");
        assert_eq!(other.admit(), Err(Problem::Busy));
        rates.tick();
        assert_eq!(other.admit(), Ok(()));
    }

    #[test]
    fn one_connection_holds_the_body_of_one_chunk_and_some_cells() {
        let (_, visit) = visits(1, 1);
        let visit = visit();
        let chunk = visit.room(CHUNK_PUT_SIZE).unwrap();
        let _cell = visit.room(RECORD_SIZE).unwrap();
        assert_eq!(visit.room(CHUNK_PUT_SIZE).unwrap_err(), Problem::TooMuch);
        drop(chunk);
        assert!(visit.room(CHUNK_PUT_SIZE).is_ok());
    }

    #[tokio::test]
    async fn a_connection_is_over_when_nothing_is_asked_or_nothing_is_taken() {
        let (_, visit) = visits(1, 1);
        let visit = Arc::new(visit());
        let (now, never) = (Duration::ZERO, Duration::from_secs(3_600));
        visit.is_over(now, never).await;
        let call = Call::begin(visit.clone());
        visit.is_over(never, now).await;
        let while_answering = timeout(Duration::from_millis(1), visit.is_over(now, never));
        assert!(while_answering.await.is_err(), "over while something is being answered");
        drop(call);
        visit.is_over(now, never).await;
    }
}
