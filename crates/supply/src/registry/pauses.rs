//! Waiting before another try. What a server asks of one request holds for all requests to its host.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use airtight_provider::Timestamp;

use super::failure::HttpError;

/// Before the second try; doubled before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(400);

/// Nobody waits longer for one answer.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Until when each host is left alone.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    until: Mutex<BTreeMap<String, Instant>>,
}

impl Pauses {
    /// Waits as long as the host is to be left alone.
    pub(super) fn respect(&self, host: &str) {
        loop {
            let until = self.until.lock().unwrap_or_else(PoisonError::into_inner).get(host).copied();
            match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(left) if !left.is_zero() => sleep(left),
                _ => return,
            }
        }
    }

    /// Waits after a failed try, the first of which has the number 1.
    ///
    /// # Errors
    /// The server asks for more patience than there is.
    pub(super) fn after(&self, attempt: u32, error: &HttpError) -> Result<(), HttpError> {
        let own = FIRST_PAUSE * 2_u32.saturating_pow(attempt - 1);
        let HttpError::Status { host, status, retry_after, .. } = error else {
            sleep(own.min(LONGEST_PAUSE));
            return Ok(());
        };
        let wait = retry_after.map_or(own, |asked| asked.max(FIRST_PAUSE));
        if wait > LONGEST_PAUSE {
            return Err(HttpError::Busy { host: host.clone(), status: *status, wait });
        }
        tracing::debug!(host, status, wait_ms = wait.as_millis(), "waiting");
        if !error.is_busy() {
            sleep(wait);
            return Ok(());
        }
        let until = Instant::now() + wait;
        {
            let mut all = self.until.lock().unwrap_or_else(PoisonError::into_inner);
            let shared = all.entry(host.clone()).or_insert(until);
            *shared = until.max(*shared);
        }
        self.respect(host);
        Ok(())
    }
}

/// `Retry-After`: seconds, or the date of RFC 9110, section 5.6.7, in the one form that servers may write.
pub(super) fn retry_after(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = Timestamp::from(SystemTime::now());
    Some(Duration::from_secs(seconds_of_date(text)?.saturating_sub(now.0)))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, as seconds since 1970.
fn seconds_of_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let fields: Vec<&str> = text.split(' ').collect();
    let [_, day, month, year, time, "GMT"] = fields.as_slice() else { return None };
    let (day, year): (u64, u64) = (day.parse().ok()?, year.parse().ok()?);
    let month = MONTHS.iter().position(|name| name == month)? as u64 + 1;
    let mut time = time.split(':').map(|number| number.parse::<u64>().ok());
    let (hours, minutes, seconds) = (time.next()??, time.next()??, time.next()??);
    if !(1970..10_000).contains(&year) || !(1..=31).contains(&day) || hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    // Days since 1970-01-01, with years that begin in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let days = days.checked_sub(719_468)?;
    Some(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_may_name_seconds_or_a_date() {
        assert_eq!(retry_after(" 120 "), Some(Duration::from_mins(2)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert!(retry_after("Fri, 31 Dec 9999 23:59:59 GMT").unwrap() > LONGEST_PAUSE);
        assert_eq!(seconds_of_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(seconds_of_date("Tue, 29 Feb 2000 00:00:00 GMT"), Some(951_782_400));
        assert_eq!(seconds_of_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        for text in ["", "-1", "soon", "Sun, 06 Nov 1994", "Sun, 06 Nov 1800 08:49:37 GMT", "a b c d e GMT"] {
            assert_eq!(retry_after(text), None, "{text}");
        }
    }

    #[test]
    fn a_wait_that_is_too_long_is_an_error() {
        let error = HttpError::Status {
            host: "h.example".to_owned(),
            status: 429,
            role: super::super::failure::Role::File,
            retry_after: Some(LONGEST_PAUSE * 2),
        };
        let told = Pauses::default().after(1, &error).unwrap_err().to_string();
        assert!(told.contains("h.example answered 429 and asks to wait 600 s"), "{told}");
    }
}
