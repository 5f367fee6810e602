//! The browsers of the demo's visitors: each with the system and the device that it runs on.
//!
//! A row says what reports show and the user agent that leads to it, so that history and live visits look alike; a
//! test asks the pipeline's parser. Browsers freeze parts of what they tell (Windows 10, macOS 10.15, Android 10,
//! iOS 18.6), and so do these.

use super::random::Weighted;

/// A browser as reports show it.
pub(super) struct Platform {
    pub(super) browser: &'static str,
    pub(super) browser_version: &'static str,
    pub(super) os: &'static str,
    pub(super) os_version: &'static str,
    pub(super) device: &'static str,
    pub(super) user_agent: &'static str,
    /// How many of each crowd use it; the columns are those of [`Crowd`].
    weights: [u32; 4],
}

/// Who a source sends: people with other browsers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crowd {
    Everyone,
    /// Readers of technical sites: many desktops, much Firefox and Linux.
    Engineers,
    /// People who tap a link inside the Instagram app.
    InInstagram,
    /// People who tap a link inside the Facebook app.
    InFacebook,
}

/// The platforms of one crowd, by weight.
pub(super) fn used_by(crowd: Crowd) -> Weighted {
    Weighted::new(PLATFORMS.iter().map(|platform| platform.weights[crowd as usize]))
}

macro_rules! platform {
    ($browser:literal $browser_version:literal, $os:literal $os_version:literal, $device:literal, $weights:expr, $user_agent:literal) => {
        Platform {
            browser: $browser,
            browser_version: $browser_version,
            os: $os,
            os_version: $os_version,
            device: $device,
            user_agent: concat!("Mozilla/5.0 ", $user_agent),
            weights: $weights,
        }
    };
}

#[rustfmt::skip]
pub(super) const PLATFORMS: &[Platform] = &[
    platform!("Chrome" "155", "Windows" "10", "Desktop", [170, 130, 0, 0],
        "(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/155.0.0.0 Safari/537.36"),
    platform!("Chrome" "154", "Windows" "10", "Desktop", [45, 25, 0, 0],
        "(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/154.0.0.0 Safari/537.36"),
    platform!("Chrome" "155", "Mac" "10.15", "Desktop", [52, 160, 0, 0],
        "(Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/155.0.0.0 Safari/537.36"),
    platform!("Chrome" "155", "GNU/Linux" "", "Desktop", [10, 90, 0, 0],
        "(X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/155.0.0.0 Safari/537.36"),
    platform!("Chrome" "155", "Chrome OS" "", "Desktop", [8, 4, 0, 0],
        "(X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/155.0.0.0 Safari/537.36"),
    platform!("Chrome" "155", "Android" "10", "Mobile", [215, 110, 0, 0],
        "(Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/155.0.0.0 Mobile Safari/537.36"),
    platform!("Chrome" "153", "Android" "10", "Mobile", [35, 8, 0, 0],
        "(Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/153.0.0.0 Mobile Safari/537.36"),
    platform!("Chrome" "155", "Android" "10", "Tablet", [12, 4, 0, 0],
        "(Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/155.0.0.0 Safari/537.36"),
    platform!("Chrome" "155", "iOS" "26.1", "Mobile", [22, 20, 0, 0],
        "(iPhone; CPU iPhone OS 26_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/155.0.7540.41 Mobile/15E148 Safari/604.1"),
    platform!("Safari" "27.0", "iOS" "18.6", "Mobile", [118, 70, 0, 0],
        "(iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/27.0 Mobile/15E148 Safari/604.1"),
    platform!("Safari" "26.5", "iOS" "18.6", "Mobile", [84, 40, 0, 0],
        "(iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.5 Mobile/15E148 Safari/604.1"),
    platform!("Safari" "18.6", "iOS" "18.6", "Mobile", [26, 8, 0, 0],
        "(iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1"),
    platform!("Safari" "17.6", "iOS" "17.6", "Tablet", [14, 4, 0, 0],
        "(iPad; CPU OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1"),
    platform!("Safari" "27.0", "Mac" "10.15", "Desktop", [34, 60, 0, 0],
        "(Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/27.0 Safari/605.1.15"),
    platform!("Safari" "26.5", "Mac" "10.15", "Desktop", [26, 30, 0, 0],
        "(Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.5 Safari/605.1.15"),
    platform!("Microsoft Edge" "155", "Windows" "10", "Desktop", [62, 30, 0, 0],
        "(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/155.0.0.0 Safari/537.36 Edg/155.0.0.0"),
    platform!("Microsoft Edge" "155", "Android" "10", "Mobile", [5, 3, 0, 0],
        "(Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/155.0.0.0 Mobile Safari/537.36 EdgA/155.0.0.0"),
    platform!("Firefox" "157", "Windows" "10", "Desktop", [32, 60, 0, 0],
        "(Windows NT 10.0; Win64; x64; rv:157.0) Gecko/20100101 Firefox/157.0"),
    platform!("Firefox" "157", "GNU/Linux" "", "Desktop", [9, 130, 0, 0],
        "(X11; Linux x86_64; rv:157.0) Gecko/20100101 Firefox/157.0"),
    platform!("Firefox" "153", "Ubuntu" "", "Desktop", [4, 24, 0, 0],
        "(X11; Ubuntu; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"),
    platform!("Firefox" "157", "Mac" "10.15", "Desktop", [7, 50, 0, 0],
        "(Macintosh; Intel Mac OS X 10.15; rv:157.0) Gecko/20100101 Firefox/157.0"),
    platform!("Firefox" "157", "Android" "15", "Mobile", [9, 40, 0, 0],
        "(Android 15; Mobile; rv:157.0) Gecko/157.0 Firefox/157.0"),
    platform!("Samsung Browser" "30", "Android" "10", "Mobile", [38, 6, 0, 0],
        "(Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/30.0 Chrome/143.0.0.0 Mobile Safari/537.36"),
    platform!("Opera" "125", "Windows" "10", "Desktop", [11, 8, 0, 0],
        "(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/153.0.0.0 Safari/537.36 OPR/125.0.0.0"),
    platform!("Vivaldi" "7", "GNU/Linux" "", "Desktop", [1, 9, 0, 0],
        "(X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/154.0.0.0 Safari/537.36 Vivaldi/7.9.3900.12"),
    platform!("Instagram" "", "iOS" "18.6", "Mobile", [0, 0, 55, 0],
        "(iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 405.0.0.20.76 (iPhone15,4; iOS 18_6; de_DE; de; scale=3.00; 1179x2556)"),
    platform!("Instagram" "", "Android" "15", "Mobile", [0, 0, 45, 0],
        "(Linux; Android 15; Pixel 8 Build/AP4A.250205.002; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/155.0.7540.41 Mobile Safari/537.36 Instagram 405.0.0.48.74 Android"),
    platform!("Facebook" "", "iOS" "18.6", "Mobile", [0, 0, 0, 40],
        "(iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/530.0.0.41.70;FBBV/700000000;FBDV/iPhone15,4;FBMD/iPhone;FBSN/iOS;FBSV/18.6]"),
    platform!("Facebook" "", "Android" "15", "Mobile", [0, 0, 0, 60],
        "(Linux; Android 15; SM-S921B Build/AP3A.240905.015; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/155.0.7540.41 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/530.0.0.47.70;]"),
];

#[cfg(test)]
mod tests {
    use passant_ingest::{Agent, UserAgents};

    use super::*;

    #[test]
    fn each_user_agent_leads_to_what_its_row_says() {
        let agents = UserAgents::new();
        let mut wrong = Vec::new();
        for row in PLATFORMS {
            let Agent::Browser(found) = agents.agent(row.user_agent) else {
                panic!("a bot: {}", row.user_agent)
            };
            let found = [&*found.family, &found.version, &found.os, &found.os_version, found.device.as_str()];
            let expected = [row.browser, row.browser_version, row.os, row.os_version, row.device];
            if found != expected {
                wrong.push(format!("{}\n  is       {found:?}\n  expected {expected:?}", row.user_agent));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
