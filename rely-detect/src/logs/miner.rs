use std::collections::VecDeque;

use rely_core::Instant;

use super::builder::MinerBuilder;
use super::config::Rules;
use super::forest::{Forest, Placed};
use super::novelty::Novelty;
use super::scan::Scanner;
use super::severity::Severity;
use super::state::MinerSnapshot;
use super::template::{TemplateId, TemplateView};

/// What a line did to the templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Change {
    /// Nothing: the template was known.
    None,
    /// Nothing like it was seen before; it is a template of its own.
    New,
    /// A template that was known came to cover it.
    Generalised {
        /// How many others it took in; [`Miner::resolve`] leads from their ids to its own.
        merged: u32,
    },
}

/// What a [`Miner`] says about a line.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Line {
    /// Its template.
    pub template: TemplateId,
    /// What it did to the templates.
    pub change: Change,
    /// How likely it was, from the lines before, that a line brings a new template: the p-value of a
    /// line that does.
    pub novelty: f64,
    /// How bad the line says it is.
    pub severity: Option<Severity>,
}

impl Line {
    /// Whether nothing like it was seen before.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        matches!(self.change, Change::New)
    }
}

/// Finds the templates of log lines as they come.
///
/// See the [module's documentation](super) for how.
///
/// ```
/// use rely_core::Instant;
/// use rely_detect::logs::Miner;
///
/// let mut miner = Miner::builder("orders").build()?;
/// let first = miner.observe(Instant::ORIGIN, "order 17 took 12 ms from 10.0.0.7:4711");
/// let second = miner.observe(Instant::ORIGIN, "order 18 took 1.5 s from 10.0.0.9:4712");
/// assert!(first.is_new() && !second.is_new());
/// assert_eq!(first.template, second.template);
/// let template = miner.template(first.template).unwrap();
/// assert_eq!(template.text(), "order <num> took <duration> from <addr>");
/// assert_eq!(template.count(), 2);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Miner {
    name: String,
    pub(super) rules: Rules,
    scanner: Scanner,
    pub(super) forest: Forest,
    pub(super) novelty: Novelty,
    pub(super) lines: u64,
    /// Which ids became part of which, the oldest first.
    pub(super) merged: VecDeque<(TemplateId, TemplateId)>,
}

impl Miner {
    /// A builder for a miner of the log called `name`.
    pub fn builder(name: impl Into<String>) -> MinerBuilder {
        MinerBuilder::new(name.into())
    }

    pub(super) fn new(name: String, rules: Rules) -> Self {
        Self {
            name,
            scanner: Scanner::new(rules.max_tokens),
            forest: Forest::new(&rules),
            novelty: Novelty::new(),
            lines: 0,
            merged: VecDeque::new(),
            rules,
        }
    }

    /// The name of the log.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes in the next line and says which template it has.
    pub fn observe(&mut self, at: Instant, line: &str) -> Line {
        self.observe_bytes(at, line.as_bytes())
    }

    /// The same for a line that may be no text at all.
    pub fn observe_bytes(&mut self, at: Instant, line: &[u8]) -> Line {
        let line = line.get(..self.rules.max_line).unwrap_or(line);
        self.scanner.scan(line);
        let (merged, novelty) = (&mut self.merged, &mut self.novelty);
        let (room, memory) = (self.rules.max_templates, self.rules.memory);
        let chance = novelty.chance();
        let mut merge = |gone: &super::template::Template, into| {
            if gone.count == 1 {
                novelty.forget(gone.last, memory);
            }
            // An id that leads to one that is gone now leads on.
            merged.iter_mut().filter(|pair| pair.1 == gone.id).for_each(|pair| pair.1 = into);
            if merged.len() >= room {
                merged.pop_front();
            }
            merged.push_back((gone.id, into));
        };
        let (place, placed) =
            self.forest.place(&self.rules, at, line, self.scanner.tokens(), &mut merge);
        self.lines = self.lines.saturating_add(1);
        let change = match placed {
            Placed::Known => Change::None,
            Placed::New => Change::New,
            Placed::Widened(merged) => Change::Generalised { merged },
        };
        let counted = self.forest.count(place, at, self.lines);
        let (template, severity) = counted.map_or((TemplateId(0), None), |(found, count, last)| {
            self.novelty.observe(at, count, last, memory);
            (found.id, found.severity)
        });
        Line { template, change, novelty: chance, severity }
    }

    /// How many lines there were.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.lines
    }

    /// The templates, in no order, with when and how often they were used.
    pub fn templates(&self) -> impl Iterator<Item = TemplateView<'_>> {
        self.forest.iter().map(|template| TemplateView { template, lines: self.lines })
    }

    /// The template with that id, or the one that took it in; none if it gave way to others.
    #[must_use]
    pub fn template(&self, id: TemplateId) -> Option<TemplateView<'_>> {
        let id = self.resolve(id);
        self.templates().find(|view| view.id() == id)
    }

    /// The id of the template that took in the one with `id`; the same where none did.
    ///
    /// As many ids are remembered as templates are held.
    #[must_use]
    pub fn resolve(&self, id: TemplateId) -> TemplateId {
        self.merged.iter().find(|(gone, _)| *gone == id).map_or(id, |(_, into)| *into)
    }

    /// How many bytes it takes up, with all that it holds on the heap.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.name.len()
            + self.scanner.heap_bytes()
            + self.forest.heap_bytes()
            + self.merged.capacity() * size_of::<(TemplateId, TemplateId)>()
    }

    /// How many bytes it can take up at most, whatever the lines are.
    #[must_use]
    pub fn max_bytes(&self) -> usize {
        let rules = &self.rules;
        let slot = size_of::<super::template::Slot>();
        let template = rules.max_tokens * slot + 2 * rules.max_text + 2 * super::TEMPLATE_BYTES;
        // Lists and tables double when they are full.
        size_of::<Self>()
            + self.name.len()
            + 2 * rules.max_tokens * slot
            + (rules.max_templates + 1) * (template + 512)
    }

    /// Everything it knows.
    #[must_use]
    pub fn snapshot(&self) -> MinerSnapshot {
        MinerSnapshot::new(self)
    }
}
