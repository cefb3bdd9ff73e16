//! `airtight reach`.

use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use clap::Args;

use super::arguments::CommonArguments;
use super::resolve::Resolved;
use super::{ExitCode, Stop, output};
use airtight_provider::atomic_file;
use airtight_provider::text_file;
use airtight_supply::network::Proxies;
use airtight_supply::reach;
use airtight_supply::reach::{Endpoint, JsonReport, Options, REPORT_LIMIT_BYTES};

pub(super) const HELP: &str = "\
Endpoints are HOST (port 443), HOST:PORT, or one of these with a scheme:
  https://HOST:PORT  TLS must be spoken
  http://HOST:PORT   without TLS, by HTTP_PROXY
  tcp://HOST:PORT    a connection is enough, past every proxy
Without a scheme TLS is tried on every port but 80; on a port other than 443 something else may answer.

  airtight reach registry.example.com tcp://database.example.com:5432
  airtight reach --from rehearsal.json
  airtight reach --timeout 2           as a hook before planning: what the settings call `reachable`

Each endpoint is tried in steps, and the step that fails is named with what must be opened:
  name   /etc/hosts, then the name servers of /etc/resolv.conf (not behind a proxy, which finds names itself)
  tcp    a connection to each address
  proxy  HTTPS_PROXY or HTTP_PROXY, not for hosts of NO_PROXY: its answer to CONNECT
  tls    a certificate for the host, by an authority of this machine (SSL_CERT_FILE, SSL_CERT_DIR)
Nothing else is sent: no request, no credentials but the proxy's own.

Exit codes: 0 all open; 100 one or more closed; 96 usage or settings.";

#[derive(Args, Debug)]
pub(crate) struct ReachArguments {
    /// Report of a rehearsal (`airtight rehearse --report FILE`), whose hosts are tried
    #[arg(long, value_name = "REPORT")]
    from: Option<Utf8PathBuf>,
    /// Seconds for each step of each endpoint
    #[arg(long, value_name = "SECONDS", env = "AIRTIGHT_REACH_TIMEOUT", hide_env_values = true, default_value = "5")]
    timeout: String,
    /// Settings of the administrator; what the image's /etc/airtight/settings.yml sets stays as it is there
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_SETTINGS", hide_env_values = true)]
    settings: Option<String>,
    /// How it is printed: human (default), concise or json
    #[arg(long, value_name = "FORMAT", env = "AIRTIGHT_FORMAT", hide_env_values = true)]
    format: Option<String>,
    /// Write the JSON report to this file as well
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_REPORT", hide_env_values = true)]
    report: Option<String>,
    /// What to reach (default: what the settings call `reachable`)
    #[arg(value_name = "HOST:PORT")]
    endpoints: Vec<String>,
}

pub(super) fn run(arguments: &ReachArguments) -> Result<ExitCode, Stop> {
    let common = CommonArguments {
        settings: arguments.settings.clone(),
        report: arguments.report.clone(),
        ..CommonArguments::default()
    };
    let resolved = Resolved::new(&common, None)?;
    let format = arguments.format.as_deref().filter(|text| !text.is_empty()).unwrap_or("human");
    if !["human", "concise", "json"].contains(&format) {
        return Err(Stop::Usage(format!("--format `{format}`: expected human, concise or json")));
    }
    let timeout = timeout(&arguments.timeout)?;
    let endpoints = endpoints(arguments, &resolved)?;
    let started = Instant::now();
    let options = Options { timeout, proxies: Proxies::of(&resolved.environment) };
    let attempts = reach::reach(&endpoints, &options);
    let elapsed = started.elapsed();
    let json = || JsonReport::new(&attempts, elapsed).render().map_err(anyhow::Error::new);
    if let Some(path) = &resolved.report {
        atomic_file::write(path, json()?.as_bytes(), 0o644)
            .map_err(|error| anyhow::Error::new(error).context(format!("the report `{path}` cannot be written")))?;
    }
    output::data(&match format {
        "json" => json()?,
        "concise" => reach::concise(&attempts),
        _ => reach::human(&attempts, elapsed, resolved.colors(&std::io::stdout())),
    })?;
    let is_open = attempts.iter().all(reach::Attempt::is_open);
    Ok(if is_open { ExitCode::Cleared } else { ExitCode::Refused })
}

fn timeout(text: &str) -> Result<Duration, Stop> {
    let seconds = if text.is_empty() { Some(5.0) } else { text.parse::<f64>().ok() };
    let seconds = seconds.filter(|seconds| (0.1..=300.0).contains(seconds));
    let seconds =
        seconds.ok_or_else(|| Stop::Usage(format!("--timeout `{text}`: expected seconds, from 0.1 to 300")))?;
    Ok(Duration::from_secs_f64(seconds))
}

/// Those named, those of a report; of the settings where neither is given. Each once, in that order.
fn endpoints(arguments: &ReachArguments, resolved: &Resolved) -> Result<Vec<Endpoint>, Stop> {
    let parse = |text: &String| text.parse::<Endpoint>().map_err(|error| Stop::Usage(error.to_string()));
    let mut endpoints = arguments.endpoints.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    if let Some(path) = &arguments.from {
        let usage = |reason: String| Stop::Usage(format!("--from `{path}`: {reason}"));
        let text = text_file::read(path, REPORT_LIMIT_BYTES).map_err(|error| usage(error.to_string()))?;
        let (declared, left_out) = reach::declared_in(&text).map_err(usage)?;
        endpoints.extend(declared);
        if !left_out.is_empty() {
            output::error_line(&format!(
                "not tried, since it cannot be told whether they are open: {}",
                left_out.join(", ")
            ));
        }
    } else if endpoints.is_empty() {
        endpoints = resolved.settings.reachable.iter().map(parse).collect::<Result<_, _>>()?;
        if endpoints.is_empty() {
            return Err(Stop::Usage(
                "nothing to reach: name HOST:PORT, or --from REPORT, or let the settings say `reachable: [HOST]`"
                    .to_owned(),
            ));
        }
    }
    let mut once = Vec::with_capacity(endpoints.len());
    for endpoint in endpoints {
        if !once.contains(&endpoint) {
            once.push(endpoint);
        }
    }
    Ok(once)
}
