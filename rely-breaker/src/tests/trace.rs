//! Changes as events of `tracing`.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::{Level as TraceLevel, Metadata, Subscriber, span};

use super::*;

type Named = BTreeMap<&'static str, String>;

/// Keeps the fields of every event, and what the breaker says in the middle of it.
struct Listener {
    breaker: Breaker,
    heard: Mutex<Vec<(TraceLevel, Named, State)>>,
}

#[derive(Default)]
struct Fields(Named);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "rely_breaker"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = *event.metadata().level();
        // With a lock held this would never return.
        let state = self.breaker.status().state;
        self.heard.lock().unwrap().push((level, fields.0, state));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[test]
fn every_change_is_an_event_whose_listener_sees_the_new_state() {
    let (breaker, _) = breaker(small());
    let listener = Arc::new(Listener { breaker: breaker.clone(), heard: Mutex::default() });
    tracing::subscriber::with_default(Arc::clone(&listener), || {
        fail(&breaker, 4);
        breaker.reset();
    });
    let heard = listener.heard.lock().unwrap();
    let fields = |from, to, generation: u32, reason| {
        BTreeMap::from([
            ("message", "state changed".to_owned()),
            ("breaker", "queue".to_owned()),
            ("from", String::from(from)),
            ("to", String::from(to)),
            ("generation", generation.to_string()),
            ("reason", String::from(reason)),
        ])
    };
    let tripped = "4 of the last 4 calls were bad, the limit is 50 %";
    assert_eq!(
        *heard,
        [
            (TraceLevel::WARN, fields("closed", "open", 1, tripped), State::Open),
            (TraceLevel::INFO, fields("open", "closed", 2, "reset by hand"), State::Closed),
        ]
    );
}
