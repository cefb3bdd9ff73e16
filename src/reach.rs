//! `airtight reach`.

use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use clap::Args;

use super::common_arguments::{CommonArguments, ReportFormat};
use super::resolve::Resolved;
use super::{ExitCode, Stop, output, typed};
use airtight_provider::text_file;
use airtight_supply::network::Proxies;
use airtight_supply::reach;
use airtight_supply::reach::{Endpoint, JsonReport, Options, REPORT_LIMIT_BYTES};

pub(super) const HELP: &str = "\
Endpoints are HOST (port 443), HOST:PORT, or one of these with a scheme:
  https://HOST:PORT  the server must speak TLS
  http://HOST:PORT   without TLS, through HTTP_PROXY
  tcp://HOST:PORT    a TCP connection is enough; no proxy is used
Without a scheme, TLS is tried on every port except 80. On ports other than 443 the server need not speak TLS.

  airtight reach registry.example.com tcp://database.example.com:5432
  airtight reach --from rehearsal.json
  airtight reach --timeout 2           as a hook before planning: the hosts in the settings' `reachable`

Each endpoint is tested in steps. The report names the step that failed and what must be opened:
  name   /etc/hosts, then the name servers in /etc/resolv.conf (not if a proxy is used: it resolves names itself)
  tcp    a connection to each address
  proxy  HTTPS_PROXY or HTTP_PROXY, except for hosts in NO_PROXY: its answer to CONNECT
  tls    a certificate for the host, from an authority that this machine trusts (SSL_CERT_FILE, SSL_CERT_DIR)
Nothing else is sent: no request, and no credentials except the proxy's own.

Exit codes: 0 all open; 100 one or more closed; 96 usage or settings.";

#[derive(Args, Debug)]
pub(crate) struct ReachArguments {
    /// Test the hosts in this report of a rehearsal (`airtight rehearse --report FILE`)
    #[arg(long, value_name = "REPORT")]
    from: Option<Utf8PathBuf>,
    /// Seconds for each step of each endpoint
    #[arg(long, value_name = "SECONDS", env = "AIRTIGHT_REACH_TIMEOUT", default_value = "5")]
    timeout: String,
    /// Administrator settings; they cannot override /etc/airtight/settings.yml in the image
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_SETTINGS")]
    settings: Option<String>,
    /// Format of the report (default: human, or `AIRTIGHT_FORMAT` if it is one of these)
    #[arg(long, value_name = "FORMAT")]
    format: Option<ReportFormat>,
    /// Also write the report to this file, as JSON
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_REPORT")]
    report: Option<String>,
    /// Endpoints to test (default: the hosts in the settings' `reachable`)
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
    let timeout = timeout(&arguments.timeout)?;
    let endpoints = endpoints(arguments, &resolved)?;
    let started = Instant::now();
    let options = Options { timeout, proxies: Proxies::of(&resolved.environment) };
    let attempts = reach::reach(&endpoints, &options);
    let elapsed = started.elapsed();
    let json = || JsonReport::new(&attempts, elapsed).render().map_err(anyhow::Error::new);
    if let Some(path) = &resolved.report {
        output::file("the report", path, &json()?)?;
    }
    output::data(&match typed::format(arguments.format) {
        ReportFormat::Json => json()?,
        ReportFormat::Concise => reach::concise(&attempts),
        ReportFormat::Human => reach::human(&attempts, elapsed, resolved.colors(&std::io::stdout())),
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

/// The given ones, then those of the report; if neither is given, those of the settings. Each once, in that order.
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
                "not tested, because it cannot be known whether they are open: {}",
                left_out.join(", ")
            ));
        }
    } else if endpoints.is_empty() {
        endpoints = resolved.settings.reachable.iter().map(parse).collect::<Result<_, _>>()?;
        if endpoints.is_empty() {
            return Err(Stop::Usage(
                "nothing to reach: name HOST:PORT, or --from REPORT, or set `reachable: [HOST]` in the settings"
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
