//! The day: everything that takes part, what is noted of it, and the order of the acts.

mod look;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use rely_breaker::{Breaker, Change};
use rely_chaos::KillSwitch;
use rely_chaos::experiment::{Experiment, ExperimentReport};
use rely_core::event::Delivery;
use rely_core::{Clock, Instant, Meter, Point, Ratio, Signal, Subscriber};
use rely_detect::cause::ChangeEvent;
use rely_detect::{BurnWindow, FailureShare, Sli, Slo};
use rely_rollout::drift::DriftCheck;
use rely_rollout::reconcile::Reconciler;
use rely_rollout::{Releases, Split};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::BoxError;
use crate::acts::{self, Plan};
use crate::args::{Pace, Sabotage};
use crate::build::Build;
use crate::client::{Client, Naive, Protected, Routes};
use crate::fleet::Fleet;
use crate::journal::{Act, Journal, Share, Sum};
use crate::load::{self, Count, Customer, OBJECTIVE, Pattern};
use crate::notes::Notes;
use crate::oncall::OnCall;
use crate::screen::Screen;
use crate::standstill::Standstill;
use crate::watch::{self, QueueDriver, QueueWatch};
use crate::world::{Laws, World};

/// How often everything is looked at.
const SAMPLE: Duration = Duration::from_millis(100);
/// How often an act is played again that did not hold while the machine stood still so long in all.
const AGAIN: u32 = 2;
const DISTURBED: Duration = Duration::from_millis(250);
/// Before that: long enough for the signals to forget.
const CALM: Duration = Duration::from_secs(3);
/// No trouble lasts so long after an act that held.
const OVER: Duration = Duration::from_secs(5);
/// An order that has no answer so long after the last was placed will not have one.
const LAST_ANSWER: Duration = Duration::from_secs(10);
/// What is noted when the evidence is against the candidate.
pub(crate) const LOOKS_BAD: &str = "v2 looks bad";
/// The share of orders within the objective that the user is promised.
pub(crate) const PROMISE: f64 = 0.999;

/// Everything that takes part.
pub(crate) struct Day {
    pub(crate) pace: Pace,
    pub(crate) sabotage: Option<Sabotage>,
    pub(crate) clock: Clock,
    pub(crate) notes: Notes,
    /// Disarms every fault at once.
    pub(crate) kill_switch: KillSwitch,
    /// What the naive client calls.
    pub(crate) naive_world: Arc<World>,
    /// What the protected client calls.
    pub(crate) world: Arc<World>,
    pub(crate) routes: Arc<Routes>,
    pub(crate) naive: Arc<Customer>,
    pub(crate) protected: Arc<Customer>,
    pub(crate) pattern: Arc<Pattern>,
    pub(crate) watch: QueueWatch,
    driver: Option<QueueDriver>,
    probes: Point,
    pub(crate) split: Split,
    pub(crate) releases: Releases,
    pub(crate) drift: DriftCheck,
    /// Most of the protected client's orders fail: whatever is tried has to end.
    pub(crate) disaster: Arc<dyn Signal>,
    /// The protected client's orders are answered.
    pub(crate) served: Arc<dyn Signal>,
    /// Whether v2 fails more often than v1.
    pub(crate) judge: Arc<dyn Signal>,
    /// What each client is promised, and how fast the promise is broken.
    slos: [Slo; 2],
    changes: Vec<(Breaker, Subscriber<Change>)>,
    oncall: OnCall,
    fleet: Arc<Fleet>,
    tasks: JoinSet<()>,
    /// Somebody wants the day to end. Kept until it is looked at.
    interrupt: Arc<Notify>,
    screen: Screen,
    standstill: Standstill,
    before: [Count; 2],
    candidate: look::Attempts,
    journal: Journal,
}

impl Day {
    /// Starts the worlds and builds the clients.
    pub(crate) async fn new(pace: Pace, sabotage: Option<Sabotage>) -> Result<Self, BoxError> {
        let interrupt = Arc::default();
        tokio::spawn(interrupts(Arc::clone(&interrupt)));
        let clock = Clock::tokio();
        let is = |kind| sabotage == Some(kind);
        let (kill_switch, breakers_on) = (KillSwitch::new(), !is(Sabotage::BreakerOff));
        let laws = Laws {
            clock: &clock,
            kill_switch: &kill_switch,
            breakable: !is(Sabotage::FaultNeverFires),
            breakers_on,
        };
        let naive_world = Arc::new(World::naive(&laws).await?);
        let world = Arc::new(World::protected(&laws).await?);

        let meter =
            |name, span| Meter::builder(name).window(span).buckets(40).clock(clock.clone()).build();
        let attempts = meter("attempts", Duration::from_secs(4))?;
        let routes = Arc::new(Routes::new(&world, &attempts, breakers_on)?);
        let split = Split::seeded("orders-v2", 7);
        let users = meter("users", Duration::from_secs(120))?;
        let recent = meter("recent", Duration::from_secs(2))?;
        let customer = |client, name| Customer::new(client, users.point(name), recent.point(name));
        let naive = customer(Client::Naive(Box::new(Naive::new(&naive_world, &clock))), "naive");
        let protected = Protected::new(&routes, &split, &clock)?;
        let protected = customer(Client::Protected(protected), "protected");
        let probes = meter("probes", Duration::from_secs(4))?.point("queue-a");
        let (watch, driver) = watch::queue_watch(&probes)?;
        let failing = |percent| {
            let share = FailureShare::builder(recent.point("protected")).minimum_calls(50);
            Ok::<_, BoxError>(share.limit(Ratio::percent(percent)?).build()?)
        };
        let slo = |customer: &Customer| {
            Slo::builder(format!("orders of the {} client", customer.name()))
                .objective(Ratio::percent(100.0 * PROMISE)?)
                .sli(Sli::latency_under(OBJECTIVE))
                .windows([
                    BurnWindow::page(14.4, Duration::from_secs(12), Duration::from_secs(1)),
                    BurnWindow::ticket(6.0, Duration::from_secs(30), Duration::from_secs(3)),
                ])
                .point(customer.point.clone())
                .build()
        };

        let builds = vec![Build::v1(), Build::v1_5(), Build::v2()];
        let releases = Releases::new(clock.clone());
        releases.adopt(&Build::v1().release()?, "has run for weeks")?;
        let previous = Build::v1_5().release()?;
        releases.candidate(&previous, "went out yesterday")?;
        releases.bad(&previous.digest(), "charged dollars for euros")?;
        let drift = DriftCheck::builder("orders")
            .max_age(Duration::from_secs(2))
            .clock(clock.clone())
            .build()?;
        for replica in world.replicas() {
            drift.declare(Arc::clone(&replica.name), &Build::v1().release()?);
        }
        let wrong = is(Sabotage::WrongRelease).then(Build::v1_5);
        let fleet = Arc::new(Fleet { world: Arc::clone(&world), builds, wrong });

        let breakers = world.replicas().flat_map(|replica| replica.breakers.iter());
        let breakers = breakers.chain(routes.all().map(|route| &route.breaker));
        let changes = breakers.map(|breaker| (breaker.clone(), breaker.subscribe(capacity())));
        let changes = changes.collect();
        let notes = Notes::new(&clock);
        let oncall = OnCall::new(&clock, &notes, [&naive, &protected], &routes)?;
        let mut journal = Journal::new(pace.name, pace.rate, OBJECTIVE);
        journal.sabotage = sabotage.map(Sabotage::name);
        Ok(Self {
            pace,
            sabotage,
            notes,
            kill_switch,
            naive_world,
            world,
            slos: [slo(&naive)?, slo(&protected)?],
            naive,
            protected,
            pattern: Arc::default(),
            watch,
            driver: Some(driver),
            probes,
            split,
            releases,
            drift,
            disaster: Arc::new(failing(60.0)?),
            served: Arc::new(failing(5.0)?),
            judge: acts::judge(&routes)?,
            changes,
            oncall,
            fleet,
            tasks: JoinSet::new(),
            interrupt,
            screen: Screen::new(),
            standstill: Standstill::default(),
            before: Default::default(),
            candidate: look::Attempts::default(),
            journal,
            routes,
            clock,
        })
    }

    pub(crate) const fn is(&self, sabotage: Sabotage) -> bool {
        matches!(self.sabotage, Some(kind) if kind as u8 == sabotage as u8)
    }

    /// Plays the acts until one does not hold or somebody interrupts. One that did not hold while the
    /// machine itself stood still has shown nothing, and is played again.
    pub(crate) async fn play(mut self) -> Result<Journal, BoxError> {
        self.begin()?;
        for act in [acts::steady, acts::brownout, acts::zone, acts::canary, acts::drift] {
            let mut again = AGAIN;
            let act = loop {
                let lost = self.standstill.lost();
                let plan = act(&self)?;
                let act = self.perform(plan).await?;
                let lost = self.standstill.lost() - lost;
                if act.held() || self.journal.interrupted || lost < DISTURBED || again == 0 {
                    break act;
                }
                again -= 1;
                let (name, lost) = (&act.name, lost.as_secs_f64());
                let text = format!("{name} again: the machine stood still for {lost:.1} s");
                self.notes.note("day", text.as_str(), "warning");
                self.say(&text);
                self.calm(CALM).await;
            };
            let held = act.held();
            self.journal.acts.push(act);
            if !held || self.journal.interrupted {
                break;
            }
        }
        self.kill_switch.engage();
        self.pattern.stop();
        let until = self.clock.now() + LAST_ANSWER;
        while !(self.naive.is_idle() && self.protected.is_idle()) && self.clock.now() < until {
            self.clock.sleep(SAMPLE).await;
        }
        self.tasks.shutdown().await;
        self.screen.close();
        self.close_the_books();
        Ok(self.journal)
    }

    /// Starts what goes on all day.
    fn begin(&mut self) -> Result<(), BoxError> {
        let clock = || self.clock.clone();
        self.tasks.spawn(self.standstill.clone().watch(clock()));
        let customers = [Arc::clone(&self.naive), Arc::clone(&self.protected)];
        self.tasks.spawn(load::run(customers, self.pace.rate, clock(), Arc::clone(&self.pattern)));
        if !self.is(Sabotage::DetectorOff) {
            self.tasks.spawn(watch::probe(self.world.queues[0].port, self.probes.clone()));
        }
        let readings = self.watch.subscribe(capacity());
        self.tasks.spawn(watch::note_alarms(readings, self.notes.clone()));
        self.tasks.spawn(self.driver.take().ok_or("the day has begun before")?);
        self.tasks.spawn(watch::ask_around(
            Arc::clone(&self.world),
            self.drift.clone(),
            self.notes.clone(),
            clock(),
        ));
        let reconciler = Reconciler::builder("orders")
            .drift(self.drift.clone())
            .releases(&self.releases)
            .actuator(Arc::clone(&self.fleet))
            .interval(SAMPLE)
            .clock(clock())
            .build()?;
        let (driver, notes) = (reconciler.drive()?, self.notes.clone());
        let mut events = reconciler.subscribe(capacity());
        self.tasks.spawn(async move { match driver.await {} });
        self.tasks.spawn(async move {
            while let Some(delivery) = events.next().await {
                let Delivery::Event(event) = delivery else { continue };
                notes.note("drift", event.to_string(), "info");
            }
        });
        Ok(())
    }

    /// Plays one act and says what came of it.
    async fn perform(&mut self, plan: Plan) -> Result<Act, BoxError> {
        let Plan { name, hypothesis, experiment, claims, changes, pages, trouble, length, finish } =
            plan;
        // Those of an act that did not hold went with it.
        drop(self.oncall.take_pages());
        let from = self.clock.now();
        self.say(&format!("{name}: {hypothesis}"));
        self.screen.begin(name, length);
        let clients = [Arc::clone(&self.naive), Arc::clone(&self.protected)];
        let before = clients.each_ref().map(|client| (client.count(), client.upstream()));
        let report = self.watch_over(&experiment, from, &changes).await;
        self.screen.end();
        let mut act = Act {
            name: name.to_owned(),
            from: self.notes.seconds(from),
            to: self.notes.seconds(self.clock.now()),
            hypothesis,
            abort: acts::ABORT.to_owned(),
            conclusion: report.conclusion.as_str().to_owned(),
            because: if report.conclusion.held() {
                String::new()
            } else {
                report.conclusion.to_string()
            },
            story: String::new(),
            claims: acts::claims(&claims, &report),
            faults: acts::faults(&report),
            clients: BTreeMap::new(),
            detection: None,
            recovery: None,
            pages_expected: pages,
            pages: Vec::new(),
        };
        for (client, (count, upstream)) in clients.iter().zip(before) {
            let (count, upstream) = (client.count().since(count), client.upstream() - upstream);
            let share = Share { within: count.within, total: count.total(), upstream };
            act.clients.insert(client.name().to_owned(), share);
        }
        finish(&mut act);
        if !act.held() {
            // The story tells what the claims have proved, and these have not.
            act.story = format!("It did not come out as expected: {}.", act.because);
        }
        self.say(&format!("{name}: {}", act.conclusion));
        if act.held() {
            self.calm(Duration::ZERO).await;
        }
        let fault = self.notes.first(act.from, "fault", trouble);
        let names = || changes.iter().map(|change| format!("{} {}:", change.kind, change.name));
        act.pages = self.oncall.take_pages();
        for page in &mut act.pages {
            page.after = fault.map(|fault| page.at - fault);
            page.right = page
                .suspect
                .as_ref()
                .is_some_and(|suspect| names().any(|name| suspect.starts_with(&name)));
        }
        Ok(act)
    }

    /// Goes on looking for that long, and until nobody is needed any more: what goes wrong next is
    /// another trouble.
    async fn calm(&mut self, at_least: Duration) {
        let from = self.clock.now();
        loop {
            let passed = self.clock.now() - from;
            if passed >= at_least && (self.oncall.is_calm() || passed >= at_least + OVER) {
                return;
            }
            self.clock.sleep(SAMPLE).await;
            self.sample();
        }
    }

    /// Runs the experiment and looks at everything meanwhile.
    async fn watch_over(
        &mut self,
        experiment: &Experiment,
        from: Instant,
        changes: &[ChangeEvent],
    ) -> ExperimentReport {
        let mut run = core::pin::pin!(experiment.run());
        let mut events = experiment.subscribe(capacity());
        let mut next = self.clock.now();
        loop {
            tokio::select! {
                report = &mut run => {
                    self.note_faults(&mut events, changes);
                    return report;
                }
                () = self.interrupt.notified(), if !self.journal.interrupted => {
                    self.journal.interrupted = true;
                    self.notes.note("day", "interrupted: every fault is taken out", "warning");
                    self.kill_switch.engage();
                    experiment.stop("interrupted");
                }
                () = self.clock.sleep_until(next) => {
                    next += SAMPLE;
                    self.note_faults(&mut events, changes);
                    self.sample();
                    self.screen.show(self.clock.now() - from, self.now_in_words());
                }
            }
        }
    }

    /// What is happening: the last thing that was noted, and how the clients fare.
    fn now_in_words(&self) -> String {
        let within = self.journal.samples.last().into_iter().flat_map(|sample| &sample.within);
        let shares = within
            .filter_map(|(client, share)| Some(format!("{client} {:.0} %", 100.0 * (*share)?)));
        let shares: Vec<_> = shares.collect();
        format!("{}  {}", shares.join(", "), self.notes.latest())
    }

    fn say(&self, text: &str) {
        self.screen.say(self.notes.seconds(self.clock.now()), text);
    }

    /// Sums everything up.
    fn close_the_books(&mut self) {
        let now = self.clock.now();
        self.journal.seconds = self.notes.seconds(now);
        let millis = |time: Option<Duration>| time.map(|time| 1e3 * time.as_secs_f64());
        for (client, world) in [(&self.naive, &self.naive_world), (&self.protected, &self.world)] {
            let (count, latency) = (client.count(), client.point.snapshot(now).latency);
            let orders =
                Share { within: count.within, total: count.total(), upstream: client.upstream() };
            self.journal.clients.push(Sum {
                name: client.name().to_owned(),
                orders,
                p50_ms: millis(latency.quantile(0.5)),
                p99_ms: millis(latency.quantile(0.99)),
                enqueued: world.enqueued(),
            });
        }
        self.journal.events = self.notes.take();
    }
}

/// Passes on that somebody wants the day to end; who says so twice does not want to wait for it.
async fn interrupts(interrupt: Arc<Notify>) {
    if tokio::signal::ctrl_c().await.is_ok() {
        interrupt.notify_one();
    }
    if tokio::signal::ctrl_c().await.is_ok() {
        // The faults are all in this process.
        std::process::exit(crate::INTERRUPTED.into());
    }
}

pub(crate) fn capacity() -> NonZeroUsize {
    NonZeroUsize::new(1024).expect("it is not zero")
}
