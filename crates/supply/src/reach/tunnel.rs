//! The proxy: who it is, and its answer to `CONNECT`.

use std::io::{self, Read, Write};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use url::Url;

use super::endpoint::Endpoint;

/// A proxy as its variable names it. `Debug` and `Display` leave the user out.
#[derive(Clone)]
pub(super) struct Proxy {
    pub host: String,
    pub port: u16,
    /// `https://`: the proxy itself is spoken to over TLS.
    pub is_secure: bool,
    /// The value of `Proxy-Authorization`.
    authorization: Option<String>,
}

impl Proxy {
    /// As Go reads it: without a scheme, `http://` is meant.
    ///
    /// # Errors
    /// A fragment that holds nothing of the variable's value.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&with_scheme).map_err(|_| "its variable holds no URL")?;
        let is_secure = match url.scheme() {
            "http" => false,
            "https" => true,
            "socks5" | "socks5h" => return Err("it is a SOCKS proxy, which is not tried here"),
            _ => return Err("its scheme is not known"),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("its variable names no host")?;
        let port = url.port_or_known_default().unwrap_or(80);
        let authorization = (!url.username().is_empty()).then(|| {
            let decoded = |text: &str| percent_decoded(text);
            let pair = [decoded(url.username()), b":".to_vec(), decoded(url.password().unwrap_or_default())].concat();
            format!("Basic {}", BASE64_STANDARD.encode(pair))
        });
        Ok(Self { host: host.trim_matches(['[', ']']).to_owned(), port, is_secure, authorization })
    }

    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    pub(super) const fn has_credentials(&self) -> bool {
        self.authorization.is_some()
    }
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

/// What a proxy answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub status: u16,
    /// `403 Forbidden`, as the proxy said it.
    pub text: String,
    /// The schemes that it wants credentials by: `Basic`, `Negotiate`.
    pub schemes: Vec<String>,
    /// What Squid says besides: `ERR_DNS_FAIL`.
    pub squid_error: Option<String>,
}

/// Larger heads are no answer to this question.
const HEAD_LIMIT_BYTES: usize = 16 * 1024;

/// Asks for a tunnel. Where the status is 2xx, the stream is the tunnel from then on.
pub(super) fn connect(stream: &mut (impl Read + Write), proxy: &Proxy, endpoint: &Endpoint) -> io::Result<Answer> {
    ask(stream, proxy, endpoint, &format!("CONNECT {}", endpoint.authority()))
}

/// Asks for the head of a host's first page, over plain HTTP.
pub(super) fn head(stream: &mut (impl Read + Write), proxy: &Proxy, endpoint: &Endpoint) -> io::Result<Answer> {
    ask(stream, proxy, endpoint, &format!("HEAD http://{}/", endpoint.authority()))
}

fn ask(stream: &mut (impl Read + Write), proxy: &Proxy, endpoint: &Endpoint, what: &str) -> io::Result<Answer> {
    let mut request = format!(
        "{what} HTTP/1.1\r\nHost: {}\r\nUser-Agent: airtight/{}\r\n",
        endpoint.authority(),
        env!("CARGO_PKG_VERSION")
    );
    if let Some(authorization) = &proxy.authorization {
        request.push_str(&format!("Proxy-Authorization: {authorization}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    // One byte at a time: what follows the head belongs to the tunnel.
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && !head.ends_with(b"\n\n") {
        if head.len() >= HEAD_LIMIT_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its answer has no end"));
        }
        match stream.read(&mut byte) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => head.extend(byte),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    parse(&String::from_utf8_lossy(&head))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "its answer is not HTTP"))
}

fn parse(head: &str) -> Option<Answer> {
    let mut lines = head.lines();
    let (version, text) = lines.next()?.split_once(' ')?;
    if !version.starts_with("HTTP/1.") {
        return None;
    }
    let text = text.trim().to_owned();
    let status = text.get(..3)?.parse().ok()?;
    let mut answer = Answer { status, text, schemes: Vec::new(), squid_error: None };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let first = value.split_whitespace().next().unwrap_or_default().to_owned();
        match name.to_ascii_lowercase().as_str() {
            "proxy-authenticate" => answer.schemes.push(first),
            "x-squid-error" => answer.squid_error = Some(first),
            _ => {}
        }
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read_as_go_reads_them() {
        for (text, expected) in [
            ("http://p.example:3128", Ok(("p.example", 3128, false, false))),
            ("p.example:3128", Ok(("p.example", 3128, false, false))),
            ("http://p.example/", Ok(("p.example", 80, false, false))),
            ("https://u:p%40ss@p.example", Ok(("p.example", 443, true, true))),
            ("http://[fd00::1]:8080", Ok(("fd00::1", 8080, false, false))),
            ("socks5://p.example:1080", Err("it is a SOCKS proxy, which is not tried here")),
            ("ftp://p.example", Err("its scheme is not known")),
            ("http://", Err("its variable holds no URL")),
        ] {
            let proxy = Proxy::parse(text);
            let parts =
                proxy.as_ref().map(|proxy| (proxy.host.as_str(), proxy.port, proxy.is_secure, proxy.has_credentials()));
            assert_eq!(parts.map_err(|error| *error), expected, "{text}");
        }
        let proxy = Proxy::parse("http://u:p%40ss@p").unwrap();
        assert_eq!(proxy.authorization.as_deref(), Some("Basic dTpwQHNz"));
    }

    /// Reads from one text, writes to another.
    struct Scripted<'a>(&'a [u8], Vec<u8>);

    impl Read for Scripted<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Scripted<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_answer_ends_where_the_tunnel_begins() {
        let proxy = Proxy::parse("http://u:p@p").unwrap();
        let endpoint = "[fd00::1]:8443".parse().unwrap();
        let mut stream = Scripted(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n\x16\x03", Vec::new());
        let answer = connect(&mut stream, &proxy, &endpoint).unwrap();
        assert_eq!((answer.status, answer.text.as_str()), (200, "200 Connection established"));
        assert_eq!(stream.0, b"\x16\x03");
        let asked = String::from_utf8(stream.1).unwrap();
        assert!(asked.starts_with("CONNECT [fd00::1]:8443 HTTP/1.1\r\nHost: [fd00::1]:8443\r\n"), "{asked}");
        assert!(asked.ends_with("\r\nProxy-Authorization: Basic dTpw\r\n\r\n"), "{asked}");
    }

    #[test]
    fn refusals_say_what_they_want() {
        let proxy = Proxy::parse("http://p").unwrap();
        let endpoint = "a.example".parse().unwrap();
        let ask = |text: &str| connect(&mut Scripted(text.as_bytes(), Vec::new()), &proxy, &endpoint);
        let answer = ask(
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\nproxy-authenticate: Basic \
             realm=\"x\"\r\nX-Squid-Error: ERR_CACHE_ACCESS_DENIED 0\r\n\r\n",
        )
        .unwrap();
        assert_eq!(answer.schemes, ["Negotiate", "Basic"]);
        assert_eq!(answer.squid_error.as_deref(), Some("ERR_CACHE_ACCESS_DENIED"));
        assert_eq!(ask("").unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(ask("SSH-2.0-x\n\n").unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(ask(&"x".repeat(20_000)).unwrap_err().to_string(), "its answer has no end");
    }
}
