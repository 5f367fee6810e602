//! Where the demo's visitors come from: sources with their share, their tags, their crowd and the pages they link to.
//!
//! The names are those that the pipeline gives to the referrer or the tags of the row; a test asks it. Sites that are
//! made up stand under `.example`.

use super::platform::Crowd;
use super::rhythm::Season;
use super::site::{ANY, CAMPAIGN, FRONT_PAGE_POST, HOME_FIRST, Mix, QUESTIONS, SHOPPING, STORIES};

/// A source.
pub(super) struct Source {
    pub(super) name: &'static str,
    /// The referring domain; blank where the browser tells none.
    pub(super) referrer: &'static str,
    pub(super) link: Link,
    pub(super) crowd: Crowd,
    pub(super) season: Season,
    /// Share of its season's visits, in hundredths of a percent of the ordinary ones.
    pub(super) weight: u32,
    pub(super) landing: Landing,
    /// Visits that end on the first page.
    pub(super) bounces_per_mille: u32,
}

/// Tags of the link that was followed; blank where there are none.
pub(super) struct Link {
    pub(super) source: &'static str,
    pub(super) medium: &'static str,
    pub(super) campaign: &'static str,
    pub(super) content: &'static str,
    pub(super) term: &'static str,
    pub(super) click_id: &'static str,
}

/// Which page a visit begins on.
pub(super) enum Landing {
    Mix(&'static Mix),
    Post(usize),
}

const fn tags(source: &'static str, medium: &'static str, campaign: &'static str) -> Link {
    Link { source, medium, campaign, content: "", term: "", click_id: "" }
}

impl Link {
    const NONE: Self = tags("", "", "");

    const fn content(self, content: &'static str) -> Self {
        Self { content, ..self }
    }

    const fn term(self, term: &'static str) -> Self {
        Self { term, ..self }
    }

    const fn click_id(self, click_id: &'static str) -> Self {
        Self { click_id, ..self }
    }
}

impl Source {
    const fn organic(name: &'static str, referrer: &'static str, weight: u32) -> Self {
        Self {
            name,
            referrer,
            link: Link::NONE,
            crowd: Crowd::Everyone,
            season: Season::Always,
            weight,
            landing: Landing::Mix(&ANY),
            bounces_per_mille: 480,
        }
    }

    const fn tagged(name: &'static str, link: Link, weight: u32) -> Self {
        Self { link, ..Self::organic(name, "", weight) }
    }

    const fn reads(self, mix: &'static Mix, bounces_per_mille: u32) -> Self {
        Self { landing: Landing::Mix(mix), bounces_per_mille, ..self }
    }

    const fn crowd(self, crowd: Crowd) -> Self {
        Self { crowd, ..self }
    }

    const fn season(self, season: Season) -> Self {
        Self { season, ..self }
    }

    const fn via(self, referrer: &'static str) -> Self {
        Self { referrer, ..self }
    }

    const fn post(self, post: usize) -> Self {
        Self { landing: Landing::Post(post), ..self }
    }
}

/// The row of visits without a source, and of visitors who come back.
pub(super) const DIRECT: usize = 0;

#[rustfmt::skip]
pub(super) const SOURCES: &[Source] = &[
    Source::organic("", "", 3000).reads(&HOME_FIRST, 410),
    Source::organic("Google", "google.com", 2780).reads(&QUESTIONS, 500),
    Source::organic("Bing", "bing.com", 330).reads(&QUESTIONS, 490),
    Source::organic("DuckDuckGo", "duckduckgo.com", 290).reads(&QUESTIONS, 500).crowd(Crowd::Engineers),
    Source::organic("Ecosia", "ecosia.org", 120).reads(&QUESTIONS, 470),
    Source::organic("Facebook", "facebook.com", 150).reads(&STORIES, 610),
    Source::organic("Facebook", "l.facebook.com", 140).reads(&STORIES, 640).crowd(Crowd::InFacebook),
    Source::organic("Instagram", "instagram.com", 60).reads(&SHOPPING, 590),
    Source::organic("Instagram", "l.instagram.com", 190).reads(&SHOPPING, 620).crowd(Crowd::InInstagram),
    Source::organic("Reddit", "reddit.com", 210).reads(&STORIES, 560).crowd(Crowd::Engineers),
    Source::organic("YouTube", "youtube.com", 200).reads(&SHOPPING, 520),
    Source::organic("Pinterest", "pinterest.com", 70).reads(&STORIES, 640),
    Source::organic("Wikipedia", "en.wikipedia.org", 40).reads(&QUESTIONS, 540),
    Source::organic("ChatGPT", "chatgpt.com", 150).reads(&QUESTIONS, 440),
    Source::organic("Perplexity", "perplexity.ai", 60).reads(&QUESTIONS, 450).crowd(Crowd::Engineers),
    Source::organic("Hacker News", "news.ycombinator.com", 6).reads(&STORIES, 680).crowd(Crowd::Engineers),
    Source::organic("Hacker News", "news.ycombinator.com", 42_000).post(FRONT_PAGE_POST).crowd(Crowd::Engineers)
        .season(Season::FrontPage),
    Source::organic("alpine-diaries.example", "alpine-diaries.example", 140).reads(&STORIES, 430),
    Source::organic("ultralight-forum.example", "ultralight-forum.example", 110).reads(&SHOPPING, 380),
    Source::organic("hut-to-hut.example", "hut-to-hut.example", 70).reads(&QUESTIONS, 400),
    Source::organic("wanderblog.example", "wanderblog.example", 60).reads(&STORIES, 440),
    Source::tagged("Google", tags("google", "cpc", "autumn-boots").content("headline-a").term("hiking boots").click_id("gclid"), 300)
        .via("google.com").reads(&CAMPAIGN, 540),
    Source::tagged("Google", tags("google", "cpc", "rain-jackets").content("headline-b").term("rain jacket").click_id("gclid"), 180)
        .via("google.com").reads(&CAMPAIGN, 560).season(Season::From(34)),
    Source::tagged("Bing", tags("bing", "cpc", "autumn-boots").term("hiking boots").click_id("msclkid"), 50)
        .via("bing.com").reads(&CAMPAIGN, 550),
    Source::tagged("Facebook", tags("facebook", "paid_social", "autumn-boots").content("carousel").click_id("fbclid"), 110)
        .via("facebook.com").reads(&CAMPAIGN, 650).crowd(Crowd::InFacebook),
    Source::tagged("Instagram", tags("instagram", "paid_social", "winter-lookbook").content("story").click_id("fbclid"), 90)
        .via("l.instagram.com").reads(&CAMPAIGN, 660).crowd(Crowd::InInstagram).season(Season::From(58)),
    Source::tagged("newsletter", tags("newsletter", "email", "trail-letter").content("hero"), 420)
        .reads(&SHOPPING, 330).season(Season::Newsletter),
    Source::tagged("newsletter", tags("newsletter", "email", "trail-letter").content("story"), 260)
        .reads(&STORIES, 400).season(Season::Newsletter),
    Source::tagged("newsletter", tags("newsletter", "email", "welcome"), 60).reads(&HOME_FIRST, 320),
    Source::tagged("trail-partners", tags("trail-partners", "affiliate", "tents"), 60).reads(&CAMPAIGN, 480),
];

#[cfg(test)]
mod tests {
    use passant_ingest::{Campaign, Sources};

    use super::*;

    #[test]
    fn the_pipeline_gives_each_source_the_name_of_its_row() {
        let sources = Sources::new();
        for row in SOURCES {
            let link = Campaign { utm_source: row.link.source.into(), ..Campaign::default() };
            assert_eq!(sources.source(&link, row.referrer).name, row.name);
        }
    }
}
