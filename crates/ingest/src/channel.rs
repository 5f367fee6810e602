//! The channel of a visit: GA4's default channel group with the AI channel added, as one table of rules.
//!
//! First match wins. A rule looks at the source's kind, the tags of the link and the presence of a click id, never at
//! the visitor.

use crate::event_record::EventRecord;
use crate::page::Campaign;
use crate::source::{Kind, SOURCES, Source};

/// A channel, in the order in which the rules are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Campaigns over several networks at once.
    CrossNetwork,
    /// Paid links on shopping sites.
    PaidShopping,
    /// Paid links in search results.
    PaidSearch,
    /// Paid links in social networks.
    PaidSocial,
    /// Paid links beside videos.
    PaidVideo,
    /// Banners.
    Display,
    /// Any other paid link.
    PaidOther,
    /// Shopping sites.
    OrganicShopping,
    /// Social networks.
    OrganicSocial,
    /// Video sites.
    OrganicVideo,
    /// Search engines.
    OrganicSearch,
    /// AI assistants.
    AiAssistants,
    /// Mail.
    Email,
    /// Affiliates.
    Affiliates,
    /// Podcasts and other audio.
    Audio,
    /// Text messages.
    Sms,
    /// Notifications on phones.
    MobilePush,
    /// Any other site.
    Referral,
    /// None of these.
    Direct,
}

impl Channel {
    /// The channel as reports show it; `Direct` is stored blank by nobody, so it has a name too.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CrossNetwork => "Cross-network",
            Self::PaidShopping => "Paid Shopping",
            Self::PaidSearch => "Paid Search",
            Self::PaidSocial => "Paid Social",
            Self::PaidVideo => "Paid Video",
            Self::Display => "Display",
            Self::PaidOther => "Paid Other",
            Self::OrganicShopping => "Organic Shopping",
            Self::OrganicSocial => "Organic Social",
            Self::OrganicVideo => "Organic Video",
            Self::OrganicSearch => "Organic Search",
            Self::AiAssistants => "AI Assistants",
            Self::Email => "Email",
            Self::Affiliates => "Affiliates",
            Self::Audio => "Audio",
            Self::Sms => "SMS",
            Self::MobilePush => "Mobile Push",
            Self::Referral => "Referral",
            Self::Direct => "Direct",
        }
    }
}

/// What the rules look at, in lower case.
struct Facts {
    kind: Option<Kind>,
    source: String,
    medium: String,
    campaign: String,
    paid: bool,
    from_somewhere: bool,
}

type Rule = (Channel, fn(&Facts) -> bool);

/// The rules, first match first.
const RULES: &[Rule] = &[
    (Channel::CrossNetwork, |f| f.campaign.contains("cross-network") || f.medium.contains("cross-network")),
    (Channel::PaidShopping, |f| f.paid && (f.kind == Some(Kind::Shopping) || f.is_shopping_campaign())),
    (Channel::PaidSearch, |f| f.paid && f.kind == Some(Kind::Search)),
    (Channel::PaidSocial, |f| f.paid && f.kind == Some(Kind::Social)),
    (Channel::PaidVideo, |f| f.paid && f.kind == Some(Kind::Video)),
    (Channel::Display, |f| f.medium_is(&["display", "banner", "expandable", "interstitial", "cpm"])),
    (Channel::PaidOther, |f| f.paid),
    (Channel::OrganicShopping, |f| f.kind == Some(Kind::Shopping) || f.is_shopping_campaign()),
    (Channel::OrganicSocial, |f| f.kind == Some(Kind::Social) || f.medium_is(SOCIAL_MEDIUMS)),
    (Channel::OrganicVideo, |f| f.kind == Some(Kind::Video) || f.medium.contains("video")),
    (Channel::OrganicSearch, |f| f.kind == Some(Kind::Search) || f.medium == "organic"),
    (Channel::AiAssistants, |f| f.kind == Some(Kind::Ai)),
    (Channel::Email, |f| f.kind == Some(Kind::Email) || f.source_or_medium_is(EMAIL_WORDS)),
    (Channel::Affiliates, |f| f.medium_is(&["affiliate", "affiliates"])),
    (Channel::Audio, |f| f.kind == Some(Kind::Audio) || f.medium == "audio"),
    (Channel::Sms, |f| f.source_or_medium_is(&["sms"])),
    (Channel::MobilePush, |f| {
        f.medium.ends_with("push")
            || f.medium.contains("mobile")
            || f.medium.contains("notification")
            || f.source == "firebase"
    }),
    (Channel::Referral, |f| f.medium_is(&["referral", "app", "link"]) || f.from_somewhere),
];

const SOCIAL_MEDIUMS: &[&str] =
    &["social", "social-network", "social-media", "sm", "social network", "social media"];
const EMAIL_WORDS: &[&str] = &["email", "e-mail", "e_mail", "e mail", "newsletter"];

/// Resolves the channel of an event.
pub fn channel(source: &Source, link: &Campaign) -> Channel {
    let medium = link.utm_medium.trim().to_lowercase();
    let facts = Facts {
        kind: source.kind,
        paid: is_paid_medium(&medium) || has_paid_click(source, link.click_id) || source.is_advertisement,
        source: link.tagged_source().unwrap_or(&source.name).to_lowercase(),
        medium,
        campaign: link.utm_campaign.to_lowercase(),
        from_somewhere: !source.name.is_empty(),
    };
    RULES.iter().find(|(_, rule)| rule(&facts)).map_or(Channel::Direct, |(channel, _)| *channel)
}

/// The channel of an imported event that tells none: the same rules over what it does tell.
pub(crate) fn of_record(record: &EventRecord) -> String {
    let link = Campaign {
        utm_source: record.utm_source.clone(),
        utm_medium: record.utm_medium.clone(),
        utm_campaign: record.utm_campaign.clone(),
        click_id: crate::page::click_id(&record.click_id),
        ..Campaign::default()
    };
    channel(&SOURCES.named(&record.source), &link).as_str().to_owned()
}

/// `^(.*cp.*|ppc|retargeting|paid.*)$`
fn is_paid_medium(medium: &str) -> bool {
    medium.contains("cp") || matches!(medium, "ppc" | "retargeting") || medium.starts_with("paid")
}

/// A click id that only a network's own advertisements carry. Facebook adds `fbclid` to each link, so it says nothing.
fn has_paid_click(source: &Source, click_id: &str) -> bool {
    matches!(
        (source.name.as_str(), click_id),
        ("Google", "gclid" | "gbraid" | "wbraid") | ("Bing", "msclkid") | ("Twitter", "twclid")
    )
}

impl Facts {
    fn medium_is(&self, words: &[&str]) -> bool {
        words.contains(&self.medium.as_str())
    }

    fn source_or_medium_is(&self, words: &[&str]) -> bool {
        self.medium_is(words) || words.contains(&self.source.as_str())
    }

    /// `^(.*(([^a-df-z]|^)shop|shopping).*)$`: "shop" at the start of a word, or "eshop", but no "workshop".
    fn is_shopping_campaign(&self) -> bool {
        let campaign = &self.campaign;
        campaign.contains("shopping")
            || campaign.match_indices("shop").any(|(at, _)| {
                let before = campaign[..at].chars().next_back();
                !before.is_some_and(|c| c != 'e' && c.is_ascii_lowercase())
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    fn resolve(query: &str, host: &str) -> &'static str {
        let page =
            crate::page::page(&format!("https://a.example/?{query}"), crate::beacon::Fragment::Dropped);
        channel(&Sources::new().source(&page.campaign, host), &page.campaign).as_str()
    }

    #[test]
    fn each_rule_has_its_channel() {
        for (query, host, expected) in [
            ("utm_campaign=cross-network", "google.com", "Cross-network"),
            ("utm_source=shopify&utm_medium=cpc", "", "Paid Shopping"),
            ("utm_medium=ppc&utm_campaign=summer-shop", "", "Paid Shopping"),
            ("utm_source=google&utm_medium=cpc", "", "Paid Search"),
            ("gclid=x", "google.com", "Paid Search"),
            ("gbraid=x", "google.de", "Paid Search"),
            ("msclkid=x", "bing.com", "Paid Search"),
            ("utm_source=adwords", "", "Paid Search"),
            ("utm_source=facebook&utm_medium=paid_social", "", "Paid Social"),
            ("utm_source=facebookads", "", "Paid Social"),
            ("twclid=x", "t.co", "Paid Social"),
            ("utm_source=youtube&utm_medium=cpv", "", "Paid Video"),
            ("utm_source=youtube&utm_medium=cpc", "", "Paid Video"),
            ("utm_source=adnetwork&utm_medium=banner", "", "Display"),
            ("utm_source=adnetwork&utm_medium=cpm", "", "Display"),
            ("utm_source=adnetwork&utm_medium=cpc", "", "Paid Other"),
            ("utm_medium=retargeting", "", "Paid Other"),
            ("", "amazon.com", "Organic Shopping"),
            ("utm_campaign=eshop", "", "Organic Shopping"),
            ("utm_campaign=workshop", "", "Direct"),
            ("", "l.facebook.com", "Organic Social"),
            ("fbclid=x", "l.facebook.com", "Organic Social"),
            ("utm_medium=social-media", "", "Organic Social"),
            ("", "youtube.com", "Organic Video"),
            ("utm_medium=video&utm_source=screen", "", "Organic Video"),
            ("", "duckduckgo.com", "Organic Search"),
            ("utm_medium=organic", "", "Organic Search"),
            ("gclid=x", "duckduckgo.com", "Organic Search"),
            ("", "chatgpt.com", "AI Assistants"),
            ("", "perplexity.ai", "AI Assistants"),
            ("utm_source=chatgpt.com", "", "AI Assistants"),
            ("", "mail.google.com", "Email"),
            ("utm_medium=email", "", "Email"),
            ("utm_source=newsletter", "", "Email"),
            ("utm_medium=affiliate", "example.com", "Affiliates"),
            ("utm_medium=audio", "", "Audio"),
            ("utm_source=sms", "", "SMS"),
            ("utm_medium=web-push", "", "Mobile Push"),
            ("utm_source=firebase", "", "Mobile Push"),
            ("utm_medium=referral", "", "Referral"),
            ("", "blog.example.com", "Referral"),
            ("ref=a-friend", "", "Referral"),
            ("", "github.com", "Referral"),
            ("", "", "Direct"),
            ("fbclid=x", "", "Direct"),
        ] {
            assert_eq!(resolve(query, host), expected, "{query} from {host:?}");
        }
    }
}
