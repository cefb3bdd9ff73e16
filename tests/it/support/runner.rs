//! Runs the tests, as the standard harness does, but a test can find out that what it needs is not here: it is then
//! *ignored* and counted so. A test for each engine is two tests, named after the engines.

use std::cell::RefCell;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Trial};

use super::engines::{ENGINES, Engine, engine};
use super::isolation::has_namespaces;
use super::real_package::real_packages;

/// A test by its name in the tests' crate.
pub(crate) struct Test {
    name: String,
    body: Box<dyn FnOnce() + Send>,
}

/// What a test for each engine needs beside the engine and a network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    Engine,
    RealProviders,
}

thread_local! {
    static IGNORED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The running test ends as ignored unless it fails. It returns when nothing of it can run here.
pub(crate) fn ignored(reason: &str) {
    IGNORED.set(Some(reason.to_owned()));
}

impl Test {
    pub(crate) fn new(module: &str, name: &str, body: impl FnOnce() + Send + 'static) -> Self {
        let module = module.split_once("::").map_or("", |(_, module)| module);
        let parts = [module, name].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        Self { name: parts.join("::"), body: Box::new(body) }
    }

    pub(crate) fn each_engine(module: &str, name: &str, needs: Needs, body: fn(&'static Engine)) -> Vec<Self> {
        let test = |engine| Self::new(module, &format!("{name}::{engine}"), move || with(engine, needs, body));
        ENGINES.into_iter().map(test).collect()
    }

    /// With one engine; with the others in the deep comparison.
    pub(crate) fn one_engine(module: &str, name: &str, needs: Needs, body: fn(&'static Engine)) -> Vec<Self> {
        let mut tests = Self::each_engine(module, name, needs, body);
        let others = Self::deep(tests.split_off(1));
        tests.extend(others);
        tests
    }

    /// The tests that are a part of the deep comparison, as `deep::NAME`; none in other runs.
    pub(crate) fn deep(tests: Vec<Self>) -> Vec<Self> {
        let tests = tests.into_iter().filter(|_| is_deep());
        tests.map(|test| Self { name: format!("deep::{}", test.name), ..test }).collect()
    }

    fn into_trial(self) -> Trial {
        Trial::ignorable_test(self.name, || {
            IGNORED.take();
            (self.body)();
            Ok(IGNORED.take().map_or(Completion::Completed, Completion::ignored_with))
        })
    }
}

fn with(name: &str, needs: Needs, body: fn(&'static Engine)) {
    if !has_namespaces() {
        return ignored("no network namespace can be made here");
    }
    let Some(engine) = engine(name) else { return };
    if needs == Needs::RealProviders && real_packages().is_empty() {
        return ignored("no real provider can be built");
    }
    body(engine);
}

/// Whether the deep comparison is asked for: `tests/deep`.
pub(crate) fn is_deep() -> bool {
    std::env::var_os("AIRTIGHT_DEEP").is_some()
}

/// Runs those of all modules' tests that the command line asks for.
pub(crate) fn run(modules: impl IntoIterator<Item = Vec<Test>>) -> ExitCode {
    let trials = modules.into_iter().flatten().map(Test::into_trial).collect();
    let mut arguments = Arguments::from_args();
    // Many wait for time-outs, servers and engines rather than for a processor.
    let processors = std::thread::available_parallelism().map_or(1, Into::into);
    arguments.test_threads = arguments.test_threads.or(Some(2 * processors));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The tests of a module, which are functions of it: `name`, `name(engine)` for each engine, `name(engine with providers)` if
/// it needs real providers too, `name(one engine with providers)` where engines differ little: the others are for the deep
/// comparison, as is `name(deep engine)`.
///
/// A function that is not listed is dead code to the compiler.
#[macro_export]
macro_rules! tests {
    ($($name:ident $(($($kind:tt)+))?),* $(,)?) => {
        pub(crate) fn tests() -> Vec<$crate::support::runner::Test> {
            let mut tests = Vec::new();
            $(tests.extend($crate::tests!(@one $name $($($kind)+)?));)*
            tests
        }
    };
    (@one $name:ident) => {
        [$crate::support::runner::Test::new(module_path!(), stringify!($name), $name)]
    };
    (@one $name:ident engine) => {
        $crate::tests!(@each $name Engine)
    };
    (@one $name:ident engine with providers) => {
        $crate::tests!(@each $name RealProviders)
    };
    (@one $name:ident one engine with providers) => {{
        use $crate::support::runner::{Needs, Test};
        Test::one_engine(module_path!(), stringify!($name), Needs::RealProviders, $name)
    }};
    (@one $name:ident deep engine) => {
        $crate::support::runner::Test::deep($crate::tests!(@each $name Engine))
    };
    (@each $name:ident $needs:ident) => {{
        use $crate::support::runner::{Needs, Test};
        Test::each_engine(module_path!(), stringify!($name), Needs::$needs, $name)
    }};
}
