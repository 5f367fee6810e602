//! When people come: the hours of a day where they live, the days of the week, growth, and what happened in between.
//!
//! Everything is told in hours since the first one of the history, and nothing reads a clock.

use super::audience::Country;
use super::random::mix;

/// Whole days before the day on which the history ends.
pub(super) const DAYS: u32 = 90;
/// The day on which a post of the demo's blog stood on the front page of Hacker News.
const FRONT_PAGE_DAY: u32 = 61;
/// Shops for the outdoors are busiest when people plan their weekend, and on it; from Monday to Sunday, in percent.
const WEEK_PERCENT: [u32; 7] = [99, 95, 94, 98, 96, 106, 121];
/// Activity in each hour of the local day.
const DAY_ACTIVITY: [u32; 24] =
    [14, 8, 5, 4, 5, 10, 24, 42, 54, 60, 63, 64, 70, 66, 60, 60, 62, 68, 76, 88, 97, 92, 64, 32];

/// One hour of the history.
#[derive(Clone, Copy)]
pub(super) struct Hour {
    pub(super) day: u32,
    pub(super) hour: u32,
    /// 0 is Monday.
    pub(super) weekday: u32,
}

/// When a source sends visitors.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Season {
    /// All the time.
    Always,
    /// While the post is on the front page of Hacker News.
    FrontPage,
    /// After the newsletter of Thursday morning.
    Newsletter,
    /// From a given day on.
    From(u32),
}

impl Hour {
    /// The `index`-th hour of a history whose first day, counted from 1970, is `first_day`.
    pub(super) fn new(first_day: u32, index: u32) -> Self {
        let day = index / 24;
        // The first day of 1970 was a Thursday.
        Self { day, hour: index % 24, weekday: (first_day + day + 3) % 7 }
    }

    pub(super) fn activity(self, country: &Country) -> u32 {
        DAY_ACTIVITY[((self.hour + country.hours_ahead) % 24) as usize]
    }

    /// How busy the day is, in percent of an ordinary one: growth by half over the history, weeks, and weather.
    pub(super) fn day_percent(self) -> u32 {
        let growth = 80 + 40 * self.day / DAYS;
        let weather = 94 + (mix(u64::from(self.day)) % 13) as u32;
        growth * WEEK_PERCENT[self.weekday as usize] * weather / 10_000
    }

    /// How much of its weight a source has in this hour, in percent.
    pub(super) fn season_percent(self, season: Season) -> u32 {
        match season {
            Season::Always => 100,
            Season::From(day) => 100 * u32::from(self.day >= day),
            Season::FrontPage => fading(self.hours_since(FRONT_PAGE_DAY, 13), 10),
            Season::Newsletter => {
                let days_since_thursday = (self.weekday + 4) % 7;
                fading((days_since_thursday * 24 + self.hour).checked_sub(7), 14) * 4
            }
        }
    }

    fn hours_since(self, day: u32, hour: u32) -> Option<u32> {
        (self.day * 24 + self.hour).checked_sub(day * 24 + hour)
    }
}

/// 100 at the beginning, half of it after `half_life` hours; nothing before.
fn fading(hours: Option<u32>, half_life: u32) -> u32 {
    hours.map_or(0, |hours| (100.0 * 0.5f64.powf(f64::from(hours) / f64::from(half_life))) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_begin_on_monday() {
        // 2026-11-23 is a Monday and the 20,780th day after the first one of 1970.
        assert_eq!(Hour::new(20_780, 0).weekday, 0);
        assert_eq!(Hour::new(20_780, 24 * 6).weekday, 6);
    }

    #[test]
    fn the_newsletter_is_read_from_thursday_morning_on() {
        let at = |hour| Hour::new(20_780, hour).season_percent(Season::Newsletter);
        assert_eq!(at(3 * 24 + 6), 0);
        assert_eq!(at(3 * 24 + 7), 400);
        assert!(at(4 * 24 + 7) < 150);
    }
}
