//! `airtight reach`: open and closed endpoints of every kind, with servers, proxies and name servers of the test's own.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use fs_err as fs;
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use simple_dns::rdata::{A, RData};
use simple_dns::{CLASS, Packet, PacketFlag, RCODE, ResourceRecord};

use crate::support::isolation::{Isolated, airtight, has_namespaces, is_root};
use crate::support::registry::start_proxy;
use crate::support::runner::ignored;
use crate::support::tree::{Tree, Workspace};

crate::tests! {
    names_the_step_of_tls_that_fails,
    what_speaks_no_tls_is_open_where_none_is_asked_for,
    a_closed_port_is_told_with_its_address_and_people_are_told_what_to_open,
    a_proxy_is_asked_as_the_engines_ask_it,
    a_proxy_behind_tls_is_checked_itself,
    a_proxy_that_refuses_is_told_and_its_password_is_not,
    endpoints_come_from_a_rehearsal_or_the_settings_and_none_is_a_mistake,
    answers_names,
    the_name_server_that_said_no_is_named_and_silence_has_an_end,
    the_readme_names_what_can_be_tried,
    the_example_hook_stops_a_phase_before_it_runs,
}

/// A certificate authority.
struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::<String>::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, name);
        let certificate = parameters.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(parameters, key) }
    }

    /// A TLS server on loopback; its port.
    fn serves(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> u16 {
        let config = self.config(name, change);
        on_loopback(move |stream| {
            // Whoever only shakes hands goes away.
            let _ = secured(&config, stream).read(&mut [0; 64]);
        })
    }

    fn config(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut parameters);
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
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
        Arc::new(config)
    }
}

fn secured<S: Read + Write>(config: &Arc<ServerConfig>, stream: S) -> StreamOwned<ServerConnection, S> {
    StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream)
}

/// Serves each connection in a thread of its own, as long as the process lives.
fn on_loopback(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream.unwrap()));
        }
    });
    port
}

/// A proxy that answers everything with the same text.
fn proxy_that_answers(text: &'static str) -> u16 {
    on_loopback(move |stream| {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        while reader.read_line(&mut line).unwrap_or_default() > 2 {
            line.clear();
        }
        let _ = reader.into_inner().write_all(text.as_bytes());
    })
}

fn workspace(authority: &Authority) -> Workspace {
    let mut tree = Tree::default();
    tree.file("ca.pem", authority.certificate.pem());
    Workspace::holding(&tree, false)
}

fn command(workspace: &Workspace, arguments: &[&str]) -> Isolated {
    Isolated { offline: false, ..Isolated::new(airtight(), workspace.root()) }
        .arguments(["reach", "--timeout", "1", "--format", "json"])
        .arguments(arguments.iter().copied())
        .environment("SSL_CERT_FILE", workspace.path("ca.pem"))
        .environment("HOME", workspace.root().as_str())
}

/// `state step: reason`, or `open`, of each endpoint; and the exit code.
fn told(output: &Output) -> (i32, Vec<String>) {
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}\n{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(report["schema"], "airtight/reach/1");
    let endpoints = report["endpoints"].as_array().unwrap().iter().map(|endpoint| match endpoint["state"].as_str() {
        Some("open") => {
            let tls = match &endpoint["tls"] {
                Value::Bool(true) => format!(" TLS {}", endpoint["issuer"].as_str().unwrap_or_default()),
                Value::Bool(false) => " no TLS".to_owned(),
                _ => String::new(),
            };
            let via = endpoint["via"].as_str().map(|_| " via proxy").unwrap_or_default();
            format!("open{tls}{via}")
        }
        _ => format!("{}: {}", endpoint["step"].as_str().unwrap(), endpoint["reason"].as_str().unwrap()),
    });
    let endpoints: Vec<_> = endpoints.collect();
    let closed = endpoints.iter().filter(|text| !text.starts_with("open")).count();
    assert_eq!(report["counts"]["closed"], closed);
    (output.status.code().unwrap(), endpoints)
}

fn one(command: &Isolated) -> String {
    let (code, endpoints) = told(&command.run());
    let [endpoint] = &endpoints[..] else { panic!("{endpoints:?}") };
    assert_eq!(code, if endpoint.starts_with("open") { 0 } else { 100 }, "{endpoint}");
    endpoint.clone()
}

fn names_the_step_of_tls_that_fails() {
    let authority = Authority::new("Example Authority");
    let stranger = Authority::new("Example Firewall");
    let workspace = workspace(&authority);
    let past = |parameters: &mut CertificateParams| {
        parameters.not_before = date_time_ymd(2020, 1, 1);
        parameters.not_after = date_time_ymd(2021, 2, 3);
    };
    let future = |parameters: &mut CertificateParams| {
        parameters.not_before = date_time_ymd(2090, 1, 1);
        parameters.not_after = date_time_ymd(2091, 1, 1);
    };
    for (port, expected) in [
        (authority.serves("localhost", |_| {}), "open TLS Example Authority"),
        (
            stranger.serves("localhost", |_| {}),
            "tls: its certificate is signed by an authority that is not trusted here: Example Firewall",
        ),
        (authority.serves("localhost", past), "tls: its certificate has expired at 2021-02-03T00:00:00Z"),
        (authority.serves("localhost", future), "tls: its certificate is not valid before 2090-01-01T00:00:00Z"),
        (authority.serves("other.example", |_| {}), "tls: its certificate is for another name: other.example"),
        (on_loopback(drop), "tls: the connection is closed at the first message of TLS"),
        (
            on_loopback(|stream| {
                thread::sleep(Duration::from_secs(20));
                drop(stream);
            }),
            "tls: the first message of TLS is not answered within 1s",
        ),
        (
            on_loopback(|mut stream| {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
                thread::sleep(Duration::from_secs(2));
            }),
            "tls: what answers there does not speak TLS",
        ),
    ] {
        assert_eq!(one(&command(&workspace, &[&format!("https://localhost:{port}")])), expected);
    }
}

fn what_speaks_no_tls_is_open_where_none_is_asked_for() {
    let authority = Authority::new("x");
    let workspace = workspace(&authority);
    let port = on_loopback(|mut stream| {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n");
        thread::sleep(Duration::from_secs(2));
    });
    assert_eq!(one(&command(&workspace, &[&format!("127.0.0.1:{port}")])), "open no TLS");
    assert_eq!(one(&command(&workspace, &[&format!("tcp://127.0.0.1:{port}")])), "open");
    assert_eq!(one(&command(&workspace, &[&format!("http://127.0.0.1:{port}")])), "open");
    let without_authorities = command(&workspace, &[&format!("https://127.0.0.1:{port}")])
        .environment("SSL_CERT_FILE", workspace.path("nothing.pem"));
    let told = one(&without_authorities);
    assert!(told.starts_with("tls: no certificate authorities to check servers against"), "{told}");
}

fn a_closed_port_is_told_with_its_address_and_people_are_told_what_to_open() {
    let workspace = workspace(&Authority::new("x"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let endpoint = format!("127.0.0.1:{port}");
    assert_eq!(one(&command(&workspace, &[&endpoint])), format!("tcp: 127.0.0.1:{port} refuses the connection"));
    let mut output = command(&workspace, &[&endpoint, &endpoint]);
    output.arguments.retain(|argument| argument != "json" && argument != "--format");
    let output = output.run();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines[0],
        format!(
            "closed  {endpoint}  tcp: {endpoint} refuses the connection; nothing listens there, or a firewall rejects it: let \
             TCP through from this runner to {endpoint}"
        )
    );
    assert!(lines[1].starts_with("airtight: closed: 1 of 1 endpoint in "), "{text}");
    assert_eq!((lines.len(), output.status.code()), (2, Some(100)));
}

fn a_proxy_is_asked_as_the_engines_ask_it() {
    let authority = Authority::new("Example Authority");
    let workspace = workspace(&authority);
    let port = authority.serves("far.example", |_| {});
    let endpoint = format!("far.example:{port}");
    let (proxy, asked) = start_proxy();
    for variable in ["HTTPS_PROXY", "https_proxy"] {
        let told = one(&command(&workspace, &[&endpoint]).environment(variable, proxy.clone()));
        assert_eq!(told, "open TLS Example Authority via proxy", "{variable}");
    }
    let heads = asked.lock().unwrap().clone();
    assert_eq!(heads.len(), 2);
    assert!(heads[0].starts_with(&format!("CONNECT {endpoint} HTTP/1.1\r\nHost: {endpoint}\r\n")), "{}", heads[0]);
    assert!(heads[0].contains("Proxy-Authorization: Basic dXNlcjpzM2NyZXQ=\r\n"), "{}", heads[0]);
    // Past the proxy the name leads nowhere.
    for except in ["far.example", ".example", "*"] {
        let direct = command(&workspace, &[&endpoint]).environment("HTTPS_PROXY", proxy.clone());
        assert!(one(&direct.environment("no_proxy", except)).starts_with("name: "), "{except}");
    }
    let direct = command(&workspace, &[&format!("tcp://{endpoint}")]).environment("HTTPS_PROXY", proxy.clone());
    assert!(one(&direct).starts_with("name: "));
    assert_eq!(asked.lock().unwrap().len(), 2);
}

fn a_proxy_behind_tls_is_checked_itself() {
    let authority = Authority::new("Example Authority");
    let workspace = workspace(&authority);
    let far = authority.config("far.example", |_| {});
    // It plays the far host as well.
    let proxy_of = |authority: &Authority| {
        let (own, far) = (authority.config("localhost", |_| {}), far.clone());
        on_loopback(move |stream| {
            let mut reader = BufReader::with_capacity(1, secured(&own, stream));
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap_or_default() > 2 {
                line.clear();
            }
            let mut tunnel = reader.into_inner();
            if tunnel.write_all(b"HTTP/1.1 200 OK\r\n\r\n").is_ok() {
                let _ = secured(&far, tunnel).read(&mut [0; 64]);
            }
        })
    };
    let told_of = |port: u16| {
        one(&command(&workspace, &["far.example"]).environment("HTTPS_PROXY", format!("https://localhost:{port}")))
    };
    assert_eq!(told_of(proxy_of(&authority)), "open TLS Example Authority via proxy");
    let port = proxy_of(&Authority::new("Example Stranger"));
    assert_eq!(
        told_of(port),
        format!(
            "proxy: the proxy itself, localhost:{port}: its certificate is signed by an authority that is not trusted here: \
             Example Stranger"
        )
    );
}

fn a_proxy_that_refuses_is_told_and_its_password_is_not() {
    let workspace = workspace(&Authority::new("x"));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (port, variable, endpoint, expected) in [
        (
            proxy_that_answers("HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\n\r\n"),
            "HTTPS_PROXY",
            "far.example",
            "answers 403 Forbidden (ERR_ACCESS_DENIED)",
        ),
        (
            proxy_that_answers("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\n\r\n"),
            "HTTPS_PROXY",
            "far.example",
            "answers 407 Proxy Authentication Required",
        ),
        (
            proxy_that_answers("HTTP/1.0 503 Service Unavailable\r\n\r\n"),
            "https_proxy",
            "far.example",
            "answers 503 Service Unavailable",
        ),
        (
            proxy_that_answers("HTTP/1.1 403 Forbidden\r\n\r\n"),
            "HTTP_PROXY",
            "http://far.example",
            "answers 403 Forbidden",
        ),
        (proxy_that_answers("SSH-2.0-x\r\n\r\n"), "HTTPS_PROXY", "far.example", ": its answer is not HTTP"),
        (proxy_that_answers(""), "HTTPS_PROXY", "far.example", ": it closes the connection"),
    ] {
        let proxy = format!("http://user:s3cret@127.0.0.1:{port}");
        let output = command(&workspace, &[endpoint]).environment(variable, proxy).run();
        assert!(!String::from_utf8_lossy(&output.stdout).contains("s3cret"));
        let (code, told) = told(&output);
        let colon = if expected.starts_with(':') { "" } else { " " };
        assert_eq!((code, &told[..]), (100, &[format!("proxy: the proxy 127.0.0.1:{port}{colon}{expected}")][..]));
    }
    let told_of = |proxy: String| one(&command(&workspace, &["far.example"]).environment("HTTPS_PROXY", proxy));
    assert_eq!(
        told_of(format!("127.0.0.1:{closed}")),
        format!("proxy: the proxy itself, 127.0.0.1:{closed}: 127.0.0.1:{closed} refuses the connection")
    );
    assert_eq!(
        told_of("socks5://s3cret@p:1".to_owned()),
        "proxy: HTTPS_PROXY: it is a SOCKS proxy, which is not tried here"
    );
}

fn endpoints_come_from_a_rehearsal_or_the_settings_and_none_is_a_mistake() {
    let workspace = workspace(&Authority::new("x"));
    let port = on_loopback(|mut stream| {
        let _ = stream.write_all(b"hello\r\n");
        thread::sleep(Duration::from_secs(2));
    });
    let report = format!(
        r#"{{"schema": "airtight/rehearsal/1", "hosts": [
            {{"host": "127.0.0.1", "port": {port}, "protocol": "tcp", "process": "tofu", "declared": false}},
            {{"host": "127.0.0.1", "port": 53, "protocol": "udp", "process": "tofu", "declared": false}}]}}"#
    );
    fs::write(workspace.path("rehearsal.json"), report).unwrap();
    fs::write(workspace.path("settings.yml"), format!("reachable: [\"127.0.0.1:{port}\"]\n")).unwrap();
    let from_report = command(&workspace, &["--from", "rehearsal.json", "--report", "reach.json"]);
    let output = from_report.run();
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .contains("not tested, because it cannot be known whether they are open: udp://127.0.0.1")
    );
    assert_eq!(told(&output), (0, vec!["open no TLS".to_owned()]));
    assert_eq!(fs::read(workspace.path("reach.json")).unwrap(), output.stdout);
    assert_eq!(one(&command(&workspace, &["--settings", "settings.yml"])), "open no TLS");
    for (arguments, part) in [
        (&[][..], "nothing to reach: name HOST:PORT"),
        (&["--from", "settings.yml"], "it is no report of a rehearsal"),
        (&["--from", "nothing.json"], "the file does not exist"),
        (&["a:b"], "the port is no number"),
    ] {
        let output = command(&workspace, arguments).run();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(96), &b""[..]), "{stderr}");
        assert!(stderr.contains(part), "{stderr}");
    }
}

const JOB: &str = "AIRTIGHT_TEST_NAME_SERVER";

/// Not a test: the name server of [`in_a_network_of_its_own`], which says what the name's first part asks for.
fn answers_names() {
    let Ok(ready) = std::env::var(JOB) else { return };
    let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    fs::write(ready, "").unwrap();
    let parent = rustix::process::getppid();
    let mut buffer = [0; 512];
    while rustix::process::getppid() == parent {
        let Ok((count, client)) = socket.recv_from(&mut buffer) else { continue };
        let question = Packet::parse(&buffer[..count]).unwrap();
        let asked = question.questions[0].qname.clone().into_owned();
        let name = asked.to_string();
        let mut answer = question.into_reply();
        answer.set_flags(PacketFlag::RESPONSE);
        match name.split('.').next().unwrap_or_default() {
            "silent" => continue,
            "unknown" => *answer.rcode_mut() = RCODE::NameError,
            "failing" => *answer.rcode_mut() = RCODE::ServerFailure,
            "empty" => {}
            "hole" => {
                let address = RData::A(A { address: u32::from_be_bytes([10, 8, 8, 8]) });
                answer.answers.push(ResourceRecord::new(asked, CLASS::IN, 1, address));
            }
            _ => {
                let address = RData::A(A { address: u32::from_be_bytes([127, 0, 0, 1]) });
                answer.answers.push(ResourceRecord::new(asked, CLASS::IN, 1, address));
            }
        }
        socket.send_to(&answer.build_bytes_vec().unwrap(), client).unwrap();
    }
}

/// With a name server, a hosts file and, at 10.8.8.8, a host that never answers.
fn in_a_network_of_its_own(workspace: &Workspace, resolv_conf: &str, arguments: &[&str]) -> Output {
    fs::write(workspace.path("resolv.conf"), resolv_conf).unwrap();
    fs::write(workspace.path("hosts"), "127.0.0.1 localhost listed.example\n").unwrap();
    let ready = workspace.path("ready");
    let _ = fs::remove_file(&ready);
    let program = std::env::current_exe().unwrap();
    let script = format!(
        "ip link set lo up && ip link add v0 type veth peer name v1 && ip addr add 10.8.8.1/24 dev v0 && ip link set v0 up && \
         ip link set v1 up && ip neigh add 10.8.8.8 lladdr 02:00:00:00:00:01 dev v0 && mount --bind resolv.conf \
         /etc/resolv.conf && mount --bind hosts /etc/hosts && {{ {JOB}={ready} {} --exact reach::answers_names >/dev/null \
         2>&1 & }} && {{ until [ -e {ready} ]; do sleep 0.05; done; }} && exec env -i {} reach --format json \"$@\"",
        program.display(),
        airtight(),
    );
    let mut command = Command::new("unshare");
    command.arg(if is_root() { "-nm" } else { "-rnm" }).args(["--", "sh", "-c", &script, "sh"]).args(arguments);
    command.current_dir(workspace.root()).output().unwrap()
}

fn the_name_server_that_said_no_is_named_and_silence_has_an_end() {
    if !has_namespaces() {
        return ignored("no network namespace can be made here");
    }
    let workspace = workspace(&Authority::new("x"));
    let probe = in_a_network_of_its_own(&workspace, "nameserver 127.0.0.1\n", &["tcp://10.8.8.1:1"]);
    if probe.stdout.is_empty() {
        return ignored("no interfaces can be made here");
    }
    let endpoints = [
        "unknown.example",
        "empty.example",
        "failing.example",
        "silent.example",
        "tcp://found.example:1",
        "tcp://listed.example:1",
        "tcp://hole.example:443",
        "tcp://10.99.9.9:443",
    ];
    let started = Instant::now();
    let arguments: Vec<&str> = ["--timeout", "1"].into_iter().chain(endpoints).collect();
    let resolv_conf = "nameserver 127.0.0.1\noptions attempts:1\n";
    let (code, told_each) = told(&in_a_network_of_its_own(&workspace, resolv_conf, &arguments));
    let elapsed = started.elapsed();
    assert_eq!(code, 100);
    assert_eq!(
        told_each,
        [
            "name: the name server 127.0.0.1 knows no such name",
            "name: the name server 127.0.0.1 has no address for the name",
            "name: no name server gave an answer (127.0.0.1: answered ServerFailure)",
            "name: no name server gave an answer (127.0.0.1: silent)",
            "tcp: 127.0.0.1:1 refuses the connection",
            "tcp: 127.0.0.1:1 refuses the connection",
            "tcp: 10.8.8.8:443 does not answer within 1s",
            "tcp: 10.99.9.9:443 cannot be routed to",
        ]
    );
    // Silence is waited for once, not once for each.
    assert!(elapsed < Duration::from_secs(8), "{elapsed:?}");
    // The second server gets its turn.
    let resolv_conf = "nameserver 10.8.8.8\nnameserver 127.0.0.1\noptions attempts:1\n";
    let output = in_a_network_of_its_own(&workspace, resolv_conf, &["--timeout", "1", "unknown.example"]);
    assert_eq!(told(&output).1, ["name: the name server 127.0.0.1 knows no such name"]);
    // Nobody listens there, and nowhere at all.
    let output = in_a_network_of_its_own(&workspace, "nameserver 10.8.8.1\n", &["--timeout", "1", "found.example"]);
    assert_eq!(told(&output).1, ["name: no name server gave an answer (10.8.8.1: nothing listens there)"]);
    let output = in_a_network_of_its_own(&workspace, "nameserver 10.99.9.9\n", &["--timeout", "1", "found.example"]);
    assert_eq!(told(&output).1, ["name: no name server gave an answer (10.99.9.9: no route to it)"]);
}

fn the_readme_names_what_can_be_tried() {
    let workspace = workspace(&Authority::new("x"));
    let commands: Vec<_> =
        crate::readme::commands().into_iter().filter(|command| command.starts_with("airtight reach ")).collect();
    assert!(!commands.is_empty());
    for command in commands {
        let endpoints: Vec<_> = command.split_whitespace().skip(2).collect();
        let isolated = Isolated { offline: has_namespaces(), ..Isolated::new(airtight(), workspace.root()) };
        let output = isolated.arguments(["reach", "--timeout", "0.5"]).arguments(endpoints.iter().copied()).run();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!((output.status.code(), text.lines().count()), (Some(100), endpoints.len() + 1), "{text}");
    }
}

fn the_example_hook_stops_a_phase_before_it_runs() {
    let workspace = workspace(&Authority::new("x"));
    let script = fs::read_to_string(Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/before_plan_reach.sh"));
    let hook = script.unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let open = on_loopback(|mut stream| {
        let _ = stream.write_all(b"hello\r\n");
        thread::sleep(Duration::from_secs(2));
    });
    fs::write(workspace.path("hook.sh"), hook).unwrap();
    for (port, expected) in [(open, "phase\n"), (closed, "")] {
        fs::write(workspace.path("settings.yml"), format!("reachable: [\"127.0.0.1:{port}\"]\n")).unwrap();
        // Joined as Spacelift joins them, with and without braces.
        for line in ["{ . ./hook.sh; } && echo phase", ". ./hook.sh && echo phase"] {
            let output = Command::new("sh")
                .args(["-c", line])
                .current_dir(workspace.root())
                .env("PATH", format!("{}:/usr/bin:/bin", airtight().parent().unwrap()))
                .env("AIRTIGHT_SETTINGS", workspace.path("settings.yml"))
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert_eq!(text.ends_with("phase\n"), !expected.is_empty(), "{line}: {text}");
            assert_eq!(output.status.success(), !expected.is_empty(), "{line}: {text}");
        }
    }
}
