//! The loopback of a new network namespace, to which every address leads: packets to anywhere reach the witness.
//!
//! Source: rtnetlink(7); Linux `include/uapi/linux/{if,if_arp,netlink,rtnetlink}.h`.

use std::io;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};

const RTM_NEWLINK: u16 = 16;
const RTM_NEWROUTE: u16 = 24;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_EXCL_CREATE: u16 = 0x200 | 0x400;
const NLMSG_ERROR: u16 = 2;
const IFF_UP: u32 = 1;
const RTA_OIF: u16 = 4;
const RT_TABLE_LOCAL: u8 = 255;
const RTPROT_BOOT: u8 = 3;
const RTN_LOCAL: u8 = 2;
const RT_SCOPE_HOST: u8 = 254;
/// The only interface of a new namespace.
const LOOPBACK_INDEX: u32 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// Starts the loopback and routes every address to it, delivered on this machine.
///
/// # Errors
/// Fails where this process may not administer its network namespace. Whether IPv6 is routed too: where the kernel has
/// none, or has it switched off, there is nothing to route.
pub(crate) fn capture_everything() -> io::Result<bool> {
    let mut link = vec![0, 0, 0, 0];
    for value in [LOOPBACK_INDEX, IFF_UP, IFF_UP] {
        link.extend(value.to_ne_bytes());
    }
    request(RTM_NEWLINK, 0, &link)?;
    request(RTM_NEWROUTE, NLM_F_EXCL_CREATE, &route(AF_INET, RT_SCOPE_HOST))?;
    Ok(request(RTM_NEWROUTE, NLM_F_EXCL_CREATE, &route(AF_INET6, 0)).is_ok())
}

/// `struct rtmsg` of a local default route, and its interface.
fn route(family: u8, scope: u8) -> Vec<u8> {
    let mut body = vec![family, 0, 0, 0, RT_TABLE_LOCAL, RTPROT_BOOT, scope, RTN_LOCAL, 0, 0, 0, 0];
    body.extend(8_u16.to_ne_bytes());
    body.extend(RTA_OIF.to_ne_bytes());
    body.extend(LOOPBACK_INDEX.to_ne_bytes());
    body
}

fn request(kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    let length = u32::try_from(16 + body.len()).expect("a message of some bytes");
    let mut message = Vec::new();
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend((NLM_F_REQUEST | NLM_F_ACK | flags).to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    send(&socket, &message, SendFlags::empty())?;
    let mut answer = [0; 4096];
    let (length, _) = recv(&socket, &mut answer[..], RecvFlags::empty())?;
    // `struct nlmsghdr`, then the error's number, 0 for an acknowledgement.
    let error = answer.get(16..20).filter(|_| length >= 20).and_then(|bytes| bytes.try_into().ok());
    let kind = u16::from_ne_bytes([answer[4], answer[5]]);
    match error.map(i32::from_ne_bytes) {
        Some(0) if kind == NLMSG_ERROR => Ok(()),
        Some(number) if kind == NLMSG_ERROR => Err(io::Error::from_raw_os_error(-number)),
        _ => Err(io::Error::other("no answer to a netlink request")),
    }
}
