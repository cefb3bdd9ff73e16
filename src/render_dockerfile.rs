//! `airtight render dockerfile`: the Dockerfile of a runner image.

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::Stop;
use super::typed::{self, Suggested};
use airtight_gate::render::template::Template;
use airtight_provider::{EngineName, Platform, Version};

pub(crate) const HELP: &str = "\
Examples:
  airtight render dockerfile > Dockerfile
  airtight render dockerfile --engine tofu@1.12.6 --engine terraform@1.11.4 --base registry.example.com/runner@sha256:...
Behind a corporate proxy, from a mirror of the release archives, on Debian:
  airtight render dockerfile --base debian:12-slim --packages apt --proxy http://proxy.example.com:3128 \\
    --downloads https://artifacts.example.com/engines --ca corporate.pem
Without network, with the archives in `archives/` next to the Dockerfile:
  airtight render dockerfile --downloads archives

With --downloads, each engine's files have the names of the publisher: the archive, and its .gpgsig and opentofu.gpg, or the \
SHA256SUMS, its .sig and hashicorp.asc.";

#[derive(Args, Debug)]
pub(crate) struct DockerfileArguments {
    /// `tofu` or `terraform`, or one of a version: `tofu@1.12.6` (repeatable; a second version of an engine is installed as
    /// /usr/local/bin/ENGINE-VERSION)
    #[arg(
        long,
        value_name = "ENGINE[@X.Y.Z]",
        env = "AIRTIGHT_ENGINE",
        default_value = "tofu",
        hide_possible_values = true,
        value_parser = Suggested(typed::engines)
    )]
    pub engine: Vec<String>,
    /// Version of the engines that are named without one (default: 1.12.6 of OpenTofu, 1.11.4 of Terraform)
    #[arg(long, value_name = "X.Y.Z", env = "AIRTIGHT_ENGINE_VERSION")]
    pub engine_version: Option<String>,
    /// Platform of the image
    #[arg(
        long,
        value_name = "OS_ARCH",
        env = "AIRTIGHT_PLATFORM",
        default_value = "linux_amd64",
        hide_possible_values = true,
        value_parser = Suggested(typed::platforms)
    )]
    pub platform: String,
    /// The mirror's directory in the image
    #[arg(long, value_name = "DIR", env = "AIRTIGHT_MIRROR", default_value = "/providers")]
    pub mirror: String,
    /// Also copy a store of module sources, `modules/` next to the Dockerfile, to this directory in the image
    #[arg(long, value_name = "DIR", env = "AIRTIGHT_MODULES")]
    pub modules: Option<String>,
    /// The image to build on; pin it with @sha256:...
    #[arg(long, value_name = "IMAGE", default_value = "public.ecr.aws/spacelift/runner-terraform:latest")]
    pub base: String,
    /// Take airtight from this image (its `/airtight`) instead of from a file next to the Dockerfile
    #[arg(long, value_name = "IMAGE")]
    pub airtight_image: Option<String>,
    /// Where the engines' release files are: a URL, or a directory next to the Dockerfile (default: the publishers' own hosts)
    #[arg(long, value_name = "URL|DIR")]
    pub downloads: Option<String>,
    /// File next to the Dockerfile with further certificate authorities (PEM)
    #[arg(long, value_name = "FILE")]
    pub ca: Option<String>,
    /// Proxy for the package manager, during the build only; without user name and password
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,
    /// Install git, procps and ca-certificates with this package manager; `none` if the base image has them
    #[arg(long, value_enum, value_name = "apk|apt|none", default_value = "none", hide_possible_values = true)]
    pub packages: Packages,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Packages {
    Apk,
    Apt,
    None,
}

#[derive(Serialize)]
struct Values<'a> {
    engines: Vec<EngineValues>,
    platform: String,
    mirror: &'a str,
    modules: Option<&'a str>,
    base: &'a str,
    is_pinned: bool,
    airtight_image: Option<&'a str>,
    /// A directory next to the Dockerfile; null if the builder downloads.
    archives: Option<&'a str>,
    ca: Option<&'a str>,
    proxy: Option<&'a str>,
    packages: Packages,
    option: String,
}

#[derive(Serialize)]
struct EngineValues {
    name: &'static str,
    stage: String,
    /// Where it goes.
    path: String,
    archive: String,
    sums: String,
    key: &'static str,
    fingerprint: &'static str,
    files: Vec<ReleaseFile>,
}

#[derive(Serialize)]
struct ReleaseFile {
    name: String,
    url: String,
}

/// The key that OpenTofu signs releases with.
///
/// Source: OpenTofu's standalone installer, `OPENTOFU_GPG_KEY`; <https://get.opentofu.org/opentofu.asc>.
const TOFU_KEY: &str = "E3E6E43D84CB852EADB0051D0C0AF313E5FD9F80";

/// The key that HashiCorp signs releases with.
///
/// Source: <https://www.hashicorp.com/trust/security>.
const TERRAFORM_KEY: &str = "C874011F0AB405110D02105534365D9472D7468F";

/// Builders know `https_proxy` without an `ARG`, and then write it into no layer.
const NO_SECRET: &str = "a user name and password would be in the Dockerfile and in the image's history. Leave --proxy out, and build \
                         with `--build-arg https_proxy=URL --build-arg http_proxy=URL`: builders keep these two out of the image";

/// Renders the Dockerfile.
pub(crate) fn dockerfile(arguments: &DockerfileArguments) -> Result<String, Stop> {
    let directories = [("mirror", Some(arguments.mirror.as_str())), ("modules", given(arguments.modules.as_ref()))];
    for (option, path) in directories {
        let is_absolute = path.is_none_or(|path| path.starts_with('/'));
        plain(option, path, "/._-").and(if is_absolute { Ok(()) } else { Err(usage(option, "an absolute path")) })?;
    }
    plain("base", Some(&arguments.base), "/._-:@")?;
    plain("airtight-image", given(arguments.airtight_image.as_ref()), "/._-:@")?;
    plain("ca", given(arguments.ca.as_ref()), "/._-")?;
    if given(arguments.proxy.as_ref()).is_some_and(|proxy| proxy.contains('@')) {
        return Err(usage("proxy", NO_SECRET));
    }
    plain("proxy", given(arguments.proxy.as_ref()), "/._-:%")?;
    let downloads = given(arguments.downloads.as_ref()).map(|text| text.trim_end_matches('/'));
    plain("downloads", downloads, "/._-:%~")?;
    let platform: Platform = arguments.platform.parse().map_err(|error| usage("platform", &error))?;
    let mut engines: Vec<EngineValues> = Vec::new();
    for text in &arguments.engine {
        let engine = engine(text, arguments.engine_version.as_deref(), &platform, downloads, &engines)?;
        engines.push(engine);
    }
    let values = Values {
        option: options(arguments),
        engines,
        platform: platform.to_string(),
        mirror: &arguments.mirror,
        modules: given(arguments.modules.as_ref()),
        base: &arguments.base,
        is_pinned: arguments.base.contains("@sha256:"),
        airtight_image: given(arguments.airtight_image.as_ref()),
        archives: downloads.filter(|text| !text.contains("://")),
        ca: given(arguments.ca.as_ref()),
        proxy: given(arguments.proxy.as_ref()),
        packages: arguments.packages,
    };
    Template {
        name: "Dockerfile.tera",
        text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/Dockerfile.tera")),
        delimiters: tera::Delimiters::default(),
    }
    .render(&values)
    .map_err(|error| anyhow::Error::new(error).into())
}

fn given(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

fn usage(option: &str, what: &(impl std::fmt::Display + ?Sized)) -> Stop {
    Stop::Usage(format!("--{option}: {what}"))
}

/// Nothing that a Dockerfile or a shell reads as anything but a word.
fn plain(option: &str, text: Option<&str>, others: &str) -> Result<(), Stop> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || others.contains(letter);
    match text {
        Some(text) if text.is_empty() || text.starts_with('-') || !text.chars().all(is_plain) => {
            Err(usage(option, &format!("only letters, digits and `{others}` can be in a Dockerfile here")))
        }
        _ => Ok(()),
    }
}

fn engine(
    text: &str,
    version: Option<&str>,
    platform: &Platform,
    downloads: Option<&str>,
    others: &[EngineValues],
) -> Result<EngineValues, Stop> {
    let (name, own) = text.split_once('@').map_or((text, None), |(name, version)| (name, Some(version)));
    let name: EngineName = name.parse().map_err(|error| usage("engine", &error))?;
    let newest = match name {
        EngineName::Tofu => "1.12.6",
        EngineName::Terraform => "1.11.4",
    };
    let version = own.or(version).filter(|version| !version.is_empty()).unwrap_or(newest);
    let version: Version = version.parse().map_err(|error| usage("engine-version", &error))?;
    let program = name.program();
    let archive = format!("{program}_{version}_{platform}.zip");
    let sums = format!("terraform_{version}_SHA256SUMS");
    let (key, key_url, fingerprint, names, host) = match name {
        EngineName::Tofu => (
            "opentofu.gpg",
            "https://get.opentofu.org/opentofu.gpg",
            TOFU_KEY,
            vec![archive.clone(), format!("{archive}.gpgsig")],
            format!("https://github.com/opentofu/opentofu/releases/download/v{version}"),
        ),
        EngineName::Terraform => (
            "hashicorp.asc",
            "https://www.hashicorp.com/.well-known/pgp-key.txt",
            TERRAFORM_KEY,
            vec![archive.clone(), sums.clone(), format!("{sums}.sig")],
            format!("https://releases.hashicorp.com/terraform/{version}"),
        ),
    };
    let url = |name: &str, own: String| downloads.map_or(own, |downloads| format!("{downloads}/{name}"));
    let mut files: Vec<ReleaseFile> =
        names.into_iter().map(|name| ReleaseFile { url: url(&name, format!("{host}/{name}")), name }).collect();
    files.push(ReleaseFile { name: key.to_owned(), url: url(key, key_url.to_owned()) });
    let is_first = others.iter().all(|other| other.name != program);
    let stage = format!("{program}-{version}");
    if others.iter().any(|other| other.stage == stage) {
        return Err(usage("engine", &format!("`{program}` {version} is named twice")));
    }
    let path = if is_first { program.to_owned() } else { stage.clone() };
    Ok(EngineValues {
        name: program,
        path: format!("/usr/local/bin/{path}"),
        stage,
        archive,
        sums,
        key,
        fingerprint,
        files,
    })
}

/// The options that make this file again, each behind a blank.
fn options(arguments: &DockerfileArguments) -> String {
    let mut options = String::new();
    for engine in &arguments.engine {
        options.extend([" --engine ", engine.as_str()]);
    }
    let optional = [
        ("engine-version", given(arguments.engine_version.as_ref())),
        ("platform", Some(arguments.platform.as_str())),
        ("mirror", Some(arguments.mirror.as_str())),
        ("modules", given(arguments.modules.as_ref())),
        ("base", Some(arguments.base.as_str())),
        ("airtight-image", given(arguments.airtight_image.as_ref())),
        ("downloads", given(arguments.downloads.as_ref())),
        ("ca", given(arguments.ca.as_ref())),
        ("proxy", given(arguments.proxy.as_ref())),
        ("packages", arguments.packages.to_possible_value().as_ref().map(clap::builder::PossibleValue::get_name)),
    ]
    .map(|(name, value)| value.map(|value| format!(" --{name} {value}")).unwrap_or_default());
    options.extend(optional);
    options
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::Arguments;
    use crate::arguments::{Command, RenderWhat};

    fn rendered(options: &str) -> Result<String, Stop> {
        let words = ["airtight", "render", "dockerfile"].into_iter().chain(options.split_whitespace());
        let Command::Render(arguments) = Arguments::try_parse_from(words).unwrap().command else { panic!() };
        let RenderWhat::Dockerfile(arguments) = arguments.what else { panic!() };
        dockerfile(&arguments)
    }

    const FORMS: [&str; 5] = [
        "",
        "--engine terraform",
        "--engine tofu@1.9.1 --engine tofu --engine terraform@1.10.5 --platform linux_arm64 --base example.com/a@sha256:0a",
        "--base debian:12-slim --packages apt --proxy http://proxy:3128 --downloads https://a.example/e --ca corporate.pem",
        "--packages apk --downloads archives --airtight-image example.com/airtight@sha256:0a --modules /modules",
    ];

    /// Every call of airtight in the file is one that this very binary understands, and the first line makes it again.
    #[test]
    fn a_dockerfile_calls_airtight_as_it_is() {
        for form in FORMS {
            let text = rendered(form).unwrap();
            let mut calls: Vec<Vec<String>> = Vec::new();
            for line in text.lines() {
                let line = line.trim_start_matches("RUN ").trim().trim_end_matches(" && \\");
                if line.starts_with("[\"/airtight\"") {
                    calls.push(serde_json::from_str(line).unwrap());
                } else if line.starts_with("airtight ") {
                    calls.push(line.split(' ').map(str::to_owned).collect());
                }
            }
            assert!(calls.len() >= 3, "{text}");
            for call in calls {
                let parsed = Arguments::try_parse_from(&call);
                assert!(parsed.is_ok(), "{call:?}: {}", parsed.unwrap_err());
            }
            let again = text.lines().next().unwrap().split_once("render dockerfile").unwrap().1.trim_end_matches("`.");
            assert_eq!(rendered(again).unwrap(), text);
            for tool in ["wget ", "unzip ", "gpg --"] {
                assert!(!text.lines().any(|line| !line.starts_with('#') && line.contains(tool)), "{tool}: {text}");
            }
        }
    }

    /// Built for real once with a proxy that saw each request: apt asked it only with these names.
    #[test]
    fn apt_gets_its_proxy_under_the_names_that_it_reads() {
        let text = rendered(FORMS[3]).unwrap();
        assert!(text.contains("\nARG https_proxy=http://proxy:3128\nARG http_proxy=http://proxy:3128\n"), "{text}");
    }

    #[test]
    fn each_engine_has_its_own_place() {
        let text = rendered(FORMS[2]).unwrap();
        for expected in [
            "COPY --from=tofu-1.9.1 --chown=root:root /engine/tofu /usr/local/bin/tofu\n",
            "COPY --from=tofu-1.12.6 --chown=root:root /engine/tofu /usr/local/bin/tofu-1.12.6\n",
            "COPY --from=terraform-1.10.5 --chown=root:root /engine/terraform /usr/local/bin/terraform\n",
            "airtight doctor --mirror /providers --engine /usr/local/bin/tofu-1.12.6",
            "terraform_1.10.5_linux_arm64.zip",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        assert!(!text.contains("DL3006"), "{text}");
    }

    #[test]
    fn what_does_not_belong_into_a_dockerfile_is_refused() {
        for options in [
            "--engine pulumi",
            "--engine-version x",
            "--platform linux",
            "--mirror providers",
            "--mirror /p;rm",
            "--base a$b",
            "--ca a;b",
            "--downloads $(x)",
            "--engine tofu --engine tofu",
            "--packages apt --proxy http://user:secret@proxy:3128",
        ] {
            assert!(matches!(rendered(options), Err(Stop::Usage(_))), "{options}");
        }
    }
}
