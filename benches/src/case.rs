//! What is measured.

use crate::gate::Limits;

/// A body that runs its code so many times.
pub(crate) type Body = Box<dyn FnMut(u64) + Send>;

/// One thing to measure, called `<library>/<case>`.
#[allow(missing_debug_implementations)] // it is closures
pub struct Case {
    name: String,
    threads: usize,
    instructions: bool,
    limits: Limits,
    make: Box<dyn Fn() -> Vec<Body>>,
}

impl Case {
    /// A case that `make` sets up and whose body then runs on one thread.
    ///
    /// Setting up is not measured and happens once in each process.
    pub fn new<B>(name: impl Into<String>, make: impl Fn() -> B + 'static) -> Self
    where
        B: FnMut(u64) + Send + 'static,
    {
        let make = move || vec![Box::new(make()) as Body];
        Self::of(name.into(), 1, Box::new(make))
    }

    /// A case in which two threads run at once; `make` gives the body of each.
    pub fn threads<B>(name: impl Into<String>, make: impl Fn() -> [B; 2] + 'static) -> Self
    where
        B: FnMut(u64) + Send + 'static,
    {
        let make = move || make().into_iter().map(|body| Box::new(body) as Body).collect();
        Self::of(name.into(), 2, Box::new(make))
    }

    fn of(name: String, threads: usize, make: Box<dyn Fn() -> Vec<Body>>) -> Self {
        Self { name, threads, instructions: threads == 1, limits: Limits::default(), make }
    }

    /// The bench fails where a call of this case allocates.
    #[must_use]
    pub const fn without_allocations(mut self) -> Self {
        self.limits.allocs = Some(0.0);
        self
    }

    /// The bench fails where a call of this case takes more instructions.
    #[must_use]
    pub const fn at_most(mut self, instructions: f64) -> Self {
        self.limits.instructions = Some(instructions);
        self
    }

    /// The bench fails where a call of this case allocates more bytes.
    #[must_use]
    pub const fn within_bytes(mut self, bytes: f64) -> Self {
        self.limits.bytes = Some(bytes);
        self
    }

    /// Spares callgrind a case that takes too long to set up.
    #[must_use]
    pub const fn without_instructions(mut self) -> Self {
        self.instructions = false;
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn is_threaded(&self) -> bool {
        self.threads > 1
    }

    /// Two threads that run one after the other show nothing of what they cost together.
    pub(crate) fn counts_instructions(&self) -> bool {
        self.instructions
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn bodies(&self) -> Vec<Body> {
        (self.make)()
    }
}
