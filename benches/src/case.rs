//! What is measured.

/// A body that runs its code so many times.
pub(crate) type Body = Box<dyn FnMut(u64) + Send>;

/// One thing to measure, called `<library>/<case>`.
#[allow(missing_debug_implementations)] // it is closures
pub struct Case {
    name: String,
    threads: usize,
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
        Self { name: name.into(), threads: 1, make: Box::new(make) }
    }

    /// A case in which two threads run at once; `make` gives the body of each.
    pub fn threads<B>(name: impl Into<String>, make: impl Fn() -> [B; 2] + 'static) -> Self
    where
        B: FnMut(u64) + Send + 'static,
    {
        let make = move || make().into_iter().map(|body| Box::new(body) as Body).collect();
        Self { name: name.into(), threads: 2, make: Box::new(make) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn is_threaded(&self) -> bool {
        self.threads > 1
    }

    pub(crate) fn bodies(&self) -> Vec<Body> {
        (self.make)()
    }
}
