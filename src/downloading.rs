//! What the commands that download share: whose rules count, and how patient they are.

use std::time::Duration;

use airtight_engine::environment::Environment;
use airtight_provider::{Engine, EngineName, Version};
use airtight_supply::registry::{Client, ClientOptions, Credentials, HostServices, HttpError};
use clap::Args;

use super::Stop;

#[derive(Args, Debug)]
pub(crate) struct EngineRules {
    /// Engine whose default registry, CLI configuration and rules are used
    #[arg(long, value_name = "tofu|terraform", env = "AIRTIGHT_ENGINE", default_value = "tofu")]
    engine: String,
}

impl EngineRules {
    /// Its version matters to none of what is read by these rules.
    pub(crate) fn engine(&self) -> Result<Engine, Stop> {
        let text = self.engine.rsplit('/').next().filter(|text| !text.is_empty()).unwrap_or("tofu");
        let name: EngineName = text.parse().map_err(|error| Stop::Usage(format!("--engine `{text}`: {error}")))?;
        let version = match name {
            EngineName::Tofu => Version::release(1, 12, 0),
            EngineName::Terraform => Version::release(1, 11, 0),
        };
        Ok(Engine::new(name, version))
    }
}

#[derive(Args, Debug)]
pub(crate) struct Patience {
    /// Seconds to wait for a connection, an answer, or the next bytes
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
    /// Tries for a request that fails for a temporary reason, such as 429 or a broken connection
    #[arg(long, value_name = "NUMBER", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub(crate) tries: u32,
}

impl Patience {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout.max(1))
    }

    /// A client with the engine's credentials and hosts.
    pub(crate) fn client(
        &self,
        engine: &Engine,
        megabytes: u64,
        limit: Duration,
    ) -> Result<Result<Client, HttpError>, Stop> {
        let environment = Environment::from_process().map_err(|error| Stop::Usage(error.to_string()))?;
        let mut options = ClientOptions::new(&environment).map_err(|error| Stop::Usage(error.to_string()))?;
        options.timeout = self.timeout();
        options.tries = self.tries;
        options.package_bytes = megabytes.saturating_mul(1_000_000);
        options.package_time = limit;
        let credentials = Credentials::collect(&environment, engine, ".".into());
        let services = HostServices::collect(&environment, engine, ".".into());
        Ok(Client::new(options, credentials, services))
    }
}

/// Between a minute and a week.
pub(crate) fn minutes(number: u64) -> Duration {
    Duration::from_secs(number.clamp(1, 7 * 24 * 60) * 60)
}
