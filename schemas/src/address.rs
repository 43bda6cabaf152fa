//! Reading the address field of a log, and the ranges that are nowhere on the map.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The address in a log's address field, if it is one.
///
/// Logs write `192.0.2.7:443`, `[2001:db8::7]:443` and `fe80::7%eth0` as well; the port and the
/// zone say nothing about where the caller is. An IPv4 address that a dual-stack listener wrote as
/// `::ffff:192.0.2.7` is the IPv4 address. A DNS name (`cloudformation.amazonaws.com`) or any other
/// text is no address.
pub fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| parse_decorated(text))?;
    Some(address.to_canonical())
}

fn parse_decorated(text: &str) -> Option<IpAddr> {
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Some(socket.ip());
    }
    if let Some((address, _zone)) = text.split_once('%') {
        let address: Ipv6Addr = address.trim_start_matches('[').parse().ok()?;
        return Some(address.into());
    }
    let bracketed: Ipv6Addr = text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?;
    Some(bracketed.into())
}

/// Whether the address is private, local to a link, to a host or to nobody, so that no database can
/// know where it is. The documentation ranges are not among them: tests and the demo live there.
pub fn is_reserved(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_reserved_v4(address),
        IpAddr::V6(address) => is_reserved_v6(address),
    }
}

/// Whether the internet routes both addresses as one: nothing longer than a /24 or a /48 is accepted between networks
/// (RFC 7454, section 6.1.3), so wherever one is, the other is too. Not where the texts of tests and manuals live.
pub fn is_one_route(one: IpAddr, other: IpAddr) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            one.octets()[..3] == other.octets()[..3] && !one.is_documentation()
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            let route = &one.segments()[..3];
            route == &other.segments()[..3] && route[..2] != [0x2001, 0xdb8]
        }
        _ => false,
    }
}

fn is_reserved_v4(address: Ipv4Addr) -> bool {
    match address.octets() {
        // "This network" (RFC 791), with the unspecified address.
        [0, ..] => true,
        // Private (RFC 1918).
        [10, ..] | [192, 168, ..] => true,
        [172, second, ..] => (16..32).contains(&second),
        // Carrier-grade NAT (RFC 6598).
        [100, second, ..] => (64..128).contains(&second),
        // Loopback.
        [127, ..] => true,
        // Link-local, where the clouds' metadata services live too.
        [169, 254, ..] => true,
        // IETF protocol assignments (RFC 6890).
        [192, 0, 0, _] => true,
        // Benchmarking (RFC 2544).
        [198, 18 | 19, ..] => true,
        // Multicast, reserved, broadcast.
        [224..=255, ..] => true,
        _ => false,
    }
}

fn is_reserved_v6(address: Ipv6Addr) -> bool {
    address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        // Site-local (RFC 3879, deprecated but still configured).
        || address.segments()[0] & 0xffc0 == 0xfec0
        // Discard-only (RFC 6666).
        || address.segments()[..4] == [0x100, 0, 0, 0]
        // Translation within one network (RFC 8215).
        || address.segments()[..3] == [0x64, 0xff9b, 1]
        // Benchmarking (RFC 5180).
        || address.segments()[..3] == [0x2001, 2, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        parse(text).map_or_else(|| "none".to_owned(), |address| address.to_string())
    }

    #[test]
    fn ports_brackets_and_zones_are_taken_off() {
        assert_eq!(read("192.0.2.7"), "192.0.2.7");
        assert_eq!(read(" 192.0.2.7 "), "192.0.2.7");
        assert_eq!(read("192.0.2.7:443"), "192.0.2.7");
        assert_eq!(read("2001:DB8:0::7"), "2001:db8::7");
        assert_eq!(read("[2001:db8::7]:443"), "2001:db8::7");
        assert_eq!(read("[2001:db8::7]"), "2001:db8::7");
        assert_eq!(read("fe80::7%eth0"), "fe80::7");
        assert_eq!(read("[fe80::7%eth0]:443"), "fe80::7");
    }

    #[test]
    fn an_ipv4_address_in_ipv6_clothes_is_the_ipv4_address() {
        assert_eq!(read("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(read("::ffff:c000:207"), "192.0.2.7");
        assert_eq!(read("[::ffff:192.0.2.7]:443"), "192.0.2.7");
    }

    #[test]
    fn what_is_routed_as_one_is_in_one_place() {
        let one_route = |one: &str, other: &str| match (parse(one), parse(other)) {
            (Some(one), Some(other)) => is_one_route(one, other),
            _ => panic!("{one} and {other} are addresses"),
        };
        assert!(one_route("84.33.209.2", "84.33.209.201"));
        assert!(!one_route("84.33.209.2", "84.33.210.2"));
        assert!(one_route("2a02:8010:6::1", "2a02:8010:6:77::9"));
        assert!(!one_route("2a02:8010:6::1", "2a02:8010:7::1"));
        assert!(!one_route("84.33.209.2", "2a02:8010:6::1"));
        assert!(!one_route("192.0.2.1", "192.0.2.200"));
        assert!(!one_route("2001:db8::1", "2001:db8::2"));
    }

    #[test]
    fn names_and_garbage_are_no_addresses() {
        for text in [
            "cloudformation.amazonaws.com",
            "AWS Internal",
            "192.0.2",
            "192.0.2.300",
            "192.0.2.7:port",
            "192.0.2.7, 10.0.0.1",
            "1921681001",
            "%eth0",
            "[]",
            "[",
            "]:443",
        ] {
            assert_eq!(read(text), "none", "{text}");
        }
    }

    #[test]
    fn reserved_ranges_end_where_their_rfc_says() {
        let reserved = [
            "0.0.0.0",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "100::1",
        ];
        let routable = [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.0",
            "192.167.0.1",
            "192.169.0.1",
            "198.17.0.1",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "2001:db8::1",
        ];
        for text in reserved {
            assert!(is_reserved(parse(text).unwrap()), "{text}");
        }
        for text in routable {
            assert!(!is_reserved(parse(text).unwrap()), "{text}");
        }
    }
}
