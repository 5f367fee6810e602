//! One visit: who comes from where, which pages they see, how long they stay, and what they do there.
//!
//! A visit is planned when it begins, so that one knows how many events it will make; its pages are found as it goes.

use super::random::Random;
use super::site::{Page, Pages, Section};

/// Nobody looks at one page longer: a visit ends after half an hour without a sign.
const STAY_LIMIT_SECONDS: f64 = 1500.0;

/// A person on a device, as rows of the tables.
#[derive(Clone, Copy)]
pub(super) struct Person {
    pub(super) key: u64,
    pub(super) country: u8,
    pub(super) platform: u8,
    pub(super) language: &'static str,
}

/// A visit under way.
#[derive(Clone, Copy)]
pub(super) struct Visit {
    pub(super) person: Person,
    /// Row of the sources.
    pub(super) source: u8,
    /// The page that is open.
    page: Page,
    previous: Option<Page>,
    pages_left: u8,
    ending: Ending,
    act: Option<PlannedAct>,
    engages: bool,
    stage: Stage,
    stay_ms: u32,
}

/// What a visit will be.
pub(super) struct Plan {
    /// The page that it begins on.
    pub(super) page: Page,
    /// How many pages it sees.
    pub(super) pages: u8,
    pub(super) ending: Ending,
    pub(super) act: Option<PlannedAct>,
    /// Whether the browser tells how long a page was seen.
    pub(super) engages: bool,
}

/// What happens next on the open page.
#[derive(Clone, Copy)]
enum Stage {
    Opens,
    Acts,
    Leaves,
}

/// The last pages of a visit that is after something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Open,
    Basket,
    Checkout,
    Purchase,
    Club,
}

#[derive(Clone, Copy)]
pub(super) struct PlannedAct {
    pub(super) act: Act,
    /// How many pages are left, the page of the act included.
    pub(super) pages_left: u8,
}

/// Something that a visitor does on a page.
#[derive(Clone, Copy)]
pub(super) enum Act {
    Outbound(&'static str),
    Download(&'static str),
    Signup(&'static str),
    Purchase { euro_cents: u32, items: u32, shipping: &'static str },
}

/// One event of a visit.
#[derive(Clone, Copy)]
pub(super) enum Happening {
    Pageview,
    Act(Act),
    Engagement { time_ms: u32, scroll_depth: u8 },
}

/// One event and the page that it happens on.
pub(super) struct Step {
    pub(super) page: Page,
    /// The page before it; none on the page that the visit began on.
    pub(super) previous: Option<Page>,
    pub(super) happening: Happening,
    /// Until something happens again; none at the end of the visit.
    pub(super) wait_seconds: Option<u32>,
}

impl Act {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Outbound(_) => "Outbound Link: Click",
            Self::Download(_) => "File Download",
            Self::Signup(_) => "Signup",
            Self::Purchase { .. } => "Purchase",
        }
    }

    pub(super) fn props(self) -> Vec<(String, String)> {
        let prop = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        match self {
            Self::Outbound(url) | Self::Download(url) => vec![prop("url", url)],
            Self::Signup(plan) => vec![prop("plan", plan)],
            Self::Purchase { items, shipping, .. } => {
                vec![prop("items", &items.to_string()), prop("shipping", shipping)]
            }
        }
    }

    /// The amount in EUR as a decimal number.
    pub(super) fn revenue(self) -> Option<String> {
        match self {
            Self::Purchase { euro_cents, .. } => {
                Some(format!("{}.{:02}", euro_cents / 100, euro_cents % 100))
            }
            Self::Outbound(_) | Self::Download(_) | Self::Signup(_) => None,
        }
    }
}

impl Ending {
    pub(super) fn pages(self) -> &'static [Page] {
        match self {
            Self::Open => &[],
            Self::Basket => &Page::BASKET[..1],
            Self::Checkout => &Page::BASKET[..2],
            Self::Purchase => &Page::BASKET,
            Self::Club => &[Page::CLUB],
        }
    }
}

impl Visit {
    pub(super) fn begin(person: Person, source: u8, plan: Plan) -> Self {
        let Plan { page, pages, ending, act, engages } = plan;
        let (previous, stage, stay_ms) = (None, Stage::Opens, 0);
        Self { person, source, page, previous, pages_left: pages, ending, act, engages, stage, stay_ms }
    }

    /// How many events the visit makes if nobody cuts it off.
    pub(super) fn events(&self) -> u64 {
        u64::from(self.pages_left) * (1 + u64::from(self.engages)) + u64::from(self.act.is_some())
    }

    /// What happens now.
    pub(super) fn step(&mut self, pages: &Pages, random: &mut Random) -> Step {
        let (page, previous) = (self.page, self.previous);
        let step = |happening, wait_seconds| Step { page, previous, happening, wait_seconds };
        let goes_on = self.engages || self.pages_left > 1;
        match self.stage {
            Stage::Opens => {
                let stay = 3.0 + random.exponential(page.section.stay_seconds());
                let stay_seconds = stay.min(STAY_LIMIT_SECONDS) as u32;
                self.stay_ms = stay_seconds * 1000;
                let acts = self.act.is_some_and(|act| act.pages_left == self.pages_left);
                self.stage = if acts { Stage::Acts } else { Stage::Leaves };
                let wait_seconds = if acts { stay_seconds / 2 } else { stay_seconds };
                step(Happening::Pageview, (acts || goes_on).then_some(wait_seconds))
            }
            Stage::Acts => {
                self.stage = Stage::Leaves;
                let act = self.act.map_or(Act::Outbound(OUTBOUND[0]), |planned| planned.act);
                step(Happening::Act(act), goes_on.then_some(self.stay_ms / 2000))
            }
            Stage::Leaves if self.engages => {
                // A tab in the background is not seen.
                let percent_seen = 55 + random.below(45);
                let time_ms = self.stay_ms / 100 * percent_seen + random.below(self.stay_ms / 100);
                let scroll_depth = depth(page.section, random);
                let turned = self.turn(pages, random);
                step(Happening::Engagement { time_ms, scroll_depth }, turned.then_some(0))
            }
            Stage::Leaves => {
                self.turn(pages, random);
                self.step(pages, random)
            }
        }
    }

    /// Goes to the next page, if there is to be one.
    fn turn(&mut self, pages: &Pages, random: &mut Random) -> bool {
        self.pages_left -= 1;
        let ending = self.ending.pages();
        let left = usize::from(self.pages_left);
        if left == 0 {
            return false;
        }
        self.previous = Some(self.page);
        self.page =
            if left <= ending.len() { ending[ending.len() - left] } else { pages.after(self.page, random) };
        self.stage = Stage::Opens;
        true
    }
}

fn depth(section: Section, random: &mut Random) -> u8 {
    let (least, most) = match section {
        Section::Home | Section::Category => (18, 90),
        Section::Product => (25, 100),
        Section::Journal | Section::Guide => (12, 100),
        Section::Service | Section::Club | Section::Basket => (45, 100),
    };
    // The better of two throws: who begins to read mostly goes on.
    let span = most - least + 1;
    (least + random.below(span).max(random.below(span))) as u8
}

/// Where people go from here; what stands twice they do more often.
pub(super) const OUTBOUND: [&str; 7] = [
    "https://trail-maps.example/alps",
    "https://trail-maps.example/alps",
    "https://hut-to-hut.example/booking",
    "https://weather.example/mountains",
    "https://video.example/demo-how-to-lace",
    "https://nighttrain.example/",
    "https://ultralight-forum.example/t/lark-tents",
];
