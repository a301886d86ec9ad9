//! PURE: who may change anything: a page that came from this server, asked for by a name that is this server's.
//!
//! A browser says where a request comes from (`Sec-Fetch-Site`, `Origin`); a page from elsewhere cannot forge either. A name that
//! an attacker's domain server points at loopback (DNS rebinding) is refused by the `Host` that it brings along.

use std::net::{IpAddr, SocketAddr};

/// What a request says of where it comes from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Claims<'a> {
    pub(super) host: Option<&'a str>,
    pub(super) origin: Option<&'a str>,
    pub(super) fetch_site: Option<&'a str>,
}

/// Why a request may change nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("{0:?} is not a name of this server; open the page by the address that `compare live` printed")]
    Host(String),
    #[error(
        "a request from another page ({0}) may change nothing here; use the page that this server serves"
    )]
    Origin(String),
    #[error(
        "a request that does not say where it comes from may change nothing; send Origin, as browsers do"
    )]
    Unsaid,
}

/// Whether the host that a request names is this server: an address, or localhost. A name could be anybody's.
pub(super) fn check_host(host: Option<&str>, own: SocketAddr) -> Result<(), Refused> {
    let refused = || Refused::Host(host.unwrap_or_default().to_owned());
    let (name, port) = split(host.ok_or_else(refused)?);
    let is_own_port = port == own.port().to_string() || (port.is_empty() && own.port() == 80);
    let address: Option<IpAddr> = name.trim_matches(['[', ']']).parse().ok();
    let is_own_name =
        name.eq_ignore_ascii_case("localhost") || address.is_some_and(|ip| is_own(ip, own.ip()));
    if is_own_name && is_own_port { Ok(()) } else { Err(refused()) }
}

/// An address is this server's if it listens there; who listens at all of a machine's is asked by any of them.
fn is_own(asked: IpAddr, own: IpAddr) -> bool {
    asked == own || own.is_unspecified() || (asked.is_loopback() && own.is_loopback())
}

/// Whether a request may read this. The page may be led to from anywhere; what it loads is for itself alone, since watchers have
/// places that others could take.
pub(super) fn check_reader(claims: Claims<'_>, path: &str, own: SocketAddr) -> Result<(), Refused> {
    check_host(claims.host, own)?;
    match claims.fetch_site {
        Some(site @ ("cross-site" | "same-site")) if path != "/" => Err(Refused::Origin(site.to_owned())),
        _ => Ok(()),
    }
}

/// Whether a request may change something.
pub(super) fn check(claims: Claims<'_>, own: SocketAddr) -> Result<(), Refused> {
    check_host(claims.host, own)?;
    if let Some(site) = claims.fetch_site.filter(|site| *site != "same-origin") {
        return Err(Refused::Origin(claims.origin.unwrap_or(site).to_owned()));
    }
    let origin = claims.origin.ok_or(Refused::Unsaid)?;
    let from = origin.strip_prefix("http://").ok_or_else(|| Refused::Origin(origin.to_owned()))?;
    if Some(from) == claims.host { Ok(()) } else { Err(Refused::Origin(origin.to_owned())) }
}

/// A name and a port.
fn split(host: &str) -> (&str, &str) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (host, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_page_may_lead_here_and_may_not_take_a_watchers_place() {
        let own = "127.0.0.1:8080".parse().unwrap();
        let read = |host, fetch_site, path| {
            check_reader(Claims { host: Some(host), origin: None, fetch_site: Some(fetch_site) }, path, own)
        };
        assert_eq!(read("127.0.0.1:8080", "cross-site", "/"), Ok(()));
        assert_eq!(read("127.0.0.1:8080", "same-origin", "/events"), Ok(()));
        assert!(read("127.0.0.1:8080", "cross-site", "/events").is_err());
        assert!(read("rebound.example:8080", "same-origin", "/").is_err());
    }

    fn verdict(host: &str, origin: Option<&str>, fetch_site: Option<&str>) -> Result<(), Refused> {
        let own = "127.0.0.1:8080".parse().unwrap();
        check(Claims { host: Some(host), origin, fetch_site }, own)
    }

    #[test]
    fn the_servers_own_page_may() {
        for host in ["127.0.0.1:8080", "localhost:8080"] {
            let origin = format!("http://{host}");
            assert_eq!(verdict(host, Some(&origin), Some("same-origin")), Ok(()));
            assert_eq!(verdict(host, Some(&origin), None), Ok(()), "an older browser says no site");
        }
    }

    #[test]
    fn another_page_may_not_whatever_it_says() {
        let own = "127.0.0.1:8080";
        for (origin, site) in [
            (Some("http://evil.example"), Some("cross-site")),
            (Some("http://127.0.0.1:9999"), Some("same-site")),
            (Some("null"), None),
            (Some("https://127.0.0.1:8080"), None),
            (Some("http://127.0.0.1:8080"), Some("cross-site")),
            (Some("http://127.0.0.1:8080.evil.example"), None),
            (None, None),
        ] {
            assert!(verdict(own, origin, site).is_err(), "{origin:?} {site:?}");
        }
    }

    #[test]
    fn a_name_that_somebody_points_here_is_refused() {
        let (host, origin) = ("rebound.example:8080", "http://rebound.example:8080");
        let refused = verdict(host, Some(origin), Some("same-origin")).unwrap_err();
        assert!(refused.to_string().contains("not a name of this server"), "{refused}");
        assert!(check_host(None, "127.0.0.1:1".parse().unwrap()).is_err());
        assert!(check_host(Some("127.0.0.1:2"), "127.0.0.1:1".parse().unwrap()).is_err());
    }

    #[test]
    fn who_listens_everywhere_is_asked_by_any_address_but_by_no_name() {
        let own = "0.0.0.0:80".parse().unwrap();
        assert_eq!(check_host(Some("10.1.2.3"), own), Ok(()));
        assert!(check_host(Some("host.example"), own).is_err());
        let own = "[::1]:8080".parse().unwrap();
        assert_eq!(check_host(Some("[::1]:8080"), own), Ok(()));
    }
}
