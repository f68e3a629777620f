//! Addresses at which no camera is, but where a request could do harm.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Where clouds tell a machine its credentials.
const METADATA: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// What an address is that is refused unless a rule names just it, and the network of which a part
/// may be named instead.
pub(crate) fn refused_kind(address: IpAddr) -> Option<(&'static str, Option<IpNet>)> {
    let address = embedded(address.to_canonical());
    if METADATA.contains(&address) {
        return Some(("a cloud's metadata service", None));
    }
    let kind = match address {
        _ if address.is_unspecified() => ("no particular host", None),
        _ if address.is_multicast() => ("a multicast group", None),
        IpAddr::V4(v4) if v4.is_broadcast() => ("a whole network", None),
        IpAddr::V4(v4) if v4.is_link_local() => {
            let network = Ipv4Net::new(Ipv4Addr::new(169, 254, 0, 0), 16).ok();
            ("a link-local address", network.map(IpNet::V4))
        }
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            let network = Ipv6Net::new(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10).ok();
            ("a link-local address", network.map(IpNet::V6))
        }
        _ => return None,
    };
    Some(kind)
}

/// The IPv4 address to which a translator (NAT64, 6to4) would pass a packet on.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let (high, low) = match (a, b) {
        (0x64, 0xff9b) if (c, d, e, f) == (0, 0, 0, 0) => (g, h),
        (0x2002, high) => (high, c),
        _ => return address,
    };
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d).into()
}
