//! Plans visits: who comes at this hour, from where, to see how many pages, and what for.
//!
//! All chance about people is here; what they do once they are there is in [`Visit`].

use super::audience::COUNTRIES;
use super::platform::{self, Crowd, PLATFORMS};
use super::random::{Random, Weighted};
use super::rhythm::Hour;
use super::site::{Page, Pages};
use super::source::{DIRECT, Landing, SOURCES};
use super::visit::{Act, Ending, OUTBOUND, Person, Plan, PlannedAct, Visit};

/// Visits that go on after a page which was not the only one.
const GOES_ON_PER_MILLE: u32 = 715;
/// The most pages of one visit.
const PAGES: u8 = 40;
/// Browsers that tell how long a page was seen; the others are closed too fast or keep silent.
const ENGAGES_PER_MILLE: u32 = 945;
/// What a visit makes on average, engagement included; only a first guess, for those who count what really comes.
pub(super) const EVENTS_PER_VISIT: f64 = 5.4;

/// The weights of an hour, and the pages that a visit can see.
pub(super) struct Planner {
    pub(super) pages: Pages,
    countries: Weighted,
    sources: Weighted,
    landings: Vec<Option<Weighted>>,
    platforms: [Weighted; 4],
}

impl Planner {
    pub(super) fn new(hour: Hour) -> Self {
        let mut planner = Self {
            pages: Pages::new(),
            countries: Weighted::default(),
            sources: Weighted::default(),
            landings: SOURCES
                .iter()
                .map(|source| match source.landing {
                    Landing::Mix(mix) => Some(Weighted::new(*mix)),
                    Landing::Post(_) => None,
                })
                .collect(),
            platforms: [Crowd::Everyone, Crowd::Engineers, Crowd::InInstagram, Crowd::InFacebook]
                .map(platform::used_by),
        };
        planner.set_hour(hour);
        planner
    }

    /// From now on it is this hour.
    pub(super) fn set_hour(&mut self, hour: Hour) {
        self.countries.refill(COUNTRIES.iter().map(|country| country.weight * hour.activity(country)));
        self.sources.refill(SOURCES.iter().map(|source| source.weight * hour.season_percent(source.season)));
    }

    /// How many visits the hour brings, compared with others.
    pub(super) fn busyness(&self, hour: Hour) -> f64 {
        f64::from(self.countries.total()) * f64::from(self.sources.total()) * f64::from(hour.day_percent())
    }

    /// A visit of somebody new, who is called `key`.
    pub(super) fn newcomer(&self, key: u64, random: &mut Random) -> Visit {
        let source = self.sources.pick(random);
        let country = self.countries.pick(random);
        let platform = self.platforms[SOURCES[source].crowd as usize].pick(random);
        let language = COUNTRIES[country].language(random);
        let person = Person { key, country: country as u8, platform: platform as u8, language };
        self.plan(person, source, random)
    }

    /// A visit of somebody who was there before: two in three know the way.
    pub(super) fn returning(&self, person: Person, random: &mut Random) -> Visit {
        let in_app = PLATFORMS[usize::from(person.platform)].browser_version.is_empty();
        let source = if in_app || random.happens(670) { DIRECT } else { self.sources.pick(random) };
        let fits = matches!(SOURCES[source].crowd, Crowd::Everyone | Crowd::Engineers);
        self.plan(person, if fits { source } else { DIRECT }, random)
    }

    fn plan(&self, person: Person, source: usize, random: &mut Random) -> Visit {
        let row = &SOURCES[source];
        let pages = if random.happens(row.bounces_per_mille) { 1 } else { several(random) };
        let page = match (&row.landing, &self.landings[source]) {
            (Landing::Mix(_), Some(mix)) => self.pages.of_mix(mix, random),
            (Landing::Post(post), _) => Page::journal(*post),
            (Landing::Mix(mix), None) => self.pages.of_mix(&Weighted::new(**mix), random),
        };
        let ending = ending(pages, random);
        let act = act(ending, pages, random);
        let engages = random.happens(ENGAGES_PER_MILLE);
        Visit::begin(person, source as u8, Plan { page, pages, ending, act, engages })
    }
}

/// Pages of a visit that is no bounce: two, and more with a chance that stays the same.
fn several(random: &mut Random) -> u8 {
    let mut pages = 2;
    while pages < PAGES && random.happens(GOES_ON_PER_MILLE) {
        pages += 1;
    }
    pages
}

fn ending(pages: u8, random: &mut Random) -> Ending {
    let chance = random.below(1000);
    match pages {
        0..=2 => Ending::Open,
        3 => {
            if chance < 60 {
                Ending::Basket
            } else {
                Ending::Open
            }
        }
        4.. => match chance {
            0..95 => Ending::Basket,
            95..150 => Ending::Checkout,
            150..225 => Ending::Purchase,
            225..265 => Ending::Club,
            265.. => Ending::Open,
        },
    }
}

fn act(ending: Ending, pages: u8, random: &mut Random) -> Option<PlannedAct> {
    let at_last = |act| Some(PlannedAct { act, pages_left: 1 });
    match ending {
        Ending::Purchase => {
            let items = 1 + random.below(3) * random.below(2);
            let euro_cents = (0..items).map(|_| random.one_of(&PRICES_EURO_CENTS)).sum();
            at_last(Act::Purchase { euro_cents, items, shipping: random.one_of(&SHIPPING) })
        }
        Ending::Club => {
            let plan = random.one_of(&["free", "free", "free", "plus", "plus", "family"]);
            random.happens(640).then(|| at_last(Act::Signup(plan)))?
        }
        Ending::Open | Ending::Basket | Ending::Checkout => {
            let act = match random.below(1000) {
                0..48 => Act::Outbound(random.one_of(&OUTBOUND)),
                48..73 => Act::Download(random.one_of(&DOWNLOADS)),
                _ => return None,
            };
            let tail = ending.pages().len() as u8;
            Some(PlannedAct { act, pages_left: tail + 1 + random.below(u32::from(pages - tail)) as u8 })
        }
    }
}

const PRICES_EURO_CENTS: [u32; 12] =
    [18_990, 24_900, 7_995, 12_950, 32_900, 4_500, 2_490, 1_290, 9_900, 15_900, 5_900, 3_450];
const SHIPPING: [&str; 5] = ["standard", "standard", "standard", "express", "pickup"];
const DOWNLOADS: [&str; 4] = [
    "https://demo.example/files/packing-list.pdf",
    "https://demo.example/files/packing-list.pdf",
    "https://demo.example/files/size-chart.pdf",
    "https://demo.example/files/karwendel.gpx",
];
