//! How many requests one client may send: a token bucket for each address.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::{StateInformationMiddleware, StateSnapshot};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

/// Requests between two clearances of addresses that have not been seen for long.
const CLEARANCE: u32 = 4096;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

type Buckets =
    RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock, StateInformationMiddleware>;

/// What every client may send.
pub(crate) struct Rate {
    buckets: Buckets,
    burst: u32,
    /// Time in which an empty bucket fills up.
    window_s: u64,
    /// Time for one request more.
    period: Duration,
    asked: AtomicU32,
}

/// What a client has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    burst: u32,
    window_s: u64,
    remaining: u32,
    /// Seconds until there is more than `remaining`.
    reset_s: u64,
}

impl Rate {
    /// Buckets that hold `burst` requests and are filled evenly with `per_minute`; none if either
    /// is 0.
    pub(crate) fn new(per_minute: u32, burst: u32) -> Option<Self> {
        let (per_minute, burst) = (NonZeroU32::new(per_minute)?, NonZeroU32::new(burst)?);
        let quota = Quota::per_minute(per_minute).allow_burst(burst);
        let window = u64::from(burst.get()) * 60 / u64::from(per_minute.get());
        Some(Self {
            buckets: RateLimiter::keyed(quota).with_middleware(),
            burst: burst.get(),
            window_s: window.max(1),
            period: quota.replenish_interval(),
            asked: AtomicU32::new(0),
        })
    }

    /// Takes one request out of a client's bucket.
    ///
    /// # Errors
    /// The [`Standing`] of a client whose bucket is empty.
    pub(crate) fn take(&self, client: IpAddr) -> Result<Standing, Standing> {
        if self.asked.fetch_add(1, Ordering::Relaxed) % CLEARANCE == CLEARANCE - 1 {
            self.buckets.retain_recent();
        }
        let standing = |remaining: u32, wait: Duration| Standing {
            burst: self.burst,
            window_s: self.window_s,
            remaining,
            reset_s: whole_seconds(wait),
        };
        let left =
            |snapshot: StateSnapshot| standing(snapshot.remaining_burst_capacity(), self.period);
        self.buckets
            .check_key(&bucket(client))
            .map(left)
            .map_err(|full| standing(0, full.wait_time_from(DefaultClock::default().now())))
    }
}

impl Standing {
    /// Seconds until the next request is answered.
    pub(crate) fn retry_after_s(self) -> u64 {
        self.reset_s
    }

    /// Adds the standing as headers (draft-ietf-httpapi-ratelimit-headers).
    pub(crate) fn tell(self, headers: &mut HeaderMap) {
        let policy = format!("\"client\";q={};w={}", self.burst, self.window_s);
        let now = format!("\"client\";r={};t={}", self.remaining, self.reset_s);
        for (name, text) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, now)] {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
    }
}

fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

/// The bucket of an address. A household or an office has a whole /64 of IPv6 addresses.
fn bucket(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX)))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_answered_and_then_the_bucket_is_empty() {
        let rate = Rate::new(1, 3).unwrap();
        let client: IpAddr = "192.0.2.1".parse().unwrap();
        for left in [2, 1, 0] {
            assert_eq!(rate.take(client).unwrap().remaining, left);
        }
        let wait = rate.take(client).unwrap_err().retry_after_s();
        assert!((1..=60).contains(&wait), "{wait}");
        assert!(rate.take("192.0.2.2".parse().unwrap()).is_ok());
    }

    #[test]
    fn neighbours_in_ipv6_share_a_bucket() {
        for (a, b, same) in [
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
        ] {
            let (x, y) = (bucket(a.parse().unwrap()), bucket(b.parse().unwrap()));
            assert_eq!(x == y, same, "{a} {b}");
        }
    }

    #[test]
    fn no_rate_is_no_limit() {
        assert!(Rate::new(0, 10).is_none());
    }
}
