//! A provider registry on loopback, with TLS and a certificate authority of its own, that can misbehave.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::package::{Package, zh_of};
use super::publisher::Publisher;

/// What a server says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Close the connection after so many bytes of the body.
    pub breaks_after: Option<usize>,
    /// Before each chunk of the body.
    pub delay: Duration,
    /// The body again and again, without a length.
    pub is_endless: bool,
}

impl Answer {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, body: body.into(), ..Self::default() }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, body: b"no".to_vec(), ..Self::default() }
    }

    pub(crate) fn redirect(location: &str) -> Self {
        Self { headers: vec![("Location".to_owned(), location.to_owned())], ..Self::status(302) }
    }
}

/// A request that came in.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub method: String,
    pub path: String,
    pub body: Vec<u8>,
    /// By lower-case name.
    pub headers: BTreeMap<String, String>,
}

/// Decides over a request; null where the registry's own answer is right. The number counts requests of that path.
pub(crate) type Interference = Arc<dyn Fn(&Request, usize) -> Option<Answer> + Send + Sync>;

/// The registry; it serves as long as the process lives.
pub(crate) struct Registry {
    name: &'static str,
    pub port: u16,
    /// The certificate authority, PEM.
    pub authority: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Its repositories are served below `/git/`.
    repositories: Mutex<Option<Utf8PathBuf>>,
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    log: Mutex<Vec<Request>>,
    interference: Mutex<Option<Interference>>,
}

impl Registry {
    /// Begins to serve nothing but its discovery document.
    pub(crate) fn start() -> Self {
        Self::named("localhost")
    }

    /// The same under another name, which whoever asks must find for 127.0.0.1.
    pub(crate) fn named(name: &'static str) -> Self {
        let authority_key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "airtight test");
        let authority = parameters.self_signed(&authority_key).unwrap();
        let issuer = rcgen::Issuer::new(parameters, authority_key);
        let key = rcgen::KeyPair::generate().unwrap();
        let names = vec![name.to_owned()];
        let certificate = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(certificate.der().to_vec())],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let registry = Self { name, port, authority: authority.pem(), shared: shared.clone() };
        registry
            .file("/.well-known/terraform.json", r#"{"providers.v1":"/v1/providers/","modules.v1":"/v1/modules/"}"#);
        let config = Arc::new(config);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (config, shared) = (config.clone(), shared.clone());
                thread::spawn(move || {
                    // A client that goes away is no failure of the test.
                    let _ = serve(stream.unwrap(), config, &shared);
                });
            }
        });
        registry
    }

    pub(crate) fn host(&self) -> String {
        format!("{}:{}", self.name, self.port)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.host())
    }

    /// `HOST/NAMESPACE/TYPE`
    pub(crate) fn address(&self, provider: &str) -> String {
        format!("{}/{provider}", self.host())
    }

    pub(crate) fn file(&self, path: &str, contents: impl Into<Vec<u8>>) {
        self.shared.files.lock().unwrap().insert(path.to_owned(), contents.into());
    }

    /// Publishes the one package of a version; what was published before of it is replaced.
    pub(crate) fn publish(&self, package: &Package, publisher: &Publisher, keys: &[&Publisher]) {
        self.publish_archive(package, &package.archive(), publisher, keys);
    }

    /// The same with an archive that need not be the package's.
    pub(crate) fn publish_archive(
        &self,
        package: &Package,
        archive: &[u8],
        publisher: &Publisher,
        keys: &[&Publisher],
    ) {
        let provider = package.address.split_once('/').unwrap().1;
        let version = &package.version;
        let (os, arch) = package.platform.split_once('_').unwrap();
        let files = format!("/files/{provider}/{version}");
        let path = package.packed_path();
        let name = path.rsplit('/').next().unwrap();
        let sum = zh_of(archive).trim_start_matches("zh:").to_owned();
        let sums = format!("{sum}  {name}\n");
        self.file(&format!("{files}/SHA256SUMS.sig"), publisher.sign(sums.as_bytes()));
        self.file(&format!("{files}/SHA256SUMS"), sums);
        self.file(&format!("{files}/{name}"), archive);
        let answer = serde_json::json!({
            "protocols": ["5.0"], "os": os, "arch": arch, "filename": name,
            "download_url": format!("{files}/{name}"), "shasum": sum,
            "shasums_url": self.url(&format!("{files}/SHA256SUMS")),
            "shasums_signature_url": format!("{files}/SHA256SUMS.sig"),
            "signing_keys": {"gpg_public_keys": keys.iter().map(|key| serde_json::json!({
                "key_id": &key.fingerprint()[24..], "ascii_armor": key.public_key(),
            })).collect::<Vec<_>>()},
        });
        self.file(&format!("/v1/providers/{provider}/{version}/download/{os}/{arch}"), answer.to_string());
        let platforms = [serde_json::json!({"os": os, "arch": arch})];
        let versions =
            serde_json::json!({"versions": [{"version": version, "protocols": ["5.0"], "platforms": platforms}]});
        self.file(&format!("/v1/providers/{provider}/versions"), versions.to_string());
    }

    /// Publishes the versions of a module, `NAMESPACE/NAME/SYSTEM`, each with where its package is.
    pub(crate) fn publish_module(&self, module: &str, versions: &[(&str, &str)]) {
        let listed: Vec<_> = versions.iter().map(|(version, _)| serde_json::json!({"version": version})).collect();
        let answer = serde_json::json!({"modules": [{"versions": listed}]});
        self.file(&format!("/v1/modules/{module}/versions"), answer.to_string());
        for (version, place) in versions {
            let answer = serde_json::json!({ "location": place });
            self.file(&format!("/v1/modules/{module}/{version}/download"), answer.to_string());
        }
    }

    /// Serves what another one serves.
    pub(crate) fn take_over(&self, from: &Self) {
        self.shared.files.lock().unwrap().extend(from.shared.files.lock().unwrap().clone());
    }

    /// Serves the repositories of a directory below `/git/`, by git's own CGI program.
    pub(crate) fn serve_git(&self, directory: &Utf8Path) {
        *self.shared.repositories.lock().unwrap() = Some(directory.to_owned());
    }

    /// Lets something go wrong from now on.
    pub(crate) fn interfere(&self, with: impl Fn(&Request, usize) -> Option<Answer> + Send + Sync + 'static) {
        *self.shared.interference.lock().unwrap() = Some(Arc::new(with));
    }

    /// What was asked for since the last call.
    pub(crate) fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut *self.shared.log.lock().unwrap())
    }
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>, shared: &Shared) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut words = line.split(' ').map(ToOwned::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            match line.trim_end().split_once(": ") {
                Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
                None => break,
            };
        }
        let body = body_of(&mut stream, &headers)?;
        let request = Request { method: method.clone(), path, body, headers };
        let count = {
            let mut log = shared.log.lock().unwrap();
            log.push(request.clone());
            log.iter().filter(|earlier| earlier.path == request.path).count()
        };
        let interference = shared.interference.lock().unwrap().clone();
        let interfering = interference.and_then(|with| with(&request, count));
        let answer = interfering.unwrap_or_else(|| own_answer(&request, shared));
        let writer = stream.get_mut();
        let mut head = format!("HTTP/1.1 {} X\r\n", answer.status);
        if !answer.is_endless {
            head += &format!("Content-Length: {}\r\n", answer.body.len());
        }
        if request.path.ends_with(".json") || request.path.contains("/v1/") {
            head += "Content-Type: application/json\r\n";
        }
        for (name, value) in &answer.headers {
            head += &format!("{name}: {value}\r\n");
        }
        writer.write_all((head + "\r\n").as_bytes())?;
        if method == "HEAD" {
            writer.flush()?;
            continue;
        }
        if answer.is_endless {
            loop {
                thread::sleep(answer.delay);
                writer.write_all(&answer.body)?;
                writer.flush()?;
            }
        }
        let end = answer.breaks_after.unwrap_or(answer.body.len()).min(answer.body.len());
        let chunk = if answer.delay.is_zero() { end.max(1) } else { 2048 };
        for part in answer.body[..end].chunks(chunk) {
            thread::sleep(answer.delay);
            writer.write_all(part)?;
            writer.flush()?;
        }
        writer.flush()?;
        if answer.breaks_after.is_some() {
            return Ok(());
        }
    }
}

/// By its length, or in chunks.
fn body_of(stream: &mut impl BufRead, headers: &BTreeMap<String, String>) -> std::io::Result<Vec<u8>> {
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    if headers.get("transfer-encoding").is_some_and(|encoding| encoding == "chunked") {
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
            let mut chunk = vec![0; length + 2];
            stream.read_exact(&mut chunk)?;
            if length == 0 {
                break;
            }
            body.extend(&chunk[..length]);
        }
    }
    Ok(body)
}

/// What `git http-backend` answers.
fn git_answer(request: &Request, below: &str, repositories: &Utf8Path) -> Answer {
    let (path, query) = below.split_once('?').unwrap_or((below, ""));
    let header = |name: &str| request.headers.get(name).map(String::as_str).unwrap_or_default();
    let mut child = std::process::Command::new("git")
        .arg("http-backend")
        .envs([("GIT_PROJECT_ROOT", repositories.as_str()), ("GIT_HTTP_EXPORT_ALL", "1"), ("REMOTE_ADDR", "127.0.0.1")])
        .envs([("REQUEST_METHOD", request.method.as_str()), ("PATH_INFO", path), ("QUERY_STRING", query)])
        .envs([("CONTENT_TYPE", header("content-type")), ("GIT_PROTOCOL", header("git-protocol"))])
        .envs([("HTTP_CONTENT_ENCODING", header("content-encoding"))])
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&request.body).unwrap();
    let output = child.wait_with_output().unwrap().stdout;
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(output[..end].to_vec()).unwrap();
    let mut headers: Vec<(String, String)> = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let status = headers.iter().position(|(name, _)| name == "Status").map(|at| headers.remove(at).1);
    let status = status.map_or(200, |status| status[..3].parse().unwrap());
    Answer { status, headers, body: output[end + 4..].to_vec(), ..Answer::default() }
}

/// Files, and parts of files.
fn own_answer(request: &Request, shared: &Shared) -> Answer {
    if let Some(below) = request.path.strip_prefix("/git")
        && let Some(repositories) = shared.repositories.lock().unwrap().clone()
    {
        return git_answer(request, below, &repositories);
    }
    let files = shared.files.lock().unwrap();
    let Some(body) = files.get(&request.path) else { return Answer::status(404) };
    let range =
        request.headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    match range {
        Some(from) if from < body.len() => Answer {
            status: 206,
            headers: vec![("Content-Range".to_owned(), format!("bytes {from}-{}/{}", body.len() - 1, body.len()))],
            body: body[from..].to_vec(),
            ..Answer::default()
        },
        Some(_) => Answer {
            headers: vec![("Content-Range".to_owned(), format!("bytes */{}", body.len()))],
            ..Answer::status(416)
        },
        None => Answer { headers: package_header(&request.path, body), ..Answer::ok(body.clone()) },
    }
}

/// Where a module's package is, as older engines read it.
fn package_header(path: &str, body: &[u8]) -> Vec<(String, String)> {
    let is_module = path.starts_with("/v1/modules/") && path.ends_with("/download");
    let answer = serde_json::from_slice::<serde_json::Value>(body).ok().filter(|_| is_module);
    let place = answer.and_then(|answer| Some(answer.get("location")?.as_str()?.to_owned()));
    place.map(|place| ("X-Terraform-Get".to_owned(), place)).into_iter().collect()
}

/// A proxy on loopback that connects to loopback, whatever is asked for; its address, and what was asked for.
pub(crate) fn start_proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, log) = (client.unwrap(), log.clone());
            // A client that goes away is no failure of the test.
            thread::spawn(move || forward(client, &log));
        }
    });
    (format!("http://user:s3cret@{address}"), asked)
}

fn forward(client: TcpStream, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    log.lock().unwrap().push(head.clone());
    let port = head.split_whitespace().nth(1).and_then(|target| target.rsplit(':').next()).unwrap_or_default();
    let mut server = TcpStream::connect(format!("127.0.0.1:{port}"))?;
    let (mut to_client, mut from_server) = (client, server.try_clone()?);
    to_client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    let back = thread::spawn(move || std::io::copy(&mut from_server, &mut to_client));
    std::io::copy(&mut reader, &mut server)?;
    server.shutdown(std::net::Shutdown::Write)?;
    let _ = back.join();
    Ok(())
}
