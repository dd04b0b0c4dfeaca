//! A place where the order service runs: it can be given another build, and it can die.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rely_breaker::Breaker;
use rely_chaos::{Instance, Killed, Lifeline};
use rely_core::Clock;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::BoxError;
use crate::backend::{self, Address};
use crate::build::Build;
use crate::http::HttpClient;
use crate::orders::{self, Done};
use crate::world::Laws;

/// How the replicas of one client call the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Calling {
    Bare,
    Protected,
}

/// One replica: a name and an address that stay, and what runs there now.
pub(crate) struct Replica {
    pub(crate) name: Arc<str>,
    /// The name with the client that it is for.
    title: String,
    clock: Clock,
    http: HttpClient,
    calling: Calling,
    queues: Vec<Address>,
    /// In front of each endpoint of the queue.
    pub(crate) breakers: Vec<Breaker>,
    /// Where it listens: what a service registry would know.
    port: AtomicU16,
    running: Mutex<Option<Running>>,
    /// Everything that has ever run here.
    past: Mutex<Vec<(Build, Arc<Done>)>>,
}

struct Running {
    build: Build,
    lifeline: Lifeline,
    /// Dropped, it lets the server end what it has begun and take nothing new.
    _drain: oneshot::Sender<()>,
}

impl Replica {
    pub(crate) async fn start(
        name: &str,
        build: &Build,
        calling: Calling,
        queues: &[Address],
        laws: &Laws<'_>,
    ) -> Result<Arc<Self>, BoxError> {
        let &Laws { clock, breakers_on, .. } = laws;
        let breakers = queues
            .iter()
            .map(|queue| backend::breaker(name, &queue.name, clock, breakers_on))
            .collect::<Result<_, _>>()?;
        let replica = Arc::new(Self {
            name: name.into(),
            title: match calling {
                Calling::Bare => format!("{name} of the naive client"),
                Calling::Protected => format!("{name} of the protected client"),
            },
            clock: clock.clone(),
            http: crate::http::client(),
            calling,
            queues: queues.to_vec(),
            breakers,
            port: AtomicU16::new(0),
            running: Mutex::default(),
            past: Mutex::default(),
        });
        replica.run(build).await?;
        Ok(replica)
    }

    /// Runs `build` instead of what runs now: the new one takes over first, then the old one ends what
    /// it has begun.
    pub(crate) async fn run(&self, build: &Build) -> Result<(), BoxError> {
        let backend = match self.calling {
            Calling::Bare => backend::bare(&self.http, &self.queues[0]),
            Calling::Protected => {
                let (queues, breakers) = (&self.queues, &self.breakers);
                backend::protected(&self.http, &self.clock, build, queues, breakers)?
            }
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let (lifeline, done) = (Lifeline::new(self.title.as_str()), Arc::<Done>::default());
        let app = orders::app(build, &self.clock, backend, Arc::clone(&done));
        let (drain, drained) = oneshot::channel::<()>();
        let server = axum::serve(lifeline.listener(listener), app)
            .with_graceful_shutdown(async move { drop(drained.await) });
        tokio::spawn(server.into_future());
        lock(&self.past).push((build.clone(), done));
        let running = Running { build: build.clone(), lifeline, _drain: drain };
        self.port.store(port, Ordering::Release);
        let old = lock(&self.running).replace(running);
        drop(old);
        Ok(())
    }

    /// The port of what runs now, or of what died last.
    pub(crate) fn port(&self) -> u16 {
        self.port.load(Ordering::Acquire)
    }

    pub(crate) fn build(&self) -> Option<Build> {
        lock(&self.running).as_ref().map(|running| running.build.clone())
    }

    pub(crate) fn runs(&self, build: &Build) -> bool {
        lock(&self.running).as_ref().is_some_and(|running| running.build == *build)
    }

    /// Orders that have reached it while it ran `build`.
    pub(crate) fn served_by(&self, build: &Build) -> u64 {
        lock(&self.past)
            .iter()
            .filter(|(past, _)| past == build)
            .map(|(_, done)| done.served())
            .sum()
    }

    /// Orders that found no connection in the pool.
    pub(crate) fn refused(&self) -> u64 {
        lock(&self.past).iter().map(|(_, done)| done.refused()).sum()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait::async_trait]
impl Instance for Replica {
    fn name(&self) -> &str {
        &self.title
    }

    fn is_alive(&self) -> bool {
        lock(&self.running).is_some()
    }

    async fn kill(&self) -> Result<Killed, BoxError> {
        let running = lock(&self.running).take();
        Ok(running.map(|running| running.lifeline.kill_now()).unwrap_or_default())
    }
}
