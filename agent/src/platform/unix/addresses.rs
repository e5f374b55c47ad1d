//! The addresses of this PC's interfaces.

use std::net::{IpAddr, Ipv4Addr};

/// Those of all interfaces that are up; none where the system does not say.
// The standard library lists no interfaces.
#[allow(unsafe_code)]
pub(crate) fn addresses() -> Vec<IpAddr> {
    let mut list: *mut libc::ifaddrs = std::ptr::null_mut();
    let mut found = Vec::new();
    // SAFETY: the list is the system's, whole until it is given back after the last look; an address is
    // read as what its family says that it is.
    unsafe {
        if libc::getifaddrs(&mut list) != 0 {
            return found;
        }
        let mut at = list;
        while let Some(one) = at.as_ref() {
            at = one.ifa_next;
            let Some(address) = one.ifa_addr.as_ref() else { continue };
            if one.ifa_flags & libc::IFF_UP as libc::c_uint == 0 {
                continue;
            }
            match i32::from(address.sa_family) {
                libc::AF_INET => {
                    let v4 = one.ifa_addr.cast::<libc::sockaddr_in>().read_unaligned();
                    found.push(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)).into());
                }
                libc::AF_INET6 => {
                    let v6 = one.ifa_addr.cast::<libc::sockaddr_in6>().read_unaligned();
                    found.push(IpAddr::V6(v6.sin6_addr.s6_addr.into()));
                }
                _ => {}
            }
        }
        libc::freeifaddrs(list);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pc_has_its_loopback() {
        assert!(addresses().contains(&Ipv4Addr::LOCALHOST.into()), "{:?}", addresses());
    }
}
