//! Moments as text: RFC 3339 for readers, without colons for file names.

/// Milliseconds since 1970 as RFC 3339, in UTC, to the second.
#[must_use]
pub fn rfc3339(wall_ms: i64) -> String {
    let (year, month, day, second) = parts(wall_ms);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The same, to the millisecond.
#[must_use]
pub fn rfc3339_ms(wall_ms: i64) -> String {
    let whole = rfc3339(wall_ms);
    format!("{}.{:03}Z", whole.trim_end_matches('Z'), wall_ms.rem_euclid(1000))
}

/// The same as a file name: sorts by time, and needs no quotes anywhere.
#[must_use]
pub fn file_name_of(wall_ms: i64) -> String {
    rfc3339(wall_ms).replace(':', "-")
}

/// Year, month, day and second of the day, by counting years from March, whose last day is the leap day.
fn parts(wall_ms: i64) -> (i64, i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    // From the first of March of the year 0 to 1970.
    const DAYS_BEFORE_1970: i64 = 719_468;
    let seconds = wall_ms.div_euclid(1000);
    let day = seconds.div_euclid(86_400) + DAYS_BEFORE_1970;
    let cycle = day.div_euclid(DAYS_OF_400_YEARS);
    let day = day.rem_euclid(DAYS_OF_400_YEARS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Months from March on have 153 days in every five.
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (cycle * 400 + year + next_year, month, day_of_month, seconds.rem_euclid(86_400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_what_the_calendar_says() {
        let known = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_767_225_599_999, "2025-12-31T23:59:59Z"),
            (1_767_225_600_000, "2026-01-01T00:00:00Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
        ];
        for (ms, text) in known {
            assert_eq!(rfc3339(ms), text);
        }
        assert_eq!(rfc3339_ms(1_767_225_599_999), "2025-12-31T23:59:59.999Z");
        assert_eq!(rfc3339_ms(5), "1970-01-01T00:00:00.005Z");
        assert_eq!(file_name_of(0), "1970-01-01T00-00-00Z");
    }
}
